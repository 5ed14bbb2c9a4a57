"""Where Terraform and its AWS provider are on this machine, so that the tests need no network where they are there.

A provider is known by the shape of the directory it lies in, `registry.terraform.io/hashicorp/aws/VERSION/PLATFORM`,
which is what Terraform's own mirrors look like.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

PROVIDER = "registry.terraform.io/hashicorp/aws"
# Deep enough for /opt/mirror/registry.terraform.io, and shallow enough not to read a whole home directory.
DEPTHS = ("", "*/", "*/*/")


def binary(environment: Mapping[str, str]) -> str | None:
    """Return the terraform to test with, or None where there is none."""
    return shutil.which(environment.get("YOLOPS_TERRAFORM", "terraform"))


def command_line_configuration(directory: Path, environment: Mapping[str, str], roots: Iterable[Path]) -> Path | None:
    """Return the file to name in TF_CLI_CONFIG_FILE, written into a directory if need be.

    Args:
        directory: where it may be written.
        environment: the variables of this process.
        roots: where a mirror of providers may lie.

    Returns:
        None where Terraform finds what it needs by itself.
    """
    named = environment.get("TF_CLI_CONFIG_FILE")
    if named is not None and Path(named).is_file():
        return None
    if any((place / PROVIDER).is_dir() for place in standard_directories(environment)):
        return None if named is None else _write(directory, "")
    mirror = find_mirror(roots)
    if mirror is None:
        return None if named is None else _write(directory, "")
    return _write(
        directory,
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n    include = ["{PROVIDER}"]\n  }}\n'
        f'  direct {{\n    exclude = ["{PROVIDER}"]\n  }}\n}}\n',
    )


def standard_directories(environment: Mapping[str, str]) -> list[Path]:
    """Return where Terraform looks for providers by itself (Terraform: implied local mirror directories)."""
    home = Path(environment.get("HOME", "/"))
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    shared = [Path("/usr/local/share"), Path("/usr/share")]
    return [home / ".terraform.d" / "plugins", *(place / "terraform" / "plugins" for place in [data, *shared])]


def find_mirror(roots: Iterable[Path]) -> Path | None:
    """Return the first directory that mirrors the AWS provider for some version and platform."""
    for root in roots:
        for depth in DEPTHS:
            for found in sorted(root.glob(f"{depth}{PROVIDER}/*/*")):
                if found.is_dir() and os.access(found, os.R_OK):
                    return found.parents[4]
    return None


def likely_roots(environment: Mapping[str, str]) -> list[Path]:
    """Return where people and images keep such a mirror."""
    return [Path("/opt"), Path("/usr/local"), Path(environment.get("HOME", "/"))]


def _write(directory: Path, text: str) -> Path:
    path = directory / "terraform.rc"
    path.write_text(text, encoding="utf-8")
    return path
