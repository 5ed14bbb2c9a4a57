"""A platform of one's own in custom mode, typed: TLS by its own authority, a login, a boot that tells of itself."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answering import Answering
from tests.certificates import Signed, https, signed
from tests.cli.test_aws_commands import MAIN, SETTINGS, Typed, Workplace
from tests.platform.conftest import REGION, simulation
from tests.platform.tiny_terraform import terraform_path
from yolops.aws import Aws
from yolops.platform.root_certificate import KEY

BUCKET, LOG_GROUP, INSTANCE = "cells-data", "/cells/mlflow", "i-0123456789abcdef0"
ADMIN = {"admin_username": "root", "admin_password": "canary-of-the-administrator", "password": "of the database"}
OUTPUTS = """
output "aws_region" {{ value = "eu-central-1" }}
output "server_secret_arn" {{ value = "{secret}" }}
output "server_instance_id" {{ value = "{instance}" }}
output "log_group_name" {{ value = "{log_group}" }}
"""


class Mlflow(Answering):
    """Is well, and answers whoever has one of two logins that there is nothing."""

    logins = (("root", ADMIN["admin_password"]), ("ana", "a password of mine"))

    def do_GET(self) -> None:
        user = {"user": {"username": "root", "is_admin": True}}
        answers = {"/health": {}, "/api/2.0/mlflow/users/current": user}
        path = self.path.partition("?")[0]
        self.say(200 if path in answers else 404, answers.get(path, {}))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        known = {f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}" for pair in self.logins}
        self.say(200 if self.headers.get("Authorization") in known else 401, {})


class Platform:
    """What a test changes of the simulated AWS behind the platform."""

    def __init__(self) -> None:
        self.aws = Aws(REGION)
        location = {"LocationConstraint": REGION}
        self.aws.call("s3", "create_bucket", Bucket=BUCKET, CreateBucketConfiguration=location)
        secret = self.aws.call("secretsmanager", "create_secret", Name="cells", SecretString=json.dumps(ADMIN))
        self.secret = str(secret["ARN"])
        self.aws.call("logs", "create_log_group", logGroupName=LOG_GROUP)
        stream = {"logGroupName": LOG_GROUP, "logStreamName": f"boot/{INSTANCE}"}
        self.aws.call("logs", "create_log_stream", **stream)
        self._stream = stream

    def publishes(self, files: Signed) -> None:
        self.aws.call("s3", "put_object", Bucket=BUCKET, Key=KEY, Body=files.root.read_bytes())

    def says(self, phase: str, reason: str) -> None:
        message = json.dumps({"phase": phase, "reason": reason, "seconds": 12.3})
        event = {"timestamp": int(time.time() * 1000), "message": message}
        self.aws.call("logs", "put_log_events", **self._stream, logEvents=[event])


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with simulation() as variables, pytest.MonkeyPatch.context() as here:
        for name, value in variables.items():
            here.setenv(name, value)
        yield {**variables, "YOLOPS_TERRAFORM": terraform_path()}


@pytest.fixture(scope="module")
def platform(environment: dict[str, str]) -> Platform:
    return Platform()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return signed(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def address(files: Signed) -> Iterator[str]:
    with https(Mlflow, files) as found:
        yield found


def workplace(root: Path, environment: dict[str, str], platform: Platform, address: str) -> Workplace:
    outputs = OUTPUTS.format(secret=platform.secret, instance=INSTANCE, log_group=LOG_GROUP)
    (root / "main.tf").write_text(MAIN.replace("ADDRESS", address) + outputs)
    (root / "terraform.tfvars").write_text(SETTINGS)
    return Workplace(root, {**environment, "HOME": str(root)})


@pytest.fixture(scope="module")
def yolops(
    tmp_path_factory: pytest.TempPathFactory,
    environment: dict[str, str],
    platform: Platform,
    address: str,
    files: Signed,
) -> Workplace:
    """A platform that was built; no test of this module changes it."""
    platform.publishes(files)
    platform.says("ready", "")
    built = workplace(tmp_path_factory.mktemp("workplace"), environment, platform, address)
    up = built("up", "--yes")
    assert up.code == 0, up.err
    (built.root / "up.txt").write_text(up.out)
    return built


def two_lines(typed: Typed) -> tuple[str, str]:
    """Return the error and what to do; there is nothing else."""
    error, hint = typed.err.splitlines()[-2:]
    assert error.startswith("error: "), typed.err
    assert "Traceback" not in typed.err
    return error, hint


def test_up_says_how_other_programs_enter_and_shows_no_password(yolops: Workplace, address: str, files: Signed) -> None:
    said = (yolops.root / "up.txt").read_text()
    kept = yolops.root / ".yolops"
    assert f"export MLFLOW_TRACKING_URI={address}" in said
    assert f"export MLFLOW_TRACKING_SERVER_CERT_PATH={kept / 'mlflow-trusted.pem'}" in said
    assert "MLFLOW_TRACKING_USERNAME" not in said, "half a login in a shell keeps yolops out"
    assert "users add NAME" in said
    assert "canary" not in said
    assert (kept / "mlflow-ca.pem").read_bytes() == files.root.read_bytes()
    found = [path for path in kept.rglob("*") if path.is_file() and b"canary" in path.read_bytes()]
    assert found == [], "and none is written down"


def test_without_a_login_of_one_s_own_one_is_the_administrator(yolops: Workplace) -> None:
    listed = yolops("runs", "list", "--json")
    assert (listed.code, listed.json) == (0, []), listed.err


def test_a_shell_that_knows_the_address_of_the_platform_means_the_platform(yolops: Workplace, address: str) -> None:
    listed = yolops("runs", "list", "--json", MLFLOW_TRACKING_URI=f"{address}/")
    assert (listed.code, listed.json) == (0, []), listed.err
    assert yolops("status", "--json", MLFLOW_TRACKING_URI=address).json["outputs"]["bucket_name"] == BUCKET


def test_a_login_of_one_s_own_goes_before_the_administrator_s(yolops: Workplace) -> None:
    mine = {"MLFLOW_TRACKING_USERNAME": "ana", "MLFLOW_TRACKING_PASSWORD": "a password of mine"}
    assert yolops("runs", "list", **mine).code == 0
    error, hint = two_lines(yolops("runs", "list", **mine | {"MLFLOW_TRACKING_PASSWORD": "wrong"}))
    assert "MLflow does not let you in as ana (401)" in error
    assert "yolops users password" in hint
    error, hint = two_lines(yolops("runs", "list", MLFLOW_TRACKING_USERNAME="ana"))
    assert "MLFLOW_TRACKING_USERNAME is ana, and there is no password for it" in error


def test_mlflow_s_own_file_of_credentials_counts(yolops: Workplace, tmp_path: Path) -> None:
    file = tmp_path / ".mlflow" / "credentials"
    file.parent.mkdir()
    file.write_text("[mlflow]\nmlflow_tracking_username = ana\nmlflow_tracking_password = wrong\n")
    assert "let you in as ana" in two_lines(yolops("runs", "list", HOME=str(tmp_path)))[0]
    assert yolops("runs", "list", HOME=str(tmp_path), MLFLOW_TRACKING_PASSWORD="a password of mine").code == 0


def test_whoever_may_not_read_the_secret_is_told_what_helps(yolops: Workplace, platform: Platform) -> None:
    platform.aws.call("secretsmanager", "delete_secret", SecretId=platform.secret)
    try:
        error, hint = two_lines(yolops("runs", "list"))
    finally:
        platform.aws.call("secretsmanager", "restore_secret", SecretId=platform.secret)
    assert "the administrator's login cannot be read" in error
    assert "secretsmanager:GetSecretValue" in hint


def test_a_certificate_that_is_named_is_the_only_one(yolops: Workplace, files: Signed, tmp_path: Path) -> None:
    assert yolops("runs", "list", MLFLOW_TRACKING_SERVER_CERT_PATH=str(files.root)).code == 0
    other = signed(tmp_path)
    error, hint = two_lines(yolops("runs", "list", MLFLOW_TRACKING_SERVER_CERT_PATH=str(other.root)))
    assert "the certificate of the server is not trusted" in error
    assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in hint
    absent = yolops("runs", "list", MLFLOW_TRACKING_SERVER_CERT_PATH="/nowhere/ca.pem")
    assert "/nowhere/ca.pem is not there" in two_lines(absent)[0]


def test_a_training_with_a_wrong_login_does_not_begin(yolops: Workplace) -> None:
    wrong = {"MLFLOW_TRACKING_USERNAME": "ana", "MLFLOW_TRACKING_PASSWORD": "wrong"}
    assert yolops("dataset", "sample", "shapes").code == 0
    error, _ = two_lines(yolops("train", "shapes", "--epochs", "1", "--model", "yolo11n.yaml", **wrong))
    assert "let you in as ana (401)" in error
    assert not (yolops.root / "runs").exists()


def test_ui_says_as_whom_to_log_in(yolops: Workplace) -> None:
    shown = yolops("ui", "--no-browser")
    assert shown.code == 0
    assert "log in as root" in shown.err
    assert "canary" not in shown.err + shown.out
    assert yolops("ui", "--no-browser", "--json").json["username"] == "root"


def test_the_administrator_of_the_platform_is_neither_removed_nor_given_another_password(yolops: Workplace) -> None:
    assert "you are root yourself" in two_lines(yolops("users", "remove", "root"))[0]
    error, hint = two_lines(yolops("users", "password", "root"))
    assert "root is the administrator of the platform" in error
    assert "users add NAME --admin" in hint


def test_in_studio_mode_aws_decides_who_may_do_what(
    environment: dict[str, str], platform: Platform, tmp_path: Path
) -> None:
    yolops = workplace(tmp_path, environment, platform, "arn:aws:sagemaker:eu-central-1:123456789012:mlflow-app/app-1")
    (tmp_path / "terraform.tfvars").write_text(SETTINGS.replace("custom", "studio"))
    assert yolops("up", "--yes", "--no-wait").code == 0
    error, hint = two_lines(yolops("users", "list"))
    assert "AWS decides who may use MLflow" in error
    assert "IAM" in hint


def test_status_shows_how_far_the_server_is(yolops: Workplace) -> None:
    seen = yolops("status", "--json").json
    assert (seen["health"], seen["boot"]["phase"], seen["boot"]["instance_id"]) == ("healthy", "ready", INSTANCE)
    assert "ready (12 s)" in yolops("status").out


def checks_of(typed: Typed) -> dict[str, dict[str, Any]]:
    return {check["check"]: check for check in typed.json["checks"]}


def test_the_doctor_looks_at_the_server_its_certificate_its_login_and_its_boot(yolops: Workplace) -> None:
    seen = checks_of(yolops("doctor", "--json"))
    fine = {"Terraform", "AWS login", "clock", "platform", "state lock", "MLflow", "MLflow login", "way in", "boot"}
    assert {name: seen[name]["findings"] for name in fine if seen[name]["verdict"] != "ok"} == {}
    assert seen["MLflow login"]["found"] == "as root, an administrator"
    assert seen["certificate"]["found"].startswith("believed, for ")
    assert seen["bucket"]["findings"][0]["code"] == "bucket-forgets", "and what is wrong with it is an error"
    assert yolops("doctor").code == 1


def test_the_doctor_shows_no_password(yolops: Workplace) -> None:
    done = yolops("doctor", "--json")
    assert "canary" not in done.out + done.err


def test_the_doctor_tells_a_wrong_login_from_everything_else(yolops: Workplace) -> None:
    mine = {"MLFLOW_TRACKING_USERNAME": "ana", "MLFLOW_TRACKING_PASSWORD": "wrong"}
    seen = checks_of(yolops("doctor", "--json", **mine))
    assert "let you in as ana (401)" in seen["MLflow login"]["findings"][0]["what"]
    assert (seen["MLflow"]["verdict"], seen["backups"]["verdict"]) == ("ok", "skipped")


def test_the_doctor_goes_on_where_terraform_or_a_login_of_aws_is_missing(yolops: Workplace) -> None:
    seen = checks_of(yolops("doctor", "--json", YOLOPS_TERRAFORM="nowhere"))
    assert seen["Terraform"]["findings"][0]["what"] == "nowhere: not found"
    assert (seen["AWS login"]["verdict"], seen["bucket"]["verdict"]) == ("ok", "skipped")
    table = yolops("doctor", YOLOPS_TERRAFORM="nowhere").out.splitlines()
    assert [line for line in table if "not looked at" in line] == [
        line for line in table if "not looked at, because of Terraform: platform, state lock, settings, bucket" in line
    ], "what follows from one failure takes one line"
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    seen = checks_of(yolops("doctor", "--json", **nobody, AWS_CONFIG_FILE="/nowhere"))
    assert "there are no credentials" in seen["AWS login"]["findings"][0]["what"]
    assert (seen["Terraform"]["verdict"], seen["boot"]["verdict"]) == ("ok", "skipped")


def test_a_platform_that_was_made_anew_is_believed_by_its_new_root(
    yolops: Workplace, platform: Platform, address: str, files: Signed, tmp_path: Path
) -> None:
    shutil.copytree(yolops.root, tmp_path / "copy")
    kept = tmp_path / "copy" / ".yolops" / "mlflow-ca.pem"
    other = signed(tmp_path / "other")
    copy = Workplace(tmp_path / "copy", yolops.environment)
    with https(Mlflow, other) as anew:
        main = copy.root / "main.tf"
        main.write_text(main.read_text().replace(address, anew))
        try:
            platform.publishes(other)
            built = copy("up", "--yes")
            assert built.code == 0, built.err
            assert copy("runs", "list").code == 0
            assert kept.read_bytes() == other.root.read_bytes()
        finally:
            platform.publishes(files)


def test_up_ends_at_once_with_the_reason_when_the_server_could_not_start(
    environment: dict[str, str], platform: Platform, tmp_path: Path
) -> None:
    platform.says("failed", "MLflow 3.17.2 cannot be installed: hash mismatch")
    yolops = workplace(tmp_path, environment, platform, "https://127.0.0.1:9")
    error, hint = two_lines(yolops("up", "--yes"))
    assert f"{INSTANCE}: the server could not start: MLflow 3.17.2 cannot be installed: hash mismatch" in error
    assert LOG_GROUP in hint
    seen = yolops("status", "--json")
    assert (seen.code, seen.json["health"], seen.json["boot"]["phase"]) == (1, "no answer", "failed")
    found = checks_of(yolops("doctor", "--json"))
    assert "MLflow 3.17.2 cannot be installed: hash mismatch" in found["boot"]["findings"][0]["what"]
    assert (found["way in"]["findings"][0]["code"], found["MLflow login"]["verdict"]) == ("port-closed", "skipped")
    platform.says("ready", "")
