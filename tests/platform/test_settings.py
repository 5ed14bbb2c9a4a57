"""What is read of `terraform.tfvars`, where it must lie, and what is said of one that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolops.errors import YolopsError
from yolops.platform.local import LocalPlatform
from yolops.platform.outputs import Mode, from_terraform
from yolops.platform.settings import Settings, read_settings
from yolops.platform.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]


def written(directory: Path, text: str) -> Path:
    path = directory / "terraform.tfvars"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_has_the_defaults_of_the_variables(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    assert read_settings(path) == Settings(path, Mode.STUDIO, "yolops", "us-east-1", delete_bucket_contents=False)


def test_what_the_commands_need_is_read_beside_everything_else(tmp_path: Path) -> None:
    text = """\
    # the team's platform
    aws_region      = "eu-central-1"
    project_name    = "cells" # short
    deployment_mode = "custom"
    allowed_cidrs   = ["203.0.113.7/32"]
    office_hours    = { start = "07:00", stop = "19:00", timezone = "Europe/Berlin", days = ["MON"] }
    delete_bucket_contents = true
    """
    path = written(tmp_path, text)
    assert read_settings(path) == Settings(path, Mode.CUSTOM, "cells", "eu-central-1", delete_bucket_contents=True)


@pytest.mark.parametrize("name", ["studio", "custom"])
def test_the_examples_that_ship_are_read(name: str) -> None:
    assert read_settings(ROOT / "terraform" / f"terraform-{name}.tfvars.example").mode == name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('aws_region = "x"\ndeployment_mode = "sagemaker"\n', r'tfvars:2: deployment_mode is "sagemaker"'),
        ('deployment_mode = "local"\n', r'tfvars:1: deployment_mode is "local"'),
        ('\n\nproject_name = "Cells"\n', r"tfvars:3: project_name"),
        ("aws_region = 5\n", r"tfvars:1: aws_region must be text"),
        ('aws_region = "x"\nproject_name = [\n', r"tfvars:2: not valid Terraform variables"),
        ('project_name "x"\ny z\n', r"tfvars:2: not valid"),
    ],
)
def test_what_cannot_be_is_one_error_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(YolopsError, match=says):
        read_settings(written(tmp_path, text))


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "terraform.tfvars"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(YolopsError, match="cannot be read"):
        read_settings(path)


def test_a_workspace_is_local_until_there_are_settings_in_its_terraform_directory(workspace: Workspace) -> None:
    assert workspace.mode() is Mode.LOCAL
    (workspace.root / "terraform").mkdir()
    assert workspace.mode() is Mode.LOCAL
    written(workspace.root / "terraform", 'deployment_mode = "custom"\n')
    assert workspace.mode() is Mode.CUSTOM
    assert workspace.configuration == workspace.root / "terraform"


def test_a_directory_with_main_tf_is_a_configuration_itself(workspace: Workspace) -> None:
    (workspace.root / "main.tf").write_text("")
    written(workspace.root, "")
    assert workspace.mode() is Mode.STUDIO
    assert workspace.configuration == workspace.root


def test_settings_that_nothing_would_read_are_an_error(workspace: Workspace) -> None:
    written(workspace.root, "")
    with pytest.raises(YolopsError, match=r"there is no main\.tf beside it") as caught:
        workspace.mode()
    assert "terraform/terraform.tfvars" in caught.value.hint


def test_a_platform_in_aws_is_not_started_on_this_machine(workspace: Workspace) -> None:
    (workspace.root / "terraform").mkdir()
    written(workspace.root / "terraform", "")
    with pytest.raises(YolopsError, match="runs in AWS"):
        LocalPlatform(workspace)


def test_outputs_of_terraform_become_the_same_fields_with_nothing_for_what_a_mode_lacks() -> None:
    outputs = from_terraform(
        {
            "deployment_mode": "studio",
            "tracking_uri": "arn:aws:sagemaker:eu-central-1:1:mlflow-app/app-1",
            "mlflow_ui_url": "https://console.example",
            "artifact_uri": "s3://b/mlflow",
            "training_subnet_ids": ["subnet-1"],
            "rds_endpoint": None,
            "something_new": "x",
        }
    )
    assert (outputs.mode, outputs.ui_url, outputs.rds_endpoint) == (Mode.STUDIO, "https://console.example", "")
    assert (outputs.training_subnet_ids, outputs.training_security_group_ids) == (("subnet-1",), ())
    assert outputs.page("experiments/1") == "https://console.example"
    assert outputs.as_dict()["mode"] == "studio"
