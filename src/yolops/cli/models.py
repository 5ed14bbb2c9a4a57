"""`yolops models`: what is in the model registry."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from yolops.cli.group import group
from yolops.cli.session import Json, opened
from yolops.cli.wording import minute


def commands() -> typer.Typer:
    """Build the commands about models."""
    return group("See the registered models.", list=_list, show=_show)


def _list(context: typer.Context, as_json: Json = False) -> None:
    """List the registered models."""
    from yolops.cli.console import table
    from yolops.models.registry import list_models

    session, console = opened(context, as_json)
    models = list_models(session.mlflow())
    rows = [
        (
            model.name,
            model.latest,
            ", ".join(f"{alias}={version}" for alias, version in sorted(model.aliases.items())),
            minute(model.updated),
        )
        for model in models
    ]
    nothing = f"no models yet; register one: {session.command_prefix()} train data.yaml --register-as NAME"
    shown = table("name", "latest", "aliases", "updated", rows=rows) if rows else nothing
    console.data([asdict(model) for model in models], shown)


def _show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the registered model.")],
    as_json: Json = False,
) -> None:
    """Show the versions of a model, what they reached, and how to load the best-known one."""
    from yolops.cli.console import table
    from yolops.models.registry import list_versions

    session, console = opened(context, as_json)
    versions = list_versions(session.mlflow(), name)
    rows = [
        (
            version.version,
            ", ".join(version.aliases),
            *(_reached(version.tags.get(metric)) for metric in ("mAP50", "mAP50-95")),
            minute(version.created),
            version.run_id[:8],
        )
        for version in versions
    ]
    ranked = sorted(versions, key=lambda version: ("champion" not in version.aliases, not version.aliases))
    best_known = ranked[0] if ranked else None
    console.data(
        [version.as_dict() for version in versions],
        table("version", "aliases", "mAP50", "mAP50-95", "created", "run", rows=rows),
        f'\nload it: mlflow.pyfunc.load_model("{best_known.uri}")' if best_known else "\nit has no version yet",
    )


def _reached(tag: str | None) -> float | str | None:
    """Return what a tag says; anybody may give a version such a tag, and it need not be a number."""
    try:
        return None if tag is None else float(tag)
    except ValueError:
        return tag
