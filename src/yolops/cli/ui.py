"""`yolops ui`: look at the runs in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, Session, opened
from yolops.platform.outputs import Mode

if TYPE_CHECKING:
    from yolops.platform.outputs import Outputs


def ui(
    context: typer.Context,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    as_json: Json = False,
) -> None:
    """Open MLflow in a browser, and start it before if need be."""
    import webbrowser

    session, console = opened(context, as_json)
    outputs = session.connect(console)
    who = _login(session, outputs)
    console.data({"ui_url": outputs.page(), "username": who or None}, outputs.page())
    if who:
        console.note(f"log in as {who}; a login for somebody else: {session.command_prefix()} users add NAME")
    if browser and not webbrowser.open(outputs.page()):
        console.note("No browser could be opened; open the address by hand.")


def _login(session: Session, outputs: Outputs) -> str:
    """Return the name to log in with; empty where the browser is not asked, or nobody said who we are."""
    if outputs.mode in {Mode.LOCAL, Mode.STUDIO}:
        return ""
    return session.access(outputs).credentials.username
