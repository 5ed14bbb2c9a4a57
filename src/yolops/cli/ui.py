"""`yolops ui`: look at the runs in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from yolops.cli.session import Json, session_of


def ui(
    context: typer.Context,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    as_json: Json = False,
) -> None:
    """Open MLflow in a browser, and start it before if need be."""
    import webbrowser

    session = session_of(context)
    console = session.console(as_json=as_json)
    outputs = session.connect(console)
    console.data({"ui_url": outputs.page()}, outputs.page())
    if browser and not webbrowser.open(outputs.page()):
        console.note("No browser could be opened; open the address by hand.")
