"""Commands below one word, such as `yolops runs list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable


def group(about: str, **commands: Callable[..., None]) -> typer.Typer:
    """Return a group of commands, in this order and under these names."""
    app = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None)
    for name, command in commands.items():
        app.command(name)(command)
    return app
