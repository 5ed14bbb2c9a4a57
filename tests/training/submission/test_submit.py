"""Submitting to a real MLflow with logins: the run is there before the job, and says so when there will be none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.secure_mlflow import SecureMlflow
from tests.training.submission.jobs import job
from yolops.errors import YolopsError
from yolops.platform.access import Credentials
from yolops.tracking.pending_runs import PendingRun, create_pending, set_tags
from yolops.tracking.rest import MlflowRest
from yolops.tracking.users import add_user
from yolops.training.submission.job_login import ensure_user, let_train
from yolops.training.submission.spec import JobSpec
from yolops.training.submission.submit import submit, submit_again

LOGIN = Credentials("training-jobs", "the password of the jobs")


class Jobs:
    """SageMaker, which remembers how the run was when a job was asked for, and may refuse."""

    def __init__(self, rest: MlflowRest, refusal: BaseException | None = None) -> None:
        self._rest = rest
        self._refusal = refusal
        self.seen: dict[str, Any] = {}
        self.name = ""

    def create(self, request: dict[str, Any]) -> str:
        self.name = str(request["TrainingJobName"])
        self.seen = run_of(self._rest, self.name)
        if self._refusal is not None:
            raise self._refusal
        return f"arn:{self.name}"


def run_of(rest: MlflowRest, job_name: str) -> dict[str, Any]:
    experiment = rest.get("experiments/get-by-name", experiment_name="cells")["experiment"]["experiment_id"]
    wanted = f"tags.`yolops.job.name` = '{job_name}'"
    [run] = rest.post("runs/search", experiment_ids=[experiment], filter=wanted)["runs"]
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    return {"status": run["info"]["status"], "run_id": run["info"]["run_id"], "tags": tags}


def plan(run: PendingRun) -> JobSpec:
    return job(run_id=run.run_id)


def test_a_run_is_scheduled_and_pending_before_its_job_is_asked_for(rest: MlflowRest) -> None:
    jobs = Jobs(rest)
    submitted = submit(jobs, rest, "cells", "warm", plan)
    assert (jobs.seen["status"], jobs.seen["tags"]["yolops.job.status"]) == ("SCHEDULED", "pending")
    assert jobs.seen["run_id"] == submitted.run.run_id == submitted.spec.request.run_id
    assert submitted.arn == f"arn:{submitted.spec.name}"


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (YolopsError("the quota is used up", "wait"), "no job was started: the quota is used up"),
        (KeyboardInterrupt(), "interrupted before its job was started"),
    ],
)
def test_the_run_of_a_job_that_was_not_started_has_failed_and_says_why(
    rest: MlflowRest, refusal: BaseException, why: str
) -> None:
    jobs = Jobs(rest, refusal)
    with pytest.raises(type(refusal)):
        submit(jobs, rest, "cells", "warm", plan)
    run = run_of(rest, jobs.name)
    assert (run["status"], run["tags"]["yolops.error"]) == ("FAILED", why)


def test_a_run_that_goes_on_is_scheduled_before_its_new_job_is_asked_for_and_has_its_name_then(
    rest: MlflowRest,
) -> None:
    began = submit(Jobs(rest), rest, "cells", "warm", plan)
    rest.post("runs/update", run_id=began.run.run_id, status="KILLED")
    set_tags(rest, began.run.run_id, {"yolops.job.failure": "out of memory"})
    seen: list[str] = []

    class Again:
        def create(self, request: dict[str, Any]) -> str:
            seen.append(run_of(rest, began.spec.name)["status"])
            return f"arn:{request['TrainingJobName']}"

    spec = replace(began.spec, name=f"{began.spec.name}-2")
    assert submit_again(Again(), rest, began.run.run_id, spec).run == began.run
    run = run_of(rest, spec.name)
    assert (seen, run["run_id"], run["status"]) == (["SCHEDULED"], began.run.run_id, "SCHEDULED")
    assert (run["tags"]["yolops.job.status"], run["tags"]["yolops.job.failure"]) == ("pending", "")


def test_a_run_whose_new_job_is_refused_is_as_it_was(rest: MlflowRest) -> None:
    began = submit(Jobs(rest), rest, "cells", "warm", plan)
    rest.post("runs/update", run_id=began.run.run_id, status="KILLED")
    before = run_of(rest, began.spec.name)

    class Full:
        def create(self, _request: dict[str, Any]) -> str:
            raise YolopsError("no capacity", "wait")

    with pytest.raises(YolopsError, match="no capacity"):
        submit_again(Full(), rest, began.run.run_id, replace(began.spec, name="another"))
    assert run_of(rest, began.spec.name) == before


def test_a_deleted_experiment_is_named_with_what_to_do(rest: MlflowRest) -> None:
    made = create_pending(rest, "old", "warm", {})
    rest.post("experiments/delete", experiment_id=made.experiment_id)
    with pytest.raises(YolopsError, match="'old' was deleted"):
        create_pending(rest, "old", "warm", {})


def test_jobs_may_train_into_their_experiment_and_no_other(mlflow: SecureMlflow, rest: MlflowRest) -> None:
    for name in ("cells", "secret"):
        create_pending(rest, name, "warm", {})
    for _ in range(2):
        ensure_user(rest, mlflow.access(), LOGIN)
        let_train(rest, LOGIN, "cells", "a model that is not there")
    jobs = mlflow.rest(LOGIN.username, LOGIN.password)
    create_pending(jobs, "cells", "by the job", {})
    with pytest.raises(YolopsError, match="403"):
        create_pending(jobs, "secret", "by the job", {})


def test_a_new_password_of_the_jobs_replaces_the_old_one_and_they_may_do_what_they_might(
    mlflow: SecureMlflow, rest: MlflowRest
) -> None:
    create_pending(rest, "cells", "warm", {})
    ensure_user(rest, mlflow.access(), LOGIN)
    let_train(rest, LOGIN, "cells", "")
    for password in ("another password", LOGIN.password):
        ensure_user(rest, mlflow.access(), Credentials(LOGIN.username, password))
        create_pending(mlflow.rest(LOGIN.username, password), "cells", "by the job", {})


def test_only_an_administrator_lets_jobs_in(mlflow: SecureMlflow, rest: MlflowRest) -> None:
    add_user(rest, "ada", "the password of ada", admin=False)
    unknown = Credentials("others", "the password of others")
    with pytest.raises(YolopsError, match="does not know the jobs of this platform yet") as raised:
        ensure_user(mlflow.rest("ada", "the password of ada"), mlflow.access(), unknown)
    assert "administrator" in raised.value.hint
