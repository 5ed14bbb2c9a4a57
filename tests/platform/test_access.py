"""Who enters MLflow: what stands in its file, in the secret of the platform, in the environment of a process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from yolops.aws import AwsError
from yolops.errors import YolopsError
from yolops.platform.access import Access, Credentials, administrator, kept_login, read_credentials_file
from yolops.platform.trust import Trust

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cells-server"


class Secrets:
    """A secret with this text, or an error in its place."""

    def __init__(self, answer: str | AwsError) -> None:
        self.answer = answer

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, str]:
        assert (service, operation, parameters) == ("secretsmanager", "get_secret_value", {"SecretId": ARN})
        if isinstance(self.answer, AwsError):
            raise self.answer
        return {"SecretString": self.answer}


def test_the_file_is_read_as_mlflow_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    assert read_credentials_file(file) == Credentials()
    file.write_text("[other]\nname = x\n")
    assert read_credentials_file(file) == Credentials()
    file.write_text("[mlflow]\nmlflow_tracking_username = ana\nmlflow_tracking_password = a%%b\n")
    assert read_credentials_file(file) == Credentials("ana", "a%b")


@pytest.mark.parametrize("content", [b"no section", b"\xff\xfe", b"[mlflow]\nmlflow_tracking_password = canary%b\n"])
def test_a_file_that_cannot_be_read_is_named_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "credentials"
    file.write_bytes(content)
    with pytest.raises(YolopsError, match="cannot be read") as caught:
        read_credentials_file(file)
    assert "canary" not in caught.value.message + caught.value.hint


def test_the_administrator_s_login_comes_from_the_secret() -> None:
    secret = Secrets(json.dumps({"admin_username": "admin", "admin_password": "canary", "password": "x"}))
    found = administrator(secret, ARN)  # type: ignore[arg-type]
    assert (found.username, found.password) == ("admin", "canary")
    assert "canary" not in repr(found)


@pytest.mark.parametrize("content", ["{}", "no JSON canary", "[]", '{"admin_username": "admin"}'])
def test_a_secret_without_a_login_says_so_and_nothing_else(content: str) -> None:
    with pytest.raises(YolopsError, match="holds no login") as caught:
        administrator(Secrets(content), ARN)  # type: ignore[arg-type]
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_login_of_a_job_comes_from_a_secret_of_its_own() -> None:
    found = kept_login(Secrets(json.dumps({"username": "jobs", "password": "canary"})), ARN)  # type: ignore[arg-type]
    assert (found.username, found.password) == ("jobs", "canary")
    for content in ("{}", "no JSON canary", "[]", '{"username": "canary"}'):
        with pytest.raises(YolopsError, match="holds no login") as caught:
            kept_login(Secrets(content), ARN)  # type: ignore[arg-type]
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None
    refused = AwsError("AWS secretsmanager get_secret_value: not allowed", "", "AccessDeniedException")
    with pytest.raises(AwsError, match=f"{ARN}: the login cannot be read"):
        kept_login(Secrets(refused), ARN)  # type: ignore[arg-type]


def test_whoever_may_not_read_the_secret_is_told_what_else_helps() -> None:
    refused = AwsError("AWS secretsmanager get_secret_value: not allowed", "", "AccessDeniedException")
    with pytest.raises(AwsError, match=f"{ARN}: the administrator's login cannot be read") as caught:
        administrator(Secrets(refused), ARN)  # type: ignore[arg-type]
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "secretsmanager:GetSecretValue"):
        assert name in caught.value.hint


def test_another_process_enters_by_its_environment_and_never_trusts_everybody(tmp_path: Path) -> None:
    access = Access("https://203.0.113.7:5000", Credentials("ana", "secret"), Trust(tmp_path / "ca.pem"))
    assert access.environment() == {
        "MLFLOW_TRACKING_USERNAME": "ana",
        "MLFLOW_TRACKING_PASSWORD": "secret",
        "MLFLOW_TRACKING_SERVER_CERT_PATH": str(tmp_path / "ca.pem"),
        "MLFLOW_TRACKING_INSECURE_TLS": "false",
    }
    assert Access("http://127.0.0.1:5000").environment() == {}
    assert "secret" not in repr(access)
