"""Which checks a workspace gets, and what they look at: resolved here from the command line and the environment."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.diagnosis import local_server, machine, packages
from yolops.diagnosis.check import Seen, Task
from yolops.errors import YolopsError
from yolops.platform.local import LocalPlatform
from yolops.platform.outputs import Mode

if TYPE_CHECKING:
    from yolops.cli.session import Session

SETTINGS = "settings"


def tasks_of(session: Session) -> tuple[str, list[Task]]:
    """Return the name of the mode, and every check that fits it."""
    here = machine.Here(
        session.workspace.root, Path(tempfile.gettempdir()), _ultralytics_settings(), machine.ThisMachine()
    )
    try:
        settings = session.workspace.settings()
    except YolopsError as error:
        return "unknown", [*_everywhere(here, ()), _broken_settings(error)]
    if settings is not None:
        return settings.mode.value, _everywhere(here, ("aws",))
    return Mode.LOCAL.value, [*_everywhere(here, ("local",)), *_of_local(session)]


def _everywhere(here: machine.Here, extras: tuple[str, ...]) -> list[Task]:
    installed = packages.installed_packages(extras)
    return [
        *(check.of(installed) for check in packages.CHECKS),
        *(check.of(here) for check in machine.CHECKS),
    ]


def _of_local(session: Session) -> list[Task]:
    local = local_server.Local(LocalPlatform(session.workspace), session.workspace.state)
    return [check.of(local) for check in local_server.CHECKS]


def _broken_settings(error: YolopsError) -> Task:
    def look() -> Seen:
        raise error

    return Task(SETTINGS, look)


def _ultralytics_settings() -> Path:
    """Return where ultralytics keeps the settings of this person, as its `get_user_config_dir` finds it."""
    if named := os.environ.get("YOLO_CONFIG_DIR"):
        return Path(named).expanduser() / "Ultralytics" / "settings.json"
    try:
        home = Path.home()
    except RuntimeError:  # this user has none
        home = Path("/")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "Ultralytics" / "settings.json"
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "Ultralytics" / "settings.json"
