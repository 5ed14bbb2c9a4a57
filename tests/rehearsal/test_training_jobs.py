"""Training jobs of simulated SageMaker: the script really runs, under the contract that AWS documents."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.conftest import Aws, wait_for
from tests.rehearsal.job_client import BUCKET, Jobs, channel, packed, spot, stages
from yolops.errors import YolopsError
from yolops.running_processes import find_background

LOOK_AROUND = """
import json, os, pathlib, sys
config = pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"])
data = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
print(json.dumps({
    "arguments": sys.argv[1:],
    "hyperparameters": json.loads((config / "hyperparameters.json").read_text()),
    "channels": json.loads((config / "inputdataconfig.json").read_text()),
    "hosts": json.loads((config / "resourceconfig.json").read_text())["hosts"],
    "files": sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()),
    "environment": dict(os.environ),
    "here": os.getcwd(),
}))
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("weights")
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "curve.csv").write_text("1,2")
"""
# Counts slowly, then on from what an earlier instance had; ends behind the epoch in which it is asked to.
COUNT = """
import pathlib, signal, sys, time
state = pathlib.Path("/opt/ml/checkpoints/count") if pathlib.Path("/opt/ml/checkpoints").is_dir() else (
    pathlib.Path.cwd().parent / "checkpoints/count")
count = int(state.read_text()) if state.exists() else 0
print("begins at", count)
pause = 0 if count else 0.05
ends = False
def end(*_):
    global ends
    ends = True
signal.signal(signal.SIGTERM, end)
while count <= 500:
    count += 1
    (state.parent / "new").write_text(str(count))
    (state.parent / "new").rename(state)
    print("epoch", count)
    if ends:
        print("asked to end")
        sys.exit(0)
    time.sleep(pause)
"""
WAIT = "import time\nprint('waits', flush=True)\ntime.sleep(300)"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT
# What a training starts beside itself, in a session of its own.
LEAVES_ONE = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", "left-behind"], start_new_session=True)
"""


@pytest.fixture(scope="module")
def jobs(aws: Aws) -> Iterator[Jobs]:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    yield Jobs(aws)


def test_a_script_finds_what_the_training_toolkit_gives_it(jobs: Jobs, aws: Aws) -> None:
    for key in ("cells/data.yaml", "cells/train/1.jpg", "cells-old/no.jpg"):
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x")
    jobs.submit(
        "look",
        LOOK_AROUND,
        HyperParameters={"epochs": "3", "lr": '"0.1"', "cos_lr": "true"},
        InputDataConfig=[channel("train", f"s3://{BUCKET}/cells/")],
        Environment={"MLFLOW_RUN_ID": "abc"},
    )
    ended = jobs.end("look")
    assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")
    [line] = jobs.log("look")
    seen = json.loads(line)
    assert seen["arguments"] == ["--cos_lr", "True", "--epochs", "3", "--lr", "0.1"]
    assert seen["hyperparameters"]["sagemaker_program"] == '"train.py"'
    assert seen["channels"]["train"]["TrainingInputMode"] == "File"
    assert (seen["hosts"], seen["files"]) == (["algo-1"], ["data.yaml", "train/1.jpg"])
    environ = seen["environment"]
    assert environ["TRAINING_JOB_NAME"] == "look"
    assert environ["TRAINING_JOB_ARN"] == ended["TrainingJobArn"]
    assert (environ["SM_HP_EPOCHS"], environ["SM_CHANNELS"]) == ("3", '["train"]')
    assert json.loads(environ["SM_HPS"]) == {"epochs": 3, "lr": "0.1", "cos_lr": True}
    assert environ["MLFLOW_RUN_ID"] == "abc"
    assert environ["AWS_ENDPOINT_URL"] == aws.url
    assert seen["here"].endswith("/ml/code")


