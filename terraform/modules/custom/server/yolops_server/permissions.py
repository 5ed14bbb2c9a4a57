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
    for route, handler in auth.AFTER_REQUEST_HANDLERS.items():
        if handler is auth.redact_search_runs_model_links:
            auth.AFTER_REQUEST_HANDLERS[route] = where_models_are_named(handler)


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
