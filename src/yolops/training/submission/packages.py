"""The packages that AWS's image lacks: wheels for it, fetched here, because a job's subnets have no way to an index."""

from __future__ import annotations

import fcntl
import hashlib
import sys
from typing import TYPE_CHECKING

from yolops import process
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from yolops.datasets.versions.store import Store

# Of AWS's image: see `spec.GPU_TAG`. pip wants every glibc named up to that of Ubuntu 22.04.
PYTHON = "3.12"
GLIBC = ("2_17", "2014", "2_24", "2_26", "2_27", "2_28", "2_31", "2_34", "2_35")
# 300 MB over a slow line.
PATIENCE_S = 3600.0


def prefix_of(lock: Path) -> str:
    """Return the prefix of a lock's wheels in the platform's bucket: its hash, so that they are sent once."""
    return f"jobs/packages/{hashlib.sha256(lock.read_bytes()).hexdigest()[:32]}/"


def download_command(lock: Path, target: Path) -> list[str]:
    """Return the command that fetches the wheels of a lock; each is compared with its hash."""
    platforms = [f"--platform=manylinux{'' if one == '2014' else '_'}{one}_x86_64" for one in GLIBC]
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary=:all:")
    where = (f"--python-version={PYTHON}", "--implementation=cp", *platforms)
    return [sys.executable, "-m", "pip", "download", *options, *where, f"--dest={target}", "-r", str(lock)]


def send_packages(store: Store, lock: Path, cache: Path, progress: Callable[[int, int], None]) -> None:
    """Bring the wheels of a lock into the platform's bucket, unless they are there.

    Args:
        store: the bucket.
        lock: names and hashes.
        cache: a directory that keeps them here, for other platforms.
        progress: called with how many are there, of how many.

    Raises:
        YolopsError: they cannot be fetched, or the bucket refuses.
    """
    prefix = prefix_of(lock)
    there = {item.key.removeprefix(prefix) for item in store.below(prefix)}
    # Written last: whatever ends this before, the next time begins anew.
    if "requirements.txt" in there:
        return
    wheels = _fetched(lock, cache / prefix.split("/")[2])
    for number, wheel in enumerate(wheels):
        progress(number, len(wheels))
        if wheel.name not in there:
            store.put(prefix + wheel.name, wheel.read_bytes())
    store.put(f"{prefix}requirements.txt", lock.read_bytes())


def _fetched(lock: Path, target: Path) -> Sequence[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not target.is_dir():  # no other command has fetched them meanwhile
            partial = target.with_name(f"{target.name}.partial")
            partial.mkdir(exist_ok=True)
            done = process.run(download_command(lock, partial), timeout=PATIENCE_S)
            if done.returncode:
                why = done.stderr.strip().splitlines()[-1:] or ["pip failed"]
                raise YolopsError(
                    f"the packages of a training job cannot be fetched ({why[0]})",
                    "check the network, and that pip is installed here; or name an image that has them: --image",
                )
            partial.rename(target)
    return sorted(target.glob("*.whl"))
