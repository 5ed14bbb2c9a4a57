"""What the server of custom mode promises of the endpoints of evaluation datasets, and of jobs, which never run."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.server.contract import Contract, Wrong, wrong_ones

pytestmark = pytest.mark.timeout(300)
DATASETS = "/api/3.0/mlflow/datasets"
ONE = f"{DATASETS}/<dataset_id>"
NOTHING = {"dataset_id": "none"}
ENDPOINTS: dict[str, Wrong | None] = {
    f"POST {DATASETS}/create": Wrong(400, {}),
    f"GET {DATASETS}/search": Wrong(400, {"filter_string": "nonsense"}),
    f"POST {DATASETS}/search": Wrong(400, {"filter_string": "nonsense"}),
    f"GET {ONE}": Wrong(404, NOTHING),
    f"DELETE {ONE}": None,
    f"PATCH {ONE}/tags": Wrong(400, NOTHING),
    f"DELETE {ONE}/tags/<key>": None,
    f"POST {ONE}/records": Wrong(400, NOTHING),
    f"GET {ONE}/records": None,
    f"DELETE {ONE}/records": None,
    f"GET {ONE}/experiment-ids": None,
    f"POST {ONE}/add-experiments": Wrong(404, NOTHING | {"experiment_ids": ["0"]}),
    f"POST {ONE}/remove-experiments": Wrong(404, NOTHING | {"experiment_ids": ["0"]}),
}


@pytest.mark.parametrize(("route", "wrong"), wrong_ones(ENDPOINTS))
def test_a_wrong_request_is_answered_with_its_reason(contract: Contract, route: str, wrong: Wrong) -> None:
    contract.refuses(route, wrong)


def test_an_evaluation_dataset_is_read_back(contract: Contract) -> None:
    name, experiments = uuid.uuid4().hex, [contract.experiment(), contract.experiment()]
    made = contract.guarded(f"POST {DATASETS}/create", name=name, experiment_ids=experiments[:1], tags='{"k": "v"}')
    which = {"dataset_id": made["dataset"]["dataset_id"]}
    contract.guarded(f"PATCH {ONE}/tags", **which, tags='{"gone": "soon"}')
    contract.guarded(f"DELETE {ONE}/tags/<key>", **which, key="gone")
    read = contract.guarded(f"GET {ONE}", **which)["dataset"]
    assert (read["name"], "gone" in read["tags"], "k" in read["tags"]) == (name, False, True)
    for method in ("GET", "POST"):
        found = contract.guarded(f"{method} {DATASETS}/search", experiment_ids=experiments[:1])["datasets"]
        assert [item["name"] for item in found] == [name]

    contract.guarded(f"POST {ONE}/add-experiments", **which, experiment_ids=experiments[1:])
    assert set(contract.guarded(f"GET {ONE}/experiment-ids", **which)["experiment_ids"]) == set(experiments)
    contract.guarded(f"POST {ONE}/remove-experiments", **which, experiment_ids=experiments[1:])
    assert contract.open(f"GET {ONE}/experiment-ids", **which)["experiment_ids"] == experiments[:1]

    contract.guarded(f"POST {ONE}/records", **which, records=json.dumps([{"inputs": {"picture": "a.jpg"}}]))
    records = json.loads(contract.guarded(f"GET {ONE}/records", **which)["records"])
    assert [record["inputs"] for record in records] == [{"picture": "a.jpg"}]
    gone = contract.guarded(f"DELETE {ONE}/records", **which, dataset_record_ids=[records[0]["dataset_record_id"]])
    assert gone["deleted_count"] == 1
    contract.guarded(f"DELETE {ONE}", **which)
    contract.refuses(f"GET {ONE}", Wrong(404, which))


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert set(ENDPOINTS) - contract.answered == set()
