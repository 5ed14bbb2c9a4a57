"""What a check has to say: one finding is where, what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Severity(StrEnum):
    """How much a finding matters, the worst first: an error stops what would follow, a warning does not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check has to say.

    Attributes:
        severity: whether it stops what would follow.
        code: a stable, greppable name such as `class-out-of-range`.
        where: a file, with `:line` where there is one, or a setting.
        what: what is wrong, in one line.
        fix: what to do, in one line.
    """

    severity: Severity
    code: str
    where: str
    what: str
    fix: str

    def as_dict(self) -> dict[str, str]:
        """Return the finding as plain strings, for `--json`."""
        return {
            "severity": self.severity.value,
            "code": self.code,
            "where": self.where,
            "what": self.what,
            "fix": self.fix,
        }


def counted(number: int, one: str, more: str = "") -> str:
    """Return a number with its noun: `1 image`, `2 images`, `0 classes`; `more` is a plural that is not with an s."""
    return f"{number} {one if number == 1 else more or f'{one}s'}"


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return only the findings that stop what would follow."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]
