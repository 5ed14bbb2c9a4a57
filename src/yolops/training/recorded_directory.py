"""A directory that says in a file what was asked for: that of a training, or of a search.

Whatever shall be gone on with is found by it, and the spool in it holds what MLflow shall know.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from yolops.errors import YolopsError
from yolops.tracking.spool import Spool
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

MOST_NAMED = 5
IN_SAGEMAKER = "what runs in SageMaker goes on with --on sagemaker"


@dataclass(frozen=True)
class Request:
    """What a person asked for.

    Attributes:
        data: the absolute path of the data.yaml as it was named, or a version as NAME@VERSION.
        model: weights, a model yaml, or the name of either.
        experiment: name of the MLflow experiment.
        name: name of the run.
        arguments: the trainer's own arguments.
    """

    data: str
    model: str
    experiment: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


R = TypeVar("R", bound=Request)


@dataclass(frozen=True)
class RecordedDirectory(Generic[R]):
    """Such a directory.

    Attributes:
        path: where it is.
        request: what was asked for.
        fingerprint: of the dataset that it began with.
    """

    path: Path
    request: R
    fingerprint: str

    # The file that says it, what people call what was asked for, and the command that asks for it.
    record: ClassVar[str]
    what: ClassVar[str]
    command: ClassVar[str]

    @property
    def spool(self) -> Spool:
        """The spool of its run."""
        return Spool(self.path / "spool")

    @classmethod
    def create(cls, parent: Path, request: R, fingerprint: str) -> Self:
        """Make a directory that no other run has, called after the run: `name`, else `name-2` and so on.

        Raises:
            YolopsError: it cannot be made.
        """
        try:
            parent.mkdir(parents=True, exist_ok=True)
            made = cls(_make_unique(parent, request.name), request, fingerprint)
            made.save()
        except OSError as error:
            message = f"{parent}: the directory of a {cls.what} cannot be made ({error.strerror})"
            raise YolopsError(message, "make it writable, free space, or give another --workspace") from error
        return made

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the directory of what was begun earlier.

        Raises:
            YolopsError: it is none.
        """
        try:
            value = json.loads((path / cls.record).read_text(encoding="utf-8"))
            return cls(path, cls.read_request(value["request"]), value["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{path}: not the directory of a {cls.what} ({error})"
            raise YolopsError(message, "see: yolops runs list") from error

    @classmethod
    def read_request(cls, value: dict[str, Any]) -> R:
        """Return the request that JSON holds."""
        raise NotImplementedError

    def save(self) -> None:
        """Write down what was asked for; a reader sees all of it."""
        value = {"fingerprint": self.fingerprint, "request": asdict(self.request)}
        with whole_file(self.path / self.record) as draft:
            draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def all_below(cls, parent: Path) -> list[Self]:
        """Return every one below `parent`, the newest first; what is none is passed over."""
        found = []
        for record in sorted(parent.glob(f"*/{cls.record}"), key=lambda file: file.stat().st_mtime, reverse=True):
            try:
                found.append(cls.load(record.parent))
            except YolopsError:
                continue
        return found

    @classmethod
    def find(cls, parent: Path, which: str) -> Self:
        """Return what a person means by `last`, a checkpoint, a directory, a run's name or its MLflow ID.

        Raises:
            YolopsError: there is no such thing.
        """
        known = cls.all_below(parent)
        if not known:
            raise YolopsError(
                f"{parent}: there is no {cls.what} to go on with", f"start one: {cls.command} data.yaml; {IN_SAGEMAKER}"
            )
        if which == "last":
            return known[0]
        given = Path(which)
        # A checkpoint lies two levels below its training's directory.
        place = (given.parent.parent if given.suffix == ".pt" else given).resolve()
        for one in known:
            if which in {one.path.name, one.spool.progress().run_id} or one.path.resolve() == place:
                return one
        names = ", ".join(one.path.name for one in known[:MOST_NAMED])
        raise YolopsError(
            f"--resume {which}: no {cls.what} of this workspace",
            f"give `last`, its ID, or one of: {names}; {IN_SAGEMAKER}",
        )


def _make_unique(parent: Path, name: str) -> Path:
    """Make a directory that nothing else has, called `name`, else `name-2` and so on."""
    count = 1
    while True:
        path = parent / (name if count == 1 else f"{name}-{count}")
        try:
            path.mkdir()
        except FileExistsError:
            count += 1
        else:
            return path
