"""What a training asks for when its checkpoint shall become a registered model. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ModelRequest:
    """A checkpoint that shall become a model.

    Attributes:
        weights: the checkpoint.
        example: a picture to show how the model is called.
        imgsz: pixels of the longer side that the detector was trained with.
    """

    weights: str
    example: str
    imgsz: int

    def as_record(self) -> dict[str, object]:
        """Return the fields of a spool record."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ModelRequest:
        """Return what `as_record` was made from."""
        return cls(**{name: record[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Registration:
    """A model that shall become a version of a registered one.

    Attributes:
        name: of the registered model.
        alias: what the new version is called from now on; empty for nothing.
        metrics: what the version is tagged with.
    """

    name: str
    alias: str
    metrics: Mapping[str, float]

    def as_record(self) -> dict[str, object]:
        """Return the fields of a spool record."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Registration:
        """Return what `as_record` was made from."""
        return cls(**{name: record[name] for name in cls.__dataclass_fields__})
