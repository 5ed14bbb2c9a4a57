"""What a training asks for when it wants its checkpoint to become a model. Imports nothing heavy."""

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
        register_as: name of the registered model; empty when it shall not be registered.
        alias: alias that the new version gets.
        metrics: what the version is tagged with.
    """

    weights: str
    example: str
    imgsz: int
    register_as: str = ""
    alias: str = ""
    metrics: Mapping[str, float] | None = None

    def as_record(self) -> dict[str, object]:
        """Return the fields of a spool record."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ModelRequest:
        """Return what `as_record` was made from."""
        return cls(**{name: record[name] for name in cls.__dataclass_fields__})
