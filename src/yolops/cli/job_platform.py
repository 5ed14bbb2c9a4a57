"""The platform that training jobs run beside, as the commands about them work with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from yolops.aws import Aws
from yolops.datasets.versions.store import bucket
from yolops.errors import UsageError, YolopsError
from yolops.training.sagemaker_job import SageMakerJobs
from yolops.training.sagemaker_tuning import SageMakerTunings

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.cli.session import Session
    from yolops.datasets.versions.store import Store
    from yolops.platform.outputs import Outputs
    from yolops.tracking.rest import MlflowRest


@dataclass(frozen=True)
class JobPlatform:
    """A platform in AWS, and the command that works with it.

    Attributes:
        session: of the command.
        console: what it speaks with.
        outputs: what describes the platform.
    """

    session: Session
    console: Console
    outputs: Outputs

    @cached_property
    def rest(self) -> MlflowRest:
        """What its MLflow is asked with."""
        return self.session.mlflow(self.outputs)

    @cached_property
    def aws(self) -> Aws:
        """Its region."""
        return Aws(self.outputs.aws_region)

    @property
    def jobs(self) -> SageMakerJobs:
        """Its training jobs."""
        return SageMakerJobs(self.aws, self.outputs.project_name)

    @property
    def searches(self) -> SageMakerTunings:
        """Its tuning jobs."""
        return SageMakerTunings(self.aws, self.outputs.project_name)

    @property
    def bucket(self) -> Store:
        """Its bucket."""
        return bucket(self.aws, f"s3://{self.outputs.bucket_name}")

    @property
    def datasets(self) -> Store:
        """Where in it datasets are."""
        return bucket(self.aws, self.outputs.dataset_uri)


def platform_of(session: Session, console: Console) -> JobPlatform:
    """Return the platform that jobs run beside.

    Raises:
        YolopsError: there is none.
    """
    if session.named_server() is not None:
        raise UsageError(
            "--on sagemaker: a job goes to the platform of the workspace, and another server is named",
            "leave out --tracking-uri and MLFLOW_TRACKING_URI",
        )
    platform = session.platform()
    if platform is None:
        message = "training jobs run beside a platform in AWS, and this workspace has none"
        raise YolopsError(message, "make one: yolops init")
    return JobPlatform(session, console, platform)
