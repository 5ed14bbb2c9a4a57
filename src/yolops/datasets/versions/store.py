"""Where versions are kept: a bucket in AWS, or a directory on this machine. What obstore raises ends here."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from yolops.aws import DENIED, EXPIRED, INVALID, MOST_TEXT, Aws, AwsError
from yolops.errors import UsageError, YolopsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from obstore import PutMode

# Any region can be asked where a bucket is.
SOME_REGION = "us-east-1"
# obstore appends what it knows of itself to what the server said.
_DEBUG = "\n\nDebug source:"
_CODE, _MESSAGE = re.compile(r"<Code>(.*?)</Code>"), re.compile(r"<Message>(.*?)</Message>", re.DOTALL)


class Stored(NamedTuple):
    """An object of a store: its key, its size in bytes, and when it was written last."""

    key: str
    size: int
    modified: datetime


class Store(Protocol):
    """Objects by their keys. Each call does all of its work or none, and what was written is seen by all at once."""

    @property
    def where(self) -> str:
        """The address of the store, for messages."""

    def put(self, key: str, content: bytes | bytearray | memoryview, *, only_new: bool = False) -> bool:
        """Write an object; with `only_new`, return False where there is one already, and leave that alone."""

    def get(self, key: str, start: int = 0, end: int | None = None) -> memoryview:
        """Return an object, or its bytes from `start` to before `end`.

        Raises:
            AbsentError: there is no such object.
        """

    def below(self, prefix: str) -> Iterator[Stored]:
        """Yield everything below a prefix, which ends between two names; nothing if there is none."""

    def children(self, prefix: str) -> tuple[list[str], list[Stored]]:
        """Return the names of the prefixes right below a prefix, and its own objects."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is gone already is no error."""


class AbsentError(YolopsError):
    """There is no such object."""


class ObjectStore:
    """A store through obstore.

    Args:
        store: one of obstore's own stores.
        where: its address, for messages.
    """

    def __init__(self, store: Any, where: str) -> None:
        self._store = store
        self.where = where

    def put(self, key: str, content: bytes | bytearray | memoryview, *, only_new: bool = False) -> bool:
        """Write an object; with `only_new`, return False where there is one already, and leave that alone.

        Raises:
            YolopsError: the store refused, or cannot be reached.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            with _errors(f"{self.where}/{key}"):
                # In one piece: so the whole content is covered by one signature and one checksum.
                mode: PutMode = "create" if only_new else "overwrite"
                obstore.put(self._store, key, content, mode=mode, use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def get(self, key: str, start: int = 0, end: int | None = None) -> memoryview:
        """Return an object, or its bytes from `start` to before `end`.

        Raises:
            AbsentError: there is no such object.
            YolopsError: the store refused, or cannot be reached.
        """
        import obstore

        with _errors(f"{self.where}/{key}"):
            if end is None:
                return memoryview(obstore.get(self._store, key).bytes())
            return memoryview(obstore.get_range(self._store, key, start=start, end=end))

    def below(self, prefix: str) -> Iterator[Stored]:
        """Yield everything below a prefix, which ends between two names; nothing if there is none.

        Raises:
            YolopsError: the store refused, or cannot be reached.
        """
        import obstore

        with _errors(f"{self.where}/{prefix}"):
            for page in obstore.list(self._store, prefix, chunk_size=1000):
                yield from (_stored(item) for item in page)

    def children(self, prefix: str) -> tuple[list[str], list[Stored]]:
        """Return the names of the prefixes right below a prefix, and its own objects.

        Raises:
            YolopsError: the store refused, or cannot be reached.
        """
        import obstore

        with _errors(f"{self.where}/{prefix}"):
            found = obstore.list_with_delimiter(self._store, prefix or None)
        names = [path.rpartition("/")[2] for path in found["common_prefixes"]]
        return names, [_stored(item) for item in found["objects"]]

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is gone already is no error.

        Raises:
            YolopsError: the store refused, or cannot be reached.
        """
        import obstore

        try:
            with _errors(self.where):
                obstore.delete(self._store, list(keys))
        except AbsentError:  # a directory, unlike S3, minds
            for key in keys:
                with suppress(AbsentError), _errors(f"{self.where}/{key}"):
                    obstore.delete(self._store, key)


def bucket(aws: Aws, uri: str) -> ObjectStore:
    """Return the store of what lies under an address such as `s3://bucket/datasets`.

    Raises:
        YolopsError: there are no credentials, or parts are not installed.
    """
    name, _, prefix = uri.removeprefix("s3://").partition("/")
    return ObjectStore(aws.bucket(name, prefix), uri.rstrip("/"))


def bucket_anywhere(uri: str) -> ObjectStore:
    """Return the store of such an address, in whichever region its bucket is.

    Raises:
        YolopsError: there is no such bucket, or there are no credentials.
    """
    name = uri.removeprefix("s3://").partition("/")[0]
    try:
        region = Aws(SOME_REGION).region_of(name)
    except AwsError as error:
        if not error.absent:
            raise
        raise YolopsError(f"{uri}: there is no bucket {name}", "correct the name of the bucket") from error
    return bucket(Aws(region), uri)


def address_parts(address: str) -> tuple[str, str]:
    """Return the parent and the name of a dataset at an address such as `s3://BUCKET/datasets/NAME`.

    Raises:
        UsageError: it is no such address.
    """
    parent, _, name = address.rstrip("/").rpartition("/")
    if not parent.startswith("s3://") or not parent.removeprefix("s3://").partition("/")[0]:
        raise UsageError(f"{address}: names no dataset in a bucket", "give s3://BUCKET/datasets/NAME")
    return parent, name


def directory(path: Path) -> ObjectStore:
    """Return the store in a directory of this machine, which is made if need be.

    Raises:
        YolopsError: it cannot be written.
    """
    from obstore.store import LocalStore

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise YolopsError(f"{path}: cannot be written ({error.strerror})", "check its permissions") from error
    return ObjectStore(LocalStore(path, automatic_cleanup=True), str(path))


def _stored(item: Any) -> Stored:
    return Stored(item["path"], item["size"], item["last_modified"])


@contextmanager
def _errors(where: str) -> Iterator[None]:
    """Turn what obstore raises in this block into an error that a person can mend."""
    from obstore import exceptions

    try:
        yield
    except exceptions.AlreadyExistsError:
        raise
    except (exceptions.BaseError, OSError, ValueError) as error:
        raise _translated(where, error) from error


def _translated(where: str, error: Exception) -> YolopsError:
    from obstore import exceptions

    text = str(error).partition(_DEBUG)[0]
    code, said = (found.group(1) if (found := tag.search(text)) else "" for tag in (_CODE, _MESSAGE))
    said = " ".join((said or text).split())[:MOST_TEXT]
    if code == "NoSuchBucket":
        return YolopsError(f"{where}: there is no such bucket", "correct its name, or create the platform: yolops up")
    if isinstance(error, FileNotFoundError):
        return AbsentError(f"{where}: is not there", "see what there is: yolops dataset list")
    denied = exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError
    if isinstance(error, denied) or code in DENIED | EXPIRED | INVALID:
        hint = "log in (aws sso login, AWS_PROFILE), or ask whoever looks after the bucket for access to it"
        return YolopsError(f"{where}: not allowed ({said})", hint)
    if "No space left" in text:
        return YolopsError(f"{where}: the disk is full", "make room, then type the command again: it goes on")
    if isinstance(error, exceptions.InvalidPathError | ValueError):
        return YolopsError(f"{where}: holds a name that no file can have ({said})", "rename it")
    return YolopsError(f"{where}: {said}", "check the network, then type the command again: it goes on")
