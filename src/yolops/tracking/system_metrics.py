"""How busy the machine is while a run goes on, under MLflow's own names, so that its System metrics page shows it.

Sampled in the sender's process: a training's own work is not disturbed. MLflow's monitors do the reading; MLflow's own
thread around them drops what it cannot send, so the sending is ours.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from yolops.tracking.batches import MAX_METRICS, Batch, MetricPoint
from yolops.tracking.tracking_server import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yolops.tracking.tracking_server import TrackingServer

log = logging.getLogger(__name__)

INTERVAL_S = 5.0
KEPT_POINTS = 50_000


class Monitor(Protocol):
    """Reads some part of the machine (the shape of MLflow's `BaseMetricsMonitor`)."""

    def collect_metrics(self) -> None:
        """Take one sample."""
        ...

    def aggregate_metrics(self) -> Mapping[str, float]:
        """Return the mean of the samples taken since the last `clear_metrics`."""
        ...

    def clear_metrics(self) -> None:
        """Forget the samples."""
        ...


def machine_monitors() -> list[Monitor]:
    """Return MLflow's monitors for what this machine has: processor, memory, disk, network, and NVIDIA GPUs."""
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    monitors: list[Monitor] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    try:
        monitors.append(GPUMonitor())
    except Exception as error:  # noqa: BLE001 - no driver, no library, no device: each fails in its own way
        log.info("no GPU is sampled: %s", error)
    return monitors


class SystemSampler:
    """Samples in a thread and sends what it has; keeps the points while the server is away.

    Args:
        tracking: where to.
        run_id: the run they belong to.
        started_ms: the run's start in milliseconds since the epoch; a point's step is the seconds since then.
        monitors: what to read.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        tracking: TrackingServer,
        run_id: str,
        started_ms: int,
        monitors: list[Monitor],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tracking = tracking
        self._run_id = run_id
        self._started_ms = started_ms
        self._monitors = monitors
        self._clock = clock
        self._points: deque[MetricPoint] = deque(maxlen=KEPT_POINTS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="system-metrics", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take the last sample, send it, and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def sample(self) -> None:
        """Take one sample and send what there is."""
        now_ms = int(self._clock() * 1000)
        step = (now_ms - self._started_ms) // 1000
        for monitor in self._monitors:
            try:
                monitor.collect_metrics()
                values = monitor.aggregate_metrics()
                monitor.clear_metrics()
            except Exception as error:  # noqa: BLE001 - a driver that has gone away must not silence the others
                log.info("%s: %s", type(monitor).__name__, error)
                continue
            self._points.extend(
                MetricPoint(f"system/{name}", float(value), now_ms, step) for name, value in values.items()
            )
        while self._points:
            batch = tuple(islice(self._points, MAX_METRICS))
            try:
                self._tracking.log_batch(self._run_id, Batch(metrics=batch))
            except Refused as error:
                log.warning("system metrics are refused: %s", error)
            for _ in batch:
                self._points.popleft()

    def _loop(self) -> None:
        while True:
            ending = self._stopping.is_set()
            try:
                self.sample()
            except Exception as error:  # noqa: BLE001 - the points are kept and sent with the next ones
                log.info("system metrics wait: %s", error)
            if ending:
                return
            self._stopping.wait(INTERVAL_S)
