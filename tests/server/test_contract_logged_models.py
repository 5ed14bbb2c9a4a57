"""What the server of custom mode promises of the REST endpoints of logged models."""

from __future__ import annotations

import pytest

from tests.server.contract import Contract, Wrong, wrong_ones

pytestmark = pytest.mark.timeout(300)
MODELS, PAGES = "/api/2.0/mlflow/logged-models", "/ajax-api/2.0/mlflow/logged-models"
MODEL = f"{MODELS}/<model_id>"
NO_MODEL = {"model_id": "m-" + "f" * 32}
TAG = {"key": "k", "value": "v"}
ENDPOINTS: dict[str, Wrong | None] = {
    f"POST {MODELS}": Wrong(404, {"experiment_id": "999999"}),
    f"GET {MODEL}": Wrong(404, NO_MODEL),
    f"PATCH {MODEL}": Wrong(400, NO_MODEL),
    f"DELETE {MODEL}": Wrong(404, NO_MODEL),
    f"POST {MODELS}/search": Wrong(400, {}),
    f"POST {MODEL}/params": Wrong(404, NO_MODEL | {"params": [TAG]}),
    f"PATCH {MODEL}/tags": Wrong(404, NO_MODEL | {"tags": [TAG]}),
    f"DELETE {MODEL}/tags/<tag_key>": Wrong(404, NO_MODEL | {"tag_key": "k"}),
    f"GET {MODEL}/artifacts/directories": Wrong(404, NO_MODEL),
    f"GET {PAGES}/<model_id>/artifacts/files": Wrong(404, NO_MODEL | {"artifact_file_path": "model.pt"}),
}


@pytest.mark.parametrize(("route", "wrong"), wrong_ones(ENDPOINTS))
def test_a_wrong_request_is_answered_with_its_reason(contract: Contract, route: str, wrong: Wrong) -> None:
    contract.refuses(route, wrong)


def test_what_is_said_of_a_logged_model_is_read_back(contract: Contract) -> None:
    experiment = contract.experiment()
    made = contract.guarded(
        f"POST {MODELS}", experiment_id=experiment, name="best", params=[{"key": "a", "value": "1"}]
    )
    model = made["model"]["info"]["model_id"]
    contract.guarded(f"POST {MODEL}/params", model_id=model, params=[{"key": "b", "value": "2"}])
    contract.guarded(f"PATCH {MODEL}/tags", model_id=model, tags=[TAG, {"key": "gone", "value": "soon"}])
    contract.guarded(f"DELETE {MODEL}/tags/<tag_key>", model_id=model, tag_key="gone")
    contract.guarded(f"PATCH {MODEL}", model_id=model, status="LOGGED_MODEL_READY")
    read = contract.guarded(f"GET {MODEL}", model_id=model)["model"]
    assert (read["info"]["name"], read["info"]["status"]) == ("best", "LOGGED_MODEL_READY")
    assert read["info"]["tags"] == [TAG]
    assert {item["key"]: item["value"] for item in read["data"]["params"]} == {"a": "1", "b": "2"}
    found = contract.filtered(f"POST {MODELS}/search", model, experiment_ids=[experiment])["models"]
    assert [item["info"]["model_id"] for item in found] == [model]
    contract.guarded(f"DELETE {MODEL}", model_id=model)
    contract.refuses(f"GET {MODEL}", Wrong(404, {"model_id": model}))


def test_the_files_of_a_logged_model_are_listed_and_read(contract: Contract) -> None:
    made = contract.open(f"POST {MODELS}", experiment_id=contract.experiment(), name="with files")
    info = made["model"]["info"]
    place = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    stored = contract.server.ask(f"/api/2.0/mlflow-artifacts/artifacts/{place}/best.txt", "weights", method="PUT")
    assert stored.status == 200
    listed = contract.guarded(f"GET {MODEL}/artifacts/directories", model_id=info["model_id"])
    assert listed["files"] == [{"path": "best.txt", "is_dir": False, "file_size": 9}]
    file = {"model_id": info["model_id"], "artifact_file_path": "best.txt"}
    assert contract.guarded(f"GET {PAGES}/<model_id>/artifacts/files", **file) == '"weights"'
    outside = Wrong(400, file | {"artifact_file_path": "../../secret"})
    contract.refuses(f"GET {PAGES}/<model_id>/artifacts/files", outside)


def test_who_may_read_an_experiment_may_not_write_its_models(contract: Contract) -> None:
    experiment = contract.experiment()
    model = contract.open(f"POST {MODELS}", experiment_id=experiment, name="read only")["model"]["info"]["model_id"]
    contract.grant("experiment", experiment, "READ")
    assert contract.ask(f"GET {MODEL}", {"model_id": model}, contract.stranger).status == 200
    for route, values in (
        (f"POST {MODELS}", {"experiment_id": experiment}),
        (f"PATCH {MODEL}", {"status": "LOGGED_MODEL_READY"}),
        (f"POST {MODEL}/params", {"params": [TAG]}),
        (f"PATCH {MODEL}/tags", {"tags": [TAG]}),
        (f"DELETE {MODEL}/tags/<tag_key>", {"tag_key": "k"}),
        (f"DELETE {MODEL}", {}),
    ):
        assert contract.ask(route, {"model_id": model} | values, contract.stranger).status == 403, route


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert set(ENDPOINTS) - contract.answered == set()
