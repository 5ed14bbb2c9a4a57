"""Datasets in the formats of other tools: one file for each reads it, some also write it."""

from __future__ import annotations

from enum import StrEnum


class Source(StrEnum):
    """The formats that datasets are read in, in the order in which they are recognised."""

    YOLO = "yolo"
    VOC = "voc"
    COCO = "coco"
    CVAT = "cvat"
    LABEL_STUDIO = "label-studio"
    CSV = "csv"
    DARKNET = "darknet"


class Target(StrEnum):
    """The formats that datasets are written in."""

    YOLO = "yolo"
    VOC = "voc"
    COCO = "coco"
