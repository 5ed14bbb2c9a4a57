"""What a check is, and what it has to say when it has looked.

A check is a name and a function. What the function looks at is handed to it, so that a test can hand it something
else; its first line of documentation is what the reference says of it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 20.0
SubjectT = TypeVar("SubjectT")


class Skip(Exception):
    """There is nothing to look at; its text says why."""


@dataclass(frozen=True)
class Seen:
    """What a check has seen.

    Attributes:
        found: what is there, in one line.
        findings: what is wrong with it; empty when nothing is.
    """

    found: str
    findings: tuple[Finding, ...] = ()


class Verdict(StrEnum):
    """How a check has ended."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """What came out of one check.

    Attributes:
        check: its name.
        verdict: how it has ended: as bad as the worst of its findings.
        found: what is there, or why nothing was looked at, in one line.
        findings: what is wrong.
        seconds: how long it took.
        because_of: the check whose failure left nothing to look at here.
    """

    check: str
    verdict: Verdict
    found: str
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    because_of: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for `--json`."""
        return {
            "check": self.check,
            "verdict": self.verdict.value,
            "found": self.found,
            "findings": [finding.as_dict() for finding in self.findings],
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Check(Generic[SubjectT]):
    """One thing to look at.

    Attributes:
        name: what it is called, such as `free disk`.
        look: looks, and returns what it has seen. It raises `Skip` when there is nothing to see, and a `YolopsError`
            when that itself is what is wrong.
        patience_s: seconds it may take.
        needs: the names of the checks that must not have failed, because this one builds upon what they look at.
        actions: what AWS must allow whoever looks, such as `rds:DescribeDBInstances`.
    """

    name: str
    look: Callable[[SubjectT], Seen]
    patience_s: float = PATIENCE_S
    needs: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What it looks at, in one line."""
        return (inspect.getdoc(self.look) or "").partition("\n")[0]

    def of(self, subject: SubjectT) -> Task:
        """Return the check of one thing, ready to be run."""
        return Task(self.name, partial(self.look, subject), self.patience_s, self.needs, self.actions)


@dataclass(frozen=True)
class Task:
    """A check of one thing; see `Check`."""

    name: str
    look: Callable[[], Seen]
    patience_s: float = PATIENCE_S
    needs: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


@dataclass
class Notes:
    """The findings of one check, while it looks.

    Attributes:
        where: what they are about, unless one says otherwise.
    """

    where: str
    findings: list[Finding] = field(default_factory=list)

    def error(self, code: str, what: str, fix: str, where: str = "") -> None:
        """Take note of what stops the work."""
        self._add(Severity.ERROR, code, what, fix, where)

    def warning(self, code: str, what: str, fix: str, where: str = "") -> None:
        """Take note of what will stop it, or spoils it."""
        self._add(Severity.WARNING, code, what, fix, where)

    def info(self, code: str, what: str, fix: str) -> None:
        """Take note of what is worth knowing."""
        self._add(Severity.INFO, code, what, fix, "")

    def seen(self, found: str) -> Seen:
        """Return what was found with all that was noted."""
        return Seen(found, tuple(self.findings))

    def _add(self, severity: Severity, code: str, what: str, fix: str, where: str) -> None:
        self.findings.append(Finding(severity, code, where or self.where, what, fix))
