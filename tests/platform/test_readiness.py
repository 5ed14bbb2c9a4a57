"""How MLflow in AWS is, and what its server says of its boot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fake_aws import FakeAws
from yolops.aws import AwsError
from yolops.errors import YolopsError
from yolops.platform.boot_report import BootReport, latest_report, read_boot_report
from yolops.platform.readiness import Server, wait_until_healthy

NOWHERE = "http://127.0.0.1:9"

APP = "arn:aws:sagemaker:eu-central-1:123456789012:mlflow-app/app-1"
SERVER = "arn:aws:sagemaker:eu-central-1:123456789012:mlflow-tracking-server/cells"


@pytest.mark.parametrize(
    ("uri", "answers", "seen"),
    [
        (APP, {"describe_mlflow_app": {"Status": "Created"}}, "healthy"),
        (APP, {"describe_mlflow_app": {"Status": "Creating"}}, "Creating"),
        (SERVER, {"describe_mlflow_tracking_server": {"TrackingServerStatus": "Created"}}, "healthy"),
        (SERVER, {}, "absent"),
        ("http://127.0.0.1:9", {}, "no answer"),
        ("", {}, "absent"),
    ],
)
def test_health_is_what_can_be_seen_of_mlflow(uri: str, answers: dict[str, Any], seen: str) -> None:
    assert Server(uri, FakeAws(**answers)).health() == seen  # type: ignore[arg-type]


def test_a_managed_mlflow_that_failed_is_not_waited_for() -> None:
    aws = FakeAws(describe_mlflow_app={"Status": "CreateFailed"})
    with pytest.raises(YolopsError, match="SageMaker says CreateFailed"):
        wait_until_healthy(Server(APP, aws), lambda _: None)  # type: ignore[arg-type]


def test_waiting_ends_with_what_was_seen_last() -> None:
    with pytest.raises(YolopsError, match=r"did not answer within 0 minutes \(no answer\)") as caught:
        wait_until_healthy(Server(NOWHERE, FakeAws()), lambda _: None, patience_s=0)  # type: ignore[arg-type]
    assert "allowed_cidrs" in caught.value.hint


class Log:
    """The streams of a log group, by name; every answer has one more line of the stream than the one before."""

    def __init__(self, **streams: list[dict[str, Any]]) -> None:
        self.region = "eu-central-1"
        self.streams = {f"boot/{instance.replace('_', '-')}": lines for instance, lines in streams.items()}
        self.shown = 0

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        assert (service, operation, parameters["logGroupName"]) == ("logs", "get_log_events", "/cells/mlflow")
        if parameters["logStreamName"] not in self.streams:
            raise AwsError("no such stream", "", "ResourceNotFoundException")
        self.shown += 1
        lines = self.streams[parameters["logStreamName"]][: self.shown]
        return {"events": [{"message": json.dumps(line)} for line in lines]}


def server(log: Log, instance: str = "i-2") -> Server:
    return Server(NOWHERE, log, instance_id=instance, log_group="/cells/mlflow")  # type: ignore[arg-type]


def said(phase: str, reason: str = "", seconds: float = 1.0) -> dict[str, Any]:
    return {"phase": phase, "reason": reason, "seconds": seconds}


def test_the_last_report_counts_and_other_lines_do_not() -> None:
    lines = ["cloud-init says", json.dumps(said("installing", "packages")), json.dumps(said("failed", "no disk", 61.4))]
    found = latest_report("i-1", [*lines, "[1]", '"text"', '{"phase": "x", "seconds": "many"}', "{}"])
    assert found == BootReport("i-1", "failed", "no disk", 61.4)
    assert found.line() == "failed (61 s): no disk"
    assert latest_report("i-1", lines[:1]) is None


def test_a_boot_that_failed_is_not_waited_for() -> None:
    told: list[str] = []
    log = Log(i_2=[said("installing", "packages"), said("failed", "the database refuses the password", 95)])
    with pytest.raises(YolopsError, match="i-2: the server could not start: the database refuses the pass") as caught:
        wait_until_healthy(server(log), told.append)
    assert told == ["installing (1 s): packages"]
    assert "/cells/mlflow" in caught.value.hint
    assert "aws ec2 terminate-instances --instance-ids i-2 --region eu-central-1" in caught.value.hint


def test_a_server_that_is_ready_and_out_of_reach_is_not_waited_for() -> None:
    log = Log(i_2=[said("ready")])
    with pytest.raises(YolopsError, match="the server is ready, and cannot be reached from here") as caught:
        wait_until_healthy(server(log), lambda _: None, reach_patience_s=0)
    assert "allowed_cidrs" in caught.value.hint


def test_the_failure_of_a_former_instance_does_not_count() -> None:
    log = Log(i_1=[said("failed", "no disk")])
    with pytest.raises(YolopsError, match=r"did not answer within 0 minutes \(no answer\)"):
        wait_until_healthy(server(log), lambda _: None, patience_s=0)


def test_a_log_that_may_not_be_read_is_no_reason_not_to_wait() -> None:
    closed = FakeAws(get_log_events=AwsError("not allowed", "", "AccessDenied"))
    assert server(closed).known_boot() is None  # type: ignore[arg-type]
    assert read_boot_report(closed, "", "") is None  # type: ignore[arg-type]
