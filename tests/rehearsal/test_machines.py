"""The MLflow servers of a rehearsal, looked at by requests while others start and end."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from yolops.rehearsal.machines import Machine, Machines

ROUNDS, SERVERS = 2, 6


def test_a_status_that_is_asked_for_while_servers_start_and_end_is_answered(tmp_path: Path) -> None:
    machines, wanted = Machines(tmp_path), [Machine(f"mlflow/{number}") for number in range(SERVERS)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(1) as pool:
            changing = pool.submit(lambda: [machines.converge(some) for _ in range(ROUNDS) for some in (wanted, [])])
            while not changing.done():
                machines.phases()
            changing.result()
    finally:
        sys.setswitchinterval(interval)
        machines.converge([])
    assert machines.phases() == {}
