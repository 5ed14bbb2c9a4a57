"""Seconds that SageMaker bills before a job's first training step: ours against the SDK's example, 8,000 small files.

Both are jobs of one rehearsal, with the same dataset, model and arguments, one after the other. The peer's is what
`examples/sagemaker/sdk2.py` asks for: one object for each file, given as a channel in File mode, and its `train.py`.
Ours is what `yolops train --on sagemaker` asks for. Both are timed from SageMaker's `TrainingStartTime`, at which
billing begins, to the line that each prints right before its first batch; then the job is ended. Packages come from
the image on both sides.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks.workbench import Measured, compared
from yolops import running_processes
from yolops.aws import Aws
from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.versions.push import push
from yolops.datasets.versions.store import bucket
from yolops.platform.outputs import Mode, Outputs
from yolops.platform.own_wheel import lock_file, package
from yolops.platform.workspace import Workspace
from yolops.rehearsal.environment import REGION, enter
from yolops.rehearsal.rehearsal import Rehearsal
from yolops.tracking.managed import managed_mlflow
from yolops.training.job.contract import JobRequest
from yolops.training.sagemaker_job import SageMakerJobs
from yolops.training.submission import code
from yolops.training.submission.spec import CODE, Machine, job_name, plan_job
from yolops.training.submission.submit import submit

if TYPE_CHECKING:
    from yolops.tracking.pending_runs import PendingRun
    from yolops.training.sagemaker_job import Line
    from yolops.training.submission.spec import JobSpec

COUNT = int(os.environ.get("JOBS", "3"))
IMAGES, SIDE = 4000, 48  # a JPEG of noise, 2.8 kB
PROJECT, BUCKET, NAME = "cells", "cells-of-the-benchmark", "noise"
ROLE = "arn:aws:iam::123456789012:role/cells-training"
MACHINE = Machine("ml.m5.large", image="123456789012.dkr.ecr.us-east-1.amazonaws.com/cells:bench")
MODEL, ARGUMENTS = "yolo11n.yaml", {"epochs": 1, "imgsz": 64, "batch": 16}
PATIENCE_S = 600.0
# What each prints between all of its preparation and its first batch.
OURS, PEER = "weights: random", "Starting training for"
SCRIPT = Path(__file__).resolve().parents[1] / "examples/sagemaker/job/train.py"
# AWS's image has a torchvision that fits its torch, and a way to the internet that need not be waited for.
START = """
import os, runpy, sys
os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false")
sys.path.insert(0, {source!r})
from yolops.models.yolo_detector.torchvision_repair import ensure_torchvision
ensure_torchvision()
runpy.run_path("train.py", run_name="__main__")
"""


class Cloud:
    """A simulated AWS with managed MLflow and the dataset, as both sides keep it.

    Args:
        root: the directory of a rehearsal that runs and was entered.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._aws, self._numbers = root, Aws(REGION), count()
        self._aws.call("s3", "create_bucket", Bucket=BUCKET)
        self._outputs = self._platform()
        self._mlflow = managed_mlflow(self._outputs.tracking_uri)
        dataset = read_dataset(_write_dataset(root / NAME))
        self._version = check(dataset).fingerprint
        self._archive = code.code_archive(package(), lock_file())
        store = bucket(self._aws, f"s3://{BUCKET}")
        push(bucket(self._aws, self._outputs.dataset_uri), NAME, dataset, version=self._version)
        store.put(code.key_of(self._archive), self._archive)
        store.put("jobs/peer/sourcedir.tar.gz", _script())
        files = [path for path in (root / NAME).rglob("*") if path.is_file()]
        with ThreadPoolExecutor(8) as pool:  # the objects that `aws s3 sync` leaves
            list(pool.map(lambda path: store.put(f"plain/{path.relative_to(root)}", path.read_bytes()), files))

    def _platform(self) -> Outputs:
        made = self._aws.call(
            "sagemaker", "create_mlflow_app", Name=PROJECT, ArtifactStoreUri=f"s3://{BUCKET}/mlflow", RoleArn=ROLE
        )
        arn = str(made["Arn"])
        deadline = time.monotonic() + PATIENCE_S
        while self._aws.call("sagemaker", "describe_mlflow_app", Arn=arn)["Status"] != "Created":
            if time.monotonic() > deadline:
                raise TimeoutError("the simulated MLflow app did not start")
            time.sleep(0.2)
        [subnet, *_] = self._aws.call("ec2", "describe_subnets")["Subnets"]
        [group, *_] = self._aws.call("ec2", "describe_security_groups")["SecurityGroups"]
        return Outputs(
            Mode.STUDIO,
            arn,
            f"s3://{BUCKET}/mlflow",
            "",
            aws_region=REGION,
            project_name=PROJECT,
            bucket_name=BUCKET,
            dataset_uri=f"s3://{BUCKET}/datasets",
            training_role_arn=ROLE,
            training_subnet_ids=(subnet["SubnetId"],),
            training_security_group_ids=(group["GroupId"],),
        )

    def ours(self) -> float:
        """Return the seconds before the first batch of a job of `yolops train --on sagemaker`."""
        name = f"ours-{next(self._numbers)}"

        def plan(run: PendingRun) -> JobSpec:
            where = f"{self._outputs.dataset_uri}/{NAME}"
            request = JobRequest(run.run_id, NAME, name, MODEL, ARGUMENTS, dataset=where, version=self._version)
            key = code.key_of(self._archive)
            job = job_name(PROJECT, name, run.run_id)
            return plan_job(self._outputs, MACHINE, request, name=job, keys={CODE: key}, data_bytes=0)

        submitted = submit(SageMakerJobs(self._aws, PROJECT), self._mlflow, NAME, name, plan)
        return self._until(OURS, submitted.spec.name)

    def peer(self) -> float:
        """Return the seconds before the first batch of a job of the SDK's example."""
        name = f"{PROJECT}-sdk2-{next(self._numbers)}"
        source = {
            "S3DataType": "S3Prefix",
            "S3Uri": f"s3://{BUCKET}/plain/{NAME}/",
            "S3DataDistributionType": "FullyReplicated",
        }
        own = {
            "sagemaker_program": '"start.py"',
            "sagemaker_submit_directory": f'"s3://{BUCKET}/jobs/peer/sourcedir.tar.gz"',
        }
        self._aws.call(
            "sagemaker",
            "create_training_job",
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": MACHINE.image, "TrainingInputMode": "File"},
            RoleArn=ROLE,
            HyperParameters={**own, "model": f'"{MODEL}"', **{key: str(value) for key, value in ARGUMENTS.items()}},
            InputDataConfig=[{"ChannelName": "training", "DataSource": {"S3DataSource": source}}],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/jobs"},
            ResourceConfig={"InstanceType": MACHINE.instance_type, "InstanceCount": 1, "VolumeSizeInGB": 30},
            StoppingCondition={"MaxRuntimeInSeconds": MACHINE.max_run_s},
            Environment={"MLFLOW_TRACKING_URI": self._outputs.tracking_uri},
        )
        return self._until(PEER, name)

    def _until(self, words: str, name: str) -> float:
        """Wait for a line of a job, end the job, and return the seconds from its start to that line."""
        jobs = SageMakerJobs(self._aws, PROJECT)
        job = jobs.find(name)
        log = jobs.log(job)
        said: list[Line] = []
        deadline = time.monotonic() + PATIENCE_S
        while not (marks := [line.time for line in said if words in line.text]):
            job = jobs.find(name)
            if not job.lives or time.monotonic() > deadline:
                raise RuntimeError(f"{name}: {job.failure}\n" + "\n".join(line.text for line in said[-30:]))
            time.sleep(0.5)
            said += log.read()
        started = self._aws.call("sagemaker", "describe_training_job", TrainingJobName=name)["TrainingStartTime"]
        container = next(began for stage, began in job.stages if stage == "Training")
        print(
            f"{name}: {(container - started).total_seconds():.1f} s until its container, "
            f"{(marks[0] - container).total_seconds():.1f} s in it",
            file=sys.stderr,
        )
        directory = self._root / ".yolops/rehearsal/jobs" / REGION / name
        # The next instance has a new disk: ext4 takes ten times as long for new files where others were just deleted.
        (directory / "ml").rename(self._root / f"{name}-ml")
        while jobs.find(name).lives:  # its training is not measured
            for process in running_processes.find_background(directory):
                running_processes.kill(process)
            time.sleep(0.1)
        return float((marks[0] - started).total_seconds())


