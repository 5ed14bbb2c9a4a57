"""What a contract test asks of each endpoint: its effect, its errors, and that it is closed to a stranger."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from tests.server.conftest import Answer, Server

CODES = {400: "INVALID_PARAMETER_VALUE", 404: "RESOURCE_DOES_NOT_EXIST"}
# `<name>` and `<path:name>` are Flask's, `{name}` and `{name:path}` FastAPI's.
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True)
class Wrong:
    """A request that an endpoint must refuse, and what it says then."""

    status: int
    values: dict[str, Any]
    code: str = ""


def canonical(path: str) -> str:
    """Return a path of a route in one spelling of its parameters."""
    return PARAMETER.sub(lambda found: f"<{found[1] or found[2]}>", path)


@dataclass
class Contract:
    """Asks endpoints by the names of their routes, `GET /api/2.0/mlflow/runs/get`, and keeps which have answered.

    Args:
        server: the server.
        stranger: the login of a user who has no permission.
        answered: the routes that did what they were asked for.
    """

    server: Server
    stranger: tuple[str, str]
    answered: set[str] = field(default_factory=set)

    def guarded(self, route: str, **values: Any) -> Any:
        """Return what an administrator gets, after a stranger who asked the same got nothing."""
        for spelling in (route, route.replace(" /api/", " /ajax-api/")):
            refused = self.ask(spelling, values, self.stranger)
            assert (refused.status, refused.body) == (403, "Permission denied"), f"{spelling}: {refused}"
        return self.open(route, **values)

    def filtered(self, route: str, secret: str, **values: Any) -> Any:
        """Return what an administrator gets; a stranger gets an answer without what is not hers."""
        seen = self.ask(route, values, self.stranger)
        assert seen.status == 200, f"{route}: {seen}"
        assert secret not in seen.body
        said = self.open(route, **values)
        assert secret in str(said)
        return said

    def open(self, route: str, **values: Any) -> Any:
        """Return what everybody gets who is logged in."""
        answer = self.ask(route, values)
        assert answer.status == 200, f"{route}: {answer}"
        self.answered.add(route)
        return answer.json if answer.body[:1] in {"{", "["} else answer.body

    def refuses(self, route: str, wrong: Wrong) -> None:
        """Check that a wrong request is answered with its reason, by both spellings of the route."""
        for spelling in (route, route.replace(" /api/", " /ajax-api/")):
            answer = self.ask(spelling, wrong.values)
            wanted = (wrong.status, wrong.code or CODES[wrong.status])
            assert (answer.status, answer.json["error_code"]) == wanted, f"{spelling}: {answer}"

    def experiment(self) -> str:
        """Make an experiment, and return its ID."""
        return str(self.open("POST /api/2.0/mlflow/experiments/create", name=uuid.uuid4().hex)["experiment_id"])

    def run(self) -> dict[str, Any]:
        """Make a run in an experiment of its own, and return what MLflow says of it."""
        made = self.open("POST /api/2.0/mlflow/runs/create", experiment_id=self.experiment())
        return dict(made["run"]["info"])

    def grant(self, kind: str, name: str, permission: str) -> None:
        """Give the stranger a permission on one thing."""
        given = {"resource_type": kind, "resource_id": name, "permission": permission}
        self.open("POST /api/3.0/mlflow/users/permissions/grant", username=self.stranger[0], **given)

    def ask(self, route: str, values: dict[str, Any], login: tuple[str, str] | None = None) -> Answer:
        """Send values in the query of a GET, else as JSON, and where the path names them there, too."""
        method, path = route.split(" ")
        path = PARAMETER.sub(lambda found: quote(str(values.get(found[1], "missing")), safe="/"), path)
        who = {} if login is None else {"login": login}
        if method == "GET":
            return self.server.ask(f"{path}?{urlencode(values, doseq=True)}", **who)
        return self.server.ask(path, values, method=method, **who)


def wrong_ones(endpoints: dict[str, Wrong | None]) -> list[tuple[str, Wrong]]:
    """Return the routes for which there is a wrong request, with that request."""
    return [(route, wrong) for route, wrong in endpoints.items() if wrong is not None]
