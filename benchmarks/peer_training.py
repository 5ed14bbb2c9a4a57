"""The peer of `yolops train`: the same training by plain ultralytics, as its own documentation writes it.

    python -m benchmarks.peer_training DATA MODEL DIRECTORY off|threads|callback NAME=VALUE ...

With `callback`, ultralytics' own MLflow callback records the run (`MLFLOW_TRACKING_URI`); otherwise nothing does.
With `threads`, no core is left idle.
"""

from __future__ import annotations

import os
import sys

from yolops.models.yolo_detector.torchvision_repair import ensure_torchvision
from yolops.training.arguments import parse_arguments


def main() -> None:
    data, model, directory, tracking, *rest = sys.argv[1:]
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_OFFLINE"] = "true"
    ensure_torchvision()
    from ultralytics import YOLO, settings

    settings.update({"sync": False, "mlflow": tracking == "callback"})
    detector = YOLO(model)
    if tracking == "threads":
        import torch

        for event in ("on_train_start", "on_val_start"):
            detector.add_callback(event, lambda _: torch.set_num_threads(os.cpu_count() or 1))
    detector.train(data=data, project=directory, name="peer", **parse_arguments(rest))


if __name__ == "__main__":
    main()
