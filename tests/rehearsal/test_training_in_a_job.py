"""A training in a job of simulated SageMaker, with a real MLflow: interrupted like spot, it goes on."""

from __future__ import annotations

import io
import json
import os
import random
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import yolops
from tests.e2e.conftest import MICRO
from tests.rehearsal.conftest import Aws, wait_for
from tests.rehearsal.job_client import BUCKET, Jobs, channel, spot, stages
from tests.secure_mlflow import ADMIN, SecureMlflow, secure_mlflow
from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.sample import write_sample
from yolops.datasets.versions.push import push
from yolops.datasets.versions.store import directory
from yolops.errors import YolopsError
from yolops.training.job.checkpoints import PLACES
from yolops.training.job.contract import MODULE, JobRequest

pytestmark = pytest.mark.timeout(1800)
# A handful, or as many as `make faults` says.
INTERRUPTIONS = int(os.environ.get("YOLOPS_INTERRUPTIONS", "2"))
SEED = os.environ.get("YOLOPS_SEED") or str(random.SystemRandom().randrange(10**6))
A_JOB = 4
EPOCHS = 5
QUICK = {"imgsz": 64, "batch": 8, "device": "cpu", "plots": False, "seed": 1}
# Where other tests take the processors, an import of torch alone takes half a minute.
PATIENCE_S = 600
METRIC = "metrics/mAP50_B"