def test_a_finished_job_has_uploaded_model_and_output_and_says_what_it_cost(jobs: Jobs, aws: Aws) -> None:
    aws.client("s3").put_object(Bucket=BUCKET, Key="few/a", Body=b"x")
    jobs.submit("done", LOOK_AROUND, InputDataConfig=[channel("train", f"s3://{BUCKET}/few")])
    ended = jobs.end("done")
    assert stages(ended) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    times = [item[name] for item in ended["SecondaryStatusTransitions"] for name in ("StartTime", "EndTime")]
    assert times == sorted(times)
    assert ended["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/jobs/done/output/model.tar.gz"
    assert jobs.archive("jobs/done/output/model.tar.gz") == {"model.txt": "weights"}
    assert jobs.archive("jobs/done/output/output.tar.gz") == {"curve.csv": "1,2"}
    assert ended["BillableTimeInSeconds"] == ended["TrainingTimeInSeconds"]
    assert ended["TrainingStartTime"] <= ended["TrainingEndTime"]
    assert [path.name for path in (aws.root / ".yolops/rehearsal/jobs/us-east-1/done").iterdir()] == ["log"]


def test_a_container_entry_point_gets_its_arguments_and_no_variables_of_the_toolkit(jobs: Jobs) -> None:
    algorithm = {
        "TrainingImage": "image",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["python3", "-c"],
        "ContainerArguments": ["import os, sys; print(sys.argv[1:], 'SM_MODEL_DIR' in os.environ)", "a", "b c"],
    }
    jobs.create("entry", AlgorithmSpecification=algorithm)
    assert jobs.end("entry")["TrainingJobStatus"] == "Completed"
    assert jobs.log("entry") == ["['a', 'b c'] False"]


def test_a_failed_job_says_why_in_its_own_words(jobs: Jobs) -> None:
    jobs.submit(
        "broken",
        "import os, pathlib, sys\n"
        "pathlib.Path(os.environ['SM_OUTPUT_DIR'], 'failure').write_text('no picture in it')\nsys.exit(3)",
    )
    ended = jobs.end("broken")
    assert (ended["TrainingJobStatus"], ended["SecondaryStatus"]) == ("Failed", "Failed")
    assert ended["FailureReason"] == "AlgorithmError: no picture in it, exit code: 3"
    assert jobs.objects("jobs/broken/") == []


def test_a_job_cannot_install_packages_into_the_python_of_this_machine(jobs: Jobs) -> None:
    jobs.submit("pip", "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'no-such'])")
    assert jobs.end("pip")["TrainingJobStatus"] == "Completed"
    assert "ERROR: No matching distribution found for no-such" in jobs.log("pip")


def test_a_channel_without_objects_fails_the_job_before_it_runs(jobs: Jobs) -> None:
    jobs.submit("empty", WAIT, InputDataConfig=[channel("train", f"s3://{BUCKET}/nothing/")])
    ended = jobs.end("empty")
    assert ended["FailureReason"].startswith("ClientError: Data download failed:No S3 objects found under S3 URL")
    assert "Training" not in stages(ended)


def test_what_has_passed_its_time_is_stopped_and_keeps_its_model(jobs: Jobs) -> None:
    jobs.run("long", COUNT, StoppingCondition={"MaxRuntimeInSeconds": 6})
    ended = jobs.end("long")
    assert (ended["TrainingJobStatus"], ended["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert jobs.log("long")[-1] == "asked to end"
    assert jobs.objects("jobs/long/output/") == ["model.tar.gz"]


def test_a_stopped_job_is_asked_to_end_and_cannot_be_stopped_again(jobs: Jobs, aws: Aws) -> None:
    jobs.run("stopped", COUNT)
    jobs.wait_until("stopped", "Training")
    wait_for(lambda: "epoch 1" in jobs.log("stopped"), True)
    aws.client("sagemaker").stop_training_job(TrainingJobName="stopped")
    ended = jobs.end("stopped")
    assert stages(ended)[-3:] == ["Stopping", "Uploading", "Stopped"]
    assert jobs.log("stopped")[-1] == "asked to end"
    with pytest.raises(ClientError, match="in status Stopped"):
        aws.client("sagemaker").stop_training_job(TrainingJobName="stopped")


def test_an_interrupted_spot_job_goes_on_from_its_checkpoints_on_another_instance(jobs: Jobs, aws: Aws) -> None:
    jobs.run("spot", COUNT, **spot("spot"))
    wait_for(lambda: "epoch 10" in jobs.log("spot"), True)
    aws.rehearsal.interrupt("spot", 10)
    ended = jobs.end("spot")
    again = ["Interrupted", "Restarting", "Downloading", "Training", "Uploading", "Completed"]
    assert stages(ended) == ["Starting", "Downloading", "Training", *again]
    said = jobs.log("spot")
    begun = [int(line.split()[-1]) for line in said if line.startswith("begins")]
    assert begun[0] == 0
    assert begun[1] >= 10
    assert sorted(int(line.split()[1]) for line in said if line.startswith("epoch")) == list(range(1, 502))
    assert "count" in jobs.objects("checkpoints/spot/")
    assert 0 < ended["BillableTimeInSeconds"] < ended["TrainingTimeInSeconds"]


def test_what_does_not_end_by_itself_is_killed_and_goes_on_all_the_same(jobs: Jobs, aws: Aws) -> None:
    jobs.run("stubborn", STUBBORN, **spot("stubborn"))
    wait_for(lambda: jobs.log("stubborn"), ["waits"])
    aws.rehearsal.interrupt("stubborn", 0.5)
    wait_for(lambda: jobs.log("stubborn"), ["waits", "waits"])


def test_a_script_of_the_training_toolkit_does_not_hear_that_it_is_to_end(jobs: Jobs, aws: Aws) -> None:
    jobs.submit("deaf", COUNT, **spot("deaf"))
    wait_for(lambda: "epoch 1" in jobs.log("deaf"), True)
    aws.rehearsal.interrupt("deaf", 1)
    wait_for(lambda: len([line for line in jobs.log("deaf") if line.startswith("begins")]), 2)
    assert "asked to end" not in jobs.log("deaf")


def test_only_a_spot_instance_can_be_taken_away(jobs: Jobs, aws: Aws) -> None:
    jobs.submit("mine", WAIT)
    jobs.wait_until("mine", "Training")
    with pytest.raises(YolopsError, match="no training job that trains on a spot instance now"):
        aws.rehearsal.interrupt("mine", 1)


def test_nothing_that_a_job_has_started_outlives_it(jobs: Jobs) -> None:
    jobs.submit("leaves", LEAVES_ONE)
    assert jobs.end("leaves")["TrainingJobStatus"] == "Completed"
    assert not [one for one in psutil.process_iter(["cmdline"]) if "left-behind" in (one.info["cmdline"] or [])]


def test_jobs_are_listed_the_newest_first_and_found_by_name_and_status(jobs: Jobs, aws: Aws) -> None:
    sagemaker, asked = aws.client("sagemaker"), {"NameContains": "listed-", "StatusEquals": "Completed"}
    for name, script in (("listed-1", "pass"), ("listed-2", "pass"), ("listed-no", "fail"), ("listed-3", "pass")):
        jobs.submit(name, script)
    for name in ("listed-1", "listed-2", "listed-no", "listed-3"):
        jobs.end(name)
    newest = sagemaker.list_training_jobs(**asked, MaxResults=2)
    assert [job["TrainingJobName"] for job in newest["TrainingJobSummaries"]] == ["listed-3", "listed-2"]
    rest = sagemaker.list_training_jobs(**asked, MaxResults=2, NextToken=newest["NextToken"])
    assert [job["TrainingJobName"] for job in rest["TrainingJobSummaries"]] == ["listed-1"]


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}}, "several instances"),
        ({"AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "Pipe"}}, "another input mode"),
        ({"HyperParameters": {}}, "brings its own entry point"),
    ],
)
def test_what_aws_or_the_rehearsal_cannot_run_is_refused_at_once(
    jobs: Jobs, more: dict[str, object], refused: str
) -> None:
    with pytest.raises(ClientError, match=refused):
        jobs.create("refused", **({"HyperParameters": {"sagemaker_program": "train.py"}} | more))


