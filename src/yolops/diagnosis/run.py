"""Runs checks side by side, each with a time of its own: one that hangs or breaks says so and holds nothing up."""

from __future__ import annotations

import queue
import re
import threading
import time
from typing import TYPE_CHECKING

from yolops.aws import DENIED, AwsError
from yolops.diagnosis.check import Outcome, Seen, Skip, Task, Verdict
from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# AWS names the action that it refuses, in most services.
REFUSED = re.compile(r"perform: ([a-z0-9-]+:[A-Za-z]+)")
# What follows from a failure would only say the same again.
FAILED = {Verdict.ERROR, Verdict.SKIPPED}


def run(tasks: Sequence[Task], tell: Callable[[int, int], object] = lambda _done, _of: None) -> list[Outcome]:
    """Run checks, and return what came out of each, in their order.

    Every check runs in a thread of its own as soon as those that it needs have ended. A thread whose time is over is
    left to itself and ends with the command.

    Args:
        tasks: the checks; one that is needed by another stands before it.
        tell: is called with how many are done, of how many.
    """
    answers: queue.Queue[Outcome] = queue.Queue()
    done: dict[str, Outcome] = {}
    deadlines: dict[str, float] = {}
    patience = {task.name: task.patience_s for task in tasks}
    waiting = list(tasks)
    known = patience.keys()  # a check that nobody runs holds nothing up
    while len(done) < len(tasks):
        for task in [task for task in waiting if done.keys() >= known & set(task.needs)]:
            waiting.remove(task)
            if failed := [name for name in task.needs if name in known and done[name].verdict in FAILED]:
                cause = done[failed[0]].because_of or failed[0]
                seen = f"not looked at: see {cause}"
                done[task.name] = Outcome(task.name, Verdict.SKIPPED, seen, because_of=cause)
                continue
            deadlines[task.name] = time.monotonic() + task.patience_s
            threading.Thread(target=lambda task=task: answers.put(_look(task)), daemon=True).start()
        tell(len(done), len(tasks))
        for outcome in _next(answers, deadlines):
            if outcome.check in deadlines:  # one that was given up may still answer
                del deadlines[outcome.check]
                done[outcome.check] = outcome
        for name in [name for name, deadline in deadlines.items() if time.monotonic() >= deadline]:
            del deadlines[name]
            done[name] = _late(name, patience[name])
    return [done[task.name] for task in tasks]


def _next(answers: queue.Queue[Outcome], deadlines: dict[str, float]) -> list[Outcome]:
    """Wait for the next answer until the next deadline."""
    if not deadlines:
        return []
    try:
        return [answers.get(timeout=max(0.0, min(deadlines.values()) - time.monotonic()))]
    except queue.Empty:
        return []


def _look(task: Task) -> Outcome:
    started = time.monotonic()
    verdict = Verdict.OK
    try:
        seen = task.look()
    except Skip as reason:
        seen, verdict = Seen(str(reason)), Verdict.SKIPPED
    except AwsError as error:
        seen = _refused(task, error)
    except YolopsError as error:
        seen = _only(Severity.ERROR, "failed", task, error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - one broken check must not hide what the others have seen
        what = f"the check itself broke ({type(error).__name__}: {error})"
        seen = _only(Severity.ERROR, "check-broke", task, what, "report it: https://github.com/yolops/yolops/issues")
    severities = {finding.severity for finding in seen.findings}
    verdict = next((Verdict(worst) for worst in Severity if worst in severities), verdict)
    return Outcome(task.name, verdict, seen.found, seen.findings, time.monotonic() - started)


def _refused(task: Task, error: AwsError) -> Seen:
    """Tell what whoever looks may not see from what is wrong."""
    if error.code not in DENIED:
        return _only(Severity.ERROR, "aws-refused", task, error.message, error.hint)
    named = REFUSED.search(error.message)
    action = named.group(1) if named else " or ".join(task.actions)
    return _only(Severity.INFO, "not-allowed", task, f"cannot be looked at: needs {action}", error.hint)


def _only(severity: Severity, code: str, task: Task, what: str, fix: str) -> Seen:
    return Seen("", (Finding(severity, code, task.name, what, fix),))


def _late(name: str, patience_s: float) -> Outcome:
    what = f"did not answer within {patience_s:g} s"
    fix = "try again; if it stays so, look at what it asks: the network, the disk or the server"
    finding = Finding(Severity.ERROR, "no-answer-in-time", name, what, fix)
    return Outcome(name, Verdict.ERROR, "", (finding,), patience_s)
