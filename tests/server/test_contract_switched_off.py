"""What of MLflow is switched off on the server of custom mode: it says so, to administrators, too, and does nothing."""

from __future__ import annotations

import pytest

from tests.server.contract import Contract

pytestmark = pytest.mark.timeout(300)
NEW, PAGES = "/api/3.0/mlflow", "/ajax-api/3.0/mlflow"
HOOKS, ASSISTANT, GATEWAY = "/api/2.0/mlflow/webhooks", f"{PAGES}/assistant", f"{NEW}/gateway"


def routes(base: str, *listed: str) -> list[str]:
    """Return routes below a base, each said as `METHOD path`."""
    return [f"{method} {base}{path}" for method, _, path in (item.partition(" ") for item in listed)]


# They make the server call addresses that a client names, run programs on it, write past permissions, or begin a job.
REFUSED = [
    *routes(HOOKS, "GET", "POST", "GET /<webhook_id>", "PATCH /<webhook_id>", "DELETE /<webhook_id>"),
    *routes(HOOKS, "POST /<webhook_id>/test"),
    *routes(f"{PAGES}/demo", "POST /generate", "POST /delete"),
    *routes(ASSISTANT, "GET /config", "PUT /config", "GET /providers", "GET /providers/<provider>/health"),
    *routes(ASSISTANT, "GET /providers/<provider>/models", "POST /skills/install", "POST /message"),
    *routes(f"{ASSISTANT}/sessions/<session_id>", "PATCH", "GET /stream", "POST /permission", "POST /tool-result"),
]
REFUSED += [
    *routes("/ajax-api/3.0/jobs", "POST /", "POST /search", "GET /<job_id>", "PATCH /cancel/<job_id>"),
    *routes(PAGES, "GET /jobs/<job_id>", "PATCH /jobs/cancel/<job_id>"),
    *routes(PAGES, "POST /scorer/invoke", "POST /genai/evaluate/invoke", "POST /issues/invoke"),
    *routes(f"{NEW}/prompt-optimization/jobs", "POST", "GET /search", "POST /search", "GET /<job_id>"),
    *routes(f"{NEW}/prompt-optimization/jobs", "DELETE /<job_id>", "POST /<job_id>/cancel"),
    "POST /ajax-api/2.0/mlflow/runs/create-promptlab-run",
]
# The gateway to language models.
NOT_IMPLEMENTED = [
    *routes(f"{GATEWAY}/budgets", "POST /create", "GET /get", "GET /list", "POST /update", "GET /windows"),
    *routes(f"{GATEWAY}/budgets", "DELETE /delete"),
    *routes(f"{GATEWAY}/endpoints/bindings", "POST /create", "GET /list", "DELETE /delete"),
    *routes(f"{GATEWAY}/endpoints", "POST /create", "GET /get", "GET /list", "POST /update", "DELETE /delete"),
    *routes(f"{GATEWAY}/endpoints", "POST /models/attach", "POST /models/detach", "POST /set-tag"),
    *routes(f"{GATEWAY}/endpoints", "DELETE /delete-tag"),
    *routes(f"{GATEWAY}/guardrails", "POST /create", "GET /get", "GET /list", "DELETE /delete"),
    *routes(f"{GATEWAY}/guardrails", "POST /add-to-endpoint", "DELETE /remove-from-endpoint"),
    *routes(f"{GATEWAY}/guardrails", "GET /list-for-endpoint", "PATCH /update-config"),
    *routes(f"{GATEWAY}/model-definitions", "POST /create", "GET /get", "GET /list", "POST /update"),
    *routes(f"{GATEWAY}/model-definitions", "DELETE /delete"),
    *routes(f"{GATEWAY}/secrets", "POST /create", "GET /get", "GET /list", "POST /update", "DELETE /delete"),
    *routes(f"{PAGES}/gateway", "GET /provider-config", "GET /secrets/config"),
    *routes(f"{PAGES}/gateway", "GET /supported-models", "GET /supported-providers"),
    *routes("/gateway", "POST /<endpoint_name>/mlflow/invocations", "POST /anthropic/v1/messages"),
    *routes("/gateway", "POST /mlflow/v1/chat/completions", "GET /mlflow/v1/models"),
    *routes("/gateway/gemini/v1beta/models", "POST /<endpoint_name>:generateContent"),
    *routes("/gateway/gemini/v1beta/models", "POST /<endpoint_name>:streamGenerateContent"),
    *routes("/gateway/openai/v1", "POST /chat/completions", "POST /embeddings", "POST /responses"),
    *routes("/gateway/openai/v1", "POST /responses/compact"),
    *routes("/gateway", "POST /proxy/<endpoint_name>/<path>", "POST /typesafe/v1/systemone"),
]
# One server is one workspace.
WORKSPACES = routes(
    f"{NEW}/workspaces", "GET", "POST", *(f"{do} /<workspace_name>" for do in ("GET", "PATCH", "DELETE"))
)
# MLflow names these routes and has nothing behind them.
EMPTY = [
    *routes("/api/2.0/mlflow", "GET /unified-traces", "GET /get-online-trace-details"),
    "POST /api/2.0mlflow/experiments/search-datasets",
]
OFF = dict.fromkeys(REFUSED, 403) | dict.fromkeys(NOT_IMPLEMENTED, 501)
OFF |= dict.fromkeys(WORKSPACES, 503) | dict.fromkeys(EMPTY, 404)
ENDPOINTS = OFF


@pytest.mark.parametrize("route", OFF)
def test_what_is_switched_off_says_so_to_administrators_too(contract: Contract, route: str) -> None:
    answer = contract.ask(route, {})
    assert answer.status == OFF[route]
    assert "switched off" in answer.body or "disabled" in answer.body or answer.body == ""


def test_a_webhook_is_not_made(contract: Contract) -> None:
    events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
    asked = {"name": "w", "url": "https://192.0.2.1/hook", "events": events}
    for spelling in (HOOKS, HOOKS.replace("/api/", "/ajax-api/")):
        answer = contract.ask(f"POST {spelling}", asked)
        assert (answer.status, answer.json["error_code"]) == (403, "FEATURE_DISABLED")


def test_the_gateway_proxy_leads_nowhere(contract: Contract) -> None:
    asked = {"gateway_path": "api/2.0/endpoints", "json_data": {}}
    assert contract.open("GET /ajax-api/2.0/mlflow/gateway-proxy", **asked) == {"endpoints": []}
    assert contract.open("POST /ajax-api/2.0/mlflow/gateway-proxy", **asked) == {"endpoints": []}
