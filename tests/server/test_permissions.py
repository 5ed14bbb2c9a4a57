"""What is asked less often is still asked: users, and the models that an answer names."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from flask import Flask
from google.protobuf.json_format import ParseDict
from mlflow.entities import LoggedModelInput, LoggedModelOutput, Metric, Run, RunData, RunInfo, RunInputs, RunOutputs
from mlflow.protos.service_pb2 import LogBatch, SearchRuns
from mlflow.utils.proto_json_utils import message_to_json

from yolops_server.permissions import names_models, once_per_request, where_models_are_named

INFO = RunInfo(
    run_id="f" * 32,
    experiment_id="0",
    user_id="ada",
    status="RUNNING",
    start_time=1,
    end_time=None,
    lifecycle_stage="active",
)
PLAIN = [Metric("loss", 1.0, 1, 1)]
NOTHING: tuple[RunData, RunInputs, RunOutputs] = (RunData(PLAIN), RunInputs([]), RunOutputs([]))


@dataclass
class Answer:
    """What MLflow answers to a search."""

    run: Run

    def get_data(self) -> bytes:
        return message_to_json(SearchRuns.Response(runs=[self.run.to_proto()])).encode()


@dataclass
class Redaction:
    """Keeps what it was given."""

    read: list[Answer] = field(default_factory=list)

    def __call__(self, answer: Answer) -> None:
        self.read.append(answer)


def is_read(data: RunData, inputs: RunInputs, outputs: RunOutputs) -> bool:
    redaction = Redaction()
    where_models_are_named(redaction)(Answer(Run(INFO, data, inputs, outputs)))
    return bool(redaction.read)


def test_an_answer_that_names_a_model_is_read_by_mlflow_and_another_is_not() -> None:
    data, inputs, outputs = NOTHING
    assert not is_read(data, inputs, outputs)
    assert is_read(RunData([Metric("loss", 1.0, 1, 1, model_id="m-1")]), inputs, outputs)
    assert is_read(data, RunInputs([], [LoggedModelInput("m-1")]), outputs)
    assert is_read(data, inputs, RunOutputs([LoggedModelOutput("m-1", 0)]))


@pytest.mark.parametrize("batch", [{"metrics": [{"key": "loss"}, {"model_id": "m-1"}]}, {"metrics": [{"modelId": ""}]}])
def test_a_batch_that_names_a_model_is_seen_in_every_spelling_of_the_protocol(batch: dict[str, object]) -> None:
    named = ParseDict(batch, LogBatch()).metrics[-1]
    assert named.HasField("model_id")
    assert names_models(batch)


@pytest.mark.parametrize(
    "batch", [None, [], "text", {"metrics": "m"}, {"metrics": ["m"]}, {"metrics": {"model_id": 1}}]
)
def test_what_is_no_batch_is_left_to_mlflow(batch: object) -> None:
    assert names_models(batch)


def test_a_batch_of_plain_points_names_no_model() -> None:
    assert not names_models({"run_id": "f", "metrics": [{"key": "model_id", "value": 1}]})
    assert not names_models({"run_id": "f"})


def test_a_user_is_read_once_in_a_request_about_runs_and_anew_in_the_next() -> None:
    asked: list[str] = []
    get_user = once_per_request(lambda name: asked.append(name) or len(asked))
    application = Flask("of the test")
    for _ in range(2):
        with application.test_request_context("/api/2.0/mlflow/runs/log-batch"):
            assert get_user("ada") == get_user("ada")
            assert get_user("bob") != get_user("ada")
    assert asked == ["ada", "bob"] * 2


def test_a_user_is_read_each_time_in_a_request_that_may_change_her() -> None:
    asked: list[str] = []
    get_user = once_per_request(lambda name: asked.append(name) or len(asked))
    with Flask("of the test").test_request_context("/api/2.0/mlflow/users/update-admin"):
        assert get_user("ada") != get_user("ada")
    assert get_user("ada") != get_user("ada")
