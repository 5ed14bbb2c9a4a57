"""What a server in AWS says of its own boot, so that nobody needs to log in to it to learn why it does not answer.

It writes one JSON object for each step into a log stream of its own, `boot/<instance>`:

    {"phase": "installing", "reason": "the packages of MLflow", "seconds": 12.3}

The latest one counts. A stream bears the name of its instance, so what a former one said is not taken for this one's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.aws import absent_ok

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yolops.aws import Aws

FAILED = "failed"
READY = "ready"
STREAM = "boot/"
# A line of something else may stand behind the last one of ours.
LATEST = 20


@dataclass(frozen=True)
class BootReport:
    """How far an instance is.

    Attributes:
        instance_id: which one.
        phase: `installing`, `starting`, `ready` or `failed`.
        reason: what it does, or why it failed.
        seconds: since it began.
    """

    instance_id: str
    phase: str
    reason: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether it will not go on by itself."""
        return self.phase == FAILED

    def line(self) -> str:
        """Return it in one line."""
        return f"{self.phase} ({self.seconds:.0f} s){f': {self.reason}' if self.reason else ''}"


def latest_report(instance_id: str, messages: Iterable[str]) -> BootReport | None:
    """Return the last report among the lines of a log; None where there is none."""
    found = None
    for message in messages:
        try:
            said = json.loads(message)
            seconds = float(said.get("seconds") or 0.0)
            found = BootReport(instance_id, said["phase"], str(said.get("reason") or ""), seconds)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def read_boot_report(aws: Aws, log_group: str, instance_id: str) -> BootReport | None:
    """Return what an instance said last; None before its first word, or where there is no single server.

    Raises:
        AwsError: AWS refuses, or cannot be reached.
    """
    if not (log_group and instance_id):
        return None
    return latest_report(instance_id, last_messages(aws, log_group, f"{STREAM}{instance_id}", LATEST))


def last_messages(aws: Aws, log_group: str, stream: str, most: int) -> list[str]:
    """Return the last messages of a log stream, the newest last; none where it is not there.

    Raises:
        AwsError: AWS refuses, or cannot be reached.
    """
    asked = {"logGroupName": log_group, "logStreamName": stream, "startFromHead": False, "limit": most}
    with absent_ok():
        return [str(event["message"]) for event in aws.call("logs", "get_log_events", **asked)["events"]]
    return []
