"""Writes MLflow's answers in JSON as MLflow does, going through each message once instead of three times."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

if TYPE_CHECKING:
    from collections.abc import Callable

# What stands in JSON as it is in Python; MLflow writes integers of 64 bits as numbers, unlike protobuf.
AS_IT_IS = {
    *(FieldDescriptor.CPPTYPE_BOOL, FieldDescriptor.CPPTYPE_STRING),
    *(FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64),
    *(FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64),
}


class OtherFieldError(Exception):
    """A field of a kind that MLflow has to write itself."""


def quickly(message_to_json: Callable[..., str]) -> Callable[..., str]:
    """Return what writes a message as MLflow's function does, which is left what is rare, and always without spaces."""

    def write(message: Any, *, pretty: bool = True, convert_int64_to_number: bool = True) -> str:  # noqa: ARG001
        if convert_int64_to_number:
            with suppress(OtherFieldError):
                return json.dumps(_plain(message), separators=(",", ":"))
        return message_to_json(message, pretty=False, convert_int64_to_number=convert_int64_to_number)

    return write


def _plain(message: Any) -> dict[str, Any]:
    found = {}
    for field, value in message.ListFields():
        name, convert, is_repeated = _kind(field)
        if convert is None:
            found[name] = list(value) if is_repeated else value
        else:
            found[name] = [convert(one) for one in value] if is_repeated else convert(value)
    return found


@lru_cache(None)
def _kind(field: Any) -> tuple[str, Callable[[Any], Any] | None, bool]:
    """Return the name of a field, what turns a value of it into what JSON knows, and whether it holds several."""
    if field.is_extension:
        raise OtherFieldError
    if field.cpp_type in AS_IT_IS and field.type != FieldDescriptor.TYPE_BYTES:
        return field.name, None, field.is_repeated
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return field.name, _number, field.is_repeated
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM and not field.enum_type.file.package.startswith("google."):
        names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
        return field.name, names.__getitem__, field.is_repeated
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        kind = field.message_type
        if not kind.GetOptions().map_entry and not kind.file.package.startswith("google."):
            return field.name, _plain, field.is_repeated
    raise OtherFieldError


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
