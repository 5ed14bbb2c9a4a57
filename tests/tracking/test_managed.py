"""Questions to managed MLflow: where they go, what they bear."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tracking.mlflow_http import FakeMlflow, serving
from yolops.errors import YolopsError
from yolops.tracking.managed import managed_mlflow

APP = "arn:aws:sagemaker:eu-central-1:123456789012:mlflow-app/app-1"
SERVER = "arn:aws:sagemaker:eu-central-1:123456789012:mlflow-tracking-server/cells"


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMlflow]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    with serving() as fake:
        monkeypatch.setenv("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT", fake.uri)
        yield fake


@pytest.mark.parametrize(
    ("arn", "header", "service"),
    [(APP, "x-sm-mlflow-app-arn", "sagemaker"), (SERVER, "x-mlflow-sm-tracking-server-arn", "sagemaker-mlflow")],
)
def test_a_question_says_which_mlflow_it_is_for_and_is_signed(
    mlflow: FakeMlflow, arn: str, header: str, service: str
) -> None:
    mlflow.will_answer("runs/search", {"runs": []})
    mlflow.will_answer("registered-models/get", {})
    managed_mlflow(arn).post("runs/search", experiment_ids=["1"])
    managed_mlflow(arn).get("registered-models/get", name="my cells")
    assert mlflow.asked[1].values == {"name": "my cells"}
    for asked in mlflow.asked:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        assert headers[header] == arn
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        assert f"/eu-central-1/{service}/aws4_request" in headers["authorization"]
        assert header in headers["authorization"]
        assert "canary" not in str(headers)


def test_each_kind_has_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT", raising=False)
    assert managed_mlflow(APP).base == "https://mlflow.sagemaker.eu-central-1.app.aws"
    assert managed_mlflow(SERVER).base == "https://eu-central-1.experiments.sagemaker.aws"


def test_without_credentials_a_person_is_told_to_log_in(mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(YolopsError) as caught:
        managed_mlflow(APP).get("runs/get")
    assert "log in" in caught.value.hint
    assert mlflow.asked == []


def test_an_arn_of_something_else_is_refused() -> None:
    with pytest.raises(YolopsError, match="not the ARN of a managed MLflow"):
        managed_mlflow("arn:aws:s3:::cells")
