"""What the server of custom mode promises of the REST endpoints of users, permissions and roles."""

from __future__ import annotations

import uuid

import pytest

from tests.server.contract import Contract, Wrong, wrong_ones

pytestmark = pytest.mark.timeout(300)
USERS, NEW = "/api/2.0/mlflow/users", "/api/3.0/mlflow/users"
PERMISSIONS, ROLES = f"{NEW}/permissions", "/api/3.0/mlflow/roles"
NOBODY, NO_ROLE = {"username": "nobody"}, {"role_id": 999999}
GRANT = {"resource_type": "experiment", "resource_id": "1", "permission": "READ"}
ENDPOINTS: dict[str, Wrong | None] = {
    f"POST {USERS}/create": Wrong(400, NOBODY),
    f"GET {USERS}/get": Wrong(404, NOBODY),
    f"GET {USERS}/list": None,
    f"GET {USERS}/current": None,
    f"PATCH {USERS}/update-password": Wrong(404, NOBODY | {"password": "a-password-that-is-long"}),
    f"PATCH {USERS}/update-admin": Wrong(404, NOBODY | {"is_admin": True}),
    f"DELETE {USERS}/delete": Wrong(404, NOBODY),
    f"GET {NEW}/current/permissions": None,
    f"GET {PERMISSIONS}/get": Wrong(404, NOBODY | {"resource_type": "experiment", "resource_id": "1"}),
    f"GET {PERMISSIONS}/list": Wrong(404, NOBODY),
    f"POST {PERMISSIONS}/grant": Wrong(404, NOBODY | GRANT),
    f"POST {PERMISSIONS}/revoke": Wrong(404, NOBODY | GRANT),
    f"GET {NEW}/roles/list": Wrong(404, NOBODY),
    f"POST {ROLES}/create": Wrong(400, {}),
    f"GET {ROLES}/get": Wrong(404, NO_ROLE),
    f"GET {ROLES}/list": None,
    f"PATCH {ROLES}/update": Wrong(404, NO_ROLE | {"name": "x"}),
    f"DELETE {ROLES}/delete": Wrong(404, NO_ROLE),
    f"POST {ROLES}/permissions/add": Wrong(404, NO_ROLE | GRANT | {"resource_pattern": "1"}),
    f"GET {ROLES}/permissions/list": Wrong(404, NO_ROLE),
    f"PATCH {ROLES}/permissions/update": Wrong(404, {"role_permission_id": 999999, "permission": "READ"}),
    f"DELETE {ROLES}/permissions/remove": Wrong(404, {"role_permission_id": 999999}),
    f"POST {ROLES}/assign": Wrong(404, NOBODY | NO_ROLE),
    f"DELETE {ROLES}/unassign": Wrong(404, NOBODY | NO_ROLE),
    f"GET {ROLES}/users/list": Wrong(404, NO_ROLE),
}


@pytest.mark.parametrize(("route", "wrong"), wrong_ones(ENDPOINTS))
def test_a_wrong_request_is_answered_with_its_reason(contract: Contract, route: str, wrong: Wrong) -> None:
    contract.refuses(route, wrong)


def test_a_user_lives_by_the_hand_of_an_administrator(contract: Contract) -> None:
    eve = {"username": f"eve-{uuid.uuid4().hex}"}
    contract.guarded(f"POST {USERS}/create", **eve, password="the-password-of-eve")
    contract.guarded(f"PATCH {USERS}/update-password", **eve, password="another-password-of-eve")
    contract.guarded(f"PATCH {USERS}/update-admin", **eve, is_admin=True)
    user = contract.guarded(f"GET {USERS}/get", **eve)["user"]
    assert (user["username"], user["is_admin"]) == (eve["username"], True)
    assert "password" not in str(user)
    login = (eve["username"], "another-password-of-eve")
    assert contract.ask(f"GET {USERS}/current", {}, login).json["user"]["username"] == eve["username"]
    contract.guarded(f"DELETE {USERS}/delete", **eve)
    contract.refuses(f"GET {USERS}/get", Wrong(404, eve))
    assert contract.ask(f"GET {USERS}/current", {}, login).status == 401


