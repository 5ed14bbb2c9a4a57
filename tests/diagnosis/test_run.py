"""Checks that are run side by side: each has its say, and none holds up the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from yolops.aws import AwsError
from yolops.diagnosis.check import Check, Notes, Outcome, Seen, Skip, Task, Verdict
from yolops.diagnosis.run import run
from yolops.errors import YolopsError


def fails(error: Exception) -> Callable[[], Seen]:
    def look() -> Seen:
        raise error

    return look


def sees(found: str = "all right") -> Callable[[], Seen]:
    return lambda: Seen(found)


def only(task: Task) -> Outcome:
    (outcome,) = run([task])
    return outcome


def test_a_check_that_hangs_is_an_error_and_holds_nothing_up() -> None:
    hanging = threading.Event()
    started = time.monotonic()
    late, quick = run([Task("slow", lambda: Seen(str(hanging.wait(30))), patience_s=0.2), Task("quick", sees())])
    assert time.monotonic() - started < 20, "the check hangs for thirty seconds"
    hanging.set()
    assert (late.verdict, late.findings[0].what) == (Verdict.ERROR, "did not answer within 0.2 s")
    assert quick.verdict is Verdict.OK


def test_checks_run_side_by_side_and_are_told_in_their_order() -> None:
    together = threading.Barrier(5)
    tasks = [Task(f"{number}", lambda: Seen(str(together.wait(10)))) for number in range(5)]
    told: list[tuple[int, int]] = []
    assert [outcome.check for outcome in run(tasks, lambda done, of: told.append((done, of)))] == list("01234")
    assert told[0] == (0, 5)
    assert told[-1][0] == 4, "whoever waits is told of each that ends"


@pytest.mark.parametrize(
    ("error", "verdict", "code", "what"),
    [
        (YolopsError("x: broken", "mend x"), Verdict.ERROR, "failed", "x: broken"),
        (AwsError("AWS rds: no answer", "wait"), Verdict.ERROR, "aws-refused", "AWS rds: no answer"),
        (KeyError("Status"), Verdict.ERROR, "check-broke", "the check itself broke (KeyError: 'Status')"),
        (
            AwsError(
                "not allowed (User: x is not authorized to perform: rds:DescribeDBInstances on: y)", "", "AccessDenied"
            ),
            Verdict.INFO,
            "not-allowed",
            "cannot be looked at: needs rds:DescribeDBInstances",
        ),
        (
            AwsError("not allowed (Forbidden)", "", "AccessDenied"),
            Verdict.INFO,
            "not-allowed",
            "cannot be looked at: needs s3:ListBucket",
        ),
    ],
)
def test_what_goes_wrong_in_a_check_is_what_it_found(error: Exception, verdict: Verdict, code: str, what: str) -> None:
    outcome = only(Task("it", fails(error), actions=("s3:ListBucket",)))
    assert (outcome.verdict, outcome.findings[0].code, outcome.findings[0].what) == (verdict, code, what)


def test_the_worst_finding_is_the_verdict() -> None:
    notes = Notes("here")
    notes.info("a", "something", "")
    notes.error("b", "broken", "mend it", "there")
    notes.warning("c", "nearly broken", "watch it")
    outcome = only(Task("it", lambda: notes.seen("three things")))
    assert outcome.verdict is Verdict.ERROR
    assert [finding.where for finding in outcome.findings] == ["here", "there", "here"]
    assert outcome.as_dict()["findings"][1] == {
        "severity": "error",
        "code": "b",
        "where": "there",
        "what": "broken",
        "fix": "mend it",
    }


def test_what_builds_upon_a_failed_check_is_not_looked_at() -> None:
    tasks = [
        Task("login", fails(YolopsError("no login"))),
        Task("state", sees(), needs=("login",)),
        Task("bucket", fails(AssertionError("must not be asked")), needs=("state",)),
        Task("disk", sees(), needs=("something that nobody checks",)),
    ]
    found = {outcome.check: (outcome.verdict.value, outcome.found) for outcome in run(tasks)}
    assert found == {
        "login": ("error", ""),
        "state": ("skipped", "not looked at: see login"),
        "bucket": ("skipped", "not looked at: see login"),
        "disk": ("ok", "all right"),
    }


def test_what_builds_upon_a_check_waits_for_it_outside_its_own_time() -> None:
    order: list[str] = []

    def slow() -> Seen:
        time.sleep(0.3)
        order.append("first")
        return Seen("")

    tasks = [Task("first", slow), Task("second", lambda: Seen(str(order)), needs=("first",), patience_s=0.2)]
    assert run(tasks)[1].found == "['first']"


def test_nothing_to_see_is_no_failure() -> None:
    outcome = only(Task("GPU", fails(Skip("torch is not installed"))))
    assert (outcome.verdict, outcome.found) == (Verdict.SKIPPED, "torch is not installed")


def test_a_check_is_told_of_by_its_first_line() -> None:
    def look(_: object) -> Seen:
        """There is room.

        More than that nobody needs to know.
        """
        return Seen("")

    assert Check("disk", look).about == "There is room."
