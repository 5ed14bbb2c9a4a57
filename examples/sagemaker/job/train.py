"""What runs in the training job: YOLO on the data that SageMaker has downloaded, logged to the platform's MLflow."""

import argparse
import os
import shutil
from pathlib import Path

import mlflow
import yaml
from ultralytics import YOLO, settings

# ultralytics' own logging would begin a run beside ours.
settings.update({"mlflow": False, "sync": False})


def train_yolo_model(data_path: str, **arguments: str | int) -> YOLO:
    """Train on a dataset in YOLO format; losses and metrics of each epoch go to the active run."""
    dataset = Path(data_path)
    for cache in dataset.rglob("*.cache"):  # ultralytics would unpickle it, and a pickle is a program
        cache.unlink()
    described = yaml.safe_load((dataset / "data.yaml").read_text())
    data = Path("data.yaml")  # without `download`, which ultralytics would execute
    data.write_text(yaml.safe_dump({"path": str(dataset)} | {key: described[key] for key in ("train", "val", "names")}))

    def log_epoch(trainer) -> None:
        values = trainer.label_loss_items(trainer.tloss) | trainer.metrics
        legal = {name.replace("(", "_").replace(")", ""): float(value) for name, value in values.items()}
        mlflow.log_metrics(legal, step=trainer.epoch)

    model = YOLO(arguments.pop("model"))
    model.add_callback("on_model_save", log_epoch)
    model.train(data=str(data), **arguments)
    return model


def main() -> None:
    """Train as the hyperparameters say, in a run that is called like the job."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="yolo11n.pt")
    for name, default in {"epochs": 50, "imgsz": 640, "batch": 16}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = vars(parser.parse_args())

    mlflow.set_experiment("yolo-v11-experiment")

    with mlflow.start_run(run_name=os.environ["TRAINING_JOB_NAME"]):
        mlflow.log_params(arguments)
        model = train_yolo_model(
            data_path=os.environ["SM_CHANNEL_TRAINING"], project=os.environ["SM_OUTPUT_DATA_DIR"], **arguments
        )

        # Log metrics and artifacts
        mlflow.log_metric("map50", model.metrics.box.map50)
        mlflow.log_artifact(str(model.trainer.best))
        shutil.copy(model.trainer.best, os.environ["SM_MODEL_DIR"])


# Not where this file is imported once more: by the processes that load images, from Python 3.14 on.
if __name__ == "__main__":
    main()
