"""What a training job takes out of the bucket: gathered here, checked, and sent as far as it is not there yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolops.cli.dataset_named import find_in, is_version, name_of
from yolops.cli.training import checked_dataset, trainer_of
from yolops.datasets.versions.catalogue import SHOWN_CHARACTERS
from yolops.datasets.versions.layout import lay_out
from yolops.datasets.versions.push import push
from yolops.platform.own_wheel import lock_file, package
from yolops.training.submission import code, packages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.cli.job_platform import JobPlatform
    from yolops.datasets.description import Dataset
    from yolops.training.run_directory import TrainRequest
    from yolops.training.submission.spec import Machine


@dataclass(frozen=True)
class Freight:
    """What goes along with a job.

    Attributes:
        archive: this yolops, as it runs there.
        lock: of the packages that are sent; None where the image has them.
        model: the model to start from, as the job knows it.
        model_file: that file here; None where it is built in.
        data: the dataset; None for a version that is in the bucket already.
        name: of the dataset in the bucket.
        version: its fingerprint.
        data_bytes: its size.
    """

    archive: bytes
    lock: Path | None
    model: str
    model_file: Path | None
    data: Dataset | None
    name: str
    version: str
    data_bytes: int

    @property
    def version_name(self) -> str:
        """The version of the dataset as a person types it."""
        return f"{self.name}@{self.version[:SHOWN_CHARACTERS]}"

    @property
    def packages(self) -> str:
        """The prefix of the packages; empty where there are none."""
        return packages.prefix_of(self.lock) if self.lock else ""

    @property
    def model_prefix(self) -> str:
        """The prefix of the file to start from; empty where there is none."""
        return code.model_prefix(self.model_file) if self.model_file else ""


def gather(platform: JobPlatform, request: TrainRequest, machine: Machine) -> Freight:
    """Return what a job takes along; published weights are downloaded, nothing is sent.

    Raises:
        YolopsError: the dataset has errors or there is no such version, or an argument or the model cannot be.
    """
    session = platform.session
    trainer = trainer_of(session)
    trainer.check(known_here(request.arguments), request.model)
    data, name, version, data_bytes = _dataset(platform, request.data)
    start, weights = trainer.start_of(request.model, session.workspace.state / "weights")
    if weights.startswith("random:"):
        platform.console.warn(f"weights: {weights}; the detector learns everything anew")
    file = Path(start) if Path(start).is_file() else None
    lock = lock_file()
    # The image of a rehearsal is this machine, which has its packages.
    needs_packages = not machine.image and not session.rehearsal
    return Freight(
        archive=code.code_archive(package(), lock),
        lock=lock if needs_packages else None,
        model=file.name if file else start,
        model_file=file,
        data=data,
        name=name,
        version=version,
        data_bytes=data_bytes,
    )


def known_here(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a training that can be checked here: which devices there are, the job sees."""
    return {name: value for name, value in arguments.items() if name != "device"}


def _dataset(platform: JobPlatform, data: str) -> tuple[Dataset | None, str, str, int]:
    """Return a dataset with name, version and size; None for one in the bucket, of which nothing is read here."""
    if is_version(data):
        name, manifest = find_in(platform.datasets, data)
        return None, name, manifest.version, manifest.bytes
    name = name_of(Path(data))
    dataset, report = checked_dataset(platform.session, platform.console, Path(data))
    size = sum(file.stat().st_size for file in lay_out(dataset).sources.values())
    return dataset, name, report.fingerprint, size


def send(platform: JobPlatform, freight: Freight) -> None:
    """Bring into the bucket what is not there yet.

    Raises:
        YolopsError: a file cannot be read, packages cannot be fetched, or the bucket refuses.
    """
    store, console = platform.bucket, platform.console
    if freight.data is not None:
        with console.progress("pushing files") as progress:
            push(platform.datasets, freight.name, freight.data, version=freight.version, progress=progress)
    store.put(code.key_of(freight.archive), freight.archive, only_new=True)
    if freight.model_file is not None and not any(store.below(freight.model_prefix)):
        store.put(freight.model_prefix + freight.model, freight.model_file.read_bytes())
    if freight.lock is not None:
        with console.progress("sending packages") as progress:
            cache = platform.session.workspace.create_state() / "packages"
            packages.send_packages(store, freight.lock, cache, progress)
