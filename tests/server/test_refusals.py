"""What MLflow lets a user do to things that are not hers, and this server does not."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import BUCKET
from tests.server.contract import Contract

pytestmark = pytest.mark.timeout(300)
API, NEW = "/api/2.0/mlflow", "/api/3.0/mlflow"
PLACE, ARCHIVE = "mlflow.artifactLocation", "mlflow.trace.archiveLocation"
WAYS = ("start", "start v2", "end v2", "tag", "tag v2", "span")
SECRET = '{"spans": [], "of": "somebody else"}'


def trace_info(experiment: str, trace: str, **tags: str) -> dict[str, Any]:
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace, "trace_location": location, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    return {"trace": {"trace_info": info | {"tags": tags}}}


def own_experiment(contract: Contract) -> str:
    """Have the stranger make an experiment, as anybody may."""
    made = contract.ask(f"POST {API}/experiments/create", {"name": uuid.uuid4().hex}, contract.stranger)
    return str(made.json["experiment_id"])


@pytest.mark.parametrize(
    ("place", "way", "key"),
    [("artifacts", way, key) for way in WAYS for key in (PLACE, ARCHIVE)]
    + [(place, "tag", PLACE) for place in ("bucket", "disk")],
)
def test_the_data_of_a_trace_are_where_the_server_put_them(
    contract: Contract, tmp_path: Path, place: str, way: str, key: str
) -> None:
    run = contract.run()
    stored = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    contract.server.ask(f"/api/2.0/mlflow-artifacts/artifacts/{stored}/traces.json", json.loads(SECRET), method="PUT")
    contract.server.aws.client("s3").put_object(Bucket=BUCKET, Key="elsewhere/traces.json", Body=SECRET.encode())
    (tmp_path / "traces.json").write_text(SECRET)
    places = {
        "artifacts": run["artifact_uri"],
        "bucket": f"s3://{BUCKET}/elsewhere",
        "disk": f"file://{tmp_path}",
    }

    trace, refused = written(contract, way, key, places[place])
    assert (refused.status, refused.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    read = contract.ask("GET /ajax-api/2.0/mlflow/get-trace-artifact", {"request_id": trace}, contract.stranger)
    assert read.status != 200
    assert "somebody else" not in read.body


def written(contract: Contract, way: str, key: str, place: str) -> tuple[str, Any]:
    """Have the stranger write a tag of a trace of her own; return its ID and what she was answered."""
    experiment, number = own_experiment(contract), uuid.uuid4().hex
    trace, tag = f"tr-{number}", {"key": key, "value": place}
    old = {"experiment_id": experiment, "timestamp_ms": 1, "request_metadata": [], "tags": [tag]}
    span = {"traceId": number, "spanId": number[:16], "name": "root", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    span["attributes"] = [{"key": f"mlflow.traceTag.{key}", "value": {"stringValue": place}}]  # type: ignore[assignment]
    whole = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    if way == "span":
        of = {"x-mlflow-experiment-id": experiment}
        return trace, contract.server.ask("/v1/traces", whole, login=contract.stranger, **of)
    if way in {"tag", "tag v2", "end v2"}:
        made = contract.ask(f"POST {NEW}/traces", trace_info(experiment, trace), contract.stranger)
        assert made.status == 200
    route, values = {
        "start": (f"POST {NEW}/traces", trace_info(experiment, trace, **{key: place})),
        "start v2": (f"POST {API}/traces", old),
        "end v2": (f"PATCH {API}/traces/<request_id>", old | {"request_id": trace, "status": "OK"}),
        "tag": (f"PATCH {NEW}/traces/<trace_id>/tags", {"trace_id": trace} | tag),
        "tag v2": (f"PATCH {API}/traces/<request_id>/tags", {"request_id": trace} | tag),
    }[way]
    return trace, contract.ask(route, values, contract.stranger)


def test_a_client_of_mlflow_2_may_say_again_where_its_trace_is(contract: Contract) -> None:
    started = {"experiment_id": contract.experiment(), "timestamp_ms": 1, "request_metadata": [], "tags": []}
    info = contract.open(f"POST {API}/traces", **started)["trace_info"]
    ended = {"request_id": info["request_id"], "timestamp_ms": 2, "status": "OK", "tags": info["tags"]}
    assert contract.open(f"PATCH {API}/traces/<request_id>", **ended)["trace_info"]["status"] == "OK"


def test_a_trace_does_not_move_to_the_experiment_of_whoever_knows_its_id(contract: Contract) -> None:
    trace, experiment = f"tr-{uuid.uuid4().hex}", contract.experiment()
    contract.open(f"POST {NEW}/traces", **trace_info(experiment, trace))
    taken = contract.ask(f"POST {NEW}/traces", trace_info(own_experiment(contract), trace), contract.stranger)
    assert taken.status == 400
    read = contract.open(f"GET {NEW}/traces/<trace_id>", trace_id=trace)["trace"]["trace_info"]
    assert read["trace_location"]["mlflow_experiment"]["experiment_id"] == experiment


def test_a_thing_that_is_named_twice_is_neither_read_nor_written(contract: Contract) -> None:
    models = f"{API}/logged-models"
    theirs = contract.open(f"POST {models}", experiment_id=contract.experiment())["model"]["info"]["model_id"]
    made = contract.ask(f"POST {models}", {"experiment_id": own_experiment(contract)}, contract.stranger)
    mine, ask = made.json["model"]["info"]["model_id"], contract.server.ask
    ready = {"status": "LOGGED_MODEL_READY"}
    for answer in (
        # MLflow asks what is allowed with the one in the query, and reads the one in the path.
        ask(f"{models}/{theirs}?model_id={mine}", login=contract.stranger),
        # It asks with the one in the path, and writes the one in the body; it also reads JSON within JSON.
        ask(f"{models}/{mine}", ready | {"model_id": theirs}, method="PATCH", login=contract.stranger),
        ask(f"{models}/{mine}", ready | {"modelId": theirs}, method="PATCH", login=contract.stranger),
        ask(f"{models}/{mine}", json.dumps(ready | {"model_id": theirs}), method="PATCH", login=contract.stranger),
    ):
        assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    read = contract.open(f"GET {models}/<model_id>", model_id=theirs)["model"]["info"]
    assert read["status"] == "LOGGED_MODEL_PENDING"


def test_what_is_deleted_is_what_one_may_delete(contract: Contract) -> None:
    theirs, mine = uuid.uuid4().hex, uuid.uuid4().hex
    contract.open(f"POST {API}/registered-models/create", name=theirs)
    assert contract.ask(f"POST {API}/registered-models/create", {"name": mine}, contract.stranger).status == 200
    # With another content type than JSON, MLflow asks what is allowed with the query, and deletes what the body names.
    place = f"{contract.server.url}{API}/registered-models/delete?name={mine}"
    request = urllib.request.Request(place, json.dumps({"name": theirs}).encode(), method="DELETE")
    request.add_header("Content-Type", "text/plain")
    request.add_header("Authorization", "Basic " + base64.b64encode(":".join(contract.stranger).encode()).decode())
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, timeout=30, context=contract.server.trusted())
    contract.open(f"GET {API}/registered-models/get", name=theirs)
