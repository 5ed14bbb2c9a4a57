"""`yolops.training.rank` on a CPU, for which ultralytics makes no process group: its processes train side by side."""

from __future__ import annotations

import sys
from pathlib import Path

import torch.distributed

from yolops.training import rank

if __name__ == "__main__":
    torch.distributed.init_process_group("gloo")
    rank.main(Path(sys.argv[1]))
