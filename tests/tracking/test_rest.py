from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.tracking.mlflow_http import FakeMlflow, serving
from yolops.errors import YolopsError
from yolops.platform.access import Credentials
from yolops.tracking.rest import MlflowRest, NotFoundError
from yolops.tracking.runs import find_run, list_runs, runs_by_dataset

MISSING = (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No run with id=1"})
EXPERIMENTS = {"experiments": [{"experiment_id": "1", "name": "cells"}, {"experiment_id": "2", "name": "tools"}]}


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    with serving() as fake:
        yield fake


def _run(run_id: str = "a" * 32, name: str = "first", **info: Any) -> dict[str, Any]:
    told = {"run_id": run_id, "run_name": name, "experiment_id": "1", "status": "FINISHED", "start_time": "1000"}
    data = {
        "metrics": [{"key": "loss", "value": "NaN"}, {"key": "best/mAP50", "value": 0.5}],
        "params": [{"key": "epochs", "value": "3"}],
        "tags": [{"key": "yolops.error", "value": ""}],
    }
    return {"info": told | info, "data": data}


def test_a_question_goes_to_the_rest_api_with_what_was_asked(mlflow: FakeMlflow) -> None:
    mlflow.will_answer("runs/get", {"run": {}})
    assert MlflowRest(f"{mlflow.uri}/").get("runs/get", run_id="1 & 2", page_token="") == {"run": {}}
    assert (mlflow.asked[0].endpoint, mlflow.asked[0].values) == ("runs/get", {"run_id": "1 & 2"})


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        (Credentials(), None),
        (Credentials(username="me", password="a:b"), "Basic " + base64.b64encode(b"me:a:b").decode()),
        (Credentials(token="secret"), "Bearer secret"),
        (Credentials(username="me", password="x", token="secret"), "Basic " + base64.b64encode(b"me:x").decode()),
        (Credentials(username="me", token="secret"), "Bearer secret"),
        (Credentials(username="me"), None),
        (Credentials(token="secret\n"), "Bearer secret"),
    ],
)
def test_credentials_are_sent_as_mlflows_own_client_sends_them(
    mlflow: FakeMlflow, credentials: Credentials, header: str | None
) -> None:
    mlflow.will_answer("runs/get", {})
    MlflowRest(mlflow.uri, credentials).get("runs/get")
    assert mlflow.asked[0].headers.get("Authorization") == header


def test_a_token_never_stands_in_an_error(mlflow: FakeMlflow) -> None:
    with pytest.raises(YolopsError) as caught:
        MlflowRest(mlflow.uri, Credentials(token="se\ncret")).get("runs/get")
    assert "cret" not in str(caught.value).replace(mlflow.uri, "")


def test_a_thing_that_does_not_exist_is_told_from_a_server_that_fails(mlflow: FakeMlflow) -> None:
    mlflow.will_answer("runs/get", MISSING)
    with pytest.raises(NotFoundError, match="No run with id=1") as caught:
        MlflowRest(mlflow.uri).get("runs/get", run_id="1")
    assert "yolops runs list" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "said", "hint"),
    [
        ((401, "You are not authenticated."), "does not let you in as nobody", "MLFLOW_TRACKING_USERNAME"),
        ((403, {"error_code": "PERMISSION_DENIED", "message": "no"}), "not let nobody do this", "yolops users grant"),
        ((500, "<html>Internal Server Error</html>"), "MLflow answered 500", "yolops status"),
        ((502, ["no", "object"]), "MLflow answered 502", "yolops status"),
        ((400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "bad filter"}), "400: bad filter", "yolops status"),
        ((404, "<html>nginx</html>"), "MLflow answered 404", "yolops status"),
        ((200, "<html>Please log in</html>"), "no answer from MLflow", "yolops status"),
        ((200, ["not", "an", "object"]), "no answer from MLflow", "yolops status"),
        ((200, '{"cut": '), "no answer from MLflow", "yolops status"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no answer from MLflow", "yolops status"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "no answer from MLflow", "yolops status"),
        (b"", "no answer from MLflow", "yolops status"),
    ],
)
def test_whatever_a_server_answers_a_person_is_told_what_is_wrong(
    mlflow: FakeMlflow, answer: Any, said: str, hint: str
) -> None:
    mlflow.will_answer("runs/get", answer)
    mlflow.will_answer("runs/search", answer)
    rest = MlflowRest(mlflow.uri)
    for ask in (lambda: rest.get("runs/get", run_id="1"), lambda: rest.post("runs/search", max_results=1)):
        with pytest.raises(YolopsError, match=said) as caught:
            ask()
        assert hint in caught.value.hint
        assert mlflow.uri in caught.value.message


