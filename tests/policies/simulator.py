"""Asks the simulator of AWS's authorization, one node process for thousands of questions (see simulate.mjs)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PACKAGES = Path(sys.prefix) / "policies"

Document = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One call to AWS, made by the role whose policies are asked, or by `principal` where a trust policy is."""

    action: str
    resource: str
    context: dict[str, str] = field(default_factory=dict)
    principal: str | None = None

    def __str__(self) -> str:
        by = f" by {self.principal}" if self.principal else ""
        return f"{self.action} on {self.resource}{by}" + (f" with {self.context}" if self.context else "")


def missing() -> str:
    """Return why the simulator cannot be asked on this machine; empty if it can."""
    if shutil.which("node") is None:
        return "node is not installed, and the simulator of AWS's permissions runs on it"
    if not (PACKAGES / "node_modules" / "@cloud-copilot" / "iam-simulate").is_dir():
        return f"the simulator is not in {PACKAGES}: install npm, then `make {PACKAGES.parent.name}/policies.done`"
    return ""


class Simulator:
    """A running simulator; end it with `close`."""

    def __init__(self) -> None:
        argv = ["node", str(HERE / "simulate.mjs"), str(PACKAGES)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        self._process.communicate()

    def actions(self, services: set[str]) -> dict[str, list[str]]:
        """Return every action of services, each with templates of the ARNs it acts on, if it supports any."""
        answer: dict[str, list[str]] = self._ask({"services": sorted(services)})
        return answer

    def ask(
        self,
        policies: dict[str, Document],
        requests: list[Request],
        *,
        resource_policy: Document | None = None,
        first: bool = False,
    ) -> list[str]:
        """Return a word for each request, or until the first allowed one: allowed, denied, or what is wrong."""
        question = {
            "policies": policies,
            "requests": [{key: value for key, value in vars(one).items() if value} for one in requests],
            "resourcePolicy": resource_policy,
            "first": first,
        }
        answer: list[str] = self._ask(question)
        return answer

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if isinstance(answer, dict) and "error" in answer:
            raise ValueError(answer["error"])
        return answer


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(re.escape(glob).replace(r"\*", ".*").replace(r"\?", "."), re.IGNORECASE | re.DOTALL)


def matches(glob: str, text: str) -> bool:
    """Return whether a text is what a pattern of a policy means; in doubt about large and small letters, yes."""
    return _pattern(glob).fullmatch(text) is not None


def listed(value: str | list[str]) -> list[str]:
    """Return what a policy may write as one text or as a list, as a list."""
    return [value] if isinstance(value, str) else value
