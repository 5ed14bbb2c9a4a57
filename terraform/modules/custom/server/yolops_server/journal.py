"""Ships the journal of the server to CloudWatch Logs, and its pulse as metrics, with nothing but the logs' permissions.

What is shipped is what the services really write: `journalctl` follows their units from where the last line that
CloudWatch acknowledged was. Metrics are lines in the embedded metric format, which CloudWatch turns into metrics:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolops_server.instance import Metadata
from yolops_server.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from yolops_server.settings import Settings

SOURCES = (
    "mlflow.service",
    "nginx.service",
    "cloud-final.service",
    "mlflow-journal.service",
    "mlflow-public-certificate.service",
)
CURSOR = Path("/var/lib/mlflow-journal/cursor")
# Limits of PutLogEvents: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
MOST_EVENTS, MOST_BYTES, EVENT_OVERHEAD, MOST_LINE = 10_000, 1_048_576, 26, 250_000
COLLECT_S = 2.0
PULSE_S = 60.0
RETRY_S = 5.0
HEALTH_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Line:
    """One line of the journal.

    Attributes:
        time_ms: when it was written, in milliseconds since the epoch.
        message: what it says.
        cursor: where in the journal it stands; empty for what is not from there.
    """

    time_ms: int
    message: str
    cursor: str = ""

    @property
    def size(self) -> int:
        """What it counts for CloudWatch, in bytes."""
        return len(self.message.encode()) + EVENT_OVERHEAD


def parse(entry: str) -> Line | None:
    """Return a line of `journalctl --output json`; None for one that says nothing."""
    fields: dict[str, Any] = json.loads(entry)
    message = fields.get("MESSAGE")
    if isinstance(message, list):  # bytes that are no text
        message = bytes(message).decode(errors="replace")
    if not message:
        return None
    unit = str(fields.get("_SYSTEMD_UNIT", "")).removesuffix(".service")
    text = f"{unit}: {message}".encode()[:MOST_LINE].decode(errors="ignore")
    return Line(int(fields["__REALTIME_TIMESTAMP"]) // 1000, text, str(fields["__CURSOR"]))


def batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield lines in groups that CloudWatch takes in one call, in order."""
    group: list[Line] = []
    size = 0
    for line in lines:
        if group and (len(group) >= MOST_EVENTS or size + line.size > MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(line)
        size += line.size
    if group:
        yield group


def pulse(settings: Settings, instance: str, now_ms: int, values: dict[str, float]) -> Line:
    """Return a line that CloudWatch turns into metrics of this instance."""
    metrics = [{"Name": name, "Unit": "Percent" if name.endswith("percent") else "Count"} for name in values]
    about = {
        "Timestamp": now_ms,
        "CloudWatchMetrics": [{"Namespace": settings.project, "Dimensions": [["InstanceId"], []], "Metrics": metrics}],
    }
    return Line(now_ms, json.dumps({"_aws": about, "InstanceId": instance, **values}))


def measure(settings: Settings) -> dict[str, float]:
    """Return how the server is: disk and memory in use, and whether MLflow answers."""
    disk = shutil.disk_usage("/")
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    total, free = (int(memory[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    return {
        "disk_used_percent": round(100 * disk.used / (disk.used + disk.free), 1),
        "memory_used_percent": round(100 * (total - free) / total, 1),
        "healthy": float(_answers(f"http://127.0.0.1:{settings.inner_port}/health")),
    }


def ship(
    lines: list[Line], put: Callable[[list[Line]], object], keep: Callable[[str], object], pause: Callable[[], object]
) -> None:
    """Send lines, again and again until they are acknowledged, and then keep the cursor behind them."""
    # CloudWatch wants them in the order of time, which two processes that write at once do not keep.
    for group in batches(sorted(lines, key=lambda line: line.time_ms)):
        while True:
            try:
                put(group)
                break
            except Exception as error:  # noqa: BLE001 - whatever it is, no line may be lost for it
                print(f"CloudWatch does not take the journal: {error}", file=sys.stderr, flush=True)
                pause()
    if cursors := [line.cursor for line in lines if line.cursor]:
        try:
            keep(cursors[-1])
        except OSError as error:  # a full disk; lines come twice if this process ends before there is room
            print(f"how far the journal was shipped cannot be kept: {error}", file=sys.stderr, flush=True)


def main() -> None:
    """Ship until the end."""
    import boto3

    settings, instance = read_settings(), Metadata().get("meta-data/instance-id")
    logs = boto3.client("logs", region_name=settings.region)
    target = {"logGroupName": settings.log_group, "logStreamName": f"server/{instance}"}

    def put(group: list[Line]) -> None:
        events = [{"timestamp": line.time_ms, "message": line.message} for line in group]
        try:
            logs.put_log_events(**target, logEvents=events)
        except logs.exceptions.ResourceNotFoundException:
            logs.create_log_stream(**target)
            logs.put_log_events(**target, logEvents=events)

    arrived: queue.Queue[Line] = queue.Queue(maxsize=MOST_EVENTS)
    threading.Thread(target=_follow, args=(arrived,), daemon=True).start()
    due = time.monotonic()
    while True:
        lines = _collect(arrived)
        if time.monotonic() >= due:
            due += PULSE_S
            lines.append(pulse(settings, instance, time.time_ns() // 1_000_000, measure(settings)))
        ship(lines, put, _keep, lambda: time.sleep(RETRY_S))


def _follow(arrived: queue.Queue[Line]) -> None:
    reason = "it has ended"
    try:
        _read_journal(arrived)
    except Exception as error:  # noqa: BLE001 - it would end this thread only
        reason = f"{type(error).__name__}: {error}"
    # systemd starts this again, from the cursor on.
    print(f"the journal cannot be followed: {reason}", file=sys.stderr, flush=True)
    os._exit(1)


def _read_journal(arrived: queue.Queue[Line]) -> None:
    cursor = CURSOR.read_text(encoding="ascii").strip() if CURSOR.exists() else ""
    since = [f"--after-cursor={cursor}"] if cursor else ["--boot", "--lines=all"]
    units = [f"--unit={unit}" for unit in SOURCES]
    # Without --all a line of more than 4096 bytes comes as null.
    command = ["journalctl", "--output=json", "--all", "--follow", "--no-pager", *since, *units]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as journal:
        for entry in journal.stdout or ():
            if (line := parse(entry)) is not None:
                arrived.put(line)


def _collect(arrived: queue.Queue[Line]) -> list[Line]:
    lines: list[Line] = []
    until = time.monotonic() + COLLECT_S
    while len(lines) < MOST_EVENTS and (left := until - time.monotonic()) > 0:
        try:
            lines.append(arrived.get(timeout=left))
        except queue.Empty:
            break
    return lines


def _keep(cursor: str) -> None:
    draft = CURSOR.with_suffix(".new")
    draft.write_text(cursor, encoding="ascii")
    draft.replace(CURSOR)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=HEALTH_PATIENCE_S) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    main()
