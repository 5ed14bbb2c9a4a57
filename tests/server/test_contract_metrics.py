"""What the server of custom mode promises of the REST endpoints of metrics, and of a run's inputs and outputs."""

from __future__ import annotations

import json

import pytest

from tests.server.contract import Contract, Wrong, wrong_ones

pytestmark = pytest.mark.timeout(300)
API, PAGES = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow"
HISTORY, INTERVAL = f"GET {API}/metrics/get-history", f"GET {API}/metrics/get-history-bulk-interval"
BULK, OF_PAGES = f"GET {PAGES}/metrics/get-history-bulk", f"POST {PAGES}/experiments/search-datasets"
INPUTS, OUTPUTS, MODEL = f"POST {API}/runs/log-inputs", f"POST {API}/runs/outputs", f"POST {API}/runs/log-model"
NO_RUN = {"run_id": "f" * 32}
ENDPOINTS: dict[str, Wrong | None] = {
    HISTORY: Wrong(400, NO_RUN),
    INTERVAL: Wrong(400, {"run_ids": "f" * 32, "metric_key": "loss", "max_results": 0}),
    BULK: Wrong(400, {"metric_key": "loss"}),
    INPUTS: Wrong(404, NO_RUN | {"datasets": []}),
    OUTPUTS: Wrong(404, NO_RUN | {"models": []}),
    MODEL: Wrong(400, NO_RUN | {"model_json": "{}"}),
    OF_PAGES: Wrong(400, {}),
}


@pytest.mark.parametrize(("route", "wrong"), wrong_ones(ENDPOINTS))
def test_a_wrong_request_is_answered_with_its_reason(contract: Contract, route: str, wrong: Wrong) -> None:
    contract.refuses(route, wrong)


def test_every_point_of_a_metric_is_read_back_page_by_page(contract: Contract) -> None:
    run = measured_run(contract)
    first = contract.guarded(HISTORY, run_id=run, metric_key="loss", max_results=30)
    second = contract.open(HISTORY, run_id=run, metric_key="loss", page_token=first["next_page_token"])
    assert [point["step"] for point in first["metrics"] + second["metrics"]] == list(range(50))
    assert first["metrics"][3] == {"key": "loss", "value": 1.5, "timestamp": 3, "step": 3}


def test_the_histories_of_several_runs_come_in_one_answer(contract: Contract) -> None:
    runs = [measured_run(contract), measured_run(contract)]
    whole = contract.guarded(BULK, run_id=runs, metric_key="loss")["metrics"]
    assert {(point["run_id"], point["step"]) for point in whole} == {(run, step) for run in runs for step in range(50)}
    sampled = contract.guarded(INTERVAL, run_ids=runs, metric_key="loss", max_results=5)["metrics"]
    assert {point["run_id"] for point in sampled} == set(runs)
    assert {0, 49} <= {point["step"] for point in sampled} < set(range(50))


def test_the_dataset_of_a_run_is_found_with_its_context(contract: Contract) -> None:
    run = measured_run(contract)
    dataset = {"name": "cells", "digest": "abc", "source_type": "local", "source": "{}", "schema": "{}"}
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    contract.guarded(INPUTS, run_id=run, datasets=[{"dataset": dataset, "tags": tags}])
    read = contract.guarded(f"GET {API}/runs/get", run_id=run)["run"]
    assert read["inputs"]["dataset_inputs"] == [{"tags": tags, "dataset": dataset}]
    found = contract.guarded(OF_PAGES, experiment_ids=[read["info"]["experiment_id"]])["dataset_summaries"]
    assert [(item["name"], item["digest"], item["context"]) for item in found] == [("cells", "abc", "training")]


def test_the_models_of_a_run_are_read_back(contract: Contract) -> None:
    run = measured_run(contract)
    info = contract.open(f"GET {API}/runs/get", run_id=run)["run"]["info"]
    model = contract.open(f"POST {API}/logged-models", experiment_id=info["experiment_id"], source_run_id=run)
    model_id = model["model"]["info"]["model_id"]
    contract.guarded(OUTPUTS, run_id=run, models=[{"model_id": model_id, "step": 7}])
    described = {"artifact_path": "model", "run_id": run, "utc_time_created": "now", "flavors": {}}
    contract.guarded(MODEL, run_id=run, model_json=json.dumps(described))
    read = contract.open(f"GET {API}/runs/get", run_id=run)["run"]
    assert read["outputs"]["model_outputs"] == [{"model_id": model_id, "step": 7}]
    assert "mlflow.log-model.history" in {tag["key"] for tag in read["data"]["tags"]}


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert set(ENDPOINTS) - contract.answered == set()


def measured_run(contract: Contract) -> str:
    """Make a run with fifty points of one metric."""
    run = contract.run()["run_id"]
    points = [{"key": "loss", "value": step / 2, "timestamp": step, "step": step} for step in range(50)]
    contract.open(f"POST {API}/runs/log-batch", run_id=run, metrics=points)
    return str(run)
