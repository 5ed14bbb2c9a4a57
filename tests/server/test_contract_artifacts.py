"""What the server of custom mode promises of the endpoints of artifacts: by way of the server, in parts, by address."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.server.contract import Contract, Wrong, wrong_ones

pytestmark = pytest.mark.timeout(300)
API, PROXY, PAGES = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow"
FILE, PARTS = f"{PROXY}/artifacts/<artifact_path>", f"{PROXY}/mpu"
NO_RUN, NOTHING = {"run_id": "f" * 32}, {"artifact_path": "999999/nothing"}
ENDPOINTS: dict[str, Wrong | None] = {
    f"PUT {FILE}": Wrong(400, {"artifact_path": "1/%2e%2e/%2e%2e/outside"}),
    f"GET {FILE}": Wrong(400, {"artifact_path": "1/%2e%2e/%2e%2e/outside"}),
    f"DELETE {FILE}": Wrong(400, {"artifact_path": "1/%2e%2e/%2e%2e/outside"}),
    f"GET {PROXY}/artifacts": Wrong(400, {"path": "../outside"}),
    f"GET {PROXY}/presigned/<artifact_path>": Wrong(404, NOTHING),
    f"POST {PARTS}/create/<artifact_path>": Wrong(400, NOTHING),
    f"POST {PARTS}/complete/<artifact_path>": Wrong(400, NOTHING),
    f"POST {PARTS}/abort/<artifact_path>": Wrong(400, NOTHING),
    f"GET {API}/artifacts/list": Wrong(404, NO_RUN),
    "GET /get-artifact": Wrong(404, NO_RUN | {"path": "best.pt"}),
    "GET /model-versions/get-artifact": Wrong(404, {"name": "nobody made it", "version": "1", "path": "best.pt"}),
    f"POST {PAGES}/upload-artifact": Wrong(400, {}),
}
# They are for storage that people reach without the server: here all of it is reached through the server.
BY_ADDRESS = [f"POST {API}/artifacts/presigned-{way}-url" for way in ("download", "upload")]
ENDPOINTS |= dict.fromkeys(BY_ADDRESS)


@pytest.mark.parametrize(("route", "wrong"), wrong_ones(ENDPOINTS))
def test_a_wrong_request_is_answered_with_its_reason(contract: Contract, route: str, wrong: Wrong) -> None:
    contract.refuses(route, wrong)


def test_a_file_is_stored_listed_read_and_deleted(contract: Contract) -> None:
    run = contract.run()
    place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    file = {"artifact_path": f"{place}/weights/best.txt"}
    stored = contract.guarded(f"PUT {FILE}", **file)
    assert stored in ("", {})
    assert json.loads(str(contract.guarded(f"GET {FILE}", **file)).replace("'", '"')) == file
    listed = contract.guarded(f"GET {PROXY}/artifacts", path=f"{place}/weights")["files"]
    assert [(item["path"], item["is_dir"]) for item in listed] == [("best.txt", False)]
    of_run = contract.guarded(f"GET {API}/artifacts/list", run_id=run["run_id"], path="weights")
    assert [(item["path"], item["is_dir"]) for item in of_run["files"]] == [("weights/best.txt", False)]
    assert contract.guarded("GET /get-artifact", run_id=run["run_id"], path="weights/best.txt") == file
    address = contract.guarded(f"GET {PROXY}/presigned/<artifact_path>", **file)["url"]
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert json.loads(answer.read()) == file
    contract.guarded(f"DELETE {FILE}", **file)
    assert contract.open(f"GET {PROXY}/artifacts", path=f"{place}/weights") == {}


def test_a_file_that_is_not_there_is_missing_and_no_fault_of_the_server(contract: Contract) -> None:
    run = contract.run()
    place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    contract.open(f"POST {API}/registered-models/create", name=run["run_id"])
    source = {"source": f"{run['artifact_uri']}/model", "run_id": run["run_id"]}
    contract.open(f"POST {API}/model-versions/create", name=run["run_id"], **source)
    for route, values in {
        f"GET {FILE}": {"artifact_path": f"{place}/best.pt"},
        "GET /get-artifact": {"run_id": run["run_id"], "path": "best.pt"},
        "GET /model-versions/get-artifact": {"name": run["run_id"], "version": "1", "path": "best.pt"},
    }.items():
        answer = contract.ask(route, values)
        assert (answer.status, answer.json["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), f"{route}: {answer}"


def test_a_file_of_a_registered_model_is_read_from_its_run(contract: Contract) -> None:
    run = contract.run()
    place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    file = {"artifact_path": f"{place}/model/best.txt"}
    contract.guarded(f"PUT {FILE}", **file)
    contract.open(f"POST {API}/registered-models/create", name=run["run_id"])
    source = f"{run['artifact_uri']}/model"
    contract.open(f"POST {API}/model-versions/create", name=run["run_id"], source=source, run_id=run["run_id"])
    version = {"name": run["run_id"], "version": "1"}
    assert contract.guarded("GET /model-versions/get-artifact", **version, path="best.txt") == file


def test_a_large_file_is_sent_in_parts_which_are_joined_or_dropped(contract: Contract) -> None:
    place = contract.run()["artifact_uri"].removeprefix("mlflow-artifacts:/")
    upload = begun(contract, place)
    parts = []
    for number, content in enumerate((b"a" * 5 * 1024**2, b"the end"), start=1):
        address = upload["credentials"][number - 1]["url"]
        sent = urllib.request.Request(address, content, {"Content-Type": "application/octet-stream"}, method="PUT")
        with urllib.request.urlopen(sent, timeout=30) as answer:
            parts.append({"part_number": number, "etag": answer.headers["ETag"], "url": address})
    whole = {"artifact_path": place, "path": "best.bin", "upload_id": upload["upload_id"]}
    contract.guarded(f"POST {PARTS}/complete/<artifact_path>", **whole, parts=parts)
    read = contract.open(f"GET {FILE}", artifact_path=f"{place}/best.bin")
    assert (len(read), read[-7:]) == (5 * 1024**2 + 7, "the end")

    dropped = {"path": "gone.bin", "upload_id": begun(contract, place, "gone.bin")["upload_id"]}
    contract.guarded(f"POST {PARTS}/abort/<artifact_path>", artifact_path=place, **dropped)
    listed = contract.open(f"GET {PROXY}/artifacts", path=place)["files"]
    assert [item["path"] for item in listed] == ["best.bin"]


def test_the_pages_store_a_file_with_a_run(contract: Contract) -> None:
    run = contract.run()
    route = f"{PAGES}/upload-artifact?run_uuid={run['run_id']}&path=note.json"
    for login, status in ((contract.stranger, 403), (None, 200)):
        who = {} if login is None else {"login": login}
        assert contract.server.ask(route, {"a": 1}, method="POST", **who).status == status
    contract.answered.add(f"POST {PAGES}/upload-artifact")
    assert contract.open("GET /get-artifact", run_id=run["run_id"], path="note.json") == {"a": 1}


@pytest.mark.parametrize("route", BY_ADDRESS)
def test_the_address_of_a_file_is_not_given_where_the_server_keeps_it(contract: Contract, route: str) -> None:
    asked = {"run_id": contract.run()["run_id"], "path": "best.pt"}
    assert contract.ask(route, asked, contract.stranger).status == 403
    contract.refuses(route, Wrong(400, asked))
    contract.answered.add(route)


def test_who_may_read_a_run_may_not_write_its_files(contract: Contract) -> None:
    run = contract.run()
    place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    contract.open(f"PUT {FILE}", artifact_path=f"{place}/best.txt")
    contract.grant("experiment", run["experiment_id"], "READ")
    mine = {"artifact_path": f"{place}/best.txt"}
    assert contract.ask(f"GET {FILE}", mine, contract.stranger).status == 200
    for route in (
        f"PUT {FILE}",
        f"DELETE {FILE}",
        *(f"POST {PARTS}/{step}/<artifact_path>" for step in ("create", "complete", "abort")),
    ):
        asked = mine | {"path": "best.txt", "upload_id": "x", "num_parts": 1, "parts": []}
        assert contract.ask(route, asked, contract.stranger).status == 403, route


def begun(contract: Contract, place: str, name: str = "best.bin") -> dict[str, Any]:
    """Begin an upload in two parts."""
    route = f"POST {PARTS}/create/<artifact_path>"
    made: dict[str, Any] = contract.guarded(route, artifact_path=place, path=name, num_parts=2)
    return made


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert set(ENDPOINTS) - contract.answered == set()
