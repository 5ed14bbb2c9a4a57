"""A YOLO detector as an MLflow model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mlflow.pyfunc import PythonModel

from .images import read_images
from .torchvision_repair import ensure_torchvision

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.pyfunc import PythonModelContext

# Set by MLflow in a scoring server.
SERVING = "_MLFLOW_IS_IN_SERVING_ENVIRONMENT"
COLUMNS = ("image", "x1", "y1", "x2", "y2", "score", "class", "name")


class YoloDetector(PythonModel):
    """Finds objects in pictures.

    The artifact `weights` is a checkpoint of ultralytics. It is loaded without executing anything in it.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Load the weights, once."""
        # Ultralytics reads these when it is first imported; whoever set them before us has decided otherwise.
        os.environ.setdefault("YOLO_AUTOINSTALL", "false")
        os.environ.setdefault("YOLO_OFFLINE", "true")
        os.environ.setdefault("YOLO_VERBOSE", "false")
        os.environ.setdefault("ULTRALYTICS_SAFE_LOAD", "true")
        ensure_torchvision()
        from ultralytics import YOLO

        self._model = YOLO(context.artifacts["weights"])

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - the signature is MLflow's
        model_input: Any,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Return one row per object found.

        Args:
            context: not used.
            model_input: a picture or several; see `read_images` for all that may be handed in.
            params: `conf` (least score, 0 to 1), `iou` (overlap above which the weaker box is dropped, 0 to 1), `imgsz`
                (pixels of the longer side that the detector sees), `max_det` (most objects per picture).

        Returns:
            Columns `image` (index of the picture), `x1`, `y1`, `x2`, `y2` (pixels of the picture as given), `score`
            (0 to 1), `class` (index) and `name`; pictures in order, best score first.
        """
        import pandas as pd

        images = read_images(model_input, may_open_files=os.environ.get(SERVING) != "true")
        rows: list[tuple[Any, ...]] = []
        for index, image in enumerate(images):
            result = self._model.predict(image, verbose=False, save=False, **(params or {}))[0]
            boxes = result.boxes.cpu().numpy()
            for corners, score, number in zip(boxes.xyxy, boxes.conf, boxes.cls.astype(int), strict=True):
                rows.append((index, *map(float, corners), float(score), int(number), result.names[int(number)]))
        return pd.DataFrame(rows, columns=list(COLUMNS))
