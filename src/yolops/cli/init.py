"""`yolops init`: write what a platform in AWS is made from into the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, Session, opened
from yolops.errors import UsageError, YolopsError
from yolops.platform.outputs import Mode

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.platform.scaffold import Choices


STATE_QUESTION = "S3 bucket for Terraform's state, with a lock, for a team; leave it empty to keep the state here"
QUESTIONS = {
    "mode": ("Where should MLflow run: studio (managed by AWS) or custom (a server of your own)?", "--mode"),
    "project": ("Name of the project", "--project"),
    "region": ("Region of AWS", "--region"),
    "key_pair": (
        "EC2 key pair for SSH; leave it empty for access through AWS Systems Manager, without port 22",
        "--key-pair",
    ),
    "allowed_cidrs": ("Who reaches MLflow: addresses or networks, with commas between them", "--allowed-cidr"),
}


def init(
    context: typer.Context,
    mode: Annotated[
        str, typer.Option(metavar="<studio|custom>", help="Where MLflow runs: managed, or on your own server.")
    ] = "",
    project: Annotated[str, typer.Option(help="What everything in AWS is named after and tagged with.")] = "",
    region: Annotated[str, typer.Option(help="The region of AWS.")] = "",
    key_pair: Annotated[str, typer.Option(help="Custom mode: an EC2 key pair for SSH; none means AWS SSM.")] = "",
    allowed_cidr: Annotated[
        list[str] | None,
        typer.Option(metavar="CIDR", help="Custom mode: who reaches the server; may be given several times."),
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
    from yolops.platform.scaffold import Choices

    session, console = opened(context, as_json)
    exists = session.workspace.settings_file.is_file()
    asks = can_ask() and not (yes or exists)
    options = {"mode": mode, "project": project, "region": region, "key_pair": key_pair, "allowed_cidrs": allowed_cidr}
    choices = Choices()
    for name, value in options.items():
        if value:
            choices = choices.answered(name, " ".join(value) if isinstance(value, list) else value)
    unsaid = [name for name, value in options.items() if not value]
    if not exists:
        choices = _complete(session, choices, unsaid, console, asks=asks)
    bucket = _ask_for_bucket(console) if asks and not (remote_state or session.rehearsal) else remote_state
    if bucket:
        _check_bucket(session, bucket)
    _write(session, choices, console)
    if bucket:
        _keep_state_in(session, bucket, console)
    console.note(f"Look at what it would make: {session.command_prefix()} plan")


def _complete(session: Session, given: Choices, unsaid: list[str], console: Console, *, asks: bool) -> Choices:
    """Return the choices with what no option has said: asked for, found out, or left at its default."""
    for name in unsaid:
        if name not in {"key_pair", "allowed_cidrs"}:
            given = _ask(given, name, str(getattr(given, name)), console) if asks else given
        elif given.mode is Mode.CUSTOM:
            default = _own_address(session, console) if name == "allowed_cidrs" else ""
            given = _ask(given, name, default, console) if asks else given.answered(name, default)
    if given.mode is Mode.CUSTOM:
        who = ", ".join(given.allowed_cidrs)
        if who:
            console.note(f"only {who} will reach MLflow; allowed_cidrs in terraform.tfvars says so")
        else:
            console.warn("nobody reaches MLflow until allowed_cidrs in terraform.tfvars names your address")
    return given


def _ask(given: Choices, name: str, default: str, console: Console) -> Choices:
    """Ask until the answer can be."""
    from yolops.cli.questions import ask

    while True:
        try:
            return given.answered(name, ask(*QUESTIONS[name], default))
        except YolopsError as error:
            console.note(f"{error.message}: {error.hint}")


def _own_address(session: Session, console: Console) -> str:
    """Return the range of the caller's own address; "" if it cannot be found out, which is said."""
    from yolops.platform.scaffold import own_address

    if session.rehearsal:
        return "127.0.0.1/32"
    with console.working("finding out your own address ..."):
        own = own_address()
    if not own:
        console.note("your own address could not be found out")
    return own


def _write(session: Session, choices: Choices, console: Console) -> None:
    """Write what is not there yet, and say what was written."""
    from yolops.platform.configuration import configuration_source, lay_out
    from yolops.platform.mlflow_version import shipped_versions
    from yolops.platform.own_wheel import write_wheel
    from yolops.platform.scaffold import settings_text, write_new

    workspace = session.workspace
    record = workspace.create_state() / "configuration.json"
    laid = lay_out(configuration_source(), workspace.configuration, record)
    write_wheel(workspace.configuration)
    newest = shipped_versions(workspace.configuration)[-1]
    fresh = write_new(workspace.settings_file, settings_text(choices, newest))
    for name in laid.edited:
        console.warn(f"{workspace.configuration / name}: has been edited, and was left as it is")
    if not fresh:
        console.warn(f"{workspace.settings_file}: is there already, and was left as it is; edit it for other settings")
    console.data(
        {
            "configuration": str(workspace.configuration),
            "settings": str(workspace.settings_file),
            "written": list(laid.written),
            "edited": list(laid.edited),
            "settings_written": fresh,
        },
        f"The configuration is in {workspace.configuration}; your settings are in {workspace.settings_file}.",
    )


def _ask_for_bucket(console: Console) -> str:
    """Return the name of the bucket for the state; "" for a state that stays here."""
    from yolops.cli.questions import ask
    from yolops.platform.remote_state import check_bucket_name

    while bucket := ask(STATE_QUESTION, "--remote-state"):
        try:
            check_bucket_name(bucket)
        except YolopsError as error:
            console.note(f"{error.message}: {error.hint}")
        else:
            break
    return bucket


def _check_bucket(session: Session, bucket: str) -> None:
    """Refuse a bucket for the state before anything is written."""
    from yolops.platform.remote_state import check_bucket_name

    if session.rehearsal:
        raise UsageError("--remote-state: a rehearsal keeps its state here", "leave out --rehearsal, or the bucket")
    check_bucket_name(bucket)


def _keep_state_in(session: Session, bucket: str, console: Console) -> None:
    """Write the backend, and make its bucket."""
    from yolops.aws import Aws
    from yolops.platform.configuration import BACKEND
    from yolops.platform.remote_state import backend, ensure_bucket
    from yolops.platform.scaffold import write_new

    settings = session.workspace.settings()
    if settings is None:
        return
    text = backend(bucket, settings.project_name, settings.region)
    file = settings.configuration / BACKEND
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise YolopsError(
            f"{file}: is there already and says something else", "edit it by hand, then: terraform init -migrate-state"
        )
    made = ensure_bucket(Aws(settings.region), bucket)
    console.note(f"{bucket}: made, private and versioned" if made else f"{bucket}: is there, and keeps versions")
    write_new(file, text)
    if (settings.configuration / "terraform.tfstate").exists():
        console.warn("there is a state here already; move it into the bucket: terraform init -migrate-state")
