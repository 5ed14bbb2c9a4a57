"""Which checks a workspace gets, and what they look at: resolved here from the command line and the environment."""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.aws import Aws
from yolops.cli.access import credentials_for, named_certificate, trust_of
from yolops.diagnosis import account, custom, custom_database, local_server, machine, mlflow_server, packages, studio
from yolops.diagnosis.check import Seen, Task
from yolops.errors import YolopsError
from yolops.platform.deployment import Deployment
from yolops.platform.local import LocalPlatform
from yolops.platform.outputs import Mode, Outputs
from yolops.platform.scaffold import own_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops.cli.session import Session
    from yolops.platform.settings import Settings

HERE_ONLY = "127.0.0.1/32"


def tasks_of(session: Session) -> tuple[str, list[Task]]:
    """Return the name of the mode, and every check that fits it."""
    named = session.named_server()
    if named is not None:
        return named.mode.value, [*_everywhere(session, ()), *_of_server(session, named)]
    extras = ("aws", "rehearsal") if session.rehearsal else ("aws",)
    if described := session.described():
        return described.mode.value, [*_everywhere(session, extras), *_of_described(session, described)]
    try:
        settings = session.workspace.settings()
    except YolopsError as error:
        return "unknown", [*_everywhere(session, ()), _failed("settings", error)]
    if settings is None:
        return Mode.LOCAL.value, [*_everywhere(session, ("local",)), *_of_local(session)]
    return settings.mode.value, [*_everywhere(session, extras), *_of_aws(session, settings)]


def _everywhere(session: Session, extras: tuple[str, ...]) -> list[Task]:
    installed = packages.installed_packages(extras)
    here = machine.Here(
        session.workspace.root, Path(tempfile.gettempdir()), _ultralytics_settings(), machine.ThisMachine()
    )
    return [*(check.of(installed) for check in packages.CHECKS), *(check.of(here) for check in machine.CHECKS)]


def _of_local(session: Session) -> list[Task]:
    local = local_server.Local(LocalPlatform(session.workspace), session.workspace.state)
    return [check.of(local) for check in local_server.CHECKS]


def _of_server(session: Session, outputs: Outputs) -> list[Task]:
    entrance = _entrance(session, lambda: outputs)
    return [check.of(entrance) for check in mlflow_server.CHECKS]


def _entrance(session: Session, find: Callable[[], Outputs]) -> mlflow_server.Entrance:
    return mlflow_server.Entrance(find, partial(trust_of, session), credentials_for)


def _of_described(session: Session, outputs: Outputs) -> list[Task]:
    """Return the checks of a platform of which only its outputs are known here."""
    cloud = account.Cloud(None, Aws(outputs.aws_region), None, _entrance(session, lambda: outputs))
    return _of_platform(session, outputs.mode, cloud)


def _of_aws(session: Session, settings: Settings) -> list[Task]:
    # What is not installed is found out by a check, and not by building what it checks.
    binary = os.environ.get("YOLOPS_TERRAFORM") or "terraform"
    try:
        certificate = named_certificate()
    except YolopsError as error:
        return [_failed("certificate", error)]
    said: list[str] = []
    deployment = Deployment(
        session.workspace, settings, binary, rehearsal=session.rehearsal, say=said.append, certificate=certificate
    )
    entrance = _entrance(session, deployment.outputs)
    cloud = account.Cloud(settings, deployment.aws, deployment.terraform, entrance)
    return _of_platform(session, settings.mode, cloud)


def _of_platform(session: Session, mode: Mode, cloud: account.Cloud) -> list[Task]:
    tasks = [check.of(cloud) for check in account.CHECKS]
    tasks += [check.of(cloud.entrance) for check in mlflow_server.CHECKS]
    parts = (cloud.settings, cloud.aws, cloud.terraform, cloud.entrance)
    if mode is Mode.STUDIO:
        domain = studio.Studio(*parts)
        return [*tasks, *(check.of(domain) for check in studio.CHECKS)]
    address = (lambda: HERE_ONLY) if session.rehearsal else own_address
    server = custom.Custom(*parts, address)
    return [*tasks, *(check.of(server) for check in (*custom.CHECKS, *custom_database.CHECKS))]


def _failed(name: str, error: YolopsError) -> Task:
    def look() -> Seen:
        raise error

    return Task(name, look)


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
