"""Makes torchvision importable where its compiled part does not fit the installed torch.

torchvision's wheels on PyPI are linked against CUDA. Beside a CPU build of torch their library does not load, and then
importing torchvision fails, because its operators are not registered. Of what is compiled in it, ultralytics calls only
non-maximum suppression, which is here in plain numpy. This happens once per process, and only after the real import has
failed with exactly that message.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MISSING_OPERATOR = "torchvision::nms does not exist"
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept: list[Any] = []  # torch drops the operators when nothing refers to the library that declares them


def ensure_torchvision() -> None:
    """Import torchvision, repairing it where its compiled operators are missing.

    Raises:
        RuntimeError: torchvision cannot be imported for another reason.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if MISSING_OPERATOR not in str(error):
            raise
    else:
        return
    _declare_operators()
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    extension: Any = importlib.import_module("torchvision.extension")
    extension._has_ops = lambda: True
    importlib.import_module("torchvision")


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Return the indices of the boxes that non-maximum suppression keeps, highest score first.

    Args:
        boxes: float tensor of shape (n, 4), x1 y1 x2 y2 in any one unit.
        scores: float tensor of shape (n,).
        iou_threshold: boxes that overlap a better one by more than this are dropped, 0 to 1.

    Returns:
        int64 tensor of shape (k,), as `torchvision.ops.nms` returns it.
    """
    import numpy as np
    import torch

    order = torch.argsort(scores, descending=True, stable=True)
    # numpy: five times as fast as torch on arrays this small.
    x1, y1, x2, y2 = boxes[order].numpy().T.copy()
    area = (x2 - x1) * (y2 - y1)
    alive = np.ones(len(order), dtype=bool)
    for index in range(len(order)):
        if alive[index]:
            width = np.minimum(x2[index], x2[index + 1 :]) - np.maximum(x1[index], x1[index + 1 :])
            height = np.minimum(y2[index], y2[index + 1 :]) - np.maximum(y1[index], y1[index + 1 :])
            shared = width.clip(0) * height.clip(0)
            alive[index + 1 :] &= shared <= iou_threshold * (area[index] + area[index + 1 :] - shared)
    return order[torch.from_numpy(alive)]


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)
    library.impl("nms", nms, "CPU")
    _kept.append(library)
