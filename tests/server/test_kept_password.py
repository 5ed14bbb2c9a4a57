"""The password of the administrator that AWS keeps goes before the one that MLflow was given first."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import EndpointConnectionError

from yolops_server.kept_password import PAUSE_S, KeptPassword
from yolops_server.settings import Secret


class Users:
    """What MLflow knows."""

    def __init__(self) -> None:
        self.known = {"admin": "the first password", "ana": "the password of ana"}

    def authenticate_user(self, username: str, password: str, *, use_primary: bool = False) -> bool:
        return use_primary in {True, False} and self.known.get(username) == password

    def update_user(self, username: str, password: str) -> None:
        self.known[username] = password


class Kept:
    """What AWS keeps, and a clock."""

    def __init__(self) -> None:
        self.users = Users()
        self.password, self.asked, self.now, self.is_away = "the first password", 0, 0.0, False
        self.checks = KeptPassword(self.users, secret("the first password"), self.fetch, lambda: self.now)

    def fetch(self) -> Secret:
        self.asked += 1
        if self.is_away:
            raise EndpointConnectionError(endpoint_url="https://secretsmanager.example")
        return secret(self.password)

    def enters(self, password: str, name: str = "admin", **options: Any) -> bool:
        return self.checks.authenticate_user(name, password, **options)


def secret(password: str) -> Secret:
    return Secret("of the database", "admin", password, "key", "seed")


def test_a_new_password_takes_the_place_of_the_old_one_as_soon_as_it_is_used() -> None:
    kept = Kept()
    kept.password = "the second password"
    assert kept.enters("the second password", use_primary=True)
    assert kept.users.known["admin"] == "the second password"
    assert not kept.enters("the first password")


def test_whoever_guesses_has_aws_asked_once_in_a_while_only_and_delays_nobody() -> None:
    kept = Kept()
    assert not any(kept.enters(f"guess {number}") for number in range(100))
    assert kept.asked == 1
    kept.password = "the second password"
    assert not kept.enters("the second password")
    kept.now += PAUSE_S
    assert not kept.enters("another guess")
    assert kept.enters("the second password")
    assert kept.asked == 2


def test_nobody_else_enters_with_it_and_aws_is_not_asked_for_others() -> None:
    kept = Kept()
    assert kept.enters("the password of ana", "ana")
    assert not kept.enters("the first password", "ana")
    assert not kept.enters("the first password", "nobody")
    assert kept.asked == 0


def test_a_password_is_refused_where_aws_does_not_answer() -> None:
    kept = Kept()
    kept.is_away = True
    assert not kept.enters("the second password")
    assert kept.enters("the first password")
