"""What the commands about a platform in AWS share: building it from the session, showing its plan and its progress."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

from yolops.cli.access import named_certificate
from yolops.errors import YolopsError
from yolops.platform.deployment import Deployment
from yolops.platform.plan import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from yolops.cli.console import Console
    from yolops.cli.session import Session
    from yolops.platform.outputs import Outputs
    from yolops.platform.plan import Plan
    from yolops.platform.settings import Settings
    from yolops.platform.terraform_run import Event

INSTALL = "install Terraform 1.11 or newer (https://developer.hashicorp.com/terraform/install)"
DONE = {"create": "created", "update": "changed", "delete": "destroyed", "replace": "replaced"}
# What takes longer is mentioned again while it is going on, where there is no terminal to show it on.
REMIND_S = 60


def deployment_of(session: Session, settings: Settings, console: Console) -> Deployment:
    """Return the platform of a workspace in an AWS mode, ready to be asked.

    Raises:
        YolopsError: Terraform or boto3 is not installed, or there are no credentials.
    """
    deployment = _deployment(session, settings, console.note)
    with console.working("looking at AWS, and getting Terraform ready ..."):
        deployment.prepare()
    return deployment


def outputs_of(session: Session, settings: Settings) -> Outputs:
    """Return what describes the platform of a workspace in an AWS mode, from Terraform's state alone.

    Raises:
        YolopsError: Terraform is not installed, or the platform is not there.
    """
    return _deployment(session, settings, lambda _: None).outputs()


def address_of(session: Session, settings: Settings) -> str:
    """Return where the MLflow of a platform is that was built from here; "" elsewhere, without looking for it.

    Raises:
        YolopsError: Terraform is not installed, or the platform is not there.
    """
    deployment = _deployment(session, settings, lambda _: None)
    return deployment.outputs().tracking_uri if deployment.terraform.is_initialised else ""


def _deployment(session: Session, settings: Settings, say: Callable[[str], object]) -> Deployment:
    return Deployment(
        session.workspace,
        settings,
        terraform_binary(),
        rehearsal=session.rehearsal,
        say=say,
        certificate=named_certificate(),
    )


def terraform_binary() -> str:
    """Return the path of the terraform program, or of what YOLOPS_TERRAFORM names instead.

    Raises:
        YolopsError: there is none.
    """
    named = os.environ.get("YOLOPS_TERRAFORM", "")
    found = shutil.which(named or "terraform")
    if found is None:
        raise YolopsError(
            f"{named or 'terraform'}: not found", "correct YOLOPS_TERRAFORM, or leave it out" if named else INSTALL
        )
    return found


def make_plan(deployment: Deployment, console: Console) -> Plan:
    """Return what Terraform would do, and save it."""
    with console.working("asking Terraform what it would change ..."):
        return deployment.plan()


def plan_table(plan: Plan) -> Table | str:
    """Return what a person must see of a plan: what is destroyed first, what is created last."""
    from yolops.cli.console import table

    rows = [
        (change.action.value, change.address, change.holds and f"LOSES {change.holds}", change.reason)
        for change in plan.changes
    ]
    titles = ("", "resource", "data", "why")
    said = [index for index in range(len(titles)) if any(row[index] for row in rows)]
    shown = [[row[index] for index in said] for row in rows]
    return table(*(titles[index] for index in said), rows=shown) if rows else "the same resources"


def plan_summary(settings: Settings, plan: Plan) -> str:
    """Return what a plan would do, in one line."""
    then = f"; this is the first of two steps, the switch to {plan.then} comes next" if plan.then else ""
    return f"{settings.project_name} ({settings.mode}): {plan.summary()}{then}"


def apply(deployment: Deployment, plan: Plan, console: Console) -> None:
    """Carry out the plan that was made last, and say line by line what has happened.

    Raises:
        YolopsError: something of it failed.
    """
    progress = ApplyProgress(console, plan)
    try:
        deployment.apply(progress)
    finally:
        progress.stop()


class ApplyProgress:
    """Shows what Terraform does: a line for each resource that is done, and what is going on with its time.

    Args:
        console: where to.
        plan: what is to be done.
    """

    def __init__(self, console: Console, plan: Plan) -> None:
        # Replacing is two steps: one resource goes, one comes.
        self._total = len(plan.changes) + plan.count(Action.REPLACE) - plan.count(Action.FORGET)
        self._console = console
        self._bar = console.bar("applying")
        self._begun: dict[str, float] = {}
        self._done = 0

    def __call__(self, event: Event) -> None:
        """Take one message of Terraform."""
        kind, hook = event.get("type"), event.get("hook", {})
        address = hook.get("resource", {}).get("addr", "")
        if hook.get("action") not in DONE:  # data sources are read meanwhile
            return
        if kind == "apply_start":
            self._begun[address] = time.monotonic()
        elif kind in {"apply_complete", "apply_errored"}:
            self._begun.pop(address, None)
            self._done += kind == "apply_complete"
            what = DONE[hook["action"]] if kind == "apply_complete" else "FAILED"
            width = len(str(self._total))
            seconds = hook.get("elapsed_seconds", 0)
            self._console.note(f"{self._done:{width}}/{self._total}  {what:9}  {address}  {seconds} s")
        elif kind == "apply_progress" and self._console.is_piped and hook["elapsed_seconds"] % REMIND_S == 0:
            self._console.note(f"... still at {address} ({hook['elapsed_seconds']} s)")
        if self._begun:
            slowest, since = min(self._begun.items(), key=lambda item: item[1])
            self._bar.update(self._done, self._total, f"{slowest} ({time.monotonic() - since:.0f} s)")

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()
