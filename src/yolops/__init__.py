"""yolops: the MLflow platform for teams that train YOLO detectors."""

__version__ = "0.1.0"
