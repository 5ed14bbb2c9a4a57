"""The code that travels with every model: what `mlflow.pyfunc.load_model` runs, wherever it runs.

It is copied into the MLflow model as the package `yolo_detector`, so it imports nothing of yolops.
"""
