"""What the routes that are no part of MLflow have in common: they are for its administrators, and refuse as it does."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# What MLflow answers with, so that its clients understand it.
FORBIDDEN, INVALID = "PERMISSION_DENIED", "INVALID_PARAMETER_VALUE"
MISSING, BUSY = "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE"


def for_administrators(act: Callable[..., Any]) -> Callable[..., Any]:
    """Have what answers a request answer administrators only."""
    from mlflow.server.auth import sender_is_admin

    @wraps(act)
    def checked(**parts: str) -> Any:
        if not sender_is_admin():
            return refusal(403, FORBIDDEN, "this is for administrators")
        return act(**parts)

    return checked


def refusal(status: int, code: str, message: str) -> Any:
    """Return what is answered instead."""
    return {"error_code": code, "message": message}, status
