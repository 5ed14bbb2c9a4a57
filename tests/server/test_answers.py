"""Answers are written as MLflow writes them, to the letter, whatever message it is."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.protos import mlflow_artifacts_pb2, model_registry_pb2, service_pb2
from mlflow.protos.service_pb2 import SearchRuns
from mlflow.utils.proto_json_utils import message_to_json

from yolops_server.answers import quickly

NUMBERS = st.integers(-(2**31), 2**31 - 1)
VALUES: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_STRING: st.text(),
    FieldDescriptor.TYPE_BYTES: st.binary(),
    FieldDescriptor.TYPE_DOUBLE: st.floats(),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.TYPE_INT32: NUMBERS,
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
}
SERVICES = [
    service_pb2.DESCRIPTOR.services_by_name["MlflowService"],
    model_registry_pb2.DESCRIPTOR.services_by_name["ModelRegistryService"],
    mlflow_artifacts_pb2.DESCRIPTOR.services_by_name["MlflowArtifactsService"],
]
DEPTH = 3


def answers() -> list[Any]:
    """Return the messages that MLflow answers with."""
    asked = {method.input_type for service in SERVICES for method in service.methods}
    return [
        request._concrete_class.Response
        for request in sorted(asked, key=lambda item: item.full_name)
        if "Response" in request.nested_types_by_name
    ]


def fill(draw: st.DrawFn, message: Any, depth: int = 0) -> Any:
    """Give some fields of a message a value."""
    for field in message.DESCRIPTOR.fields:
        if not draw(st.booleans()):
            continue
        count = draw(st.integers(1, 2)) if field.is_repeated else 1
        value = getattr(message, field.name)
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if field.message_type.GetOptions().map_entry:
                fill_map(draw, value, field.message_type)
            elif field.message_type.file.package.startswith("google."):
                # Values that a moment or a duration cannot have are refused: zero is one that they can.
                (value.add() if field.is_repeated else value).SetInParent()
            elif depth < DEPTH:
                for _ in range(count):
                    inner = value.add() if field.is_repeated else value
                    inner.SetInParent()
                    fill(draw, inner, depth + 1)
            continue
        kind = VALUES.get(field.type)
        if kind is None:
            kind = st.sampled_from([value.number for value in field.enum_type.values])
        drawn = [draw(kind) for _ in range(count)]
        if field.is_repeated:
            value.extend(drawn)
        else:
            setattr(message, field.name, drawn[0])
    return message


def fill_map(draw: st.DrawFn, entries: Any, kind: Any) -> None:
    """Give a map one entry."""
    key, value = (kind.fields_by_name[name] for name in ("key", "value"))
    if value.type != FieldDescriptor.TYPE_MESSAGE:
        entries[draw(VALUES[key.type])] = draw(VALUES[value.type])
    else:
        entries[draw(VALUES[key.type])].SetInParent()


@st.composite
def filled(draw: st.DrawFn) -> Any:
    return fill(draw, draw(st.sampled_from(answers()))())


@given(message=filled())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_answer_is_what_mlflow_writes(message: Any) -> None:
    assert quickly(message_to_json)(message) == message_to_json(message, pretty=False)


def test_every_answer_of_a_search_of_runs_is_written_here() -> None:
    def nobody(*_: object, **__: object) -> str:
        raise AssertionError("left to MLflow")

    found = SearchRuns.Response()
    run = found.runs.add()
    run.info.status, run.info.start_time = service_pb2.FINISHED, 2**62
    run.data.metrics.add(key="loss", value=float("nan"), timestamp=2**62, step=-1)
    run.inputs.dataset_inputs.add().dataset.name = "cells"
    run.outputs.model_outputs.add(model_id="m-1", step=0)
    assert quickly(nobody)(found) == message_to_json(found, pretty=False)


@pytest.mark.parametrize("options", [{}, {"convert_int64_to_number": False}, {"pretty": True}])
def test_what_is_asked_of_mlflow_otherwise_is_answered(options: dict[str, bool]) -> None:
    found = SearchRuns.Response()
    found.runs.add().info.start_time = 7
    assert quickly(message_to_json)(found, **options) == message_to_json(found, **{**options, "pretty": False})
