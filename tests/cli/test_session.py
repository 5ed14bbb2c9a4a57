"""Which platform a command is about: the one that is named, the one that a file describes, the workspace's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from yolops.cli.session import Session
from yolops.errors import UsageError, YolopsError
from yolops.platform.outputs import Mode
from yolops.platform.workspace import Workspace

ARN = "arn:aws:sagemaker:eu-central-1:123456789012:mlflow-app/app-1"


def session(root: Path, tracking_uri: str = "", description: Path | None = None) -> Session:
    return Session(Workspace(root), as_json=False, verbose=False, tracking_uri=tracking_uri, description=description)


def described(root: Path) -> Path:
    values = {
        "deployment_mode": "studio",
        "tracking_uri": ARN,
        "mlflow_ui_url": "https://eu-central-1.console.aws.amazon.com/sagemaker",
        "aws_region": "eu-central-1",
        "training_subnet_ids": ["subnet-1"],
    }
    file = root / "platform.json"
    file.write_text(json.dumps({name: {"value": value, "sensitive": False} for name, value in values.items()}))
    return file


def test_a_file_of_outputs_is_a_platform_for_who_has_no_state_of_terraform(tmp_path: Path) -> None:
    space = session(tmp_path, ARN, described(tmp_path))
    for found in (space.platform(), space.outputs()):
        assert found is not None
        assert (found.mode, found.aws_region, found.training_subnet_ids) == (Mode.STUDIO, "eu-central-1", ("subnet-1",))
    assert space.named_server() is None, "MLFLOW_TRACKING_URI of a space names the same platform"
    other = session(tmp_path, "https://mlflow.example.com", described(tmp_path))
    assert other.outputs().tracking_uri == "https://mlflow.example.com"


def test_managed_mlflow_is_named_by_its_arn(tmp_path: Path) -> None:
    named = session(tmp_path, ARN).outputs()
    assert (named.mode, named.tracking_uri) == (Mode.STUDIO, ARN)
    with pytest.raises(UsageError, match="not the address of an MLflow server"):
        session(tmp_path, "mlflow.example.com").outputs()


def test_what_an_error_says_to_type_stays_in_the_workspace_and_in_the_rehearsal(tmp_path: Path) -> None:
    hint = "yolops recover, then `yolops up`; or: yolops rehearsal reset; or yolops[aws]; yolops needs it"
    commands = ["recover", "up", "rehearsal"]
    there = session(tmp_path)
    typed = there.command_prefix()
    assert typed.partition(" ")[2].startswith("--workspace ")
    assert there.retyped(hint, commands) == (
        f"{typed} recover, then `{typed} up`; or: {typed} rehearsal reset; or yolops[aws]; yolops needs it"
    )
    assert replace(there, rehearsal=True).retyped(hint, commands) == (
        f"{typed} --rehearsal recover, then `{typed} --rehearsal up`; or: {typed} rehearsal reset; or yolops[aws]; "
        "yolops needs it"
    )
    assert there.retyped(f"{typed} up", commands) == f"{typed} up"


@pytest.mark.parametrize("content", ["", "[]", '{"tracking_uri": "x"}', '{"deployment_mode": {"value": "moon"}}'])
def test_a_file_that_describes_no_platform_is_named_with_what_to_do(tmp_path: Path, content: str) -> None:
    file = tmp_path / "platform.json"
    file.write_text(content)
    with pytest.raises(YolopsError, match=r"platform\.json: does not describe a platform") as raised:
        session(tmp_path, description=file).platform()
    assert "terraform output -json" in raised.value.hint
