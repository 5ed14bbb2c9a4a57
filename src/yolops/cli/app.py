"""The tree of commands, and the options that stand before any of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from yolops import __version__
from yolops.cli import backup, dataset, jobs, models, rehearsal, runs, train, tune, users
from yolops.cli.demo import demo
from yolops.cli.destroy import destroy
from yolops.cli.doctor import doctor
from yolops.cli.down import down
from yolops.cli.init import init
from yolops.cli.plan import plan
from yolops.cli.recover import recover
from yolops.cli.session import Session
from yolops.cli.status import status
from yolops.cli.ui import ui
from yolops.cli.up import up
from yolops.cli.upgrade import upgrade
from yolops.errors import YolopsError
from yolops.platform.workspace import Workspace


class Group(TyperGroup):
    """Commands under one name."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List each with its whole first sentence, on two lines if need be; typer ends it at the end of the line."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(limit=1000)) for name, command in commands if command]
            )


class Program(TyperGroup):
    """The whole command line."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Whoever types what an error says to try must not end up elsewhere."""
        try:
            return super().invoke(ctx)
        except YolopsError as error:
            if isinstance(ctx.obj, Session):
                error.hint = ctx.obj.retyped(error.hint, self.list_commands(ctx))
            raise


HELP = "Train YOLO detectors, and keep every run, dataset and model in MLflow."


def application() -> typer.Typer:
    """Build the command line."""
    app = typer.Typer(
        help=HELP,
        cls=Program,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    app.command()(init)
    app.command()(plan)
    app.command()(up)
    app.command()(upgrade)
    app.command()(down)
    app.command()(status)
    app.command()(doctor)
    app.command()(destroy)
    app.command()(recover)
    app.command()(ui)
    app.command(context_settings=train.PASS_THROUGH)(train.train)
    app.command(context_settings=train.PASS_THROUGH)(tune.tune)
    app.command()(demo)
    app.add_typer(dataset.commands(), name="dataset", cls=Group)
    app.add_typer(runs.commands(), name="runs", cls=Group)
    app.add_typer(models.commands(), name="models", cls=Group)
    app.add_typer(jobs.commands(), name="jobs", cls=Group)
    app.add_typer(users.commands(), name="users", cls=Group)
    app.add_typer(backup.commands(), name="backup", cls=Group)
    app.add_typer(rehearsal.commands(), name="rehearsal", cls=Group)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"yolops {__version__}")
        raise typer.Exit


def _options(
    context: typer.Context,
    workspace: Annotated[
        Path, typer.Option("--workspace", "-w", envvar="YOLOPS_WORKSPACE", help="The directory to work in.")
    ] = Path(),
    tracking_uri: Annotated[
        str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="An MLflow server to use instead of the workspace's own.")
    ] = "",
    platform: Annotated[
        Path | None,
        typer.Option(envvar="YOLOPS_PLATFORM", help="A platform, as `terraform output -json` describes it."),
    ] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearsal", help="Run the command against the simulated AWS of this workspace.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON on stdout.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what the trainer prints, and whole tracebacks.")
    ] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    session = Session(Workspace(workspace.absolute()), as_json, verbose, tracking_uri, rehearse, platform)
    context.obj = session
    asks_for_help = bool({"--help", "-h"} & set(sys.argv))
    if rehearse and context.invoked_subcommand != "rehearsal" and not asks_for_help:
        rehearsal.enter(session, str(context.invoked_subcommand))
