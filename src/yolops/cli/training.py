"""What `train` and `demo` share: the parts of a training put together, and its result shown."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.cli.dataset_named import is_version, pinned, pulled
from yolops.cli.training_display import TrainingDisplay
from yolops.cli.wording import model_text
from yolops.datasets.description import Dataset, read_dataset
from yolops.datasets.gate import checked
from yolops.errors import YolopsError
from yolops.findings import counted
from yolops.training.run_directory import RUNS, RunDirectory, TrainRequest
from yolops.training.sending import BackgroundSenders, model_of
from yolops.training.session import Parts, TrainedRun, TrainingSession
from yolops.training.ultralytics_trainer import UltralyticsTrainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yolops.cli.console import Console
    from yolops.cli.session import Session
    from yolops.datasets.report import Report
    from yolops.training.recorded_directory import R

# As many as ultralytics takes at most; more gain nothing for detectors of this size.
MOST_THREADS = 8


def train(session: Session, console: Console, request: TrainRequest) -> TrainedRun:
    """Check the dataset, train, and record the run.

    Raises:
        YolopsError: the dataset has errors, an argument cannot be, or the training failed.
    """
    check_is_there(request.data)
    trainer_of(session).check(request.arguments, request.model)
    with named_dataset(session, console, request.data) as (dataset, report):
        request = about(request, dataset, report)
        return TrainingSession(parts_of(session, console)).train(request, dataset, report)


def check_is_there(data: str) -> None:
    """Refuse a path at which there is no dataset, before a version is fetched or all images are read.

    Raises:
        YolopsError: there is none.
    """
    if not is_version(data):
        read_dataset(Path(data))


def resume(session: Session, console: Console, which: str, arguments: Mapping[str, object]) -> TrainedRun:
    """Go on with a training that was stopped.

    Raises:
        YolopsError: there is no such training, or it cannot go on.
    """
    directory = RunDirectory.find(session.workspace.root / RUNS, which)
    with named_dataset(session, console, directory.request.data) as (dataset, report):
        return TrainingSession(parts_of(session, console)).resume(directory, dataset, report, arguments)


def show(console: Console, run: TrainedRun) -> None:
    """Print what came out of a training, and where it is."""
    progress, model, metrics = run.progress, model_of(run.progress), run.trained.metrics
    value = {
        "run_id": progress.run_id,
        "run_url": run.url,
        "experiment_id": progress.experiment_id,
        "directory": str(run.directory.path),
        "best": str(run.trained.best),
        "epochs": run.trained.epochs,
        "seconds": round(run.seconds, 1),
        "metrics": dict(metrics),
        "per_class": {name: dict(values) for name, values in run.trained.per_class.items()},
        "model": model,
        "delivered": run.delivered,
    }
    lines = [
        "   ".join(f"{name} {value:.3f}" for name, value in metrics.items()),
        f"trained  {counted(run.trained.epochs, 'epoch')} in {run.seconds:.0f} s",
        f"weights  {run.trained.best}",
    ]
    if model.get("version"):
        lines.append(f"model    {model_text(model)}")
    lines.append(f"run      {run.url}")
    console.data(value, *lines)
    if not run.delivered:
        raise YolopsError(
            f"the training is done, but MLflow does not have all of it ({progress.trouble or 'its sender ended'})",
            f"nothing is lost: `yolops runs sync` sends it; the log is {run.directory.spool.log_file}",
        )
    if progress.rejected:
        console.warn(f"MLflow refused {counted(progress.rejected, 'record')}: {run.directory.spool.rejected_file}")


def threads(wanted: str, cores: int) -> int:
    """Return how many threads compute where there is no GPU: one for each core, unless a person wants it otherwise.

    Args:
        wanted: `OMP_NUM_THREADS`, which PyTorch obeys everywhere; empty if not set.
        cores: how many this machine has.
    """
    return max(int(wanted), 1) if wanted.isdecimal() else min(cores, MOST_THREADS)


def trainer_of(session: Session) -> UltralyticsTrainer:
    """Return what trains in this workspace."""
    return UltralyticsTrainer(
        session.workspace.create_state() / "ultralytics",
        verbose=session.verbose,
        threads=threads(os.environ.get("OMP_NUM_THREADS", ""), os.cpu_count() or 1),
    )


def parts_of(session: Session, console: Console) -> Parts:
    """Return what trainings in this workspace are put together from."""
    workspace = session.workspace
    return Parts(
        trainer_of(session),
        lambda: session.enter(session.connect(console), console),
        runs=workspace.root / RUNS,
        weights=workspace.state / "weights",
        command_line=["yolops", *sys.argv[1:]],
        display=TrainingDisplay(console),
        senders=lambda outputs: BackgroundSenders(session.access(outputs)),
    )


@contextmanager
def named_dataset(session: Session, console: Console, data: str) -> Iterator[tuple[Dataset, Report]]:
    """Hand out the dataset that a person has named and what its check says; a version is here while it is needed.

    Raises:
        YolopsError: there is no such dataset or version, or it has errors.
    """
    if not is_version(data):
        yield checked_dataset(session, console, Path(data))
        return
    with pulled(session, console, data) as (directory, version):
        dataset, report = checked_dataset(session, console, directory)
        if not report.fingerprint.startswith(version):
            raise YolopsError(f"{directory}: was changed since it was pulled", "remove it, then type the command again")
        yield dataset, report


def about(request: R, dataset: Dataset, report: Report) -> R:
    """Return a request with the version of its dataset, where it named one, and an experiment."""
    data = pinned(request.data, report.fingerprint)
    return replace(request, data=data, experiment=request.experiment or dataset.source.parent.name)


def checked_dataset(session: Session, console: Console, data: Path) -> tuple[Dataset, Report]:
    """Return a dataset and what its check says.

    Raises:
        YolopsError: it has errors.
    """
    dataset = read_dataset(data)
    with console.progress("checking images") as progress:
        report, known = checked(dataset, session.workspace.create_state() / "checks", progress)
    if known:
        console.note("the dataset is as it was when it was checked last")
    console.findings(report.findings, most=5, others=f"yolops dataset check {data} --json lists all")
    if report.errors:
        count = "an error" if len(report.errors) == 1 else f"{len(report.errors)} errors"
        raise YolopsError(
            f"{dataset.source}: the dataset has {count}, and a training would suffer from it in silence",
            f"see all of them: yolops dataset check {data}",
        )
    return dataset, report
