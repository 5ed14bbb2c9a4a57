"""What MLflow runs to get the model ("models from code": no pickle is involved)."""

import mlflow.models
from yolo_detector.detector import YoloDetector

mlflow.models.set_model(YoloDetector())
