"""What a training asks for when its checkpoint shall become a registered model. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Request:
    """What a record of the spool holds."""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return what `asdict` made the record from."""
        return cls(**{name: record[name] for name in cls.__annotations__})


@dataclass(frozen=True)
class ModelRequest(_Request):
    """A checkpoint that shall become a model.

    Attributes:
        weights: the checkpoint.
        example: a picture to show how the model is called.
        imgsz: pixels of the longer side that the detector was trained with.
    """

    weights: str
    example: str
    imgsz: int


@dataclass(frozen=True)
class Registration(_Request):
    """A model that shall become a version of a registered one.

    Attributes:
        name: of the registered model.
        alias: what the new version is called from now on; empty for nothing.
        metrics: what the version is tagged with.
    """

    name: str
    alias: str
    metrics: Mapping[str, float]
