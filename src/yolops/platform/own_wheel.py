"""This yolops as a wheel, for spaces in Studio: whatever it was installed from, an index or a checkout.

A wheel is a zip archive with a directory of metadata: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import yolops
from yolops.errors import YolopsError
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where modules/studio looks for it.
PLACE = Path("modules/studio/space")
# The packages of a training job, which people in a space start, too; in the package, or in a checkout.
LOCK = "requirements/job.txt"
# Of the package: what Python makes, and the configuration that an installed one carries along.
LEFT_OUT = {"__pycache__", "terraform"}
ABOUT = "Wheel-Version: 1.0\nGenerator: yolops\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def package() -> Path:
    """Return the directory of this yolops."""
    return Path(yolops.__file__).resolve().parent


def lock_file() -> Path:
    """Return the lock of a job's packages: inside the package, or in a checkout.

    Raises:
        YolopsError: there is none.
    """
    for place in (package(), package().parents[1]):
        if (found := place / LOCK).is_file():
            return found
    raise YolopsError("this yolops comes without the lock of a job's packages", "install it again: pip install yolops")


def write_wheel(configuration: Path) -> Path:
    """Put this yolops into a configuration of Terraform, in the place of an earlier one, and return the file.

    Raises:
        YolopsError: it cannot be written, or yolops is not installed.
    """
    file = configuration / PLACE / f"yolops-{yolops.__version__}-py3-none-any.whl"
    content = wheel()
    try:
        if not file.is_file() or file.read_bytes() != content:
            with whole_file(file) as draft:
                draft.write_bytes(content)
        for earlier in set(file.parent.glob("yolops-*.whl")) - {file}:
            earlier.unlink()
    except OSError as error:
        raise YolopsError(f"{file}: cannot be written ({error.strerror})", "make its directory writable") from error
    return file


def wheel() -> bytes:
    """Return this yolops as a wheel; the same files give the same bytes on every machine.

    Raises:
        YolopsError: yolops is not installed, so that nobody knows what it needs.
    """
    information = f"yolops-{yolops.__version__}.dist-info"
    records = []
    stream = io.BytesIO()
    # Not compressed: two releases of zlib compress the same to different bytes.
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in (*_package(), *((f"{information}/{name}", text) for name, text in _metadata())):
            archive.writestr(zipfile.ZipInfo(name), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            records.append(f"{name},sha256={digest},{len(content)}\n")
        record = f"{information}/RECORD"
        archive.writestr(zipfile.ZipInfo(record), "".join([*records, f"{record},,\n"]))
    return stream.getvalue()


def _package() -> Iterator[tuple[str, bytes]]:
    root = package()
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and not LEFT_OUT.intersection(parts):
            yield "/".join(("yolops", *parts)), path.read_bytes()
    if not (root / LOCK).is_file():
        yield f"yolops/{LOCK}", lock_file().read_bytes()


def _metadata() -> Iterator[tuple[str, bytes]]:
    try:
        installed = distribution("yolops")
    except PackageNotFoundError as error:
        raise YolopsError("yolops is not installed here", "install it: pip install yolops") from error
    yield "WHEEL", ABOUT.encode()
    for name in ("METADATA", "entry_points.txt"):
        yield name, (installed.read_text(name) or "").encode()
