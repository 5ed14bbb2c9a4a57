"""Says how far the boot is, in a stream of the log group: `yolops status` reads it where nobody can log in.

`python3 -m yolops_server.boot_report PHASE [REASON]`, where the phases are installing, starting, ready and failed.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from yolops_server.instance import Metadata, request
from yolops_server.settings import read_settings

if TYPE_CHECKING:
    from yolops_server.settings import Settings

JSON = "application/x-amz-json-1.1"
# systemd makes it when it starts. In a container /proc/uptime is that of its host, and MLflow's service, which reports
# most of what fails, sees no other process (ProtectProc=). That is the way only where there is no systemd.
MADE_AT_BOOT, FIRST_PROCESS = Path("/run/systemd/notify"), Path("/proc/1")


def send(settings: Settings, phase: str, reason: str = "") -> None:
    """Report a phase; where that is not possible, it is said in the log, and without a log group nowhere."""
    if not settings.log_group:
        return

    def call(action: str, **values: object) -> None:
        headers = {"content-type": JSON, "x-amz-target": f"Logs_20140328.{action}"}
        body = json.dumps({"logGroupName": settings.log_group, "logStreamName": stream, **values}).encode()
        request((settings.region, "logs"), "POST", f"https://logs.{settings.region}.amazonaws.com/", headers, body)

    try:
        stream = f"boot/{Metadata().get('meta-data/instance-id')}"
        try:
            call("CreateLogStream")
        except OSError as error:
            if "ResourceAlreadyExistsException" not in str(error):
                raise
        event = {"phase": phase, "reason": reason, "seconds": round(_uptime(), 1)}
        call("PutLogEvents", logEvents=[{"timestamp": time.time_ns() // 1_000_000, "message": json.dumps(event)}])
    except (OSError, ValueError, LookupError) as error:
        print(f"the boot cannot be reported: {error}", file=sys.stderr)


def _uptime() -> float:
    made = MADE_AT_BOOT if MADE_AT_BOOT.exists() else FIRST_PROCESS
    return time.time() - made.stat().st_mtime


def main() -> None:
    """Report what the arguments say."""
    send(read_settings(), sys.argv[1], " ".join(sys.argv[2:]))


if __name__ == "__main__":
    main()
