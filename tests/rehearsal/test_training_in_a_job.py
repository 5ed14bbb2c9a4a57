"""A training in a job of simulated SageMaker, with a real MLflow: interrupted like spot, it goes on."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
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
from yolops.training.job.contract import MODULE, JobRequest

QUICK = {"imgsz": 64, "batch": 8, "device": "cpu", "plots": False, "seed": 1}
# Where other tests take the processors, an import of torch alone takes half a minute.
PATIENCE_S = 240
METRIC = "metrics/mAP50_B"


@dataclass(frozen=True)
class Trainings:
    """Starts trainings in jobs, and looks at their runs."""

    aws: Aws
    jobs: Jobs
    mlflow: SecureMlflow
    secret: str
    version: str

    def start(self, name: str, *, epochs: int, **more: Any) -> str:
        """Make a run that waits, start a job for it, and return the run's ID."""
        rest = self.mlflow.rest()
        run_id = rest.post("runs/create", experiment_id="0", run_name=name)["run"]["info"]["run_id"]
        rest.post("runs/update", run_id=run_id, status="SCHEDULED")
        self.submit(name, run_id, epochs=epochs, **more)
        return str(run_id)

    def submit(self, name: str, run_id: str, *, epochs: int, **more: Any) -> None:
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

    def steps(self, run_id: str, metric: str = METRIC) -> list[int]:
        history = self.mlflow.rest().get("metrics/get-history", run_id=run_id, metric_key=metric)
        return [int(point.get("step", 0)) for point in history.get("metrics", [])]


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


def test_a_training_in_a_job_fills_the_run_that_waited_for_it_and_leaves_its_model(trainings: Trainings) -> None:
    run_id = trainings.start("whole", epochs=2, request={"register_as": "shapes", "alias": "candidate"})
    assert trainings.status(run_id) == "SCHEDULED"
    ended = trainings.jobs.end("whole", PATIENCE_S)
    assert ended["TrainingJobStatus"] == "Completed", (ended.get("FailureReason"), trainings.jobs.log("whole"))
    assert trainings.status(run_id) == "FINISHED"
    assert trainings.steps(run_id) == [1, 2]
    assert trainings.tags(run_id)["yolops.error"] == ""
    version = trainings.mlflow.rest().get("registered-models/alias", name="shapes", alias="candidate")["model_version"]
    assert version["run_id"] == run_id
    body = trainings.aws.client("s3").get_object(Bucket=BUCKET, Key="jobs/whole/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert {"best.pt", "results.csv"} <= set(archive.getnames())
    said = "\n".join(trainings.jobs.log("whole"))
    assert ADMIN.password not in said + json.dumps(ended, default=str)


def test_an_interrupted_training_goes_on_in_the_same_run_and_misses_no_epoch(trainings: Trainings) -> None:
    run_id = trainings.start("spot", epochs=12)
    wait_for(lambda: len(trainings.steps(run_id)) >= 2, True, PATIENCE_S)
    assert trainings.status(run_id) == "RUNNING"
    trainings.aws.rehearsal.interrupt("spot", 60)
    ended = trainings.jobs.end("spot", PATIENCE_S)
    assert ended["TrainingJobStatus"] == "Completed", (ended.get("FailureReason"), trainings.jobs.log("spot"))
    assert stages(ended).count("Training") == 2
    assert trainings.status(run_id) == "FINISHED"
    assert trainings.steps(run_id) == list(range(1, 13))
    assert any("going on behind epoch" in line for line in trainings.jobs.log("spot"))
