"""`yolops init`: write what a platform in AWS is made from into the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, Session, session_of
from yolops.platform.outputs import Mode

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.platform.scaffold import Choices


def init(
    context: typer.Context,
    mode: Annotated[Mode | None, typer.Option(help="Where MLflow runs: studio or custom.")] = None,
    project: Annotated[str, typer.Option(help="What everything in AWS is named after and tagged with.")] = "",
    region: Annotated[str, typer.Option(help="The region of AWS.")] = "",
    key_pair: Annotated[str, typer.Option(help="Custom mode: an EC2 key pair for SSH; none means AWS SSM.")] = "",
    allowed_cidr: Annotated[
        list[str] | None, typer.Option(help="Custom mode: who reaches the server; may be given several times.")
    ] = None,
    remote_state: Annotated[
        str, typer.Option(metavar="BUCKET", help="Keep Terraform's state in this bucket, with a lock.")
    ] = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; what no option says gets its default.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the Terraform configuration and its settings for a platform in AWS."""
    from yolops.cli.questions import can_ask
    from yolops.platform.configuration import configuration_source, lay_out
    from yolops.platform.scaffold import Choices, settings_text, write_new

    session = session_of(context)
    console = session.console(as_json=as_json)
    workspace = session.workspace
    given = Choices(mode or Mode.STUDIO, project or Choices.project, region or Choices.region, key_pair)
    exists = workspace.settings_file.is_file()
    given = _ask(given, mode, project, region) if can_ask() and not (yes or exists) else given
    choices = _with_addresses(session, given, allowed_cidr, console) if not exists else given
    choices.check()
    record = workspace.create_state() / "configuration.json"
    laid = lay_out(configuration_source(), workspace.configuration, record)
    fresh = write_new(workspace.settings_file, settings_text(choices))
    if remote_state:
        _keep_state_in(session, remote_state, console)
    for name in laid.edited:
        console.warn(f"{workspace.configuration / name}: has been edited, and was left as it is")
    if not fresh:
        console.warn(f"{workspace.settings_file}: is there already, and was left as it is")
    console.data(
        {
            "configuration": str(workspace.configuration),
            "settings": str(workspace.settings_file),
            "written": list(laid.written),
            "edited": list(laid.edited),
            "settings_written": fresh and not exists,
        },
        f"The configuration is in {workspace.configuration}; your settings are in {workspace.settings_file}.",
        f"Look at what it would make: {session.command_prefix()} plan",
    )


def _ask(given: Choices, mode: Mode | None, project: str, region: str) -> Choices:
    """Ask for what no option has said."""
    from dataclasses import replace

    from yolops.cli.questions import ask

    if mode is None:
        answer = ask(
            "Where should MLflow run: studio (managed by AWS) or custom (a server of your own)?", "--mode", "studio"
        )
        given = replace(given, mode=Mode(answer) if answer in set(Mode) else Mode.LOCAL)
    if not project:
        given = replace(given, project=ask("Name of the project", "--project", given.project))
    if not region:
        given = replace(given, region=ask("Region of AWS", "--region", given.region))
    if given.mode is Mode.CUSTOM and not given.key_pair:
        question = "EC2 key pair for SSH; leave it empty for access through AWS Systems Manager, without port 22"
        given = replace(given, key_pair=ask(question, "--key-pair"))
    return given


def _with_addresses(session: Session, given: Choices, cidrs: list[str] | None, console: Console) -> Choices:
    """Add who reaches the server: the caller's own address unless somebody said otherwise."""
    from dataclasses import replace

    from yolops.cli.questions import ask, can_ask
    from yolops.platform.scaffold import own_address

    if given.mode is not Mode.CUSTOM:
        return given
    if cidrs:
        return replace(given, allowed_cidrs=tuple(cidrs))
    own = "127.0.0.1/32" if session.rehearsal else own_address()
    if not own:
        console.warn("your own address could not be found out; write it into allowed_cidrs, or nobody reaches MLflow")
        return given
    if can_ask():
        own = ask("Who reaches MLflow (your own address)", "--allowed-cidr", own)
    console.note(f"only {own} will reach MLflow; allowed_cidrs in terraform.tfvars says so")
    return replace(given, allowed_cidrs=(own,))


def _keep_state_in(session: Session, bucket: str, console: Console) -> None:
    """Write the backend, and make its bucket."""
    from yolops.aws import Aws
    from yolops.errors import YolopsError
    from yolops.platform.configuration import BACKEND
    from yolops.platform.remote_state import backend, ensure_bucket
    from yolops.platform.scaffold import write_new

    settings = session.workspace.settings()
    if settings is None:
        return
    text = backend(bucket, settings.project_name, settings.region)
    made = ensure_bucket(Aws(settings.region), bucket)
    console.note(f"{bucket}: made, private and versioned" if made else f"{bucket}: is there, and keeps versions")
    if not write_new(settings.configuration / BACKEND, text):
        raise YolopsError(
            f"{settings.configuration / BACKEND}: is there already and says something else",
            "edit it by hand, then: terraform init -migrate-state",
        )
    if (settings.configuration / "terraform.tfstate").exists():
        console.warn("there is a state here already; move it into the bucket: terraform init -migrate-state")
