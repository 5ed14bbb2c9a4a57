"""One of several processes that train one detector, started by `ranks.py`: `python -m yolops.training.rank TASK`.

The task is a file of JSON: `overrides`, which ultralytics gets; `kind`, `detection` or `rtdetr`; `facts` and `threads`,
which `Recording.observe` gets; and `address`, the socket of the process that listens. Settings of ultralytics are those
of that process, in whose environment it says where they are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from yolops.models.yolo_detector.torchvision_repair import ensure_torchvision
from yolops.training.ranks import Reporting, Silent


def main(task: Path) -> None:
    """Train, and report if this is the first of the processes."""
    ensure_torchvision()
    from ultralytics.utils import RANK

    from yolops.training.recording import KINDS

    told = json.loads(task.read_text(encoding="utf-8"))
    reporting = Reporting(told["address"]) if RANK == 0 else None
    trainer = KINDS[told["kind"]](overrides=told["overrides"])
    trainer.args.rect = False  # as ultralytics has it where it starts these processes
    trainer.observe(reporting or Silent(), told["facts"], told["threads"])
    trainer.train()
    if reporting is not None:
        reporting.trained(trainer.outcome())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
