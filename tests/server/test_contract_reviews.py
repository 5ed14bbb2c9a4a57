"""What the server of custom mode promises of the endpoints for reviews of traces: questions, queues, issues, judges."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.server.contract import Contract, Wrong, wrong_ones

pytestmark = pytest.mark.timeout(300)
NEW = "/api/3.0/mlflow"
SCHEMAS, QUEUES, ISSUES, SCORERS = (f"{NEW}/{name}" for name in ("label-schemas", "review-queues", "issues", "scorers"))
ITEMS, ISSUE = f"{QUEUES}/items", f"{ISSUES}/<issue_id>"
INPUT = {"pass_fail": {"positive_label": "yes", "negative_label": "no"}}
NO_SCHEMA, NO_QUEUE = {"schema_id": "none"}, {"queue_id": "none"}
NO_SCORER = {"experiment_id": "0", "name": "none"}
ENDPOINTS: dict[str, Wrong | None] = {
    f"POST {SCHEMAS}/create": Wrong(400, {}),
    f"GET {SCHEMAS}/get": Wrong(404, NO_SCHEMA),
    f"GET {SCHEMAS}/get-by-name": Wrong(404, {"experiment_id": "0", "name": "none"}),
    f"GET {SCHEMAS}/list": Wrong(400, {}),
    f"PATCH {SCHEMAS}/update": Wrong(404, NO_SCHEMA | {"name": "x"}),
    f"DELETE {SCHEMAS}/delete": Wrong(400, {}),
    f"POST {QUEUES}/create": Wrong(400, {}),
    f"POST {QUEUES}/get-or-create-user": Wrong(400, {}),
    f"GET {QUEUES}/get": Wrong(404, NO_QUEUE),
    f"GET {QUEUES}/get-by-name": Wrong(404, {"experiment_id": "0", "name": "none"}),
    f"GET {QUEUES}/list": Wrong(400, {}),
    f"POST {QUEUES}/update": Wrong(404, NO_QUEUE | {"name": "x"}),
    f"POST {QUEUES}/delete": Wrong(400, {}),
    f"POST {ITEMS}/add": Wrong(404, NO_QUEUE | {"item_type": "TRACE", "item_ids": ["x"]}),
    f"GET {ITEMS}/list": Wrong(404, NO_QUEUE),
    f"POST {ITEMS}/set-status": Wrong(404, NO_QUEUE | {"item_id": "x", "status": "COMPLETE"}),
    f"POST {ITEMS}/remove": Wrong(404, NO_QUEUE | {"item_ids": ["x"]}),
    f"POST {ISSUES}": Wrong(400, {}),
    f"GET {ISSUE}": Wrong(404, {"issue_id": "none"}),
    f"PATCH {ISSUE}": Wrong(404, {"issue_id": "none", "name": "x"}),
    f"POST {ISSUES}/search": None,
    f"POST {SCORERS}/register": Wrong(400, {}),
    f"GET {SCORERS}/get": Wrong(404, NO_SCORER),
    f"GET {SCORERS}/list": None,
    f"GET {SCORERS}/versions": Wrong(404, NO_SCORER),
    f"DELETE {SCORERS}/delete": Wrong(404, NO_SCORER),
    f"GET {SCORERS}/online-configs": Wrong(400, {}),
    f"PUT {SCORERS}/online-config": Wrong(400, {}),
}


@pytest.mark.parametrize(("route", "wrong"), wrong_ones(ENDPOINTS))
def test_a_wrong_request_is_answered_with_its_reason(contract: Contract, route: str, wrong: Wrong) -> None:
    contract.refuses(route, wrong)


def test_a_question_is_asked_changed_and_deleted(contract: Contract) -> None:
    experiment = contract.experiment()
    made = question(contract, experiment)
    which = {"schema_id": made["schema_id"]}
    contract.guarded(f"PATCH {SCHEMAS}/update", **which, instruction="look twice")
    read = contract.guarded(f"GET {SCHEMAS}/get", **which)["label_schema"]
    assert (read["name"], read["instruction"]) == ("good", "look twice")
    named = contract.guarded(f"GET {SCHEMAS}/get-by-name", experiment_id=experiment, name="good")["label_schema"]
    assert named["schema_id"] == which["schema_id"]
    assert which["schema_id"] in str(contract.guarded(f"GET {SCHEMAS}/list", experiment_id=experiment))
    contract.guarded(f"DELETE {SCHEMAS}/delete", **which)
    contract.refuses(f"GET {SCHEMAS}/get", Wrong(404, which))


def test_a_queue_holds_traces_until_they_are_reviewed(contract: Contract) -> None:
    experiment, trace = contract.experiment(), f"tr-{uuid.uuid4().hex}"
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace, "trace_location": place, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    contract.open(f"POST {NEW}/traces", trace={"trace_info": info})
    schemas = [question(contract, experiment)["schema_id"]]
    asked = {"experiment_id": experiment, "name": "to do", "queue_type": "CUSTOM", "users": [], "schema_ids": schemas}
    which = {"queue_id": contract.guarded(f"POST {QUEUES}/create", **asked)["review_queue"]["queue_id"]}
    contract.guarded(f"POST {QUEUES}/update", **which, name="to be done")
    assert contract.guarded(f"GET {QUEUES}/get", **which)["review_queue"]["name"] == "to be done"
    by_name = contract.guarded(f"GET {QUEUES}/get-by-name", experiment_id=experiment, name="to be done")
    assert by_name["review_queue"]["queue_id"] == which["queue_id"]
    assert which["queue_id"] in str(contract.guarded(f"GET {QUEUES}/list", experiment_id=experiment))
    own = contract.guarded(f"POST {QUEUES}/get-or-create-user", experiment_id=experiment, user="admin")
    assert own["review_queue"]["queue_type"] == "USER"

    contract.guarded(f"POST {ITEMS}/add", **which, item_type="TRACE", item_ids=[trace])
    contract.guarded(f"POST {ITEMS}/set-status", **which, item_id=trace, status="COMPLETE")
    items = contract.guarded(f"GET {ITEMS}/list", **which)["items"]
    assert [(item["item_id"], item["status"]) for item in items] == [(trace, "COMPLETE")]
    contract.guarded(f"POST {ITEMS}/remove", **which, item_ids=[trace])
    assert "items" not in contract.guarded(f"GET {ITEMS}/list", **which)
    contract.guarded(f"POST {QUEUES}/delete", **which)
    contract.refuses(f"GET {QUEUES}/get", Wrong(404, which))


def test_an_issue_is_read_back(contract: Contract) -> None:
    experiment = contract.experiment()
    said = {"experiment_id": experiment, "name": "blind", "description": "sees nothing", "status": "pending"}
    made = contract.guarded(f"POST {ISSUES}", **said)["issue"]
    contract.guarded(f"PATCH {ISSUE}", issue_id=made["issue_id"], name="very blind")
    read = contract.guarded(f"GET {ISSUE}", issue_id=made["issue_id"])["issue"]
    assert (read["name"], read["description"]) == ("very blind", "sees nothing")
    found = contract.guarded(f"POST {ISSUES}/search", experiment_id=experiment)["issues"]
    assert [issue["issue_id"] for issue in found] == [made["issue_id"]]


def test_a_judge_is_kept_by_versions(contract: Contract) -> None:
    which = {"experiment_id": contract.experiment(), "name": "judge"}
    for number in (1, 2):
        said = json.dumps({"name": "judge", "builtin_scorer_class": "Safety", "number": number})
        kept = contract.guarded(f"POST {SCORERS}/register", **which, serialized_scorer=said)
        assert kept["version"] == number
    read = contract.guarded(f"GET {SCORERS}/get", **which, version=1)["scorer"]
    assert (read["scorer_name"], read["scorer_version"]) == ("judge", 1)
    assert len(contract.guarded(f"GET {SCORERS}/versions", **which)["scorers"]) == 2
    listed = contract.guarded(f"GET {SCORERS}/list", experiment_id=which["experiment_id"])["scorers"]
    assert [item["scorer_name"] for item in listed] == ["judge"]
    assert contract.open(f"GET {SCORERS}/online-configs", scorer_ids=[read["scorer_id"]]) in ({}, {"configs": []})
    # It would be asked by a job of the server, by way of the gateway, and neither runs.
    config = f"PUT {SCORERS}/online-config"
    contract.refuses(config, Wrong(400, which | {"sample_rate": 1.0}))
    contract.answered.add(config)
    contract.guarded(f"DELETE {SCORERS}/delete", **which)
    contract.refuses(f"GET {SCORERS}/get", Wrong(404, which))


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert set(ENDPOINTS) - contract.answered == set()


def question(contract: Contract, experiment: str) -> dict[str, Any]:
    """Make a question that a reviewer answers."""
    said: dict[str, Any] = {"experiment_id": experiment, "name": "good", "type": "FEEDBACK", "input": INPUT}
    made = contract.guarded(f"POST {SCHEMAS}/create", **said)["label_schema"]
    return dict(made)
