"""`yolops demo`: the whole path on generated data, in about a minute."""

from __future__ import annotations

import os

import typer

from yolops.cli.session import Json, opened

MODEL_NAME = "shapes"
# What it takes to learn three shapes from nothing on two processor cores: many small steps, no augmentation.
SETTINGS = {
    "epochs": 3,
    "imgsz": 160,
    "batch": 4,
    "nbs": 4,
    "optimizer": "AdamW",
    "lr0": 0.002,
    "warmup_epochs": 1,
    "mosaic": 0.0,
    "scale": 0.0,
    "translate": 0.0,
    "workers": 0,
    "seed": 0,
}


def demo(context: typer.Context, as_json: Json = False) -> None:
    """Generate a dataset, check it, train YOLO11, register it as champion."""
    from yolops.cli import training
    from yolops.datasets.sample import write_sample
    from yolops.training.run_directory import TrainRequest

    session, console = opened(context, as_json)
    data = write_sample(session.workspace.root / MODEL_NAME)
    console.note(f"a sample dataset of circles, squares and triangles: {data.parent}")
    request = TrainRequest(
        data=str(data),
        model="yolo11n.yaml",
        experiment="demo",
        name="yolo11n",
        arguments=SETTINGS,
        register_as=MODEL_NAME,
        alias="champion",
    )
    run = training.train(session, console, request)
    training.show(console, run)
    here = session.command_prefix()
    dataset = os.path.relpath(data.parent)
    console.note(f"\nThe MLflow UI: {run.outputs.page()}\n\nNext:")
    for purpose, command in (
        ("look at the run and its plots", "ui"),
        ("see the registered model and how to load it", f"models show {MODEL_NAME}"),
        (
            "train a candidate for longer",
            f"train {dataset} --model yolo11n.yaml --epochs 20 --imgsz 160 --register-as {MODEL_NAME}",
        ),
    ):
        console.note(f"  # {purpose}\n  {here} {command}")
