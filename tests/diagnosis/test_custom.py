"""The server of custom mode and what belongs to it, against a simulated AWS and answers of AWS that it cannot give."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.answering import Answering, answering
from tests.diagnosis.cloud import REGION, cloud, codes, entrance
from tests.fake_aws import FakeAws
from tests.platform.conftest import simulated_aws  # noqa: F401 - a fixture
from yolops.aws import Aws, AwsError
from yolops.diagnosis.check import Notes, Seen, Skip
from yolops.diagnosis.custom import (
    Custom,
    alarms,
    backups,
    boot,
    explain,
    instance,
    pulse,
    secret,
    way_in,
)
from yolops.diagnosis.custom_database import database, support

GROUP = "/cells/mlflow"
NOW = datetime.now(UTC)
DATABASE = {
    "DBInstanceIdentifier": "cells-mlflow",
    "DBInstanceArn": "arn:aws:rds:eu-central-1:1:db:cells-mlflow",
    "DBInstanceStatus": "available",
    "DBInstanceClass": "db.t3.micro",
    "Engine": "mysql",
    "EngineVersion": "8.4.7",
    "AllocatedStorage": 20,
    "MaxAllocatedStorage": 100,
    "LatestRestorableTime": NOW,
}


class Server:
    """An instance with its firewall, its log and its secret."""

    def __init__(self, directory: Path) -> None:
        self.aws = Aws(REGION)
        group = self.aws.call("ec2", "create_security_group", GroupName=f"g{time.time_ns()}", Description="server")
        self.group = str(group["GroupId"])
        image = self.aws.call("ec2", "describe_images")["Images"][0]["ImageId"]
        made = self.aws.call(
            "ec2",
            "run_instances",
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            InstanceType="t3.small",
            SecurityGroupIds=[self.group],
        )
        self.id = str(made["Instances"][0]["InstanceId"])
        self.log = f"{GROUP}/{self.id}"
        self.aws.call("logs", "create_log_group", logGroupName=self.log)
        self.custom = cloud(directory, self.aws, server_instance_id=self.id, log_group_name=self.log)

    def says(self, stream: str, *messages: str) -> None:
        name = {"logGroupName": self.log, "logStreamName": f"{stream}/{self.id}"}
        try:
            self.aws.call("logs", "create_log_stream", **name)
        except AwsError as error:
            if "Exists" not in error.code:
                raise
        events = [{"timestamp": int(time.time() * 1000), "message": message} for message in messages]
        self.aws.call("logs", "put_log_events", **name, logEvents=events)

    def reports(self, phase: str, reason: str = "") -> None:
        self.says("boot", json.dumps({"phase": phase, "reason": reason, "seconds": 61.0}))

    def at(self, uri: str, address: str) -> Custom:
        door = entrance(uri, server_instance_id=self.id, log_group_name=self.log)
        return replace(self.custom, entrance=door, own_address=lambda: address)


@pytest.fixture
def server(simulated_aws: dict[str, str], tmp_path: Path) -> Server:  # noqa: F811 - the fixture
    return Server(tmp_path)


def test_a_boot_that_failed_is_told_with_its_reason_and_what_to_do(server: Server) -> None:
    assert codes(boot(server.custom)) == [("warning", "boot-silent")]
    server.reports("installing", "the packages of MLflow")
    assert codes(boot(server.custom)) == [("warning", "boot-under-way")]
    server.reports("failed", "MLflow 3.17.2 cannot be installed: hash mismatch")
    (finding,) = boot(server.custom).findings
    assert (finding.severity, finding.code, finding.where) == ("error", "boot-failed", server.id)
    assert finding.what == "the server could not start: MLflow 3.17.2 cannot be installed: hash mismatch"
    assert f"terminate-instances --instance-ids {server.id}" in finding.fix
    server.reports("ready")
    assert boot(server.custom) == Seen("ready (61 s)")


def test_an_instance_that_does_not_run_is_an_error(server: Server) -> None:
    assert instance(server.custom) == Seen("t3.small, running")
    server.aws.call("ec2", "stop_instances", InstanceIds=[server.id])
    assert codes(instance(server.custom)) == [("error", "instance-not-running")]
    server.aws.call("ec2", "terminate_instances", InstanceIds=[server.id])
    (finding,) = instance(server.custom).findings
    assert (finding.what, finding.fix) == ("is terminated", "yolops up")


def test_an_instance_that_fails_a_status_check_is_an_error(tmp_path: Path) -> None:
    found = {"State": {"Name": "running"}, "InstanceType": "t3.small", "SecurityGroups": []}
    status = {"InstanceStatus": {"Status": "impaired"}, "SystemStatus": {"Status": "ok"}}
    aws = FakeAws(
        describe_instances={"Reservations": [{"Instances": [found]}]},
        describe_instance_status={"InstanceStatuses": [status]},
    )
    (finding,) = instance(cloud(tmp_path, aws, server_instance_id="i-1")).findings
    assert finding.what == "the instance status check says impaired"
    assert "terminated" in instance(cloud(tmp_path, FakeAws(), server_instance_id="i-1")).findings[0].what


def test_the_load_of_the_server_is_read_from_its_journal(server: Server) -> None:
    with pytest.raises(Skip):
        pulse(server.custom)
    measured = [{"_aws": {}, "disk_used_percent": disk, "memory_used_percent": 40.2} for disk in (20.0, 91.5)]
    server.says("server", "Started mlflow.service", json.dumps(measured[0]), "GET / 200")
    assert pulse(server.custom) == Seen("disk 20 %, memory 40 %")
    server.says("server", json.dumps(measured[1]))
    assert codes(pulse(server.custom)) == [("warning", "server-disk-full")]


def test_whoever_is_not_among_the_allowed_addresses_is_told_to_add_his(server: Server) -> None:
    # An address of documentation: nothing is ever there (RFC 5737), and this machine cannot even reach it.
    closed = server.at("https://192.0.2.1:5000", "198.51.100.7/32")
    permission = {"IpProtocol": "tcp", "FromPort": 5000, "ToPort": 5000, "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}
    server.aws.call("ec2", "authorize_security_group_ingress", GroupId=server.group, IpPermissions=[permission])
    found = _why_not(closed)
    assert (found.findings[0].code, "203.0.113.0/24" in found.findings[0].what) == ("not-allowed-in", True)
    assert "add 198.51.100.7/32 to allowed_cidrs" in found.findings[0].fix
    assert _why_not(server.at("https://192.0.2.1:5000", "203.0.113.9/32")).findings[0].code == "no-way-in"
    assert _why_not(server.at("https://192.0.2.1:5000", "")).findings[0].code == "no-way-in"


def _why_not(custom: Custom) -> Seen:
    """Look at a way in that is closed, without knocking: no test reaches beyond this machine."""
    notes = Notes("192.0.2.1:5000")
    explain(custom, 5000, notes, TimeoutError("timed out"))
    return notes.seen("")


def test_a_port_that_answers_needs_no_look_at_the_firewall(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert codes(way_in(cloud(tmp_path, FakeAws(), uri=f"https://127.0.0.1:{port}"))) == []
    refused = way_in(cloud(tmp_path, FakeAws(), uri=f"https://127.0.0.1:{port}"))
    assert codes(refused) == [("error", "port-closed")]


@pytest.mark.parametrize(
    ("changed", "waiting", "expected"),
    [
        ({}, [], []),
        ({"DBInstanceStatus": "stopped"}, [], [("error", "database-not-available")]),
        ({"DBInstanceStatus": "storage-full"}, [], [("error", "database-full")]),
        ({"LatestRestorableTime": NOW - timedelta(hours=5)}, [], [("warning", "database-backup-late")]),
        ({}, [{"Action": "system-update", "Description": "New OS"}], [("info", "database-maintenance")]),
    ],
)
def test_the_database_is_looked_at(
    tmp_path: Path, changed: dict[str, Any], waiting: list[dict[str, str]], expected: list[tuple[str, str]]
) -> None:
    aws = FakeAws(
        describe_db_instances={"DBInstances": [{**DATABASE, **changed}]},
        describe_pending_maintenance_actions={
            "PendingMaintenanceActions": [{"PendingMaintenanceActionDetails": waiting}] if waiting else []
        },
    )
    seen = database(cloud(tmp_path, aws, rds_endpoint="cells-mlflow.abc.eu-central-1.rds.amazonaws.com:3306"))
    assert codes(seen) == expected
    assert seen.found == "mysql 8.4.7 on db.t3.micro, 20 of at most 100 GiB"


@pytest.mark.parametrize(("days", "expected"), [(900, []), (30, [("warning", "database-support-ends")])])
def test_an_engine_that_aws_supports_no_longer_is_told_in_time(
    tmp_path: Path, days: int, expected: list[tuple[str, str]]
) -> None:
    standard = "open-source-rds-standard-support"
    lives = [{"LifecycleSupportName": standard, "LifecycleSupportEndDate": NOW + timedelta(days=days)}]
    aws = FakeAws(
        describe_db_instances={"DBInstances": [DATABASE]},
        describe_db_major_engine_versions={"DBMajorEngineVersions": [{"SupportedEngineLifecycles": lives}]},
    )
    assert codes(support(cloud(tmp_path, aws, rds_endpoint="cells-mlflow.abc"))) == expected
    aws.answers["describe_db_major_engine_versions"] = {"DBMajorEngineVersions": []}
    with pytest.raises(Skip, match=r"mysql 8\.4"):
        support(cloud(tmp_path, aws, rds_endpoint="cells-mlflow.abc"))


@pytest.mark.usefixtures("simulated_aws")
def test_an_alarm_that_has_gone_off_says_what_to_do(tmp_path: Path) -> None:
    aws = Aws(REGION)
    known = cloud(tmp_path, aws)
    alarm = {
        "AlarmName": "cells-server-disk",
        "AlarmDescription": "The disk of the MLflow server is over 85 % full: find what fills it.",
        "MetricName": "disk",
        "Namespace": "cells",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Period": 300,
        "Threshold": 85.0,
        "Statistic": "Maximum",
    }
    aws.call("cloudwatch", "put_metric_alarm", **alarm)
    aws.call("cloudwatch", "put_metric_alarm", **{**alarm, "AlarmName": "others-disk"})
    assert alarms(known) == Seen("1, none has gone off")
    for name in ("cells-server-disk", "others-disk"):
        aws.call("cloudwatch", "set_alarm_state", AlarmName=name, StateValue="ALARM", StateReason="test")
    (finding,) = alarms(known).findings
    assert (finding.where, finding.fix) == ("cells-server-disk", "find what fills it.")


@pytest.mark.usefixtures("simulated_aws")
def test_a_secret_that_is_about_to_go_is_an_error(tmp_path: Path) -> None:
    aws = Aws(REGION)
    arn = aws.call("secretsmanager", "create_secret", Name=f"cells-{time.time_ns()}", SecretString="{}")["ARN"]
    known = cloud(tmp_path, aws, server_secret_arn=arn)
    assert codes(secret(known)) == []
    aws.call("secretsmanager", "delete_secret", SecretId=arn)
    (finding,) = secret(known).findings
    assert f"restore-secret --secret-id {arn}" in finding.fix


class Backups(Answering):
    """A server with the backups that it is told of."""

    known: tuple[dict[str, Any], ...] = ()

    def do_GET(self) -> None:
        self.say(200, {"backups": self.known})


@pytest.fixture
def serving() -> Iterator[Callable[[tuple[dict[str, Any], ...]], str]]:
    with ExitStack() as servers:
        yield lambda known: servers.enter_context(answering(type("Handler", (Backups,), {"known": known})))


def made(days_ago: float, *, whole: bool = True) -> dict[str, Any]:
    counts = {"experiments": 1, "runs": 2, "models": 3}
    when = (NOW - timedelta(days=days_ago)).isoformat(timespec="seconds")
    return {
        "id": "b",
        "state": "done",
        "whole": whole,
        "made": when if whole else "",
        "why": "",
        "mlflow": "3",
        **counts,
    }


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ((), [("info", "no-backup")]),
        ((made(1), made(30)), []),
        ((made(30), made(0, whole=False)), [("warning", "backup-old")]),
    ],
)
def test_a_backup_that_is_too_old_is_a_warning(
    tmp_path: Path,
    serving: Callable[[tuple[dict[str, Any], ...]], str],
    known: tuple[dict[str, Any], ...],
    expected: list[tuple[str, str]],
) -> None:
    assert codes(backups(cloud(tmp_path, FakeAws(), uri=serving(known)))) == expected


def test_in_high_availability_there_is_no_single_server_to_look_at(tmp_path: Path) -> None:
    for look in (boot, instance, pulse):
        with pytest.raises(Skip, match="high availability"):
            look(cloud(tmp_path, FakeAws()))
