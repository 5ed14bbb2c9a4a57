"""What the server of custom mode promises of the REST endpoints of experiments and runs."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.server.contract import Contract

pytestmark = pytest.mark.timeout(300)
PREFIXES = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow")
NO_EXPERIMENT, NO_RUN = {"experiment_id": "999999"}, {"run_id": "f" * 32}
POINT = {"key": "loss", "value": 0.5, "timestamp": 1, "step": 2}
# Each endpoint with a request that is well formed but asks for what does not exist.
UNKNOWN: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "experiments/get", NO_EXPERIMENT),
    ("GET", "experiments/get-by-name", {"experiment_name": "nobody made it"}),
    ("POST", "experiments/update", NO_EXPERIMENT | {"new_name": "x"}),
    ("POST", "experiments/delete", NO_EXPERIMENT),
    ("POST", "experiments/restore", NO_EXPERIMENT),
    ("POST", "experiments/set-experiment-tag", NO_EXPERIMENT | {"key": "k", "value": "v"}),
    ("GET", "runs/get", NO_RUN),
    ("POST", "runs/update", NO_RUN | {"status": "FINISHED"}),
    ("POST", "runs/delete", NO_RUN),
    ("POST", "runs/restore", NO_RUN),
    ("POST", "runs/log-metric", NO_RUN | POINT),
    ("POST", "runs/log-parameter", NO_RUN | {"key": "k", "value": "v"}),
    ("POST", "runs/set-tag", NO_RUN | {"key": "k", "value": "v"}),
    ("POST", "runs/delete-tag", NO_RUN | {"key": "k"}),
    ("POST", "runs/log-batch", NO_RUN | {"metrics": [POINT]}),
]


# What is created and found has no such request.
ENDPOINTS = {f"{method} {PREFIXES[0]}/{path}" for method, path, _ in UNKNOWN}
ENDPOINTS |= {f"POST {PREFIXES[0]}/{path}" for path in ("experiments/create", "runs/create", "runs/search")}


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("method", "path", "values"), UNKNOWN, ids=[path for _, path, _ in UNKNOWN])
def test_what_does_not_exist_is_said_to_be_missing(
    contract: Contract, method: str, path: str, values: dict[str, Any], prefix: str
) -> None:
    answer = contract.ask(f"{method} {prefix}/{path}", values)
    assert (answer.status, answer.json["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in UNKNOWN])
def test_a_request_that_lacks_what_it_needs_is_refused(contract: Contract, method: str, path: str) -> None:
    answer = contract.ask(f"{method} {PREFIXES[0]}/{path}", {})
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_is_written_to_an_experiment_and_its_run_is_read_back(contract: Contract, prefix: str) -> None:
    def post(path: str, **values: Any) -> Any:
        return contract.open(f"POST {prefix}/{path}", **values)

    def get(path: str, **values: Any) -> Any:
        return contract.open(f"GET {prefix}/{path}", **values)

    name = uuid.uuid4().hex
    experiment = post("experiments/create", name=f"first {name}")["experiment_id"]
    post("experiments/update", experiment_id=experiment, new_name=f"second {name}")
    post("experiments/set-experiment-tag", experiment_id=experiment, key="k", value="v")
    found = get("experiments/get-by-name", experiment_name=f"second {name}")["experiment"]
    assert found["experiment_id"] == experiment
    assert found["tags"] == [{"key": "k", "value": "v"}]

    run = post("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    post("runs/log-metric", run_id=run, **POINT)
    post("runs/log-batch", run_id=run, metrics=[POINT | {"step": 3}], params=[{"key": "lr", "value": "1"}])
    post("runs/log-parameter", run_id=run, key="epochs", value="5")
    post("runs/set-tag", run_id=run, key="gone", value="soon")
    post("runs/delete-tag", run_id=run, key="gone")
    post("runs/update", run_id=run, status="FINISHED", end_time=9)
    read = get("runs/get", run_id=run)["run"]
    assert read["info"]["status"] == "FINISHED"
    assert {item["key"]: item["value"] for item in read["data"]["params"]} == {"lr": "1", "epochs": "5"}
    assert "gone" not in {item["key"] for item in read["data"].get("tags", [])}
    history = get("metrics/get-history", run_id=run, metric_key="loss")["metrics"]
    assert [point["step"] for point in history] == [2, 3]

    for kind, key, value in (("runs", "run_id", run), ("experiments", "experiment_id", experiment)):
        stages = []
        for change in ("delete", "restore"):
            post(f"{kind}/{change}", **{key: value})
            kept = get(f"{kind}/get", **{key: value})
            stages.append((kept["run"]["info"] if kind == "runs" else kept["experiment"])["lifecycle_stage"])
        assert stages == ["deleted", "active"]
    assert [item["info"]["run_id"] for item in post("runs/search", experiment_ids=[experiment])["runs"]] == [run]


@pytest.mark.parametrize("permission", ["DENY", "READ"])
def test_who_may_not_write_an_experiment_writes_nothing_of_it(contract: Contract, permission: str) -> None:
    run = contract.run()
    contract.grant("experiment", run["experiment_id"], permission)
    which = {name: run[name] for name in ("run_id", "experiment_id")}
    assert contract.ask(f"GET {PREFIXES[0]}/runs/get", which, contract.stranger).status == (
        200 if permission == "READ" else 403
    )
    asked = {f"{method} {PREFIXES[0]}/{path}": values | which for method, path, values in UNKNOWN if method != "GET"}
    asked[f"POST {PREFIXES[0]}/runs/create"] = which
    answers = {route: contract.ask(route, values, contract.stranger).status for route, values in asked.items()}
    assert answers == dict.fromkeys(asked, 403)


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert ENDPOINTS - contract.answered == set()