def test_everybody_learns_who_there_is_but_not_what_others_may_do(contract: Contract) -> None:
    experiment = contract.experiment()
    contract.grant("experiment", experiment, "READ")
    name = contract.stranger[0]
    assert name in {user["username"] for user in contract.open(f"GET {USERS}/list")["users"]}
    seen = contract.ask(f"GET {USERS}/list", {}, contract.stranger).json["users"]
    assert [user["username"] for user in seen if user["roles"]] == [name]
    assert contract.ask(f"GET {USERS}/get", {"username": "admin"}, contract.stranger).status == 403
    assert contract.open(f"GET {USERS}/current")["user"]["username"] == "admin"
    own = contract.ask(f"GET {NEW}/current/permissions", {}, contract.stranger).json
    assert [item["resource_pattern"] for item in own["permissions"]] == [experiment]
    assert contract.open(f"GET {NEW}/current/permissions")["is_admin"] is True


def test_nobody_makes_himself_an_administrator(contract: Contract) -> None:
    himself = {"username": contract.stranger[0]}
    tries = {
        f"PATCH {USERS}/update-admin": himself | {"is_admin": True},
        f"POST {PERMISSIONS}/grant": himself | GRANT | {"resource_id": contract.experiment(), "permission": "MANAGE"},
        f"POST {ROLES}/create": {"name": "mine", "workspace": "default"},
        f"POST {ROLES}/assign": himself | {"role_id": 1},
        f"DELETE {USERS}/delete": {"username": "admin"},
    }
    answers = {route: contract.ask(route, values, contract.stranger).status for route, values in tries.items()}
    assert answers == dict.fromkeys(tries, 403)


@pytest.mark.parametrize("kind", ["experiment", "registered_model"])
def test_a_permission_is_given_read_and_taken_away(contract: Contract, kind: str) -> None:
    name = contract.experiment()
    if kind == "registered_model":
        contract.open("POST /api/2.0/mlflow/registered-models/create", name=name)
    whose = {"username": contract.stranger[0], "resource_type": kind, "resource_id": name}
    contract.guarded(f"POST {PERMISSIONS}/grant", **whose, permission="READ")
    assert contract.open(f"GET {PERMISSIONS}/get", **whose)["permission"] == "READ"
    listed = contract.open(f"GET {PERMISSIONS}/list", username=contract.stranger[0])["permissions"]
    assert ("READ", name) in {(item["permission"], item["resource_pattern"]) for item in listed}
    contract.guarded(f"POST {PERMISSIONS}/revoke", **whose)
    assert contract.open(f"GET {PERMISSIONS}/get", **whose)["permission"] == "NO_PERMISSIONS"


def test_a_role_gives_what_it_holds_to_whom_it_is_assigned(contract: Contract) -> None:
    experiment, name = contract.experiment(), uuid.uuid4().hex
    role = contract.guarded(f"POST {ROLES}/create", name=name, workspace="default", description="x")["role"]["id"]
    contract.guarded(f"PATCH {ROLES}/update", role_id=role, description="those who read")
    held = {"role_id": role, "resource_type": "experiment", "resource_pattern": experiment}
    one = contract.guarded(f"POST {ROLES}/permissions/add", **held, permission="READ")["role_permission"]["id"]
    contract.guarded(f"PATCH {ROLES}/permissions/update", role_permission_id=one, permission="EDIT")
    holds = contract.guarded(f"GET {ROLES}/permissions/list", role_id=role)["role_permissions"]
    assert [(item["resource_pattern"], item["permission"]) for item in holds] == [(experiment, "EDIT")]

    whose = {"username": contract.stranger[0], "role_id": role}
    rename = {"experiment_id": experiment, "new_name": f"renamed {name}"}
    for assigned in (False, True):
        if assigned:
            contract.guarded(f"POST {ROLES}/assign", **whose)
        answer = contract.ask("POST /api/2.0/mlflow/experiments/update", rename, contract.stranger)
        assert answer.status == (200 if assigned else 403)
    read = contract.guarded(f"GET {ROLES}/get", role_id=role)["role"]
    assert (read["name"], read["description"]) == (name, "those who read")
    assert name in {item["name"] for item in contract.guarded(f"GET {ROLES}/list", workspace="default")["roles"]}
    assert name in {
        item["name"] for item in contract.open(f"GET {NEW}/roles/list", username=whose["username"])["roles"]
    }
    assert len(contract.guarded(f"GET {ROLES}/users/list", role_id=role)["assignments"]) == 1

    contract.guarded(f"DELETE {ROLES}/unassign", **whose)
    contract.guarded(f"DELETE {ROLES}/permissions/remove", role_permission_id=one)
    contract.guarded(f"DELETE {ROLES}/delete", role_id=role)
    contract.refuses(f"GET {ROLES}/get", Wrong(404, {"role_id": role}))


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert set(ENDPOINTS) - contract.answered == set()
