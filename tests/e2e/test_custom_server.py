"""The server of custom mode from its user data on: an instance boots it, and another one takes its place."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MICRO, eventually
from tests.e2e.rehearsal import PROJECT, Rehearsed, booted
from yolops.rehearsal.instance_mode import missing
from yolops.rehearsal.server_files import written_files

LACKING = missing()
pytestmark = [
    pytest.mark.skipif(bool(LACKING), reason=f"instances cannot boot here: no {', '.join(LACKING)}"),
    pytest.mark.timeout(1500),
]
MOST_USER_DATA = 16384
NAME = "mlflow.example.com"
TINY = ("--model", "micro.yaml", "--epochs", "2", "--imgsz", "32", "--batch", "8", "--device", "cpu", "plots=False")
IN_JOBS = ("--on", "sagemaker", *TINY)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, provider: dict[str, str]) -> Iterator[Rehearsed]:
    """A platform in custom mode whose instance has booted."""
    with booted(tmp_path_factory.mktemp("server"), provider) as made:
        yield made


def ask(platform: Rehearsed, path: str, *, tls: ssl.SSLContext | None = None, **headers: str) -> tuple[int, str]:
    """Send one request to the server without a login; return its status and where it leads."""
    host, _, port = platform.outputs()["tracking_uri"].removeprefix("https://").partition(":")
    context = tls or ssl.create_default_context(cafile=root_of(platform))
    connection = http.client.HTTPSConnection(host, int(port), timeout=30, context=context)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location") or ""
    finally:
        connection.close()


def root_of(platform: Rehearsed) -> str:
    """Return the file with the root certificate, fetched the first time."""
    known = platform.root / "ca.pem"
    return str(known) if known.exists() else platform.login()["MLFLOW_TRACKING_SERVER_CERT_PATH"]


def secrets(platform: Rehearsed) -> list[str]:
    arn = platform.outputs()["server_secret_arn"]
    known = json.loads(platform.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    return [value for name, value in known.items() if not name.endswith("username")]


def instance(platform: Rehearsed) -> str:
    return str(platform.outputs()["server_instance_id"])


def events(platform: Rehearsed, stream: str) -> list[str]:
    """Return what stands in a stream of the server's log group."""
    pages = platform.client("logs").get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=platform.outputs()["log_group_name"], logStreamNames=[stream])
    return [event["message"] for page in found for event in page["events"]]


def runs(platform: Rehearsed) -> list[Any]:
    return [(run["run_id"], run["name"], run["status"]) for run in platform.json("runs", "list")]


def test_its_user_data_fits_ec2_and_holds_no_secret(platform: Rehearsed) -> None:
    answer = platform.client("ec2").describe_instance_attribute(InstanceId=instance(platform), Attribute="userData")
    raw = base64.b64decode(answer["UserData"]["Value"])
    assert len(raw) < MOST_USER_DATA
    assert raw.startswith(b"#cloud-config\n")
    text = raw.decode() + "".join(written_files(raw).values())
    assert "def fetch(" in text
    assert [secret for secret in secrets(platform) if secret in text] == []


def test_it_lets_nobody_in_without_a_login_by_another_name_or_from_another_site(platform: Rehearsed) -> None:
    assert ask(platform, "/health") == (200, "")
    assert ask(platform, "/")[0] == 401
    assert ask(platform, "/health", Host="evil.example.com")[0] == 200  # as a load balancer asks, which knows no name
    assert ask(platform, "/", Host="evil.example.com")[0] == 421
    assert ask(platform, "/", Origin="https://evil.example.com")[0] == 403
    assert ask(platform, "/", Origin="http://localhost:3000")[0] == 403


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_it_speaks_tls_only_and_no_old_one(platform: Rehearsed) -> None:
    host = platform.outputs()["tracking_uri"].removeprefix("https://")
    plain = http.client.HTTPConnection(host, timeout=30)
    plain.request("GET", "/experiments?page=2")
    answer = plain.getresponse()
    assert (answer.status, answer.getheader("Location")) == (301, f"https://{host}/experiments?page=2")
    plain.close()
    old = ssl.create_default_context(cafile=root_of(platform))
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")  # or this client would not even ask
    with pytest.raises(OSError, match=r"(?i)protocol|handshake|alert|eof|reset"):
        ask(platform, "/health", tls=old)


def test_its_journal_and_its_pulse_reach_cloudwatch_without_a_secret(platform: Rehearsed) -> None:
    stream = f"server/{instance(platform)}"
    lines = eventually(lambda: [line for line in events(platform, stream) if "Started mlflow.service" in line])
    assert lines
    assert ask(platform, "/health")[0] == 200
    requests = eventually(lambda: [line for line in events(platform, stream) if '"GET /health HTTP/1.1" 200' in line])
    assert requests
    pulses = [json.loads(line) for line in events(platform, stream) if line.startswith('{"_aws"')]
    assert {"disk_used_percent", "memory_used_percent", "healthy"} <= pulses[0].keys()
    said = "\n".join(events(platform, stream) + events(platform, f"boot/{instance(platform)}"))
    assert [secret for secret in secrets(platform) if secret in said] == []


def test_the_doctor_finds_nothing_wrong_with_a_server_that_has_booted(platform: Rehearsed) -> None:
    checks = {check["check"]: check for check in platform.json("doctor")["checks"]}
    assert [check for check in checks.values() if check["verdict"] in {"warning", "error"}] == []
    assert checks["boot"]["found"].startswith("ready (")
    assert checks["MLflow login"]["found"] == "as admin, an administrator"
    assert {checks[name]["verdict"] for name in ("way in", "certificate", "database", "bucket")} == {"ok"}


