"""What an instance of simulated EC2 is on this machine, and whether this machine can have what was asked for."""

from __future__ import annotations

import os
import shutil
import sys
from enum import StrEnum

from yolops.errors import YolopsError
from yolops.rehearsal import container, mariadb, virtual_network

PATH = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))


class InstanceMode(StrEnum):
    """What an instance is: a container that boots its user data, or a process that serves what its user data brings.

    `auto` is a container where this machine has what that needs, as root on Linux.
    """

    AUTO = "auto"
    PROCESS = "process"
    CONTAINER = "container"


def choose(asked: InstanceMode) -> InstanceMode:
    """Return what instances will be.

    Raises:
        YolopsError: containers were asked for, and this machine lacks something they need.
    """
    if asked is InstanceMode.PROCESS:
        return asked
    lacking = missing()
    if lacking and asked is InstanceMode.AUTO:
        return InstanceMode.PROCESS
    if lacking:
        packages = " ".join(package for package in lacking.values() if package)
        raise YolopsError(
            f"instances cannot boot here: no {', '.join(lacking)}",
            f"apt-get install {packages}" if packages else "start it as root on Linux, or with --instances process",
        )
    return InstanceMode.CONTAINER


def missing() -> dict[str, str]:
    """Return what this machine lacks to boot instances, with the Debian package that has it, if one has."""
    lacking: dict[str, str] = {}
    if sys.platform != "linux":
        return {"Linux": ""}
    if os.geteuid() != 0:
        lacking["root"] = ""
    if container.control_groups() is None:
        lacking["control groups of version 2"] = ""
    programs = {**container.PROGRAMS, **virtual_network.PROGRAMS}
    lacking |= {name: package for name, package in programs.items() if not _is_there(name)}
    if not mariadb.is_installed():
        lacking[mariadb.SERVER] = mariadb.PACKAGE
    return lacking


def _is_there(program: str) -> bool:
    return bool(shutil.which(program) or shutil.which(program, path=PATH))
