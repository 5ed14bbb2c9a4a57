"""What the server of custom mode promises of the endpoints of MCP servers: addresses that it lists and never calls."""

from __future__ import annotations

import uuid

import pytest

from tests.server.contract import Contract, Wrong, wrong_ones

pytestmark = pytest.mark.timeout(300)
SERVERS = "/api/3.0/mlflow/mcp-servers"
ONE, VERSION = f"{SERVERS}/<name>", f"{SERVERS}/<name>/versions/<version>"
ENDPOINT, ALIAS = f"{ONE}/endpoints/<endpoint_id>", f"{ONE}/aliases/<alias>"
NOBODY = {"name": "io.example/none", "version": "1.0.0", "key": "k", "value": "v", "alias": "a", "endpoint_id": "none"}
ADDRESS = {"url": "https://example.com/mcp", "transport_type": "streamable-http"}
ENDPOINTS: dict[str, Wrong | None] = {
    f"POST {SERVERS}": Wrong(400, {}),
    f"GET {SERVERS}": None,
    f"GET {SERVERS}/endpoints": None,
    f"GET {ONE}": Wrong(404, NOBODY),
    f"PATCH {ONE}": Wrong(404, {"name": NOBODY["name"], "description": "x"}),
    f"DELETE {ONE}": Wrong(404, NOBODY),
    f"POST {ONE}/versions": Wrong(400, NOBODY),
    f"GET {ONE}/versions": None,
    f"GET {VERSION}": Wrong(404, NOBODY),
    f"PATCH {VERSION}": Wrong(404, NOBODY | {"display_name": "x"}),
    f"DELETE {VERSION}": Wrong(404, NOBODY),
    f"POST {VERSION}/tags": Wrong(404, NOBODY),
    f"DELETE {VERSION}/tags/<key>": Wrong(404, NOBODY),
    f"POST {ONE}/tags": Wrong(404, NOBODY),
    f"DELETE {ONE}/tags/<key>": Wrong(404, NOBODY),
    f"POST {ONE}/aliases": Wrong(404, NOBODY),
    f"GET {ALIAS}": Wrong(404, NOBODY),
    f"DELETE {ALIAS}": Wrong(404, NOBODY),
    f"POST {ONE}/endpoints": Wrong(400, NOBODY),
    f"GET {ONE}/endpoints": None,
    f"GET {ENDPOINT}": Wrong(404, NOBODY),
    f"PATCH {ENDPOINT}": Wrong(404, NOBODY | {"url": "https://example.com/other"}),
    f"DELETE {ENDPOINT}": Wrong(404, NOBODY),
}


@pytest.mark.parametrize(("route", "wrong"), wrong_ones(ENDPOINTS))
def test_a_wrong_request_is_answered_with_its_reason(contract: Contract, route: str, wrong: Wrong) -> None:
    contract.refuses(route, wrong)


def test_a_server_of_tools_is_listed_with_its_versions_and_addresses(contract: Contract) -> None:
    name = f"io.example/{uuid.uuid4().hex}"
    which, version = {"name": name}, {"name": name, "version": "1.0.0"}
    contract.open(f"POST {SERVERS}", **which)
    described = version | {"description": "finds cells"}
    made = contract.guarded(f"POST {ONE}/versions", **which, server_json=described)
    assert (made["version"], made["status"]) == ("1.0.0", "draft")
    contract.guarded(f"PATCH {ONE}", **which, description="finds all cells")
    contract.guarded(f"PATCH {VERSION}", **version, display_name="the first")
    contract.guarded(f"POST {ONE}/tags", **which, key="k", value="v")
    assert contract.guarded(f"GET {ONE}", **which)["tags"] == {"k": "v"}
    contract.guarded(f"DELETE {ONE}/tags/<key>", **which, key="k")
    contract.guarded(f"POST {VERSION}/tags", **version, key="k", value="v")
    assert contract.guarded(f"GET {VERSION}", **version)["tags"] == {"k": "v"}
    contract.guarded(f"DELETE {VERSION}/tags/<key>", **version, key="k")
    contract.guarded(f"POST {ONE}/aliases", **version, alias="live")
    assert contract.guarded(f"GET {ALIAS}", **which, alias="live")["version"] == "1.0.0"
    contract.guarded(f"DELETE {ALIAS}", **which, alias="live")

    made = contract.guarded(f"POST {ONE}/endpoints", **which, **ADDRESS, server_version="1.0.0")
    endpoint = which | {"endpoint_id": made["id"]}
    contract.guarded(f"PATCH {ENDPOINT}", **endpoint, url="https://example.com/other")
    assert contract.guarded(f"GET {ENDPOINT}", **endpoint)["url"] == "https://example.com/other"
    assert len(contract.guarded(f"GET {ONE}/endpoints", **which)["mcp_access_endpoints"]) == 1
    assert len(contract.guarded(f"GET {ONE}/versions", **which)["mcp_server_versions"]) == 1
    contract.filtered(f"GET {SERVERS}", name)
    contract.filtered(f"GET {SERVERS}/endpoints", name)
    contract.guarded(f"DELETE {ENDPOINT}", **endpoint)
    contract.guarded(f"DELETE {VERSION}", **version)
    contract.guarded(f"DELETE {ONE}", **which)
    contract.refuses(f"GET {ONE}", Wrong(404, which))


def test_each_of_these_endpoints_has_answered(contract: Contract) -> None:
    assert set(ENDPOINTS) - contract.answered == set()
