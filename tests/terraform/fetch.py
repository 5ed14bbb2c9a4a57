"""Put the pinned Terraform into a directory: `python tests/terraform/fetch.py DIRECTORY`, for machines without one."""

from __future__ import annotations

import hashlib
import io
import platform
import sys
import urllib.request
import zipfile
from pathlib import Path

VERSION = "1.11.4"
ADDRESS = "https://releases.hashicorp.com/terraform/{version}/terraform_{version}_{system}.zip"
# Of the program itself, by system; whoever adds one takes it from a download that he has checked by its signature.
SHA256 = {"linux_amd64": "268000fca5c61021c6396893d9483007ba589ad9d0aaccbd7dfa8c78bf7dbe23"}


def unpack(archive: bytes, system: str, directory: Path) -> Path:
    """Write the program that an archive holds into a directory, if it is the one that is pinned.

    Raises:
        SystemExit: it is another one.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        program = content.read("terraform")
    if hashlib.sha256(program).hexdigest() != SHA256[system]:
        raise SystemExit(f"terraform {VERSION} for {system}: not the program that is pinned; nothing was written")
    file = directory / "terraform"
    file.write_bytes(program)
    file.chmod(0o755)
    return file


def main() -> None:
    """Fetch it, or say what to do where it cannot be checked."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    system = f"{platform.system().lower()}_{machine}"
    if system not in SHA256:
        raise SystemExit(f"install Terraform 1.11 or newer yourself: none is pinned for {system}")
    with urllib.request.urlopen(ADDRESS.format(version=VERSION, system=system), timeout=120) as answer:
        print(unpack(answer.read(), system, Path(sys.argv[1])))


if __name__ == "__main__":
    main()