def test_where_nobody_listens_a_person_is_told_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(YolopsError, match=r"no answer from MLflow \(Connection refused\)"):
            MlflowRest(uri).get("runs/get")


def test_runs_are_listed_with_what_is_known_of_them(mlflow: FakeMlflow) -> None:
    mlflow.will_answer("experiments/search", EXPERIMENTS)
    mlflow.will_answer("runs/search", {"runs": [_run(end_time="3500"), _run(status="RUNNING", experiment_id="9")]})
    done, running = list_runs(MlflowRest(mlflow.uri), most=5)
    assert (done.name, done.experiment, done.status, done.seconds) == ("first", "cells", "FINISHED", 2.5)
    assert done.started == datetime.fromtimestamp(1, UTC)
    assert (done.metrics["best/mAP50"], done.params, done.tags) == (0.5, {"epochs": "3"}, {"yolops.error": ""})
    assert done.metrics["loss"] != done.metrics["loss"], "a loss that is not a number is kept as such"
    assert (running.seconds, running.experiment) == (None, "9")
    assert mlflow.asked[-1].values["experiment_ids"] == ["1", "2"]
    assert mlflow.asked[-1].values["max_results"] == 5


def test_experiments_on_later_pages_count_too(mlflow: FakeMlflow) -> None:
    mlflow.will_answer(
        "experiments/search",
        {**EXPERIMENTS, "next_page_token": "more"},
        {"experiments": [{"experiment_id": "3", "name": "late"}]},
    )
    mlflow.will_answer("runs/search", {})
    assert list_runs(MlflowRest(mlflow.uri), experiment="late") == []
    assert [asked.values.get("page_token") for asked in mlflow.asked[:2]] == [None, "more"]
    assert mlflow.asked[-1].values["experiment_ids"] == ["3"]


def test_a_server_without_experiments_has_no_runs(mlflow: FakeMlflow) -> None:
    mlflow.will_answer("experiments/search", {})
    assert list_runs(MlflowRest(mlflow.uri)) == []


def test_the_runs_of_a_dataset_are_found_on_every_page_by_its_digest(mlflow: FakeMlflow) -> None:
    def used(digest: str) -> dict[str, Any]:
        return {"inputs": {"dataset_inputs": [{"dataset": {"digest": digest, "name": "cells"}}]}}

    mlflow.will_answer("experiments/search", {"experiments": [{"experiment_id": "7", "name": "cells"}]})
    mlflow.will_answer(
        "runs/search",
        {"runs": [_run(name="new") | used("aa"), _run(name="none")], "next_page_token": "more"},
        {"runs": [_run(name="old") | used("aa"), _run(name="other") | used("bb")]},
    )
    assert runs_by_dataset(MlflowRest(mlflow.uri)) == {"aa": ["new", "old"], "bb": ["other"]}
    assert [asked.values.get("page_token") for asked in mlflow.asked if asked.endpoint == "runs/search"] == [
        None,
        "more",
    ]


def test_an_experiment_that_does_not_exist_is_answered_with_those_that_do(mlflow: FakeMlflow) -> None:
    mlflow.will_answer("experiments/search", EXPERIMENTS)
    with pytest.raises(NotFoundError, match="no experiment 'sells'") as caught:
        list_runs(MlflowRest(mlflow.uri), experiment="sells")
    assert "cells, tools" in caught.value.hint


def test_a_run_is_found_by_id_start_of_id_and_name(mlflow: FakeMlflow) -> None:
    wanted = "0123456789abcdef" * 2
    mlflow.will_answer("experiments/search", EXPERIMENTS)
    mlflow.will_answer("runs/get", {"run": _run(wanted)})
    mlflow.will_answer("runs/search", {"runs": [_run("f" * 32, "other"), _run(wanted), _run("e" * 32)]})
    rest = MlflowRest(mlflow.uri)
    assert [find_run(rest, which).run_id for which in (wanted, wanted[:6], "first")] == [wanted] * 3
    for which in (wanted[:5], "nobody"):
        with pytest.raises(NotFoundError, match="there is no run"):
            find_run(rest, which)


def test_credentials_are_not_taken_along_to_another_host() -> None:
    with serving() as elsewhere, serving() as asked:
        redirect = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.uri}/x\r\nContent-Length: 0\r\n\r\n"
        asked.will_answer("runs/get", redirect.encode())
        with pytest.raises(YolopsError):
            MlflowRest(asked.uri, Credentials(token="secret")).get("runs/get", run_id="1")
        assert elsewhere.asked == []
