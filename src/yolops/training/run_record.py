"""What a run says of itself before and after it trains: where it came from, what came out, which files it keeps."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from yolops.models.request import ModelRequest, Registration
from yolops.tracking.names import legal_names
from yolops.tracking.provenance import code_tags, hardware_tags, package_tags
from yolops.tracking.run_logger import DatasetInput
from yolops.training.sending import MODEL, PACKAGES, REGISTRATION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from yolops.datasets.report import Report
    from yolops.tracking.run_logger import RunLogger
    from yolops.training.run_directory import RunDirectory
    from yolops.training.trainer import Trained

ENVIRONMENT = "environment"
PLOTS = frozenset({".png", ".jpg"})
FILES = ("results.csv", "args.yaml", "error.txt")


def say_origin(
    logger: RunLogger, directory: RunDirectory, report: Report, *, packages: Sequence[str], command_line: Sequence[str]
) -> None:
    """Say what the run is made from: code, packages, machine, dataset."""
    logger.tags({**origin_tags(directory.path, report, packages, command_line), **directory.request.tags})
    logger.dataset(dataset_input(report), "training")
    report_file = directory.path / "dataset.json"
    with suppress(OSError):  # what cannot be written here cannot be trained here either, and that error says more
        report_file.write_text(json.dumps(report.as_dict(), indent=2, default=str), encoding="utf-8")
    logger.file(report_file, ENVIRONMENT)
    logger.request(PACKAGES, {"folder": ENVIRONMENT})
    logger.keep_if_killed([directory.last, directory.best], "weights")


def origin_tags(
    directory: Path, report: Report, packages: Sequence[str], command_line: Sequence[str]
) -> dict[str, str]:
    """Return the tags of a run that say what it is made from: code, packages, machine, dataset."""
    return {
        **code_tags(directory, command_line),
        **package_tags(packages),
        **hardware_tags(),
        "yolops.dataset": report.digest,
        "yolops.directory": str(directory),
    }


def say_best(logger: RunLogger, directory: RunDirectory, best: Path, imgsz: int) -> None:
    """Ask for a model of the best checkpoint."""
    pictures = sorted((directory.data / "images" / "val").glob("*"))
    request = ModelRequest(weights=str(best), example=str(pictures[0]) if pictures else "", imgsz=imgsz)
    logger.request(MODEL, asdict(request))


def say_outcome(logger: RunLogger, directory: RunDirectory, trained: Trained) -> None:
    """Say what the best checkpoint can do, and ask for its model to be registered where a person wants that."""
    summary = {f"best/{name}": value for name, value in trained.metrics.items()}
    # Two classes whose names differ only in what MLflow refuses must not share a metric.
    legal = legal_names(trained.per_class)
    for label, values in trained.per_class.items():
        summary |= {f"per_class/{metric}/{legal[label]}": value for metric, value in values.items()}
    logger.summary(summary)
    wanted = directory.request
    if wanted.register_as:
        registration = Registration(wanted.register_as, wanted.alias, trained.metrics)
        logger.request(REGISTRATION, asdict(registration))


def keep_files(logger: RunLogger, directory: RunDirectory) -> None:
    """Keep checkpoints, tables and plots with the run, as far as there are any."""
    for checkpoint in (directory.best, directory.last):
        if checkpoint.exists():
            logger.file(checkpoint, "weights")
    for path in (directory.path / name for name in FILES):
        if path.exists():
            logger.file(path)
    for plot in sorted(path for path in directory.path.iterdir() if path.suffix in PLOTS):
        logger.file(plot, "plots")


def dataset_input(report: Report) -> DatasetInput:
    """Return the dataset as MLflow shows it with a run."""
    profile: Mapping[str, object] = {
        split: {"images": counts.images, "boxes": counts.boxes, "background": counts.background}
        for split, counts in report.splits.items()
    }
    return DatasetInput(
        name=report.source.parent.name,
        digest=report.digest,
        source=str(report.source),
        schema={"names": list(report.names)},
        profile={**profile, "fingerprint": report.fingerprint},
    )
