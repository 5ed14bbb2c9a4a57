"""What SageMaker's training jobs and tuning jobs have in common: statuses, names, lists in pages, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.sagemaker.exceptions import ValidationError

from yolops.rehearsal.resources import kept

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from moto.sagemaker.responses import SageMakerResponse

    from yolops.rehearsal.resources import Kind

IN_PROGRESS, STOPPING = "InProgress", "Stopping"
LIVING = frozenset({IN_PROGRESS, STOPPING})
MOST_LISTED = 100


def list_jobs(call: SageMakerResponse, kind: Kind) -> ActionResult:
    """Answer a List of jobs: the newest first unless asked otherwise, in pages."""
    asked, name, status = call.params, kind.key[0], f"{kind.name}Status"
    rows = [
        job.fields | {kind.arn_field: job.arn}
        for job in kept(call.sagemaker_backend, kind.name).values()
        if str(asked.get("NameContains") or "") in job.fields[name]
        and asked.get("StatusEquals") in {None, job.fields[status]}
    ]
    key = {"Name": name, "Status": status}.get(str(asked.get("SortBy")), "CreationTime")
    rows.sort(key=lambda row: row[key], reverse=asked.get("SortOrder") != "Ascending")
    return page(asked, rows, kind.listed)


def page(asked: dict[str, Any], rows: list[dict[str, Any]], listed: str) -> ActionResult:
    """Return the page of a list that was asked for.

    Args:
        asked: the request, with `NextToken` and `MaxResults`.
        rows: the whole list, in its order.
        listed: what the list is called.
    """
    first, most = int(asked.get("NextToken") or 0), int(asked.get("MaxResults") or MOST_LISTED)
    more = {"NextToken": str(first + most)} if len(rows) > first + most else {}
    return ActionResult({listed: rows[first : first + most], **more})


def check_name(asked: dict[str, Any], kind: Kind, allowed: re.Pattern[str]) -> None:
    """Refuse a name as AWS does.

    Raises:
        ServiceException: no job of this kind can be called that.
    """
    parameter = kind.key[0]
    name = str(asked[parameter])
    if not allowed.fullmatch(name):
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at '{parameter[0].lower()}{parameter[1:]}' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {allowed.pattern}"
        )


def refuse_any(jobs: str, unknown: Mapping[str, bool]) -> None:
    """Refuse what would be run in another way than AWS does it.

    Args:
        jobs: what people call the jobs.
        unknown: what cannot be rehearsed, and whether it is asked for.

    Raises:
        NotImplementedError: something of it is.
    """
    for what, is_asked in unknown.items():
        if is_asked:
            raise NotImplementedError(f"{jobs} with {what}")