@dataclass(frozen=True)
class Trainings:
    """Starts trainings in jobs, and looks at their runs."""

    aws: Aws
    jobs: Jobs
    mlflow: SecureMlflow
    secret: str
    version: str

    def start(self, name: str, *, epochs: int = EPOCHS, **more: Any) -> str:
        """Make a run that waits, start a job for it, and return the run's ID."""
        rest = self.mlflow.rest()
        run_id = rest.post("runs/create", experiment_id="0", run_name=name)["run"]["info"]["run_id"]
        rest.post("runs/update", run_id=run_id, status="SCHEDULED")
        self.submit(name, run_id, epochs=epochs, **more)
        return str(run_id)

    def submit(self, name: str, run_id: str, *, epochs: int = EPOCHS, **more: Any) -> None:
        """Start a job for a run that there is."""
        wanted: dict[str, Any] = {"dataset": f"s3://{BUCKET}/datasets/shapes", "version": self.version}
        request = JobRequest(
            run_id=run_id,
            experiment="Default",
            name=name,
            model="micro.yaml",
            arguments={**QUICK, "epochs": epochs, **more.pop("arguments", {})},
            **(wanted | more.pop("request", {})),
        )
        algorithm = {
            "TrainingImage": "image",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "-m", MODULE],
        }
        environment = {
            "MLFLOW_TRACKING_URI": self.mlflow.uri,
            "YOLOPS_LOGIN_SECRET_ARN": self.secret,
            "YOLOPS_BUCKET": BUCKET,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(yolops.__file__).parents[1]),
        }
        self.jobs.create(
            name,
            AlgorithmSpecification=algorithm,
            HyperParameters=request.as_hyperparameters(),
            **{
                "Environment": environment,
                "InputDataConfig": [channel("model", f"s3://{BUCKET}/models/")],
                **spot(name),
                **more,
            },
        )

    def run(self, run_id: str) -> dict[str, Any]:
        return dict(self.mlflow.rest().get("runs/get", run_id=run_id)["run"])

    def tags(self, run_id: str) -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in self.run(run_id)["data"]["tags"]}

    def status(self, run_id: str) -> str:
        return str(self.run(run_id)["info"]["status"])

    def series(self, run_id: str) -> dict[str, list[tuple[int, float]]]:
        """Return every point of every metric of a training: what is neither of the machine nor of its speed."""
        names = {metric["key"] for metric in self.run(run_id)["data"].get("metrics", [])}
        return {name: self.points(run_id, name) for name in names if not name.startswith(("system/", "speed/"))}

    def points(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        history = self.mlflow.rest().get("metrics/get-history", run_id=run_id, metric_key=metric)
        return [(int(point.get("step", 0)), float(point["value"])) for point in history.get("metrics", [])]

    def steps(self, run_id: str) -> list[int]:
        return [step for step, _ in self.points(run_id, METRIC)]

    def weights(self, job: str) -> dict[str, Any]:
        """Return the weights that a job has left as its best."""
        import torch

        body = self.aws.client("s3").get_object(Bucket=BUCKET, Key=f"jobs/{job}/output/model.tar.gz")["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            stream = archive.extractfile("best.pt")
            assert stream is not None
            return dict(torch.load(io.BytesIO(stream.read()), weights_only=False)["model"].state_dict())

    def completed(self, job: str) -> dict[str, Any]:
        ended = self.jobs.end(job, PATIENCE_S)
        assert ended["TrainingJobStatus"] == "Completed", (ended.get("FailureReason"), self.jobs.log(job)[-30:])
        return ended

    def interrupt(self, job: str, grace_s: float) -> bool:
        """Take the instance of a job away as soon as there is one that trains; return whether there was."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.jobs.describe(job)["TrainingJobStatus"] == "InProgress":
            try:
                self.aws.rehearsal.interrupt(job, grace_s)
            except YolopsError:
                time.sleep(0.1)
            else:
                return True
        return False

    def instance(self, job: str) -> Path:
        """Return what the job calls /opt/ml."""
        return self.aws.root / ".yolops/rehearsal/jobs/us-east-1" / job / "ml"


@pytest.fixture(scope="module")
def trainings(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    root = tmp_path_factory.mktemp("training")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    dataset = read_dataset(write_sample(root / "shapes", images=(16, 8, 4)))
    version = check(dataset).fingerprint
    push(directory(root / "store"), "shapes", dataset, version=version)
    for path in (root / "store").rglob("*"):
        if path.is_file():
            s3.put_object(
                Bucket=BUCKET, Key=f"datasets/{path.relative_to(root / 'store').as_posix()}", Body=path.read_bytes()
            )
    s3.put_object(Bucket=BUCKET, Key="models/micro.yaml", Body=MICRO.encode())
    login = json.dumps({"username": ADMIN.username, "password": ADMIN.password})
    secret = aws.client("secretsmanager").create_secret(Name="jobs", SecretString=login)["ARN"]
    with secure_mlflow(root / "mlflow") as mlflow:
        s3.put_object(Bucket=BUCKET, Key="mlflow/server/ca.pem", Body=mlflow.files.root.read_bytes())
        yield Trainings(aws, Jobs(aws), mlflow, secret, version)


def test_a_training_in_a_job_fills_the_run_that_waited_for_it_and_leaves_its_model(
    trainings: Trainings, whole: Whole
) -> None:
    assert trainings.status(whole.run_id) == "FINISHED"
    assert trainings.steps(whole.run_id) == list(range(1, EPOCHS + 1))
    assert trainings.tags(whole.run_id)["yolops.error"] == ""
    version = trainings.mlflow.rest().get("registered-models/alias", name="shapes", alias="candidate")["model_version"]
    assert version["run_id"] == whole.run_id
    said = "\n".join(trainings.jobs.log("whole"))
    assert ADMIN.password not in said + json.dumps(trainings.jobs.describe("whole"), default=str)


def test_a_job_that_cannot_train_says_why_in_its_run_and_as_its_reason(trainings: Trainings) -> None:
    run_id = trainings.start("wrong", arguments={"lr00": 1})
    ended = trainings.jobs.end("wrong", PATIENCE_S)
    assert ended["FailureReason"].startswith(
        "AlgorithmError: --lr00 is no argument of the trainer (did you mean --lr0?)"
    )
    assert trainings.status(run_id) == "FAILED"
    assert trainings.tags(run_id)["yolops.error"].startswith("--lr00 is no argument")


@dataclass(frozen=True)
class Whole:
    """A training that nobody interrupted.

    Attributes:
        run_id: its run.
        seconds: how long its container was there.
    """

    run_id: str
    seconds: float


@pytest.fixture(scope="module")
def whole(trainings: Trainings) -> Whole:
    run_id = trainings.start("whole", request={"register_as": "shapes", "alias": "candidate"})
    ended = trainings.completed("whole")
    times = {item["Status"]: item for item in ended["SecondaryStatusTransitions"]}
    return Whole(run_id, (times["Training"]["EndTime"] - times["Training"]["StartTime"]).total_seconds())


def _at_any_time(trainings: Trainings, job: str, run_id: str, seconds: float) -> None:
    """Wait for any moment of the container's life, an import as well as the last epoch."""
    end = time.monotonic() + seconds
    # The one that was timed may have had a slower machine, on which this one would have ended by then.
    while time.monotonic() < end and trainings.steps(run_id)[-1:] < [EPOCHS - 1]:
        time.sleep(0.1)


def _in_an_archive(trainings: Trainings, job: str, run_id: str, seconds: float) -> None:
    """Wait for the moment in which an epoch has ended and its archive is being written."""
    _wait_for_file(trainings, job, lambda ml: [ml / "yolops" / name for name in PLACES])


def _in_an_upload(trainings: Trainings, job: str, run_id: str, seconds: float) -> None:
    """Wait for the moment in which an archive has come into its place, from which it is copied to S3."""
    ml = trainings.instance(job)
    before = {path: path.stat().st_mtime_ns for path in (ml / "checkpoints").glob("*.tar")}
    _wait_for_file(
        trainings,
        job,
        lambda ml: [path for path in (ml / "checkpoints").glob("*.tar") if path.stat().st_mtime_ns != before.get(path)],
    )


def _again_at_once(trainings: Trainings, job: str, run_id: str, seconds: float) -> None:
    """Wait for nothing: the next instance is taken away before it has trained anything."""


def _wait_for_file(trainings: Trainings, job: str, paths: Callable[[Path], list[Path]]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and trainings.jobs.describe(job)["TrainingJobStatus"] == "InProgress":
        for _ in range(100):
            try:
                if any(path.exists() for path in paths(trainings.instance(job))):
                    return
            except FileNotFoundError:  # the instance is being made, or taken away
                pass
            time.sleep(0.002)


KINDS = {function.__name__: function for function in (_in_an_archive, _again_at_once, _in_an_upload, _at_any_time)}


@pytest.mark.parametrize("number", range(-(-INTERRUPTIONS // A_JOB)))
def test_however_it_is_interrupted_a_training_ends_like_one_that_was_not(
    trainings: Trainings, whole: Whole, number: int
) -> None:
    print(f"again: YOLOPS_SEED={SEED} YOLOPS_INTERRUPTIONS={INTERRUPTIONS}, and this test alone")
    draw = random.Random(f"{SEED}-{number}")
    job = f"spot-{number}"
    count = min(A_JOB, INTERRUPTIONS - number * A_JOB)
    kinds = list(KINDS)[:count] if number == 0 else draw.choices(list(KINDS), k=count)
    run_id = trainings.start(job)
    taken = 0
    for kind in kinds:
        grace_s = draw.choice([0.0, 60.0])
        wait_for(lambda: trainings.jobs.describe(job)["SecondaryStatus"] not in {"Starting", "Restarting"}, True, 60)
        KINDS[kind](trainings, job, run_id, draw.uniform(0, whole.seconds))
        taken += trainings.interrupt(job, grace_s)
        print(kind, grace_s, trainings.steps(run_id))
    ended = trainings.completed(job)
    # The last one may come when the training has just ended.
    assert 1 <= stages(ended).count("Interrupted") <= taken
    _same(trainings, whole, run_id, job)


def test_a_copy_in_s3_that_was_cut_off_falls_back_to_the_one_before(trainings: Trainings, whole: Whole) -> None:
    """As an upload that ended early, and a job that somebody stopped and goes on with in another one."""
    run_id = trainings.start("cut")
    # The archives of the first two epochs; the rest of the training takes longer than a stop.
    _wait_for_file(trainings, "cut", lambda ml: [ml / "checkpoints" / PLACES[0]])
    trainings.aws.client("sagemaker").stop_training_job(TrainingJobName="cut")
    assert trainings.jobs.end("cut", PATIENCE_S)["TrainingJobStatus"] == "Stopped"
    assert trainings.status(run_id) == "KILLED"
    s3 = trainings.aws.client("s3")
    keys = [f"checkpoints/cut/{name}" for name in PLACES]
    kept = {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}
    newest, before = sorted(keys, key=lambda key: _epoch(kept[key]), reverse=True)
    cut_off = random.Random(SEED).randrange(len(kept[newest]) * 9 // 10)
    s3.put_object(Bucket=BUCKET, Key=newest, Body=kept[newest][:cut_off])
    trainings.submit("cut-2", run_id, CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/cut"})
    trainings.completed("cut-2")
    assert f"going on behind epoch {_epoch(kept[before])}" in trainings.jobs.log("cut-2")
    _same(trainings, whole, run_id, "cut-2")


def _epoch(archive: bytes) -> int:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        stream = opened.extractfile("checkpoint.json")
        assert stream is not None
        return int(json.load(stream)["epoch"])


def _same(trainings: Trainings, whole: Whole, run_id: str, job: str) -> None:
    """Make sure that a training has ended as one that nobody interrupted: its run, its curves, its weights."""
    import torch

    assert trainings.status(run_id) == "FINISHED"
    assert trainings.tags(run_id)["yolops.error"] == ""
    series = trainings.series(run_id)
    assert trainings.steps(run_id) == list(range(1, EPOCHS + 1)), "no epoch twice, and none missing"
    assert series == trainings.series(whole.run_id)
    expected, found = trainings.weights("whole"), trainings.weights(job)
    assert [name for name, value in expected.items() if not torch.equal(value, found[name])] == []
