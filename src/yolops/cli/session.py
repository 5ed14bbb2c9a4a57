"""What every command is handed: the workspace it works in and the way it speaks. Built once, here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.platform.workspace import Workspace

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


@dataclass(frozen=True)
class Session:
    """The options that stand before the command, resolved."""

    workspace: Workspace
    as_json: bool
    verbose: bool

    def console(self, *, as_json: bool = False) -> Console:
        """Return what the command prints with; `--json` may stand before or behind the command."""
        from yolops.cli.console import Console

        return Console(as_json=self.as_json or as_json, verbose=self.verbose)


def session_of(context: typer.Context) -> Session:
    """Return the session of a running command."""
    session = context.obj
    if not isinstance(session, Session):
        raise TypeError("the command was started without its session")
    return session