def test_a_training_job_enters_by_a_login_of_its_own_and_its_run_has_metrics_and_model(platform: Rehearsed) -> None:
    (platform.root / "micro.yaml").write_text(MICRO)
    trained = platform.json("train", "shapes/data.yaml", *IN_JOBS, "--wait", "--name", "in-a-job")
    assert (trained["status"], trained["job"]["status"]) == ("FINISHED", "Completed")
    run = platform.json("runs", "show", trained["run_id"])
    assert "metrics/mAP50_B" in run["metrics"]
    assert run["tags"]["yolops.job.cost_usd"] == str(trained["cost_usd"])
    described = platform.client("sagemaker").describe_training_job(TrainingJobName=trained["job"]["name"])
    arn = platform.outputs()["training_login_secret_arn"]
    login = json.loads(platform.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    assert described["Environment"]["YOLOPS_LOGIN_SECRET_ARN"] == arn
    assert [
        secret for secret in (login["password"], *secrets(platform)) if secret in json.dumps(described, default=str)
    ] == []
    assert login["username"] in [user["name"] for user in platform.json("users", "list")]


def test_trials_of_a_search_enter_by_it_too_and_a_living_search_can_be_stopped(platform: Rehearsed) -> None:
    tune = ("tune", "shapes@", *IN_JOBS, "--trials", "9", "--space", "lr0=1e-3..1e-1:log", "--name", "half", "--json")
    following = platform.start(*tune)
    assert following.stderr is not None
    said = ""
    for line in following.stderr:
        said += line
        if line.startswith("trial 1: "):
            break
    assert "trial 1: complete" in said, said
    [search] = platform.client("sagemaker").list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
    assert platform.json("jobs", "stop", search["HyperParameterTuningJobName"])["stopping"] is True
    out, rest = following.communicate(timeout=400)
    assert following.returncode == 0, rest
    found = json.loads(out)
    assert (found["status"], found["trials"][0]["state"]) == ("Stopped", "complete")
    assert len(found["trials"]) < 9
    [version] = [one["version"] for one in platform.json("dataset", "list", "shapes")]
    assert f" train shapes@{version[:12]} " in found["train"]
    parent = platform.json("runs", "show", found["run_id"])
    assert (parent["status"], parent["tags"]["yolops.best_run"]) == ("KILLED", found["trials"][0]["run_id"])
    trials = [run for run in platform.json("runs", "list") if run["tags"].get("mlflow.parentRunId") == found["run_id"]]
    assert {run["status"] for run in trials} <= {"FINISHED", "KILLED", "FAILED"}, "none is left as if it went on"
    assert "metrics/mAP50_B" in trials[-1]["metrics"]


def test_a_killed_instance_is_replaced_by_up_with_users_runs_models_and_artifacts(platform: Rehearsed) -> None:
    arguments = ("--epochs", "1", "--imgsz", "64", "--batch", "8", "--name", "one", "--register-as", "cells")
    platform("train", "shapes/data.yaml", *arguments)
    platform("users", "add", "ada")
    before, users = runs(platform), platform.json("users", "list")
    assert before[0][1:] == ("one", "FINISHED")
    assert before[-1][1:] == ("in-a-job", "FINISHED")
    root = Path(platform.login()["MLFLOW_TRACKING_SERVER_CERT_PATH"]).read_bytes()
    killed = instance(platform)
    platform.client("ec2").terminate_instances(InstanceIds=[killed])

    platform("up", "--yes")

    assert instance(platform) != killed
    assert runs(platform) == before
    assert platform.json("users", "list") == users
    assert {"admin", "ada"} <= {user["name"] for user in users}
    assert [model["name"] for model in platform.json("models", "list")] == ["cells"]
    # A client that was told of the certificate before need not be told again.
    assert Path(platform.login()["MLFLOW_TRACKING_SERVER_CERT_PATH"]).read_bytes() == root
    assert platform.log_a_run() == "0.9 1"
    assert platform.json("plan")["empty"], platform("plan")


def test_it_comes_back_after_a_reboot_by_itself(platform: Rehearsed) -> None:
    platform.client("ec2").reboot_instances(InstanceIds=[instance(platform)])
    assert eventually(lambda: not _answers(platform), seconds=60)
    assert eventually(lambda: _answers(platform), seconds=120)
    assert platform.json("status")["boot"]["phase"] == "ready"


def test_until_a_public_authority_signs_the_name_is_served_all_the_same_and_the_boot_says_why(
    platform: Rehearsed,
) -> None:
    host, _, port = platform.outputs()["tracking_uri"].removeprefix("https://").partition(":")
    platform.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")
    platform.settings(domain_name=f'"{NAME}"')
    platform("up", "--yes", "--no-wait")  # nothing here leads the name to the server
    assert platform.outputs()["tracking_uri"] == f"https://{NAME}:5000"

    stream = f"boot/{instance(platform)}"
    said = eventually(lambda: [line for line in events(platform, stream) if "public certificate" in line], seconds=300)
    report = json.loads(said[-1])
    assert report["phase"] == "ready"
    assert f"no new public certificate for {NAME}" in report["reason"]
    assert "a rehearsal has no public authority" in report["reason"]
    with (
        socket.create_connection((host, int(port)), timeout=30) as plain,
        ssl.create_default_context(cafile=root_of(platform)).wrap_socket(plain, server_hostname=NAME) as secure,
    ):
        secure.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}:{port}\r\nConnection: close\r\n\r\n".encode())
        assert secure.makefile("rb").readline().split()[1] == b"401"
    assert platform.json("plan")["empty"], platform("plan")


def _answers(platform: Rehearsed) -> bool:
    try:
        return ask(platform, "/health")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_nothing_is_left_when_it_is_destroyed(platform: Rehearsed) -> None:
    platform("destroy", "--yes", PROJECT, "--discard-runs")
    assert platform.unimplemented() == []
