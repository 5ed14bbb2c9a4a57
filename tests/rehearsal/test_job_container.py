"""The container of a training job where this user has no namespaces, as on macOS or without root."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.rehearsal.conftest import wait_for
from yolops.rehearsal.job_container import JobContainer
from yolops.running_processes import find_background

SCRIPT = """
import json, os, sys
print(json.dumps({"here": os.getcwd(), "model": os.environ["SM_MODEL_DIR"], "mine": os.environ["CHECKPOINTS"],
                  "path": sys.argv[2], "foreign": os.environ.get("FOREIGN_SECRET")}))
"""
LOOK_AT_ADDRESSES = """
import json, os
print(json.dumps({name: os.environ[name] for name in ("MLFLOW_TRACKING_URI", "OTHER", "AWS_ENDPOINT_URL")}
                 | {"secrets": os.environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER")}))
"""
REACHED = {"10.20.1.2": "127.77.1.2"}
LEAVES_ONE = """
import os, subprocess, sys
# As a program of ours is started in the background: with a mark of its own.
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True,
                 env={**os.environ, "YOLOPS_BACKGROUND": os.environ["SM_MODEL_DIR"] + "/log"})
"""


def job(**more: Any) -> dict[str, Any]:
    hyperparameters = {"sagemaker_program": "train.py", "out": "/opt/ml/model/best.pt"}
    algorithm = {"TrainingImage": "image"}
    return {
        "TrainingJobName": "job",
        "AlgorithmSpecification": algorithm,
        "HyperParameters": hyperparameters,
        "ResourceConfig": {"InstanceType": "ml.m5.large"},
        "Environment": {"CHECKPOINTS": "/opt/ml/checkpoints"},
        **more,
    }


def started(directory: Path, script: str, **more: Any) -> JobContainer:
    container = JobContainer(directory, "http://127.0.0.1:1", "us-east-1", isolated=False, addresses=REACHED)
    container.lay_out(job(**more))
    (container.ml / "code" / "train.py").write_text(script, encoding="utf-8")
    container.start(job(**more), "arn:aws:sagemaker:us-east-1:1:training-job/job")
    return container


def test_what_names_opt_ml_names_the_directory_of_the_job(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("FOREIGN_SECRET", "of the person who rehearses")
    container = started(tmp_path, SCRIPT)
    wait_for(container.exit_code, 0)
    seen = json.loads(container.log.read_text(encoding="utf-8"))
    ml = str(container.ml)
    assert seen == {
        "here": f"{ml}/code",
        "model": f"{ml}/model",
        "mine": f"{ml}/checkpoints",
        "path": f"{ml}/model/best.pt",
        "foreign": None,
    }
    parameters = json.loads((container.ml / "input/config/hyperparameters.json").read_text(encoding="utf-8"))
    assert parameters["out"] == f"{ml}/model/best.pt"


def test_what_only_a_vpc_knows_leads_to_what_stands_for_it_here(tmp_path: Path) -> None:
    given = {
        "MLFLOW_TRACKING_URI": "https://10.20.1.2:5000",
        "OTHER": "https://10.20.1.20:5000",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://vpce-1.secretsmanager.us-east-1.vpce.amazonaws.com",
    }
    container = started(tmp_path, LOOK_AT_ADDRESSES, Environment=given)
    wait_for(container.exit_code, 0)
    assert json.loads(container.log.read_text(encoding="utf-8")) == {
        "MLFLOW_TRACKING_URI": "https://127.77.1.2:5000",
        "OTHER": "https://10.20.1.20:5000",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "secrets": None,
    }


def test_what_a_job_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    container = started(tmp_path, LEAVES_ONE)
    wait_for(container.exit_code, 0)
    assert find_background(tmp_path) != []
    container.kill()
    assert find_background(tmp_path) == []


def test_a_signal_is_counted_as_a_shell_does_and_a_command_that_is_not_there_says_so(tmp_path: Path) -> None:
    container = JobContainer(tmp_path, "http://127.0.0.1:1", "us-east-1", isolated=False, addresses=REACHED)
    wait = "import time\nprint('up', flush=True)\ntime.sleep(300)"
    container.lay_out(job())
    container.start(job(AlgorithmSpecification={"ContainerEntrypoint": [sys.executable, "-c", wait]}), "arn")
    wait_for(lambda: container.log.read_text(encoding="utf-8"), "up\n")
    container.ask_to_end()
    wait_for(container.exit_code, 143)
    container.start(job(AlgorithmSpecification={"ContainerEntrypoint": ["no-such-program"]}), "arn")
    wait_for(container.exit_code, 1)
    assert "no-such-program: No such file or directory" in container.log.read_text(encoding="utf-8")
    assert (tmp_path / "container.json").stat().st_mode & 0o077 == 0
