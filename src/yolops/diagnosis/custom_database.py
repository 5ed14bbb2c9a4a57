"""The database of custom mode: whether it works, has room, and how long AWS supports it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from yolops.diagnosis.check import Check, Notes, Seen, Skip
from yolops.diagnosis.mlflow_server import STATE

if TYPE_CHECKING:
    from yolops.diagnosis.custom import Custom

OLD_RESTORE = timedelta(hours=1)  # RDS ships the log of transactions every five minutes
SUPPORT_ENDS = timedelta(days=120)
STANDARD_SUPPORT = "open-source-rds-standard-support"


def database(custom: Custom) -> Seen:
    """The database is available, has room, is backed up by RDS, and waits for no maintenance."""
    found = _database(custom)
    notes = Notes(found["DBInstanceIdentifier"])
    status = found["DBInstanceStatus"]
    if status == "storage-full":
        notes.error("database-full", "its disk is full", "raise db_allocated_storage, then yolops up")
    elif status != "available":
        fix = "wait; if office_hours has stopped it, it is started in the morning"
        notes.error("database-not-available", f"is {status}", fix)
    restorable = found.get("LatestRestorableTime")
    if restorable is not None and datetime.now(UTC) - restorable > OLD_RESTORE and status == "available":
        what = f"can be restored only as it was at {restorable:%Y-%m-%d %H:%M} UTC"
        notes.warning("database-backup-late", what, "see its events in the RDS console")
    for action in _maintenance(custom, found["DBInstanceArn"]):
        what = f"waits for maintenance: {action.get('Description') or action['Action']}"
        notes.info(
            "database-maintenance", what, "RDS does it in the maintenance window, or apply it now in its console"
        )
    storage = (
        f"{found['AllocatedStorage']} of at most {found.get('MaxAllocatedStorage', found['AllocatedStorage'])} GiB"
    )
    return notes.seen(f"{found['Engine']} {found['EngineVersion']} on {found['DBInstanceClass']}, {storage}")


def support(custom: Custom) -> Seen:
    """AWS supports the version of the database at no extra charge, for some months at least."""
    found = _database(custom)
    engine, major = found["Engine"], ".".join(found["EngineVersion"].split(".")[:2])
    asked = {"Engine": engine, "MajorEngineVersion": major}
    known = custom.aws.call("rds", "describe_db_major_engine_versions", **asked)["DBMajorEngineVersions"]
    ends = [
        life["LifecycleSupportEndDate"]
        for version in known
        for life in version.get("SupportedEngineLifecycles", [])
        if life["LifecycleSupportName"] == STANDARD_SUPPORT
    ]
    if not ends:
        raise Skip(f"AWS does not say how long it supports {engine} {major}")
    notes = Notes(found["DBInstanceIdentifier"])
    if ends[0] - datetime.now(UTC) < SUPPORT_ENDS:
        what = f"standard support of {engine} {major} ends on {ends[0]:%Y-%m-%d}; after it AWS charges for each core"
        notes.warning("database-support-ends", what, "a newer release brings a newer engine; back up, then yolops up")
    return notes.seen(f"{engine} {major} until {ends[0]:%Y-%m-%d}")


def _database(custom: Custom) -> dict[str, Any]:
    name = custom.outputs.rds_endpoint.partition(".")[0]
    return dict(custom.aws.call("rds", "describe_db_instances", DBInstanceIdentifier=name)["DBInstances"][0])


def _maintenance(custom: Custom, arn: str) -> list[dict[str, Any]]:
    asked = {"ResourceIdentifier": arn}
    found = custom.aws.call("rds", "describe_pending_maintenance_actions", **asked)["PendingMaintenanceActions"]
    return [action for resource in found for action in resource.get("PendingMaintenanceActionDetails", [])]


CHECKS = (
    Check(
        "database",
        database,
        needs=(STATE,),
        actions=("rds:DescribeDBInstances", "rds:DescribePendingMaintenanceActions"),
    ),
    Check(
        "database support",
        support,
        needs=(STATE,),
        actions=("rds:DescribeDBInstances", "rds:DescribeDBMajorEngineVersions"),
    ),
)