def test_a_name_is_used_once_and_leads_nowhere_else(jobs: Jobs) -> None:
    jobs.submit("once", "pass")
    with pytest.raises(ClientError, match="already exists"):
        jobs.submit("once", "pass")
    with pytest.raises(ClientError, match="failed to satisfy constraint"):
        jobs.submit("../evil", WAIT)
    with pytest.raises(ClientError, match="Requested resource not found"):
        jobs.describe("../evil")


def test_an_archive_cannot_write_outside_of_the_job(jobs: Jobs, aws: Aws, tmp_path: Path) -> None:
    aws.client("s3").put_object(Bucket=BUCKET, Key="bad.tar.gz", Body=packed(**{f"{tmp_path}/out": "x"}))
    code = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/bad.tar.gz"}
    jobs.create("bad", HyperParameters=code)
    assert jobs.end("bad")["TrainingJobStatus"] == "Failed"
    assert list(tmp_path.iterdir()) == []


def test_no_page_of_a_browser_can_run_anything_here(aws: Aws) -> None:
    for method, path in (("OPTIONS", "/"), ("POST", "/"), ("POST", "/-/interrupt")):
        headers = {"Origin": "https://evil.example", "X-Amz-Target": "SageMaker.CreateTrainingJob"}
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(f"{aws.url}{path}", b"{}", headers, method=method))


def test_the_end_of_the_rehearsal_ends_its_jobs_and_they_have_failed(jobs: Jobs, aws: Aws) -> None:
    state = aws.root / ".yolops" / "rehearsal"
    running = {job["name"] for job in aws.rehearsal.status().jobs}
    assert "mine" in running
    aws.rehearsal.stop()
    assert find_background(state) == []
    aws.rehearsal.start()
    assert jobs.describe("mine")["FailureReason"].startswith("InternalServerError")
    assert aws.rehearsal.status().jobs == []
