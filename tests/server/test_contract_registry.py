"""What the server of custom mode promises of the REST endpoints of registered models, their versions and aliases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.contract import Contract, Wrong, wrong_ones

pytestmark = pytest.mark.timeout(300)
API = "/api/2.0/mlflow"
MODELS, VERSIONS, ALIAS = f"{API}/registered-models", f"{API}/model-versions", f"{API}/registered-models/alias"
NO_MODEL = {"name": "nobody made it"}
NO_VERSION = NO_MODEL | {"version": "1"}
TAG = {"key": "k", "value": "v"}
ENDPOINTS: dict[str, Wrong | None] = {
    f"POST {MODELS}/create": Wrong(400, {}),
    f"GET {MODELS}/get": Wrong(404, NO_MODEL),
    f"GET {MODELS}/search": Wrong(400, {"filter": "nonsense"}),
    f"PATCH {MODELS}/update": Wrong(404, NO_MODEL | {"description": "x"}),
    f"POST {MODELS}/rename": Wrong(404, NO_MODEL | {"new_name": "x"}),
    f"POST {MODELS}/set-tag": Wrong(404, NO_MODEL | TAG),
    f"DELETE {MODELS}/delete-tag": Wrong(404, NO_MODEL | {"key": "k"}),
    f"DELETE {MODELS}/delete": Wrong(404, NO_MODEL),
    f"GET {MODELS}/get-latest-versions": Wrong(404, NO_MODEL),
    f"POST {MODELS}/get-latest-versions": Wrong(404, NO_MODEL),
    f"POST {ALIAS}": Wrong(404, NO_VERSION | {"alias": "champion"}),
    f"GET {ALIAS}": Wrong(404, NO_MODEL | {"alias": "champion"}),
    f"DELETE {ALIAS}": Wrong(404, NO_MODEL | {"alias": "champion"}),
    f"POST {VERSIONS}/create": Wrong(400, NO_MODEL | {"source": "s3://of-somebody-else/model"}),
    f"GET {VERSIONS}/get": Wrong(404, NO_VERSION),
    f"GET {VERSIONS}/search": Wrong(400, {"filter": "nonsense"}),
    f"PATCH {VERSIONS}/update": Wrong(404, NO_VERSION | {"description": "x"}),
    f"POST {VERSIONS}/set-tag": Wrong(404, NO_VERSION | TAG),
    f"DELETE {VERSIONS}/delete-tag": Wrong(404, NO_VERSION | {"key": "k"}),
    f"POST {VERSIONS}/transition-stage": Wrong(404, NO_VERSION | {"stage": "Production"}),
    f"GET {VERSIONS}/get-download-uri": Wrong(404, NO_VERSION),
    f"DELETE {VERSIONS}/delete": Wrong(404, NO_VERSION),
}


@pytest.mark.parametrize(("route", "wrong"), wrong_ones(ENDPOINTS))
def test_a_wrong_request_is_answered_with_its_reason(contract: Contract, route: str, wrong: Wrong) -> None:
    contract.refuses(route, wrong)


def test_what_is_said_of_a_registered_model_is_read_back(contract: Contract) -> None:
    contract.open(f"POST {MODELS}/create", name="registered", tags=[TAG], description="first")
    contract.guarded(f"PATCH {MODELS}/update", name="registered", description="second")
    contract.guarded(f"POST {MODELS}/set-tag", name="registered", key="gone", value="soon")
    contract.guarded(f"DELETE {MODELS}/delete-tag", name="registered", key="gone")
    contract.guarded(f"POST {MODELS}/rename", name="registered", new_name="renamed")
    read = contract.guarded(f"GET {MODELS}/get", name="renamed")["registered_model"]
    assert (read["description"], read["tags"]) == ("second", [TAG])
    found = contract.filtered(f"GET {MODELS}/search", "renamed", filter="name = 'renamed'")["registered_models"]
    assert [model["name"] for model in found] == ["renamed"]
    contract.guarded(f"DELETE {MODELS}/delete", name="renamed")
    contract.refuses(f"GET {MODELS}/get", Wrong(404, {"name": "renamed"}))


def test_a_model_has_one_name_only_once(contract: Contract) -> None:
    contract.open(f"POST {MODELS}/create", name="once")
    contract.refuses(f"POST {MODELS}/create", Wrong(400, {"name": "once"}, "RESOURCE_ALREADY_EXISTS"))


def test_what_is_said_of_a_version_is_read_back(contract: Contract) -> None:
    run = with_version(contract, "versioned")
    version = {"name": "versioned", "version": "1"}
    contract.guarded(f"PATCH {VERSIONS}/update", **version, description="of the test")
    contract.guarded(f"POST {VERSIONS}/set-tag", **version, **TAG)
    contract.guarded(f"POST {VERSIONS}/set-tag", **version, key="gone", value="soon")
    contract.guarded(f"DELETE {VERSIONS}/delete-tag", **version, key="gone")
    contract.guarded(f"POST {VERSIONS}/transition-stage", **version, stage="Production", archive_existing_versions=True)
    read = contract.guarded(f"GET {VERSIONS}/get", **version)["model_version"]
    said = {name: read[name] for name in ("description", "tags", "current_stage", "run_id", "status")}
    expected = {"description": "of the test", "tags": [TAG], "current_stage": "Production"}
    assert said == expected | {"run_id": run["run_id"], "status": "READY"}
    for method in ("GET", "POST"):
        latest = contract.guarded(f"{method} {MODELS}/get-latest-versions", name="versioned", stages=["Production"])
        assert [item["version"] for item in latest["model_versions"]] == ["1"]
    found = contract.filtered(f"GET {VERSIONS}/search", "versioned", filter="name = 'versioned'")["model_versions"]
    assert [item["version"] for item in found] == ["1"]
    place = contract.guarded(f"GET {VERSIONS}/get-download-uri", **version)["artifact_uri"]
    assert place == f"{run['artifact_uri']}/model"
    contract.guarded(f"DELETE {VERSIONS}/delete", **version)
    contract.refuses(f"GET {VERSIONS}/get", Wrong(404, version))


def test_an_alias_names_one_version_and_moves(contract: Contract) -> None:
    with_version(contract, "aliased")
    with_version(contract, "aliased")
    for number in ("1", "2"):
        contract.guarded(f"POST {ALIAS}", name="aliased", alias="champion", version=number)
        named = contract.guarded(f"GET {ALIAS}", name="aliased", alias="champion")["model_version"]
        assert named["version"] == number
    contract.guarded(f"DELETE {ALIAS}", name="aliased", alias="champion")
    contract.refuses(f"GET {ALIAS}", Wrong(400, {"name": "aliased", "alias": "champion"}))


def test_who_may_read_a_model_may_not_write_it(contract: Contract) -> None:
    with_version(contract, "read only")
    contract.grant("registered_model", "read only", "READ")
    assert contract.ask(f"GET {MODELS}/get", {"name": "read only"}, contract.stranger).status == 200
    version = {"name": "read only", "version": "1"}
    for route, values in (
        (f"PATCH {MODELS}/update", {"name": "read only", "description": "x"}),
        (f"POST {MODELS}/rename", {"name": "read only", "new_name": "mine"}),
        (f"POST {MODELS}/set-tag", {"name": "read only"} | TAG),
        (f"DELETE {MODELS}/delete", {"name": "read only"}),
        (f"POST {ALIAS}", version | {"alias": "champion"}),
        (f"PATCH {VERSIONS}/update", version | {"description": "x"}),
        (f"POST {VERSIONS}/transition-stage", version | {"stage": "Archived"}),
        (f"DELETE {VERSIONS}/delete", version),
    ):
        assert contract.ask(route, values, contract.stranger).status == 403, route


def test_a_model_of_another_ones_run_cannot_be_registered(contract: Contract) -> None:
    run = with_version(contract, "of somebody else")
    mine = f"of {contract.stranger[0]}"
    assert contract.ask(f"POST {MODELS}/create", {"name": mine}, contract.stranger).status == 200
    for values in (
        {"source": f"runs:/{run['run_id']}/model"},
        {"source": f"runs:/{run['run_id']}/model", "run_id": run["run_id"]},
        {"source": f"{run['artifact_uri']}/model"},
        {"source": f"{run['artifact_uri']}/model", "run_id": run["run_id"]},
        {"source": "models:/of somebody else/1"},
    ):
        answer = contract.ask(f"POST {VERSIONS}/create", {"name": mine} | values, contract.stranger)
        assert answer.status in {400, 403}, f"{values}: {answer}"


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert set(ENDPOINTS) - contract.answered == set()


def with_version(contract: Contract, name: str) -> dict[str, Any]:
    """Register the model of a new run under a name, and return the run."""
    if contract.ask(f"GET {MODELS}/get", {"name": name}).status == 404:
        contract.open(f"POST {MODELS}/create", name=name)
    run = contract.run()
    source = f"{run['artifact_uri']}/model"
    contract.guarded(f"POST {VERSIONS}/create", name=name, source=source, run_id=run["run_id"])
    return run
