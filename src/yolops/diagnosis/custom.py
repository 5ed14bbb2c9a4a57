"""What only custom mode has: the server on EC2, its boot, its backups, its alarms."""

from __future__ import annotations

import ipaddress
import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from yolops.aws import absent_ok
from yolops.diagnosis.account import Cloud
from yolops.diagnosis.check import Check, Notes, Seen, Skip
from yolops.diagnosis.mlflow_server import STATE
from yolops.platform.boot_report import READY, last_messages, read_boot_report
from yolops.platform.outputs import Mode
from yolops.tracking.backups import list_backups

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_PATIENCE_S = 5.0
# As its alarm in terraform/modules/observability/alarms.tf; memory has none.
MOST_DISK_PERCENT, MOST_MEMORY_PERCENT = 85.0, 92.0
PULSES = 200
OLD_BACKUP = timedelta(days=7)
NO_INSTANCE = "there is no single server: in high availability instances come and go"


@dataclass(frozen=True)
class Custom(Cloud):
    """A platform in custom mode.

    Attributes:
        own_address: returns the range of the address that this machine has in the internet; "" if it is not known.
    """

    mode = Mode.CUSTOM

    own_address: Callable[[], str]


def way_in(custom: Custom) -> Seen:
    """The port of the server is open to the address of this machine."""
    address = urlsplit(custom.outputs.tracking_uri)
    host, port = address.hostname or "", address.port or (443 if address.scheme == "https" else 80)
    notes = Notes(f"{host}:{port}")
    try:
        socket.create_connection((host, port), timeout=CONNECT_PATIENCE_S).close()
    except ConnectionRefusedError:
        notes.error("port-closed", "the instance answers, and nothing listens there yet", "see `boot` and `MLflow`")
        return notes.seen("refused")
    except OSError as error:
        explain(custom, port, notes, error)
    return notes.seen(f"{host}:{port} can be reached from here")


def explain(custom: Custom, port: int, notes: Notes, error: OSError) -> None:
    """Note why the server cannot be reached: the firewall does not let this machine in, or something else."""
    own = custom.own_address()
    allowed = _allowed(custom, port)
    fix = f"add {own or 'your own address'} to allowed_cidrs in terraform.tfvars, then yolops up"
    if allowed is None or not own:
        notes.error("no-way-in", f"cannot be reached from here ({error})", f"if the server runs: {fix}")
    elif any(_inside(own, cidr) for cidr in allowed):
        notes.error("no-way-in", f"cannot be reached, though {own} is allowed ({error})", "see `instance` and `boot`")
    else:
        notes.error("not-allowed-in", f"{own} is not among {', '.join(allowed) or 'no address'} of allowed_cidrs", fix)


def _allowed(custom: Custom, port: int) -> list[str] | None:
    """Return the ranges that the firewall of the server lets in; None where there is no single server."""
    if not custom.outputs.server_instance_id:
        return None
    groups = [group["GroupId"] for group in _instance(custom)["SecurityGroups"]]
    asked = [{"Name": "group-id", "Values": groups}]
    rules = custom.aws.call("ec2", "describe_security_group_rules", Filters=asked)["SecurityGroupRules"]
    return [
        str(rule.get("CidrIpv4") or rule["CidrIpv6"])
        for rule in rules
        if not rule["IsEgress"]
        and (rule.get("CidrIpv4") or rule.get("CidrIpv6"))
        and rule["FromPort"] <= port <= rule["ToPort"]
    ]


def _inside(own: str, cidr: str) -> bool:
    return ipaddress.ip_network(own).network_address in ipaddress.ip_network(cidr)


def boot(custom: Custom) -> Seen:
    """The server has booted; if it could not, its own words say why."""
    if not custom.outputs.server_instance_id:
        raise Skip(NO_INSTANCE)
    group, instance = custom.outputs.log_group_name, custom.outputs.server_instance_id
    notes = Notes(instance)
    report = read_boot_report(custom.aws, group, instance)
    if report is None:
        notes.warning("boot-silent", "has not said anything of its boot yet", f"wait a minute; its log is in {group}")
        return notes.seen("silent")
    if report.failed:
        notes.error(
            "boot-failed",
            f"the server could not start: {report.reason or 'it does not say why'}",
            f"mend the cause (its log is in {group}), then have `yolops up` make another one: aws ec2 "
            f"terminate-instances --instance-ids {instance} --region {custom.aws.region}",
        )
    elif report.phase != READY:
        notes.warning("boot-under-way", f"is {report.line()}", "wait; `yolops up` follows it")
    return notes.seen(report.line())


def instance(custom: Custom) -> Seen:
    """The instance runs, and passes the status checks of EC2."""
    if not custom.outputs.server_instance_id:
        raise Skip(NO_INSTANCE)
    notes = Notes(custom.outputs.server_instance_id)
    found = _instance(custom)
    state, kind = found["State"]["Name"], found["InstanceType"]
    if state != "running":
        fix = "yolops up" if state == "terminated" else "office_hours may have stopped it; start it in EC2, or wait"
        notes.error("instance-not-running", f"is {state}", fix)
        return notes.seen(state)
    asked = {"InstanceIds": [custom.outputs.server_instance_id]}
    for status in custom.aws.call("ec2", "describe_instance_status", **asked)["InstanceStatuses"]:
        for name, part in (("instance", "InstanceStatus"), ("system", "SystemStatus")):
            seen = status[part]["Status"]
            if seen not in {"ok", "initializing", "not-applicable"}:
                fix = "reboot it; if that does not help, terminate it, then yolops up"
                notes.error("status-check-failed", f"the {name} status check says {seen}", fix)
    return notes.seen(f"{kind}, {state}")


