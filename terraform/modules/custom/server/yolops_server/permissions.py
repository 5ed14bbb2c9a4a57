"""What MLflow asks about a user before each request, asked once and no more than is needed.

The rules stay MLflow's own, and nothing is remembered from one request to the next: what is revoked is revoked. But
MLflow reads a whole run to learn its experiment, reads the user three times, and reads its own answer again.
"""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# No route below changes a user.
OF_RUNS = "/mlflow/runs/"
# The fields of a run that name a logged model, as they are called in JSON.
MODEL_FIELDS = (b'"model_inputs"', b'"model_outputs"', b'"model_id"')


class Runs:
    """The store as MLflow's permissions see it: of a run they want to know the experiment only.

    Args:
        store: the store.
    """

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get_run(self, run_id: str) -> Any:
        """Return what is asked of it."""
        # Whatever the request has there is the name of a run, or of none: MySQL would take 0 for any of them.
        return SimpleNamespace(info=SimpleNamespace(experiment_id=self._store.experiment_of(str(run_id))))


def install(store: Callable[[], Any]) -> None:
    """Have MLflow's permissions ask this way.

    Args:
        store: returns the store of runs.
    """
    auth: Any = importlib.import_module("mlflow.server.auth")
    auth._get_tracking_store = lambda: Runs(store())
    auth.store.get_user = once_per_request(auth.store.get_user)
    for route, validator in auth.BEFORE_REQUEST_VALIDATORS.items():
        if validator is auth.validate_can_log_batch:
            auth.BEFORE_REQUEST_VALIDATORS[route] = lambda: _may_log_batch(auth)
    for route, handler in auth.AFTER_REQUEST_HANDLERS.items():
        if handler is auth.redact_search_runs_model_links:
            auth.AFTER_REQUEST_HANDLERS[route] = where_models_are_named(handler)


def _may_log_batch(auth: Any) -> bool:
    """Decide as MLflow does, which reads a batch as a protocol buffer to see the models that it names."""
    batch = auth._get_normalized_request_json()
    return bool(
        auth.validate_can_log_batch() if names_models(batch) else auth._validate_can_update_run_and_models(set())
    )


def names_models(batch: Any) -> bool:
    """Return whether a batch, as it came in JSON, may name a logged model."""
    metrics = batch.get("metrics", []) if isinstance(batch, dict) else None
    return not isinstance(metrics, list) or any(
        not isinstance(metric, dict) or "model_id" in metric or "modelId" in metric for metric in metrics
    )


def once_per_request(get_user: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return what reads a user once for a request about runs, and each time for another."""
    from flask import g, has_request_context, request

    def get(username: str) -> Any:
        if not has_request_context() or OF_RUNS not in request.path:
            return get_user(username)
        known = g.setdefault("yolops_users", {})
        if username not in known:
            known[username] = get_user(username)
        return known[username]

    return get


def where_models_are_named(redact: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return what takes models out of an answer that a user may not see, and reads no answer that names none."""

    def look(response: Any) -> None:
        said = response.get_data()
        if any(field in said for field in MODEL_FIELDS):
            redact(response)

    return look
