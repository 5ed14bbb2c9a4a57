"""What MLflow lets through although it should not, and the parts of it that are switched off."""

from __future__ import annotations

import re
from typing import Any

from yolops_server.administrators import INVALID, refusal

# Where the server keeps things is decided by the server. An experiment with a location of its own would make the server
# read and write there with its own rights, for whoever asks.
LOCATION = "where artifacts are kept is decided by the server: leave artifact_location out"
# MLflow reads and deletes the data of a trace where these tags say, with the rights of the server.
TRACE_PLACE, TRACE_ARCHIVE = "mlflow.artifactLocation", "mlflow.trace.archiveLocation"
ELSEWHERE = "a trace of this ID is in another experiment"
# Parts that reach further than a login should: webhooks call addresses that a client names, the demo writes and deletes
# past all permissions, and judges, optimisers and prompts are for jobs and a gateway that this server does not run.
SWITCHED_OFF = re.compile(
    r"/(ajax-)?api/[0-9.]+/mlflow/"
    r"(webhooks|demo|jobs|scorer|genai|prompt-optimization|issues/invoke|runs/create-promptlab-run)(/|$)"
)
# Not served by Flask: the assistant runs programs on the server.
OFF_BELOW = ("/ajax-api/3.0/mlflow/assistant", "/ajax-api/3.0/jobs")
# Roles tell who may do what, and with it what there is: MLflow shows them to whoever holds a permission on anything.
ROLES = re.compile(r"/(ajax-)?api/[0-9.]+/mlflow/roles/")
OFF = {"error_code": "FEATURE_DISABLED", "message": "this part of MLflow is switched off on this server"}
# They must be found again when MLflow calls them otherwise.
EXPECTED = {"_create_experiment", "_create_webhook", "_generate_demo", "list_role_permissions"}


def install(application: Any, flask_app: Any) -> None:
    """Have MLflow's application (ASGI) and the one of Flask within refuse it, to whom they let in.

    Raises:
        RuntimeError: this MLflow lacks what is refused.
    """
    from starlette.middleware import Middleware

    if missing := EXPECTED - flask_app.view_functions.keys():
        raise RuntimeError(f"this MLflow has no {missing}: what is refused there must be found again")
    # After MLflow's own: whoever is not logged in learns nothing from it.
    flask_app.before_request(_refuse_contradictions)
    flask_app.before_request(_refuse_locations)
    flask_app.before_request(_refuse_parts)
    # The first of these is asked first.
    application.user_middleware.append(Middleware(_WithoutParts))
    _keep_traces_in_their_place()
    _keep_spans_out_of_other_traces()


def _refuse_contradictions() -> Any:
    """Refuse a request that names a thing twice: MLflow would ask what is allowed with one, and do it with another."""
    from flask import request

    body = request.get_json(force=True, silent=True) if request.method == "DELETE" or request.view_args else None
    if request.method == "DELETE" and request.get_data() and not request.is_json:
        return refusal(400, INVALID, "what is to be deleted is said in JSON")
    path = {_plain(name): str(value) for name, value in (request.view_args or {}).items()}
    for name, value in [*request.args.items(multi=True), *(body or {}).items()]:
        if str(value) != path.get(_plain(name), str(value)):
            return refusal(400, INVALID, f"{name} is not what it is in the path: name it once")
    return None


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _refuse_locations() -> Any:
    from flask import request
    from mlflow.protos.service_pb2 import CreateExperiment
    from mlflow.server import handlers

    if request.endpoint != "_create_experiment":
        return None
    # Read as MLflow reads it, which takes more than one spelling.
    if not handlers._get_request_message(CreateExperiment()).artifact_location:
        return None
    return refusal(400, INVALID, LOCATION)


def _refuse_parts() -> Any:
    from flask import request
    from mlflow.server.auth import make_forbidden_response, sender_is_admin

    rule = request.url_rule.rule if request.url_rule else ""
    if SWITCHED_OFF.match(rule):
        return OFF, 403
    if ROLES.match(rule) and not sender_is_admin():
        return make_forbidden_response()
    return None


class _WithoutParts:
    """Refuses what is not served by Flask; MLflow asks for a login before."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import JSONResponse

        off = scope["type"] == "http" and scope["path"].startswith(OFF_BELOW)
        await (JSONResponse(OFF, 403) if off else self._app)(scope, receive, send)


def _keep_traces_in_their_place() -> None:
    """Have no trace name another place than the one the server gave it, or move to another experiment.

    Requests cannot be judged instead: a span that comes by OpenTelemetry may carry tags, too.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.store.tracking.dbmodels.models import SqlTraceInfo, SqlTraceTag
    from sqlalchemy import event, inspect

    def check_experiment(_: Any, __: Any, trace: Any) -> None:
        if inspect(trace).attrs.experiment_id.history.has_changes():
            raise MlflowException.invalid_parameter_value(ELSEWHERE)

    def check_place(_: Any, __: Any, tag: Any) -> None:
        own = rf"mlflow-artifacts:/\d+/traces/{re.escape(tag.request_id)}/artifacts"
        if tag.key == TRACE_ARCHIVE or (tag.key == TRACE_PLACE and not re.fullmatch(own, tag.value)):
            raise MlflowException.invalid_parameter_value(f"{tag.key}: where a trace is kept is decided by the server")

    for moment in ("before_insert", "before_update"):
        event.listen(SqlTraceTag, moment, check_place)
    event.listen(SqlTraceInfo, "before_update", check_experiment)


def _keep_spans_out_of_other_traces() -> None:
    """Have spans that come by OpenTelemetry go to traces of the experiment that they name, for which MLflow asks.

    It adds them to the trace they name, wherever that is, and nothing tells by then for which experiment they came.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.store.tracking.dbmodels.models import SqlTraceInfo
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    log_spans = SqlAlchemyStore.log_spans

    def checked(store: Any, location: str, spans: list[Any], *more: Any, **named: Any) -> Any:
        with store.ManagedSessionMaker() as session:
            there = session.query(SqlTraceInfo.experiment_id).filter(
                SqlTraceInfo.request_id.in_({span.trace_id for span in spans})
            )
            if any(str(experiment) != location for (experiment,) in there):
                raise MlflowException.invalid_parameter_value(ELSEWHERE)
        return log_spans(store, location, spans, *more, **named)

    SqlAlchemyStore.log_spans = checked  # type: ignore[assignment, method-assign]
