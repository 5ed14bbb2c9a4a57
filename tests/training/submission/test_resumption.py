"""A job that goes on with the run of another is the same job under another name, and what cannot go on is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.training.submission.jobs import PLATFORM, REQUEST, job
from tests.training.submission.test_facts import ENDED
from yolops.datasets.fingerprint import digest
from yolops.errors import UsageError, YolopsError
from yolops.tracking.runs import RunSummary
from yolops.training.sagemaker_job import Job, SageMakerJobs
from yolops.training.submission.resumption import Changes, changed, plan_resumed, read_former, refuse
from yolops.training.submission.spec import Machine, job_name, parts_of

SPOT = Machine("ml.g4dn.xlarge", spot=True, max_run_s=600, max_wait_s=900)
FAILED = replace(ENDED, status="Failed", run_id=REQUEST.run_id)
RUN = RunSummary(
    REQUEST.run_id, "warm", "cells", "FAILED", datetime(2026, 1, 2, tzinfo=UTC), None, {}, {}, {"yolops.dataset": ""}
)


def test_the_new_job_is_the_one_before_under_another_name_with_the_same_checkpoints() -> None:
    for machine in (SPOT, Machine("ml.m5.xlarge", image="v3")):
        before = job(machine, data_bytes=100_000_000_000)
        for number in (2, 3):
            former = read_former(before.create_request())
            after = plan_resumed(PLATFORM, former, former.machine)
            assert after.name == f"cells-yolo11n-warm-01234567-{number}"
            assert replace(after, name=before.name) == before
            before = after


def test_the_names_of_the_jobs_of_a_run_are_told_from_others_even_where_its_id_is_a_number() -> None:
    for run_id in ("12345678" * 4, "1234abcd" * 4):
        first = job_name("cells", "run-2", run_id)
        assert parts_of(first, run_id) == (first, 1)
        assert parts_of(f"{first}-12", run_id) == (first, 12)
    assert len(f"{job_name('x' * 32, 'y' * 99, REQUEST.run_id)}-99") <= 63
    assert parts_of("cells-by-hand-2", "") == ("cells-by-hand-2", 1)


def test_what_a_person_wants_otherwise_is_otherwise_and_all_else_stays() -> None:
    assert changed(SPOT, Changes()) == SPOT
    assert changed(SPOT, Changes(max_run_s=700)) == replace(SPOT, max_run_s=700, max_wait_s=0)
    assert changed(SPOT, Changes(spot=False)) == replace(SPOT, spot=False, max_wait_s=0)
    assert changed(SPOT, Changes("ml.g5.xlarge", max_wait_s=800)).max_wait_s == 800
    with pytest.raises(UsageError, match=r"--instance-type ml\.m5\.xlarge: the training began on ml\.g4dn\.xlarge"):
        changed(SPOT, Changes("ml.m5.xlarge"))


@pytest.mark.parametrize(
    ("run", "newest", "request_changes", "why"),
    [
        ({}, {"status": "InProgress", "stage": "Training"}, {}, "its job .* has not ended"),
        ({}, {"status": "Stopping"}, {}, "has not ended"),
        ({}, {"status": "Completed"}, {}, "this training is finished"),
        ({"status": "FINISHED"}, {"status": "Stopped"}, {}, "this training is finished"),
        ({}, {}, {"parent_run": "1" * 32}, "is a trial of a search"),
        ({"tags": {"yolops.dataset": "0" * 36}}, {}, {}, "the run is about dataset 0000"),
    ],
)
def test_what_cannot_go_on_or_would_be_another_training_is_refused_with_the_reason(
    run: dict[str, Any], newest: dict[str, Any], request_changes: dict[str, Any], why: str
) -> None:
    former = read_former(job(SPOT, **request_changes).create_request())
    with pytest.raises(YolopsError, match=why) as raised:
        refuse(replace(RUN, **run), replace(FAILED, **newest), former)
    assert raised.value.hint


def test_a_job_that_failed_was_stopped_or_ran_out_of_time_may_go_on() -> None:
    former = read_former(job(SPOT).create_request())
    for status, stage in (("Failed", "Failed"), ("Stopped", "Stopped"), ("Stopped", "MaxRuntimeExceeded")):
        recorded = {"yolops.dataset": digest(REQUEST.version)}
        refuse(replace(RUN, tags=recorded), replace(FAILED, status=status, stage=stage), former)


class FakeAws:
    """Knows some jobs by their names."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def pages(self, _service: str, _operation: str, **asked: Any) -> Any:
        return [
            {"TrainingJobSummaries": [{"TrainingJobName": one} for one in self.names if asked["NameContains"] in one]}
        ]

    def call(self, _service: str, _operation: str, *, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        now = datetime(2026, 1, 2, tzinfo=UTC)
        status = {
            "TrainingJobStatus": "Stopped",
            "SecondaryStatus": "Stopped",
            "TrainingJobArn": "a",
            "CreationTime": now,
        }
        return job().create_request() | status | {"TrainingJobName": TrainingJobName}


def test_the_jobs_of_a_run_are_found_by_their_names_the_newest_last() -> None:
    first = job().name
    names = (f"{first}-10", f"{first}-2", first, f"{first}-more-2", f"other-{first}")
    aws: Any = FakeAws(*names)
    jobs = SageMakerJobs(aws, "cells")
    for name in (first, f"{first}-2", f"{first}-10"):
        assert [one.name for one in jobs.of_run(jobs.find(name))] == [first, f"{first}-2", f"{first}-10"]
    by_hand: Job = replace(ENDED, run_id="")
    assert jobs.of_run(by_hand) == [by_hand]
