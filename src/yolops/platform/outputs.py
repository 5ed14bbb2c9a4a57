"""The one value that describes a platform: the same fields in every mode."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Mode(StrEnum):
    """Where a platform runs: `external` is an MLflow server that somebody else looks after."""

    LOCAL = "local"
    EXTERNAL = "external"
    CUSTOM = "custom"
    STUDIO = "studio"


@dataclass(frozen=True)
class Outputs:
    """What anything that talks to a platform needs to know of it; what a mode does not have is empty.

    Attributes:
        mode: where it runs.
        tracking_uri: what `MLFLOW_TRACKING_URI` must be to reach its MLflow.
        artifact_uri: where the artifacts of its runs are kept.
        ui_url: the address of the MLflow UI for a browser.
        aws_region: the region of everything below.
        project_name: what everything in AWS is tagged with.
        bucket_name: the bucket with artifacts, datasets and jobs.
        dataset_uri: where datasets are kept.
        training_tracking_uri: the same as `tracking_uri` for a training job, inside the network.
        training_login_secret_arn: the login with which a training job enters MLflow; empty where it needs none.
        training_secrets_endpoint: where a training job asks for it, inside the network.
        training_role_arn: what a training job may do.
        training_image_repository: where a training job's image is kept.
        training_image_registry: where AWS keeps its own images for training jobs.
        training_log_group: where a training job's log goes.
        training_subnet_ids: the private subnets in which jobs run.
        training_security_group_ids: what a job may reach.
        sagemaker_instance_type: what a job runs on unless it says otherwise.
        kms_key_arn: what disks of jobs are encrypted with; empty for AWS's own key.
        vpc_id: the network.
        studio_domain_id: the domain of SageMaker Studio.
        studio_url: its address for a browser.
        rds_endpoint: the address of the server's database, for the server alone.
        server_instance_id: the server.
        server_secret_arn: where the password of its administrator is kept.
        log_group_name: where the log of MLflow goes.
        dashboard_url: the dashboard of CloudWatch.
        deploy_role_arn: what GitHub Actions deploys with.
    """

    mode: Mode
    tracking_uri: str
    artifact_uri: str
    ui_url: str
    aws_region: str = ""
    project_name: str = ""
    bucket_name: str = ""
    dataset_uri: str = ""
    training_tracking_uri: str = ""
    training_login_secret_arn: str = ""
    training_secrets_endpoint: str = ""
    training_role_arn: str = ""
    training_image_repository: str = ""
    training_image_registry: str = ""
    training_log_group: str = ""
    training_subnet_ids: tuple[str, ...] = ()
    training_security_group_ids: tuple[str, ...] = ()
    sagemaker_instance_type: str = ""
    kms_key_arn: str = ""
    vpc_id: str = ""
    studio_domain_id: str = ""
    studio_url: str = ""
    rds_endpoint: str = ""
    server_instance_id: str = ""
    server_secret_arn: str = ""
    log_group_name: str = ""
    dashboard_url: str = ""
    deploy_role_arn: str = ""

    def page(self, path: str = "experiments") -> str:
        """Return the address of a page of the UI, such as `experiments/1`, as MLflow shows it to people who train."""
        if self.mode is Mode.STUDIO:  # a page of the AWS console, which signs a person in to MLflow
            return self.ui_url
        return f"{self.ui_url}/#/{path}?workflowType=machine_learning"

    def run_page(self, experiment_id: str, run_id: str) -> str:
        """Return the address of a run in the UI."""
        return self.page(f"experiments/{experiment_id}/runs/{run_id}")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for `--json`."""
        return asdict(self) | {"mode": self.mode.value}


def from_terraform(values: Mapping[str, Any]) -> Outputs:
    """Return the outputs of a deployment.

    Args:
        values: the outputs of the Terraform configuration, by their names; null is what a mode does not have.
    """
    lists = {"training_subnet_ids", "training_security_group_ids"}
    renamed: dict[str, Any] = {**values, "mode": Mode(values["deployment_mode"]), "ui_url": values["mlflow_ui_url"]}
    found: dict[str, Any] = {
        name: tuple(renamed.get(name) or ()) if name in lists else renamed.get(name) or ""
        for name in (field.name for field in fields(Outputs))
    }
    return Outputs(**found)


def read_outputs(file: Path) -> Outputs:
    """Return the outputs of a deployment out of a file, as `terraform output -json` prints them.

    Raises:
        YolopsError: it cannot be read, or says something else.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return from_terraform({name: output["value"] for name, output in found.items()})
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise YolopsError(
            f"{file}: does not describe a platform ({type(error).__name__}: {error})",
            "write it with: terraform output -json; or leave YOLOPS_PLATFORM out",
        ) from error
