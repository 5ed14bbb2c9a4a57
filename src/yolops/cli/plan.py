"""`yolops plan`: what `yolops up` would change in AWS."""

from __future__ import annotations

import typer

from yolops.cli.session import Json, opened


def plan(context: typer.Context, as_json: Json = False) -> None:
    """Show what `yolops up` would change in AWS, with what is destroyed on top. Changes nothing."""
    session, console = opened(context, as_json)
    settings = session.settings()
    if settings is None:
        start = f"{session.command_prefix()} up"
        console.data({"mode": "local", "empty": True}, f"Local mode: there is nothing to plan; start it with: {start}")
        return
    from yolops.cli.deployment import deployment_of, make_plan, plan_summary, plan_table

    planned = make_plan(deployment_of(session, settings, console), console)
    shown = [plan_table(planned), plan_summary(settings, planned)]
    console.data({"mode": settings.mode.value, **planned.as_dict()}, *(shown[1:] if planned.empty else shown))
