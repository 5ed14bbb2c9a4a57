"""What the server of custom mode promises of the endpoints of traces, of both versions and of OpenTelemetry."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.server.contract import Contract, Wrong, wrong_ones

pytestmark = pytest.mark.timeout(300)
OLD, NEW, API = "/api/2.0/mlflow/traces", "/api/3.0/mlflow/traces", "/api/2.0/mlflow"
OLD_TRACE, TRACE = f"{OLD}/<request_id>", f"{NEW}/<trace_id>"
ASSESSMENTS, ASSESSMENT = f"{TRACE}/assessments", f"{TRACE}/assessments/<assessment_id>"
NO_OLD, NO_TRACE = {"request_id": "tr-" + "f" * 32}, {"trace_id": "tr-" + "f" * 32}
TAG = {"key": "k", "value": "v"}
PAGES = [f"GET /ajax-api/{version}/mlflow/get-trace-artifact" for version in ("2.0", "3.0")]
ENDPOINTS: dict[str, Wrong | None] = {
    f"POST {OLD}": Wrong(404, {"experiment_id": "999999"}),
    f"GET {OLD}": Wrong(400, {}),
    f"PATCH {OLD_TRACE}": Wrong(404, NO_OLD | {"status": "OK"}),
    f"GET {OLD_TRACE}/info": Wrong(404, NO_OLD),
    f"PATCH {OLD_TRACE}/tags": Wrong(400, NO_OLD),
    f"DELETE {OLD_TRACE}/tags": Wrong(404, NO_OLD | {"key": "k"}),
    f"POST {OLD}/delete-traces": Wrong(400, {}),
    f"POST {OLD}/link-to-run": Wrong(400, {}),
    f"POST {OLD}/link-prompts": Wrong(400, {}),
    f"POST {NEW}": Wrong(400, {}),
    f"GET {TRACE}": Wrong(404, NO_TRACE),
    f"GET {NEW}/get": Wrong(404, NO_TRACE),
    f"GET {NEW}/batchGet": Wrong(400, {}),
    f"POST {NEW}/batchGetInfos": Wrong(400, {}),
    f"POST {NEW}/search": Wrong(400, {}),
    f"POST {NEW}/delete-traces": Wrong(400, {}),
    f"PATCH {TRACE}/tags": Wrong(400, NO_TRACE),
    f"DELETE {TRACE}/tags": Wrong(404, NO_TRACE | {"key": "k"}),
    f"POST {NEW}/metrics": Wrong(400, {}),
    f"POST {NEW}/calculate-filter-correlation": Wrong(400, {}),
    f"POST {ASSESSMENTS}": Wrong(400, NO_TRACE),
    f"GET {ASSESSMENT}": Wrong(404, NO_TRACE | {"assessment_id": "a"}),
    f"PATCH {ASSESSMENT}": Wrong(400, NO_TRACE | {"assessment_id": "a"}),
    f"DELETE {ASSESSMENT}": None,
    **dict.fromkeys(PAGES, Wrong(400, {}, "BAD_REQUEST")),
    "POST /v1/traces": None,
}


@pytest.mark.parametrize(("route", "wrong"), wrong_ones(ENDPOINTS))
def test_a_wrong_request_is_answered_with_its_reason(contract: Contract, route: str, wrong: Wrong) -> None:
    contract.refuses(route, wrong)


def test_a_trace_of_mlflow_2_is_read_back(contract: Contract) -> None:
    experiment = contract.experiment()
    started = {"experiment_id": experiment, "timestamp_ms": 1, "request_metadata": [], "tags": [TAG]}
    trace = {"request_id": contract.guarded(f"POST {OLD}", **started)["trace_info"]["request_id"]}
    contract.guarded(f"PATCH {OLD_TRACE}", **trace, timestamp_ms=11, status="OK", request_metadata=[], tags=[])
    contract.guarded(f"PATCH {OLD_TRACE}/tags", **trace, key="gone", value="soon")
    contract.guarded(f"DELETE {OLD_TRACE}/tags", **trace, key="gone")
    read = contract.guarded(f"GET {OLD_TRACE}/info", **trace)["trace_info"]
    assert (read["experiment_id"], read["status"], read["execution_time_ms"]) == (experiment, "OK", 10)
    assert TAG in read["tags"]
    assert "gone" not in str(read["tags"])
    found = contract.guarded(f"GET {OLD}", experiment_ids=[experiment])["traces"]
    assert [item["request_id"] for item in found] == [trace["request_id"]]
    gone = {"experiment_id": experiment, "request_ids": [trace["request_id"]]}
    assert contract.guarded(f"POST {OLD}/delete-traces", **gone)["traces_deleted"] == 1
    contract.refuses(f"GET {OLD_TRACE}/info", Wrong(404, trace))


def test_a_trace_is_read_back(contract: Contract) -> None:
    experiment = contract.experiment()
    trace = with_span(contract, experiment)
    contract.guarded(f"PATCH {TRACE}/tags", trace_id=trace, **TAG)
    contract.guarded(f"PATCH {TRACE}/tags", trace_id=trace, key="gone", value="soon")
    contract.guarded(f"DELETE {TRACE}/tags", trace_id=trace, key="gone")
    read = contract.guarded(f"GET {TRACE}", trace_id=trace)["trace"]["trace_info"]
    assert (read["trace_id"], read["state"], read["tags"]["k"]) == (trace, "OK", "v")
    assert "gone" not in read["tags"]
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    found = contract.guarded(f"POST {NEW}/search", locations=[place], max_results=5)["traces"]
    assert [item["trace_id"] for item in found] == [trace]
    infos = contract.guarded(f"POST {NEW}/batchGetInfos", trace_ids=[trace])
    assert trace in str(infos)
    assert contract.guarded(f"GET {NEW}/get", trace_id=trace)["trace"]["spans"][0]["name"] == "root"
    whole = contract.guarded(f"GET {NEW}/batchGet", trace_ids=[trace])["traces"]
    assert [item["spans"][0]["name"] for item in whole] == ["root"]
    for page in PAGES:
        assert contract.guarded(page, request_id=trace)["spans"][0]["name"] == "root"
    gone = {"experiment_id": experiment, "request_ids": [trace]}
    assert contract.guarded(f"POST {NEW}/delete-traces", **gone)["traces_deleted"] == 1
    contract.refuses(f"GET {TRACE}", Wrong(404, {"trace_id": trace}))


def test_a_trace_is_found_by_its_run_and_its_prompt(contract: Contract) -> None:
    run = contract.run()
    trace = started(contract, run["experiment_id"])
    contract.guarded(f"POST {OLD}/link-to-run", trace_ids=[trace], run_id=run["run_id"])
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": run["experiment_id"]}}
    of_run = f"attributes.run_id = '{run['run_id']}'"
    found = contract.open(f"POST {NEW}/search", locations=[place], filter=of_run)["traces"]
    assert [item["trace_id"] for item in found] == [trace]

    name, is_prompt = uuid.uuid4().hex, {"key": "mlflow.prompt.is_prompt", "value": "true"}
    text = {"key": "mlflow.prompt.text", "value": "Find {{ what }}"}
    contract.open(f"POST {API}/registered-models/create", name=name, tags=[is_prompt])
    version = {"name": name, "source": "prompt-template", "tags": [is_prompt, text]}
    assert contract.open(f"POST {API}/model-versions/create", **version)["model_version"]["version"] == "1"
    contract.guarded(f"POST {OLD}/link-prompts", trace_id=trace, prompt_versions=[{"name": name, "version": "1"}])


def test_an_assessment_of_a_trace_is_read_back_changed_and_deleted(contract: Contract) -> None:
    trace = started(contract, contract.experiment())
    said: dict[str, Any] = {"assessment_name": "good", "trace_id": trace, "feedback": {"value": True}}
    said["source"] = {"source_type": "HUMAN", "source_id": "ada"}
    made = contract.guarded(f"POST {ASSESSMENTS}", trace_id=trace, assessment=said)["assessment"]
    which = {"trace_id": trace, "assessment_id": made["assessment_id"]}
    assert contract.guarded(f"GET {ASSESSMENT}", **which)["assessment"]["feedback"]["value"] is True
    changed = {"assessment": which | {"feedback": {"value": False}}, "update_mask": "feedback"}
    contract.guarded(f"PATCH {ASSESSMENT}", **which, **changed)
    assert contract.guarded(f"GET {ASSESSMENT}", **which)["assessment"]["feedback"]["value"] is False
    contract.guarded(f"DELETE {ASSESSMENT}", **which)
    contract.refuses(f"GET {ASSESSMENT}", Wrong(404, which))


def test_traces_are_counted(contract: Contract) -> None:
    experiment = contract.experiment()
    for _ in range(3):
        started(contract, experiment)
    counted = {"view_type": "TRACES", "metric_name": "trace_count", "aggregations": [{"aggregation_type": "COUNT"}]}
    points = contract.guarded(f"POST {NEW}/metrics", experiment_ids=[experiment], **counted)["data_points"]
    assert [point["values"]["COUNT"] for point in points] == [3]
    both = {"filter_string1": "status = 'OK'", "filter_string2": "status = 'ERROR'"}
    route = f"POST {NEW}/calculate-filter-correlation"
    related = contract.guarded(route, experiment_ids=[experiment], **both)
    assert (related["filter1_count"], related["total_count"]) == (3, 3)


def test_who_may_read_an_experiment_may_not_write_its_traces(contract: Contract) -> None:
    experiment = contract.experiment()
    trace = started(contract, experiment)
    contract.grant("experiment", experiment, "READ")
    which = {"trace_id": trace, "request_id": trace}
    assert contract.ask(f"GET {TRACE}", which, contract.stranger).status == 200
    for route, values in (
        (f"PATCH {TRACE}/tags", TAG),
        (f"DELETE {TRACE}/tags", {"key": "k"}),
        (f"PATCH {OLD_TRACE}", {"status": "ERROR"}),
        (f"POST {NEW}/delete-traces", {"experiment_id": experiment, "request_ids": [trace]}),
        (f"POST {ASSESSMENTS}", {"assessment": {"assessment_name": "x"}}),
    ):
        assert contract.ask(route, which | values, contract.stranger).status == 403, route


def test_nobody_adds_spans_to_a_trace_of_somebody_else(contract: Contract) -> None:
    trace = with_span(contract, contract.experiment())
    made = contract.server.ask(f"{API}/experiments/create", {"name": uuid.uuid4().hex}, login=contract.stranger)
    of_the_stranger = {"x-mlflow-experiment-id": made.json["experiment_id"]}
    added = spans(trace.removeprefix("tr-"), uuid.uuid4().hex[:16], "added")
    refused = contract.server.ask("/v1/traces", added, login=contract.stranger, **of_the_stranger)
    assert (refused.status, "a trace of this ID is in another experiment" in refused.body) == (400, True), refused
    read = contract.guarded(f"GET {NEW}/get", trace_id=trace)["trace"]["spans"]
    assert [span["name"] for span in read] == ["root"]
    own = spans(uuid.uuid4().hex, uuid.uuid4().hex[:16], "root")
    for _ in range(2):  # a span that is sent again is no other
        assert contract.server.ask("/v1/traces", own, login=contract.stranger, **of_the_stranger).status == 200


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert set(ENDPOINTS) - contract.answered == set()


def started(contract: Contract, experiment: str) -> str:
    """Start a trace, and return its ID."""
    trace = f"tr-{uuid.uuid4().hex}"
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace, "trace_location": place, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    contract.guarded(f"POST {NEW}", trace={"trace_info": info})
    return trace


def with_span(contract: Contract, experiment: str) -> str:
    """Send a span as OpenTelemetry does, after a stranger could not, and return the ID of its trace."""
    number = uuid.uuid4().hex
    whole = spans(number, number[:16], "root")
    of = {"x-mlflow-experiment-id": experiment}
    assert contract.server.ask("/v1/traces", whole, login=contract.stranger, **of).status == 403
    assert contract.server.ask("/v1/traces", whole).status == 422
    assert contract.server.ask("/v1/traces", whole, **of).status == 200
    contract.answered.add("POST /v1/traces")
    return f"tr-{number}"


def spans(trace: str, number: str, name: str) -> dict[str, Any]:
    """Return a span of a trace as OpenTelemetry sends it."""
    span = {"traceId": trace, "spanId": number, "name": name, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
