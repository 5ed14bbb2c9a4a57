"""Who may log in to an MLflow server, and what they may do there: its own users and permissions, through REST.

A permission belongs to a person and to one experiment, one registered model, or every one there is (`*`, also those
that come later). MLflow keeps them in a role of that person alone, which goes with the person.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.tracking.rest import ExistsError, NotFoundError
from yolops.tracking.runs import experiment_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from yolops.tracking.rest import MlflowRest

SHORTEST_PASSWORD = 12
EVERY = "*"
EXPERIMENT = "experiment"
MODEL = "registered_model"
WORDS = {MODEL: "model"}
PERMISSIONS = "/api/3.0/mlflow/users/permissions"


@dataclass(frozen=True)
class Thing:
    """What a permission is about.

    Attributes:
        kind: `experiment` or `registered_model`, as MLflow calls it.
        key: the ID of the experiment, the name of the model, or `*` for every one.
        name: what a person calls it.
    """

    kind: str
    key: str
    name: str

    def __str__(self) -> str:
        word = WORDS.get(self.kind, self.kind)
        return f"every {word}" if self.key == EVERY else f"{word} {self.name}"


EVERYTHING = (Thing(EXPERIMENT, EVERY, EVERY), Thing(MODEL, EVERY, EVERY))


@dataclass(frozen=True)
class Grant:
    """A permission that somebody has."""

    permission: str
    thing: Thing

    def __str__(self) -> str:
        return f"{self.permission} {self.thing}"


@dataclass(frozen=True)
class User:
    """Somebody who may log in.

    Attributes:
        name: as whom.
        admin: may do everything, also decide who else may.
        grants: what they may do that not everybody may.
    """

    name: str
    admin: bool
    grants: tuple[Grant, ...] = ()


def check_user(name: str, password: str) -> None:
    """Refuse a name or a password with which nobody could log in.

    Raises:
        YolopsError: one of them cannot be.
    """
    if not name or ":" in name or name != name.strip() or not name.isprintable():
        raise YolopsError(f"{name!r}: no name to log in with", "use letters, digits, dots and hyphens")
    if len(password) < SHORTEST_PASSWORD:
        raise YolopsError(f"the password has {len(password)} characters", f"MLflow wants {SHORTEST_PASSWORD} at least")


def who_asks(rest: MlflowRest) -> User:
    """Return as whom we are logged in.

    Raises:
        YolopsError: the server asks nobody for a login, or refuses ours.
    """
    try:
        user = rest.get("users/current")["user"]
    except NotFoundError as error:
        raise YolopsError(
            f"{rest.base}: this MLflow asks nobody for a login, so it has no users",
            "a platform in custom mode has them; so has a server that was started with --app-name basic-auth",
        ) from error
    return User(user["username"], bool(user["is_admin"]))


def list_users(rest: MlflowRest) -> list[User]:
    """Return everybody who may log in, by name; only an administrator sees what others may do."""
    names = experiment_names(rest)
    found = [
        User(
            user["username"],
            bool(user["is_admin"]),
            _grants((row for role in user["roles"] for row in role["permissions"]), names),
        )
        for user in rest.get("users/list")["users"]
    ]
    return sorted(found, key=lambda user: user.name)


def add_user(rest: MlflowRest, name: str, password: str, *, admin: bool) -> None:
    """Let somebody log in.

    Raises:
        YolopsError: there is somebody of that name, or we are no administrator.
    """
    check_user(name, password)
    try:
        rest.post("users/create", username=name, password=password)
    except ExistsError as error:
        raise YolopsError(
            f"there is a user {name!r} already", f"a new password for {name}: yolops users password {name}"
        ) from error
    if admin:
        rest.send("PATCH", "users/update-admin", username=name, is_admin=True)


def set_password(rest: MlflowRest, name: str, password: str) -> None:
    """Give somebody another password; whoever changes their own shows that they know the old one.

    Raises:
        YolopsError: there is no such user, or we are no administrator.
    """
    check_user(name, password)
    known = {"current_password": rest.credentials.password} if name == rest.credentials.username else {}
    with _about(name):
        rest.send("PATCH", "users/update-password", username=name, password=password, **known)


def remove_user(rest: MlflowRest, name: str) -> None:
    """Let somebody in no more; what they made stays.

    Raises:
        YolopsError: there is no such user, or we are no administrator.
    """
    with _about(name):
        rest.send("DELETE", "users/delete", username=name)


def find_thing(rest: MlflowRest, *, experiment: str = "", model: str = "") -> Thing:
    """Return the experiment or the registered model of this name.

    Raises:
        NotFoundError: there is none.
    """
    try:
        if experiment:
            found = rest.get("experiments/get-by-name", experiment_name=experiment)["experiment"]
            return Thing(EXPERIMENT, str(found["experiment_id"]), experiment)
        rest.get("registered-models/get", name=model)
    except NotFoundError as error:
        word, name, where = ("experiment", experiment, "runs") if experiment else ("model", model, "models")
        raise NotFoundError(f"there is no {word} {name!r}", f"see what there is: yolops {where} list") from error
    return Thing(MODEL, model, model)


def grant(rest: MlflowRest, name: str, permission: str, things: Iterable[Thing]) -> None:
    """Let somebody do something; it takes the place of what they might do with the same thing before.

    Args:
        rest: the server.
        name: who.
        permission: `READ`, `EDIT` or `MANAGE`; each includes those before it.
        things: with what.

    Raises:
        YolopsError: there is no such user, or we may not decide that.
    """
    had = _own_grants(rest, name)
    for thing in things:
        about = {"username": name, "resource_type": thing.kind, "resource_id": thing.key}
        if had.get((thing.kind, thing.key)) == permission:
            continue  # revoked and granted again, it would be missed meanwhile by who is at work
        if (thing.kind, thing.key) in had:
            rest.post(f"{PERMISSIONS}/revoke", **about)
        rest.post(f"{PERMISSIONS}/grant", **about, permission=permission)


def revoke(rest: MlflowRest, name: str, things: Iterable[Thing]) -> list[Thing]:
    """Take permissions away, and return about what.

    Raises:
        YolopsError: there is no such user, nothing of it was theirs, or we may not decide that.
    """
    had = _own_grants(rest, name)
    wanted = list(things)
    taken = [thing for thing in wanted if (thing.kind, thing.key) in had]
    if not taken:
        raise YolopsError(
            f"{name} has no permission of their own for {', '.join(map(str, wanted))}", "see who has: yolops users list"
        )
    for thing in taken:
        rest.post(f"{PERMISSIONS}/revoke", username=name, resource_type=thing.kind, resource_id=thing.key)
    return taken


def _own_grants(rest: MlflowRest, name: str) -> dict[tuple[str, str], str]:
    """Return the permissions of somebody's own role; roles that several people share are nothing that we take away."""
    with _about(name):
        rows = rest.get(f"{PERMISSIONS}/list", username=name)["permissions"]
    return {
        (row["resource_type"], row["resource_pattern"]): row["permission"]
        for row in rows
        if str(row["role_name"]).startswith("__user_")
    }


def _grants(rows: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> tuple[Grant, ...]:
    found = []
    for row in rows:
        kind, key = row["resource_type"], row["resource_pattern"]
        name = names.get(key, f"with ID {key}") if kind == EXPERIMENT and key != EVERY else key
        found.append(Grant(row["permission"], Thing(kind, key, name)))
    return tuple(sorted(found, key=lambda item: (item.thing.key != EVERY, item.thing.kind, item.thing.name)))


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Say of whom MLflow does not know."""
    try:
        yield
    except NotFoundError as error:
        raise NotFoundError(f"there is no user {name!r}", "see who there is: yolops users list") from error
