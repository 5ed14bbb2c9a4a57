"""What a run is told of its job."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from yolops.training.sagemaker_job import Job
from yolops.training.submission.facts import cost, facts, total

ENDED = Job(
    name="cells-warm-01234567",
    status="Completed",
    stage="Completed",
    created=datetime(2026, 1, 2, tzinfo=UTC),
    ended=datetime(2026, 1, 2, 1, tzinfo=UTC),
    arn="arn:aws:sagemaker:eu-central-1:123456789012:training-job/cells-warm-01234567",
    instance_type="ml.g4dn.xlarge",
    spot=True,
    image="image",
    seconds=3600,
    billed_seconds=900,
    interruptions=1,
    model_uri="",
    failure="",
    stages=(),
    run_id="0" * 32,
)


def test_a_run_is_told_what_was_billed_saved_and_paid_and_where_the_log_is() -> None:
    assert {name.removeprefix("yolops.job."): value for name, value in facts([ENDED], cost(ENDED, 0.736)).items()} == {
        "status": "Completed",
        "name": "cells-warm-01234567",
        "arn": ENDED.arn,
        "instance_type": "ml.g4dn.xlarge",
        "spot": "true",
        "interruptions": "1",
        "seconds": "3600",
        "billed_seconds": "900",
        "spot_saving": "0.75",
        "cost_usd": "0.184",
        "log": "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:log-groups/"
        "log-group/$252Faws$252Fsagemaker$252FTrainingJobs$3FlogStreamNameFilter$3Dcells-warm-01234567",
    }


def test_what_is_not_known_is_not_said() -> None:
    running = replace(ENDED, status="InProgress", seconds=None, billed_seconds=None)
    assert cost(running, 0.736) is None
    assert cost(ENDED, None) is None
    unknown = {"yolops.job.billed_seconds", "yolops.job.spot_saving", "yolops.job.cost_usd", "yolops.job.failure"}
    assert not unknown & facts([running], None).keys()


def test_a_run_that_went_on_in_another_job_has_times_and_costs_of_both_and_all_else_of_the_newest() -> None:
    newest = replace(ENDED, name="cells-warm-01234567-2", spot=False, seconds=100, billed_seconds=100, interruptions=0)
    told = facts([ENDED, newest], 0.2)
    assert (told["yolops.job.seconds"], told["yolops.job.billed_seconds"]) == ("3700", "1000")
    assert (told["yolops.job.spot_saving"], told["yolops.job.interruptions"]) == ("0.7297", "1")
    assert (told["yolops.job.name"], told["yolops.job.spot"]) == (newest.name, "false")
    assert (told["yolops.job.earlier"], told["yolops.job.cost_usd"]) == (ENDED.name, "0.2")
    running = replace(newest, billed_seconds=None, seconds=None)
    assert not {"yolops.job.seconds", "yolops.job.billed_seconds"} & facts([ENDED, running], None).keys()
    assert (total([0.5, 0.25]), total([1, None]), total([])) == (0.75, None, None)