def _write_dataset(root: Path) -> Path:
    random = np.random.default_rng(0)
    for kind, split in ((kind, split) for kind in ("images", "labels") for split in ("train", "val")):
        (root / kind / split).mkdir(parents=True)
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [a, b]\n")
    for number in range(IMAGES):
        name = f"{'val' if number % 5 == 0 else 'train'}/{number:06d}"
        Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(root / f"images/{name}.jpg")
        widths = random.uniform(0.1, 0.9, 3)
        (root / f"labels/{name}.txt").write_text("".join(f"{number % 2} 0.5 0.5 {x:.6f} 0.5\n" for x in widths))
    return root


def _script() -> bytes:
    stream = io.BytesIO()
    start = START.format(source=str(package().parent))
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in (("start.py", start), ("train.py", SCRIPT.read_text())):
            about = tarfile.TarInfo(name)
            about.size = len(text.encode())
            archive.addfile(about, io.BytesIO(text.encode()))
    return stream.getvalue()


def main() -> list[Measured]:
    """Start jobs in turn, the first one for nothing: it reads torch from disk."""
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="yolops-bench-") as temporary:
        rehearsal = Rehearsal(Workspace(Path(temporary)))
        try:
            rehearsal.start()
            enter(os.environ, str(rehearsal.status().url), REGION)
            cloud = Cloud(Path(temporary))
            cloud.ours()
            measured = [(cloud.ours(), cloud.peer()) for _ in range(COUNT)]
        finally:
            rehearsal.reset()
            os.environ.clear()
            os.environ.update(environment)
    what = "seconds billed before the first batch, 8,000 small files / the SDK's example"
    return [compared(what, [pair[0] for pair in measured], [pair[1] for pair in measured], unit="s", bar="<= 0.2")]
