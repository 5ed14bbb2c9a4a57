"""A body of another kind than a route expects is for its sender to mend, on every route that the server has."""

from __future__ import annotations

import base64
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.server.conftest import SECRET, Server
from tests.server.contract import Contract
from tests.server.test_server import filled, routes
from yolops_server.request_bodies import wrong_in

pytestmark = pytest.mark.timeout(600)
USERS, EXPECTED = "/api/2.0/mlflow/users", "a JSON object was expected"
# Routes of FastAPI, which have their own words.
NOT_FLASK = " /v1/|/mlflow/(assistant|mcp-servers)|/3.0/jobs"
# The body is a file, of whatever kind.
OF_FILES = "upload-artifact|/mlflow-artifacts/artifacts/"
NO_OBJECTS = ([], ["text"], "text", 17)
# Sends back what each route cannot read: for each of its fields one value of another type than it has.
LIST_WRONG = """
import json, sys
sys.path.insert(0, sys.argv[1])
from yolops_server.application import create_app
create_app()
from google.protobuf.json_format import ParseDict, ParseError
from mlflow.server import app, handlers

def is_wrong(message, body):
    try:
        ParseDict(body, message(), ignore_unknown_fields=True)
    except ParseError:
        return True

messages = {handler.__name__: message for message, handler in handlers.HANDLERS.items()}
found = []
for rule in app.url_map.iter_rules():
    if message := messages.get(rule.endpoint):
        for number, field in enumerate(message.DESCRIPTOR.fields):
            values = [[], {"a": []}, "text", 17, [[]], [{}]]
            bodies = [{field.name: value} for value in values[number % 3:] + values]
            if body := next((body for body in bodies if is_wrong(message, body)), None):
                found += [(method, rule.rule, body) for method in rule.methods]
print(json.dumps(found))
"""
# The same for the routes of users and of roles, of which no protocol buffer says what they take.
WRONG_OF_USERS = [
    {"username": 17, "password": "the-password-of-eve"},
    {"username": "eve", "password": 17},
    {"username": {}},
    {"username": "admin", "password": "another-password", "current_password": []},
    {"username": "nobody", "is_admin": "text"},
    {"role_id": [], "name": "x"},
    {"name": [], "workspace": "default"},
    {"name": "x", "workspace": {}},
    {"username": "nobody", "resource_type": [], "resource_id": "1", "permission": "READ"},
    {"username": "nobody", "resource_type": "experiment", "resource_id": 17, "permission": "READ"},
    {"role_id": 999999, "resource_type": "experiment", "resource_pattern": [[]], "permission": "READ"},
    {"role_permission_id": {}, "permission": "READ"},
]


class Sender:
    """Sends an administrator's requests over one connection."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPSConnection(server.address, 5000, timeout=60, context=server.trusted())
        login = base64.b64encode(f"admin:{SECRET['admin_password']}".encode()).decode()
        self._headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
        self._headers["x-mlflow-experiment-id"] = "0"  # spans ask for it first

    def close(self) -> None:
        self._connection.close()

    def send(self, method: str, path: str, body: object) -> tuple[int, str]:
        for _ in range(2):
            with suppress(http.client.RemoteDisconnected):  # a connection that was kept may be closed
                self._connection.request(method, path, json.dumps(body).encode(), self._headers)
                answer = self._connection.getresponse()
                return answer.status, answer.read().decode(errors="replace")
        raise AssertionError(f"{method} {path} was not answered")


@pytest.fixture(scope="module")
def sender(shared_server: Server) -> Iterator[Sender]:
    made = Sender(shared_server)
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(shared_server: Server) -> list[tuple[str, str]]:
    """The routes that take a body, but for those of files; pages ask by another spelling for what clients ask for."""
    taking = {"POST", "PUT", "PATCH", "DELETE"}
    found = {one for one in routes(shared_server) if one[0] in taking and not re.search(OF_FILES, one[1])}
    return sorted(
        (method, path)
        for method, path in found
        if not path.startswith("/ajax-api/") or (method, path.replace("/ajax-", "/", 1)) not in found
    )


def test_a_body_that_is_no_object_is_refused_with_what_was_expected(
    sender: Sender, served: list[tuple[str, str]]
) -> None:
    assert len(served) > 150
    answers = {
        f"{method} {path} {body!r}": sender.send(method, filled(path), body)
        for method, path in served
        if not path.startswith("/gateway/")  # of FastAPI and switched off: 501
        for body in NO_OBJECTS
    }
    wrong = {asked for asked, (status, said) in answers.items() if status != 400 or EXPECTED not in said}
    assert {asked: answers[asked] for asked in wrong if not re.search(NOT_FLASK, asked)} == {}
    assert {asked: answers[asked] for asked in wrong if not 400 <= answers[asked][0] < 500} == {}


def test_a_field_of_another_type_is_never_a_fault_of_the_server(
    shared_server: Server, sender: Sender, served: list[tuple[str, str]]
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LIST_WRONG, str(shared_server.directory / "lib")],
        env=shared_server.aws.environment() | {"YOLOPS_SERVER_SETTINGS": str(shared_server.directory / "server.json")},
        capture_output=True,
        text=True,
        check=True,
    )
    asked = [(method, path, body) for method, path, body in json.loads(done.stdout.splitlines()[-1])]
    asked = [one for one in asked if one[:2] in served]
    assert len(asked) > 300
    asked += [(*route, body) for route in served if re.search("/(users|roles)/", route[1]) for body in WRONG_OF_USERS]
    answers = [(*one, *sender.send(one[0], filled(one[1]), one[2])) for one in asked]
    # What is switched off says 501 or 503.
    faults = [answer for answer in answers if answer[3] >= 500 and answer[3] not in {501, 503}]
    assert faults == []


def test_a_stranger_is_asked_for_her_login_and_not_for_another_body(shared_server: Server) -> None:
    assert shared_server.ask(f"{USERS}/create", ["eve"], login=None).status == 401


def test_a_user_without_a_permission_learns_as_well_what_is_wrong(contract: Contract) -> None:
    refused = contract.server.ask("/ajax-api/2.0/mlflow/experiments/search-datasets", ["1"], login=contract.stranger)
    assert (refused.status, refused.json["message"]) == (400, "the body is a list: a JSON object was expected")


def test_no_number_is_taken_for_the_name_of_a_user(contract: Contract) -> None:
    for number in (0, 1):
        refused = contract.server.ask(f"{USERS}/delete", {"username": number}, method="DELETE")
        assert (refused.status, refused.json["message"]) == (400, "username is a number: a string was expected")
    assert contract.ask(f"GET {USERS}/current", {}, contract.stranger).status == 200


def test_a_file_may_be_json_of_any_kind(contract: Contract) -> None:
    run = contract.run()["run_id"]
    route = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=boxes.json"
    assert contract.server.ask(route, [1, 2], method="POST").status == 200
    assert contract.open("GET /get-artifact", run_id=run, path="boxes.json") == [1, 2]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, ""),
        ({}, ""),
        ({"username": "ada", "is_admin": False, "role_id": 3, "description": None}, ""),
        ({"role_id": "3"}, ""),
        ({"role_id": True}, "role_id is true or false: a number was expected"),
        ({"is_admin": 1}, "is_admin is a number: true or false was expected"),
        ({"password": None}, "password is null: a string was expected"),
        ({"name": {}}, "name is an object: a string was expected"),
    ],
)
def test_what_is_wrong_is_said_with_what_was_expected(body: Any, said: str) -> None:
    assert wrong_in(f"{USERS}/create", body) == said
    assert wrong_in("/api/2.0/mlflow/runs/create", body) == ""
