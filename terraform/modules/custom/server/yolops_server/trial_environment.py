"""Makes an environment with another MLflow beside the one that serves, out of the lock that a server of it installs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yolops_server.work import KILLED

if TYPE_CHECKING:
    from yolops_server.settings import Settings

PATIENCE_S = 1800.0
# Has what follows be killed when the process that has started it ends, however that does: prctl(2). setpriv(1) sets
# capabilities besides, which the service may not.
PR_SET_PDEATHSIG = 1
_END = f"ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, {signal.SIGKILL:d})"
END_WITH_PARENT = (sys.executable, "-ISc", f"import ctypes, os, sys; {_END}; os.execv(sys.argv[1], sys.argv[1:])")


class NotInstalledError(Exception):
    """An MLflow cannot be installed here."""


def lock_of(settings: Settings, version: str) -> Path:
    """Return the lock of a version, which need not be there."""
    return Path(settings.locks) / f"requirements-{version}.txt"


def versions(settings: Settings) -> list[str]:
    """Return the versions that can be installed beside the one that serves; none where there is no installer."""
    found = [path.stem.removeprefix("requirements-") for path in Path(settings.locks).glob("requirements-*.txt")]
    return sorted(found) if Path(settings.uv).exists() else []


def make(settings: Settings, version: str, place: Path) -> Path:
    """Return the Python of a new environment with a version of MLflow.

    Args:
        settings: the settings of the server.
        version: which, one of `versions`.
        place: the directory that it is made in.

    Raises:
        NotInstalledError: it cannot be made, and why.
    """
    python, packages = place / "venv" / "bin" / "python", place / "packages.txt"
    place.mkdir(parents=True)
    lines = lock_of(settings, version).read_text(encoding="utf-8").splitlines(keepends=True)
    packages.write_text("".join(line for line in lines if not line.startswith("uv==")), encoding="utf-8")
    # As in setup.
    install = ("pip", "install", "--only-binary", ":all:", "--require-hashes", "--no-deps")
    for step in (
        ("venv", "--no-config", "--python", sys.executable, place / "venv"),
        (*install, "--python", python, "--requirement", packages),
    ):
        done = subprocess.run(
            [*END_WITH_PARENT, settings.uv, "--quiet", "--no-cache", *step],
            # Packages are unpacked where they go to: /tmp may be memory.
            env={**os.environ, "TMPDIR": str(place)},
            check=False,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
        )
        if done.returncode:
            print(done.stderr, file=sys.stderr, flush=True)
            reason = KILLED if done.returncode == -signal.SIGKILL else " ".join(done.stderr.split())[-300:]
            raise NotInstalledError(f"MLflow {version} cannot be installed beside the one that serves: {reason}")
    return python


def size(place: Path) -> tuple[int, int]:
    """Return how many bytes the files of a directory have, and how many its disk has left."""
    used = sum(path.lstat().st_size for path in place.rglob("*") if not path.is_dir())
    return used, shutil.disk_usage(place).free
