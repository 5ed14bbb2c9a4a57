"""What RDS says of maintenance and of how long it supports an engine, and moto does not know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult

if TYPE_CHECKING:
    from moto.rds.responses import RDSResponse

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/MySQL.Concepts.VersionMgmt.html
STANDARD_SUPPORT = {
    ("mysql", "8.0"): (datetime(2018, 10, 23, tzinfo=UTC), datetime(2026, 7, 31, tzinfo=UTC)),
    ("mysql", "8.4"): (datetime(2024, 11, 21, tzinfo=UTC), datetime(2029, 7, 31, tzinfo=UTC)),
}


def describe_pending_maintenance_actions(_call: RDSResponse) -> ActionResult:
    """Answer DescribePendingMaintenanceActions: nothing waits, since a simulated database needs no maintenance."""
    return ActionResult({"PendingMaintenanceActions": []})


def describe_db_major_engine_versions(call: RDSResponse) -> ActionResult:
    """Answer DescribeDBMajorEngineVersions for the engines that the platform has used."""
    engine, major = call.params.get("Engine"), call.params.get("MajorEngineVersion")
    versions = [
        {
            "Engine": name,
            "MajorEngineVersion": version,
            "SupportedEngineLifecycles": [
                {
                    "LifecycleSupportName": "open-source-rds-standard-support",
                    "LifecycleSupportStartDate": begins,
                    "LifecycleSupportEndDate": ends,
                }
            ],
        }
        for (name, version), (begins, ends) in STANDARD_SUPPORT.items()
        if engine in {None, name} and major in {None, version}
    ]
    return ActionResult({"DBMajorEngineVersions": versions})
