"""What the check of a dataset found out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from yolops import findings as finding_rules
from yolops.datasets import fingerprint as fingerprints
from yolops.datasets.codes import CODES
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Counts:
    """What is in one split.

    Attributes:
        images: all images.
        labelled: images with at least one box.
        background: images without one.
        boxes: all boxes.
        per_class: the number of boxes of each class, in the order of the names.
    """

    images: int
    labelled: int
    background: int
    boxes: int
    per_class: tuple[int, ...]

    @classmethod
    def of(cls, images: int, labelled: int, per_class: Iterable[int]) -> Counts:
        """Return the counts of so many images, of which some have boxes, so many of each class."""
        boxes = tuple(per_class)
        return cls(images, labelled, images - labelled, sum(boxes), boxes)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for `--json`."""
        return asdict(self) | {"per_class": list(self.per_class)}


@dataclass(frozen=True, slots=True)
class Report:
    """What the check of a dataset found out.

    Attributes:
        source: the description that was read.
        names: the class names.
        splits: counts of every described split.
        findings: what there is to say, of each kind the first 1,000; errors stop training.
        fingerprint: the content of the dataset, 64 hexadecimal characters; empty where the images were not read.
        counts: how many findings there are of each kind.
    """

    source: Path
    names: tuple[str, ...]
    splits: Mapping[str, Counts]
    findings: tuple[Finding, ...]
    fingerprint: str
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def digest(self) -> str:
        """The start of the fingerprint, short enough for MLflow."""
        return fingerprints.digest(self.fingerprint)

    @property
    def errors(self) -> list[Finding]:
        """The findings that stop training."""
        return finding_rules.errors(self.findings)

    def worst_first(self) -> list[tuple[str, int]]:
        """Return how many findings there are of each kind, errors before warnings."""
        return sorted(self.counts.items(), key=lambda item: list(Severity).index(CODES[item[0]].severity))

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Report:
        """Return the report that `as_dict` made a value of.

        Raises:
            KeyError, TypeError, ValueError: it is no such value.
        """
        counts = {
            split: Counts(**{**row, "per_class": tuple(row["per_class"])}) for split, row in value["splits"].items()
        }
        findings = (Finding(**{**item, "severity": Severity(item["severity"])}) for item in value["findings"])
        return cls(
            Path(value["data"]),
            tuple(value["names"]),
            MappingProxyType(counts),
            tuple(findings),
            value["fingerprint"],
            counts=MappingProxyType(dict(value["counts"])),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for `--json`."""
        return {
            "data": str(self.source),
            "fingerprint": self.fingerprint,
            "digest": self.digest,
            "names": list(self.names),
            "splits": {split: counts.as_dict() for split, counts in self.splits.items()},
            "counts": dict(self.counts),
            "findings": [finding.as_dict() for finding in self.findings],
        }
