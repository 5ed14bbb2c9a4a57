"""What every command is handed: the workspace it works in and the way it speaks. Built once, here."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from yolops.errors import UsageError, YolopsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yolops.cli.console import Console
    from yolops.platform.access import Access
    from yolops.platform.outputs import Outputs
    from yolops.platform.settings import Settings
    from yolops.platform.workspace import Workspace
    from yolops.tracking.rest import MlflowRest

CONNECT_PATIENCE_S = 5.0
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


@dataclass(frozen=True)
class Session:
    """The options that stand before the command, resolved."""

    workspace: Workspace
    as_json: bool
    verbose: bool
    tracking_uri: str = ""
    rehearsal: bool = False
    description: Path | None = None

    def console(self, *, as_json: bool = False) -> Console:
        """Return what the command prints with; `--json` may stand before or behind the command."""
        from yolops.cli.console import Console

        return Console(as_json=self.as_json or as_json)

    def mlflow(self, outputs: Outputs | None = None) -> MlflowRest:
        """Return what questions to the MLflow server of the running platform are asked with.

        Raises:
            YolopsError: no platform is running, or there is no login for it.
        """
        from yolops.tracking.managed import mlflow_of

        return mlflow_of(self.access(outputs or self.outputs()))

    def access(self, outputs: Outputs) -> Access:
        """Return how the MLflow of a platform is entered.

        Raises:
            YolopsError: there is no login for it.
        """
        from yolops.cli.access import access_to

        return access_to(self, outputs)

    def outputs(self) -> Outputs:
        """Return the platform that runs, or the server that was named.

        Raises:
            YolopsError: no platform is running.
        """
        from yolops.platform.local import LocalPlatform

        return self.named_server() or self.platform() or LocalPlatform(self.workspace).outputs()

    def platform(self) -> Outputs | None:
        """Return the platform in AWS: the one that a file describes, or the workspace's own; None in local mode.

        Raises:
            YolopsError: it is not there, or the file does not describe one.
        """
        from yolops.cli.deployment import outputs_of

        if described := self.described():
            return self.as_rehearsed(described)
        settings = self.workspace.settings()
        return None if settings is None else self.as_rehearsed(outputs_of(self, settings))

    def settings(self) -> Settings | None:
        """Return what was decided about the platform that a command may change; None in local mode.

        Raises:
            YolopsError: a file describes a platform that was applied elsewhere, or the settings are not valid.
        """
        settings = self.workspace.settings()
        if settings is None and (described := self.described()):
            raise YolopsError(
                f"{self.description}: only describes {described.project_name} ({described.mode} mode), "
                "which was applied in another workspace",
                "change it from there; yolops status shows how it is",
            )
        return settings

    def as_rehearsed(self, outputs: Outputs) -> Outputs:
        """Return a platform with the pages that it has here, which in a rehearsal are none of AWS's console."""
        from yolops.cli.rehearsal import with_own_pages

        return with_own_pages(self, outputs) if self.rehearsal else outputs

    def described(self) -> Outputs | None:
        """Return the platform that a file describes, for who has no state of Terraform; None where none was named.

        Raises:
            YolopsError: the file does not describe one.
        """
        from yolops.platform.outputs import read_outputs

        return None if self.description is None else read_outputs(self.description)

    def connect(self, console: Console) -> Outputs:
        """Return the platform, started if need be, or the server that was named.

        Raises:
            YolopsError: it cannot be started.
        """
        from yolops.platform.local import LocalPlatform

        if named := self.named_server():
            console.note(f"MLflow: {named.tracking_uri}")
            return named
        if platform := self.platform():
            return platform
        with console.working("making sure that MLflow runs; a start takes some seconds ..."):
            return LocalPlatform(self.workspace, say=console.note).up()

    def enter(self, outputs: Outputs, console: Console) -> Outputs:
        """Find a wrong login before a training of hours, and return the platform.

        A server that is away is no error here: what runs say is kept for it.

        Raises:
            YolopsError: the login is wrong, or the server is not the one that was meant.
        """
        from yolops.platform.outputs import Mode
        from yolops.tracking.rest import LoginError, MlflowRest, UnknownServerError

        if outputs.mode in {Mode.LOCAL, Mode.STUDIO}:  # the one asks for no login, the other for that of AWS
            return outputs
        access = self.access(outputs)
        rest = MlflowRest(access.tracking_uri, access.credentials, trust=access.trust, patience_s=CONNECT_PATIENCE_S)
        try:
            rest.post("experiments/search", max_results=1)
        except (LoginError, UnknownServerError):
            raise
        except YolopsError as error:
            console.note(f"{error.message}; what a run says is kept until it does")
        return outputs

    def named_server(self) -> Outputs | None:
        """Return the server that was named instead of the workspace's own; None where none was.

        Raises:
            UsageError: what was named is no address.
        """
        from yolops.platform.outputs import Mode, Outputs

        uri = self.tracking_uri.rstrip("/")
        if not uri or uri == self._own_address:
            return None
        if uri.startswith("arn:"):
            return Outputs(Mode.STUDIO, tracking_uri=uri, artifact_uri="", ui_url=uri)
        if not uri.startswith(("http://", "https://")):
            raise UsageError(
                f"--tracking-uri {uri}: not the address of an MLflow server", "give http://..., https://... or arn:..."
            )
        return Outputs(Mode.EXTERNAL, tracking_uri=uri, artifact_uri="mlflow-artifacts:/", ui_url=uri)

    @cached_property
    def _own_address(self) -> str:
        """The address of the platform that is meant where none is named: `yolops up` says it for other programs."""
        from yolops.cli.deployment import address_of
        from yolops.platform.local import LocalPlatform

        if described := self.described():
            return described.tracking_uri
        try:
            settings = self.workspace.settings()
            return (
                LocalPlatform(self.workspace).outputs().tracking_uri if settings is None else address_of(self, settings)
            )
        except YolopsError:
            return ""

    def command_prefix(self) -> str:
        """Return what a person types before a command to work in this workspace again."""
        program = "yolops" if shutil.which("yolops") else sys.argv[0]
        if self.workspace.root != Path.cwd():
            program += f" --workspace {min(os.path.relpath(self.workspace.root), str(self.workspace.root), key=len)}"
        return f"{program} --rehearsal" if self.rehearsal else program

    def retyped(self, hint: str, commands: Sequence[str]) -> str:
        """Return a hint whose commands do here what they say: what wrote it need not know where that is.

        Args:
            hint: what a person should do.
            commands: the names of all commands. Those about the rehearsal itself are the same in one.
        """
        inside, outside = self.command_prefix(), replace(self, rehearsal=False).command_prefix()
        command = re.compile(rf"(?<![\w./-])yolops (?=({'|'.join(commands)})\b)")
        return command.sub(lambda found: f"{outside if found[1] == 'rehearsal' else inside} ", hint)


def opened(context: typer.Context, as_json: bool) -> tuple[Session, Console]:
    """Return the session of a running command, and what it prints with."""
    session = context.obj
    if not isinstance(session, Session):
        raise TypeError("the command was started without its session")
    return session, session.console(as_json=as_json)


def commands_of(context: typer.Context) -> list[str]:
    """Return the names of all commands."""
    root = context.find_root()
    return root.command.list_commands(root) if isinstance(root.command, TyperGroup) else []
