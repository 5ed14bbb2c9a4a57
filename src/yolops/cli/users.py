"""`yolops users`: who may log in to MLflow, and what they may do there."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from yolops.cli.group import group
from yolops.cli.session import Json, Session, opened
from yolops.errors import UsageError, YolopsError

if TYPE_CHECKING:
    from yolops.platform.outputs import Outputs
    from yolops.tracking.rest import MlflowRest
    from yolops.tracking.users import Thing

# As many random bytes as 24 characters hold.
PASSWORD_BYTES = 18
Name = Annotated[str, typer.Argument(metavar="NAME", help="As whom somebody logs in.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin, not make one.")]
OfExperiment = Annotated[str, typer.Option("--experiment", help="For this experiment.")]
OfModel = Annotated[str, typer.Option("--model", help="For this registered model.")]
OfAll = Annotated[bool, typer.Option("--all", help="For every experiment and model, also those that come later.")]


def commands() -> typer.Typer:
    """Build the commands about users."""
    return group(
        "Let people in to MLflow, and say what they may do.",
        list=_list,
        add=_add,
        remove=_remove,
        password=_password,
        grant=_grant,
        revoke=_revoke,
    )


def _list(context: typer.Context, as_json: Json = False) -> None:
    """List who may log in, and what they may do."""
    from yolops.cli.console import table
    from yolops.tracking.users import list_users

    session, console = opened(context, as_json)
    rest, _ = _server(session)
    users = list_users(rest)
    rows = [
        (
            user.name,
            "yes" if user.admin else "no",
            "everything" if user.admin else "; ".join(map(str, user.grants)) or "what they make themselves",
        )
        for user in users
    ]
    console.data([asdict(user) for user in users], table("user", "admin", "may", rows=rows))


def _add(
    context: typer.Context,
    name: Name,
    admin: Annotated[bool, typer.Option("--admin", help="May do everything, also let others in.")] = False,
    from_stdin: FromStdin = False,
    as_json: Json = False,
) -> None:
    """Let somebody log in; prints the password once, and what they must set."""
    from yolops.tracking.users import add_user

    session, console = opened(context, as_json)
    rest, outputs = _server(session)
    password = _new_password(name, from_stdin)
    add_user(rest, name, password, admin=admin)
    said = _environment(session, outputs, name, "" if from_stdin else password)
    console.data({"username": name, "admin": admin, "environment": said}, *_exports(said))
    console.note(f"{name} can log in now{'' if from_stdin else '; the password is shown this once'}")
    if not admin:
        prefix = session.command_prefix()
        console.note(f"{name} sees nothing of others yet: {prefix} users grant {name} EDIT --all")


def _remove(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Let somebody in no more; what they made stays."""
    from yolops.tracking.users import remove_user, who_asks

    session, console = opened(context, as_json)
    rest, outputs = _server(session)
    if name == who_asks(rest).name:
        raise YolopsError(f"you are {name} yourself", "another administrator can remove you")
    _spare_the_administrator(outputs, name)
    remove_user(rest, name)
    console.data({"removed": name}, f"{name} cannot log in any more")


def _password(context: typer.Context, name: Name, from_stdin: FromStdin = False, as_json: Json = False) -> None:
    """Give somebody, or yourself, a new password."""
    from yolops.tracking.users import set_password

    session, console = opened(context, as_json)
    rest, outputs = _server(session)
    _spare_the_administrator(outputs, name)
    password = _new_password(name, from_stdin)
    set_password(rest, name, password)
    said = _environment(session, outputs, name, "" if from_stdin else password)
    console.data({"username": name, "environment": said}, *_exports(said))


def _grant(
    context: typer.Context,
    name: Name,
    permission: Annotated[
        Literal["READ", "EDIT", "MANAGE"],
        typer.Argument(metavar="READ|EDIT|MANAGE", help="What they may do.", case_sensitive=False),
    ],
    experiment: OfExperiment = "",
    model: OfModel = "",
    everything: OfAll = False,
    as_json: Json = False,
) -> None:
    """Let somebody read, edit (also train into) or manage (also delete) an experiment, a model, or all of them."""
    from yolops.tracking.users import grant

    session, console = opened(context, as_json)
    rest, _ = _server(session)
    things = _things(rest, experiment, model, everything=everything)
    grant(rest, name, permission, things)
    console.data(
        {"username": name, "permission": permission, "for": list(map(str, things))},
        f"{name} may {permission} {', '.join(map(str, things))}",
    )


def _revoke(
    context: typer.Context,
    name: Name,
    experiment: OfExperiment = "",
    model: OfModel = "",
    everything: OfAll = False,
    as_json: Json = False,
) -> None:
    """Take a permission away."""
    from yolops.tracking.users import revoke

    session, console = opened(context, as_json)
    rest, _ = _server(session)
    taken = revoke(rest, name, _things(rest, experiment, model, everything=everything))
    console.data(
        {"username": name, "revoked": list(map(str, taken))},
        f"{name} has no permission of their own any more for {', '.join(map(str, taken))}",
    )


def _server(session: Session) -> tuple[MlflowRest, Outputs]:
    """Return what an MLflow with logins is asked with, and its platform."""
    from yolops.cli.custom_server import custom_server

    return custom_server(
        session,
        local=YolopsError(
            "the platform on this machine asks nobody for a login, so it has no users",
            "custom mode has them; for another server give --tracking-uri",
        ),
        studio=YolopsError(
            "in studio mode AWS decides who may use MLflow, so it has no users of its own",
            "allow or deny it in IAM: sagemaker:CallMlflowAppApi, or for a tracking server sagemaker-mlflow:*",
        ),
    )


def _things(rest: MlflowRest, experiment: str, model: str, *, everything: bool) -> tuple[Thing, ...]:
    from yolops.tracking.users import EVERYTHING, find_thing

    if [bool(experiment), bool(model), everything].count(True) != 1:
        raise UsageError("for what?", "give one of --experiment NAME, --model NAME, --all")
    return EVERYTHING if everything else (find_thing(rest, experiment=experiment, model=model),)


def _new_password(name: str, from_stdin: bool) -> str:
    from yolops.cli.questions import ask_secret

    return ask_secret(f"Password for {name}") if from_stdin else secrets.token_urlsafe(PASSWORD_BYTES)


def _environment(session: Session, outputs: Outputs, name: str, password: str) -> dict[str, str]:
    """Return what somebody must set to enter, on a machine of their own; no password that they know already."""
    from yolops.platform.access import CERTIFICATE, PASSWORD, USERNAME

    said = {"MLFLOW_TRACKING_URI": outputs.tracking_uri, USERNAME: name}
    certificate = session.access(outputs).trust.file
    return said | ({CERTIFICATE: str(certificate)} if certificate else {}) | ({PASSWORD: password} if password else {})


def _exports(variables: dict[str, str]) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def _spare_the_administrator(outputs: Outputs, name: str) -> None:
    """Refuse to change the login by which the platform itself is entered; its password is kept in AWS."""
    from yolops.aws import Aws, AwsError
    from yolops.platform.access import administrator

    if not outputs.server_secret_arn:
        return
    try:
        known = administrator(Aws(outputs.aws_region), outputs.server_secret_arn).username
    except AwsError:
        return  # whoever may not read the secret is not the one who enters by it
    if name == known:
        raise YolopsError(
            f"{name} is the administrator of the platform, whose password is kept in {outputs.server_secret_arn}",
            "for a login of your own: yolops users add NAME --admin",
        )
