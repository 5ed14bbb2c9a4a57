"""A program in the place of `yolops.training.rank` that trains nothing, and reports as that does."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.training.fakes import FakeTrainer
from yolops.training.ranks import Reporting
from yolops.training.trainer import TrainSpec

if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text())
    if os.environ["RANK"] == "0":
        directory = Path(told["overrides"]["save_dir"])
        reporting = Reporting(told["address"])
        spec = TrainSpec(Path(), directory, "", {}, Path())
        reporting.trained(FakeTrainer(2).train(spec, reporting))