def _instance(custom: Custom) -> dict[str, Any]:
    wanted = custom.outputs.server_instance_id
    with suppress(IndexError), absent_ok():
        answer = custom.aws.call("ec2", "describe_instances", InstanceIds=[wanted])
        return dict(answer["Reservations"][0]["Instances"][0])
    # EC2 forgets an instance an hour after its end.
    return {"State": {"Name": "terminated"}, "InstanceType": "-", "SecurityGroups": []}


def pulse(custom: Custom) -> Seen:
    """The server has disk and memory to spare, by the last measurement in its journal."""
    if not custom.outputs.server_instance_id:
        raise Skip(NO_INSTANCE)
    last = _last_pulse(custom)
    if last is None:
        raise Skip("its journal holds no measurement yet")
    disk, memory = float(last["disk_used_percent"]), float(last["memory_used_percent"])
    notes = Notes(custom.outputs.server_instance_id)
    if disk > MOST_DISK_PERCENT:
        fix = "find what fills it (artifacts belong in S3), or have a new one: terminate it, then yolops up"
        notes.warning("server-disk-full", f"its disk is {disk:.0f} % full", fix)
    if memory > MOST_MEMORY_PERCENT:
        notes.warning(
            "server-memory-full", f"{memory:.0f} % of its memory is used", "choose a larger ec2_instance_type"
        )
    return notes.seen(f"disk {disk:.0f} %, memory {memory:.0f} %")


def _last_pulse(custom: Custom) -> dict[str, Any] | None:
    stream = f"server/{custom.outputs.server_instance_id}"
    messages = last_messages(custom.aws, custom.outputs.log_group_name, stream, PULSES)
    found = [message for message in messages if message.startswith('{"_aws"')]
    return dict(json.loads(found[-1])) if found else None


def backups(custom: Custom) -> Seen:
    """There is a whole backup, and it is not older than a week."""
    notes = Notes("backups")
    known = list_backups(custom.entrance.rest())
    whole = [datetime.fromisoformat(item.made).astimezone(UTC) for item in known if item.whole]
    if not whole:
        notes.info(
            "no-backup", "there is none yet; RDS keeps the last days of the database only", "yolops backup create"
        )
        return notes.seen("none")
    age = datetime.now(UTC) - max(whole)
    if age > OLD_BACKUP:
        notes.warning("backup-old", f"the last whole one is {age.days} days old", "yolops backup create")
    return notes.seen(f"{len(whole)} whole, the last of {max(whole):%Y-%m-%d %H:%M} UTC")


def alarms(custom: Custom) -> Seen:
    """No alarm of the platform has gone off."""
    prefix = f"{custom.outputs.project_name}-"
    notes = Notes("alarms")
    found = [
        alarm
        for page in custom.aws.pages("cloudwatch", "describe_alarms", AlarmNamePrefix=prefix)
        for alarm in page["MetricAlarms"]
    ]
    for alarm in found:
        if alarm["StateValue"] == "ALARM":
            what, _, fix = alarm.get("AlarmDescription", "has gone off").partition(": ")
            notes.error("alarm", what, fix or "see the dashboard: yolops status", alarm["AlarmName"])
    return notes.seen(f"{len(found)}, none has gone off")


def secret(custom: Custom) -> Seen:
    """The secret of the server is there, and is not about to be deleted."""
    arn = custom.outputs.server_secret_arn
    notes = Notes(arn.rpartition(":")[2])
    found = custom.aws.call("secretsmanager", "describe_secret", SecretId=arn)
    if found.get("DeletedDate"):
        fix = f"aws secretsmanager restore-secret --secret-id {arn} --region {custom.aws.region}"
        notes.error("secret-going", "is scheduled for deletion, and the server cannot start without it", fix)
    changed = found.get("LastRotatedDate") or found.get("LastChangedDate")
    return notes.seen(f"last changed {changed:%Y-%m-%d}" if changed else "there")


CHECKS = (
    Check("way in", way_in, needs=(STATE,), actions=("ec2:DescribeInstances", "ec2:DescribeSecurityGroupRules")),
    Check("boot", boot, needs=(STATE,), actions=("logs:GetLogEvents",)),
    Check("instance", instance, needs=(STATE,), actions=("ec2:DescribeInstances", "ec2:DescribeInstanceStatus")),
    Check("server load", pulse, needs=(STATE,), actions=("logs:GetLogEvents",)),
    Check("backups", backups, patience_s=30, needs=(STATE, "MLflow login"), actions=("secretsmanager:GetSecretValue",)),
    Check("alarms", alarms, needs=(STATE,), actions=("cloudwatch:DescribeAlarms",)),
    Check("secret", secret, needs=(STATE,), actions=("secretsmanager:DescribeSecret",)),
)
