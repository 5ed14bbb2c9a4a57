"""What the server of custom mode promises of its pages, of what they ask, and of what is not for people."""

from __future__ import annotations

import uuid

import pytest

from tests.server.contract import Contract, Wrong, wrong_ones

pytestmark = pytest.mark.timeout(300)
EXPERIMENTS, PAGES = "/api/2.0/mlflow/experiments", "/ajax-api/3.0/mlflow"
NEW = "/api/3.0/mlflow"
GRAPH = "query Read($data: MlflowGetExperimentInput!) { mlflowGetExperiment(input: $data) { experiment { name } } }"
# MLflow's client and a browser ask for these before they log in.
BEFORE_LOGIN = ["GET /health", f"GET {NEW}/server-info"]
ENDPOINTS: dict[str, Wrong | None] = {
    **dict.fromkeys(BEFORE_LOGIN),
    "GET /version": None,
    "GET /": None,
    "GET /signup": None,
    "POST /graphql": None,
    f"GET {PAGES}/ui-telemetry": None,
    f"POST {PAGES}/ui-telemetry": None,
    f"GET {EXPERIMENTS}/search": Wrong(400, {}),
    f"POST {EXPERIMENTS}/search": Wrong(400, {}),
    f"POST {EXPERIMENTS}/delete-experiment-tag": Wrong(404, {"experiment_id": "999999", "key": "k"}),
}


@pytest.mark.parametrize(("route", "wrong"), wrong_ones(ENDPOINTS))
def test_a_wrong_request_is_answered_with_its_reason(contract: Contract, route: str, wrong: Wrong) -> None:
    contract.refuses(route, wrong)


def test_whoever_asks_learns_that_the_server_lives_and_how_it_is_asked(contract: Contract) -> None:
    for route in BEFORE_LOGIN:
        assert contract.server.ask(route.split(" ")[1], login=None).status == 200
    assert contract.open(BEFORE_LOGIN[0]) == "OK"
    info = contract.open(BEFORE_LOGIN[1])
    assert (info["store_type"], info["multipart_uploads_enabled"]) == ("SqlStore", True)
    assert contract.open("GET /version") == "3.17.2"


def test_the_page_and_its_files_are_served(contract: Contract) -> None:
    page = contract.open("GET /")
    file = page.partition('src="static-files/')[2].partition('"')[0]
    assert file.endswith(".js")
    assert contract.server.ask(f"/static-files/{file}").status == 200
    assert contract.server.ask("/static-files/..%2f..%2fhandlers.py").status == 404
    assert contract.ask("GET /signup", {}, contract.stranger).status == 403
    assert "Sign up" in contract.open("GET /signup")


def test_nothing_is_told_about_people(contract: Contract) -> None:
    assert contract.open(f"GET {PAGES}/ui-telemetry")["disable_ui_telemetry"] is True
    assert contract.open(f"POST {PAGES}/ui-telemetry", records=[]) == {"status": "disabled"}


def test_experiments_are_found_by_those_who_may_read_them(contract: Contract) -> None:
    name = uuid.uuid4().hex
    made = contract.open(f"POST {EXPERIMENTS}/create", name=name, tags=[{"key": "k", "value": "v"}])
    for method in ("GET", "POST"):
        asked = {"filter": f"name = '{name}'", "max_results": 5}
        found = contract.filtered(f"{method} {EXPERIMENTS}/search", name, **asked)["experiments"]
        assert [item["experiment_id"] for item in found] == [made["experiment_id"]]
    contract.guarded(f"POST {EXPERIMENTS}/delete-experiment-tag", **made, key="k")
    assert "tags" not in contract.open(f"GET {EXPERIMENTS}/get", **made)["experiment"]


def test_a_graph_query_shows_what_one_may_read(contract: Contract) -> None:
    experiment = contract.experiment()
    asked = {"operationName": "Read", "query": GRAPH, "variables": {"data": {"experimentId": experiment}}}
    seen = contract.ask("POST /graphql", asked, contract.stranger)
    assert (seen.status, seen.json["data"]) == (200, {"mlflowGetExperiment": None})
    assert contract.open("POST /graphql", **asked)["data"]["mlflowGetExperiment"]["experiment"]["name"]


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert set(ENDPOINTS) - contract.answered == set()
