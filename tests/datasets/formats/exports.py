"""Builds what annotation tools export, as their documentation shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.datasets.dataset_builder import picture

SIZE = (100, 50)


def image(path: Path, number: int = 0) -> Path:
    """Write an image of 100x50 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(number, size=SIZE, form="PNG" if path.suffix == ".png" else "JPEG"))
    return path


def cvat(root: Path, *shapes: str, labels: tuple[str, ...] = ("dog", "cat"), **image_attributes: str) -> Path:
    """Write a task of CVAT with the image `images/a.jpg`."""
    image(root / "images/a.jpg")
    attributes = {"id": "0", "name": "a.jpg", "width": "100", "height": "50"} | image_attributes
    written = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    named = "".join(f"<label><name>{name}</name><type>any</type><attributes/></label>" for name in labels)
    meta = f"<meta><task><name>a task</name><labels>{named}</labels></task></meta>"
    path = root / "annotations.xml"
    path.write_text(
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>{meta}'
        f"<image {written}>{''.join(shapes)}</image></annotations>"
    )
    return path


def drawn(kind: str = "rectanglelabels", label: str = "dog", **value: Any) -> dict[str, Any]:
    """Return one result of Label Studio."""
    size = {"original_width": 100, "original_height": 50, "image_rotation": 0}
    names = {"id": "x", "type": kind, "from_name": "label", "to_name": "image"}
    return {**names, **size, "value": {**value, kind: [label]}}


def label_studio(root: Path, *results: dict[str, Any], **task: Any) -> Path:
    """Write a project of Label Studio with one task, and its image below `images/`."""
    image(root / "images/1a2b3c4d-a.jpg")
    content = {
        "id": 7,
        "data": {"image": "/data/upload/3/1a2b3c4d-a.jpg"},
        "annotations": [{"id": 1, "result": list(results), "was_cancelled": False, "ground_truth": False}],
        "predictions": [],
    }
    path = root / "project-3-at-2026-01-01.json"
    path.write_text(json.dumps([content | task]))
    return path


def csv(root: Path, *lines: str, header: str = "filename,width,height,class,xmin,ymin,xmax,ymax") -> Path:
    """Write a CSV file beside the image `a.jpg`."""
    image(root / "a.jpg")
    path = root / "labels.csv"
    path.write_text("\n".join((header, *lines)) + "\n")
    return path
