"""MLflow's application with its users, and without what it lets through although it should not.

`uvicorn --factory yolops_server.application:create_app` serves it.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from yolops_server.prepare import POOL_OVERFLOW, POOL_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# MLflow's log-batch holds one connection while it asks for a second. Were there a request for each connection, each
# could hold one, and all would wait for another until they fail; with one request fewer, one of them always gets it.
MOST_REQUESTS = POOL_SIZE + POOL_OVERFLOW - 1
# The MLflow whose rows, answers and refusals tests compare our quicker ways with. Another one goes its own.
COMPARED_WITH = "3.17.2"


def create_app() -> Any:
    """Return the application (ASGI)."""
    from yolops_server import (
        answers,
        backup_routes,
        kept_password,
        login,
        missing_artifacts,
        permissions,
        refusals,
        request_bodies,
        short_way,
        trial_routes,
        upgrade_routes,
    )
    from yolops_server.first_write import FirstWrite
    from yolops_server.prepare import environment
    from yolops_server.settings import fetch_secret, read_settings

    settings = read_settings()
    secret = fetch_secret(settings)
    os.environ.update(environment(settings, secret))
    login.install(settings, secret.password, settings.database_patience_s)

    from mlflow.server import app as flask_app
    from mlflow.server import handlers
    from mlflow.server.auth import create_app as with_users
    from mlflow.version import VERSION

    is_compared = VERSION == COMPARED_WITH
    if is_compared:
        from yolops_server.store import Store

        handlers._tracking_store_registry.register("mysql", Store)
        permissions.install(handlers._get_tracking_store)
        handlers.message_to_json = answers.quickly(handlers.message_to_json)
    application = with_users(flask_app)
    kept_password.install(settings, secret)
    refusals.install(application, flask_app)
    request_bodies.install(flask_app)
    missing_artifacts.install()
    backups = backup_routes.install(flask_app, settings)
    trial_routes.install(flask_app, settings, backups)
    if is_compared:
        short_way.install(application, flask_app)
    application.router.lifespan_context = _few_at_a_time(application.router.lifespan_context)
    upgrades = upgrade_routes.install(flask_app, settings)
    application.add_middleware(FirstWrite, confirm=upgrades.confirm)
    return application


def _few_at_a_time(lifespan: Any) -> Any:
    """Have a process work on so many requests at a time; others wait for their turn."""
    from anyio.to_thread import current_default_thread_limiter

    @asynccontextmanager
    async def limited(application: Any) -> AsyncIterator[Any]:
        current_default_thread_limiter().total_tokens = MOST_REQUESTS
        async with lifespan(application) as state:
            yield state

    return limited
