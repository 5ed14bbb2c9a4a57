"""Questions about runs and experiments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from yolops.tracking.rest import PAGE, NotFoundError, search_all

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.tracking.rest import MlflowRest

NEWEST_FIRST = ("attributes.start_time DESC",)
HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Attributes:
        run_id: its ID.
        name: its name.
        experiment: the experiment's name.
        status: RUNNING, FINISHED, FAILED, KILLED or SCHEDULED.
        started: when it began.
        seconds: how long it took, None while it runs.
        metrics: the last value of each.
        params: its settings.
        tags: what else was said of it.
    """

    run_id: str
    name: str
    experiment: str
    status: str
    started: datetime
    seconds: float | None
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]


def list_runs(rest: MlflowRest, *, experiment: str = "", most: int = 20) -> list[RunSummary]:
    """Return the newest runs, of one experiment or of all.

    Raises:
        NotFoundError: there is no such experiment.
    """
    experiments = experiment_names(rest)
    if experiment and experiment not in experiments.values():
        known = ", ".join(sorted(experiments.values())) or "none yet"
        raise NotFoundError(f"there is no experiment {experiment!r}", f"there is: {known}")
    wanted = [number for number, name in experiments.items() if not experiment or name == experiment]
    if not wanted:
        return []
    answer = rest.post("runs/search", experiment_ids=wanted, max_results=most, order_by=NEWEST_FIRST)
    return [_summary(run, experiments) for run in answer.get("runs", [])]


def find_run(rest: MlflowRest, which: str) -> RunSummary:
    """Return the run with this ID, the start of one, or this name; of several with one name the newest.

    Raises:
        NotFoundError: there is no such run.
    """
    experiments = experiment_names(rest)
    if len(which) == 32 and set(which) <= HEX:
        return _summary(rest.get("runs/get", run_id=which)["run"], experiments)
    for run in list_runs(rest, most=PAGE):
        if run.name == which or (len(which) >= 6 and run.run_id.startswith(which)):
            return run
    raise NotFoundError(f"there is no run {which!r}", "see what there is: yolops runs list")


def runs_by_dataset(rest: MlflowRest) -> dict[str, list[str]]:
    """Return the names of the runs that used a dataset, by its digest; the newest run comes first."""
    found: dict[str, list[str]] = {}
    experiments = list(experiment_names(rest))
    if not experiments:
        return found
    for run in search_all(rest.post, "runs/search", experiment_ids=experiments, order_by=NEWEST_FIRST):
        inputs = run.get("inputs", {}).get("dataset_inputs", [])
        for digest in dict.fromkeys(one["dataset"]["digest"] for one in inputs):
            found.setdefault(digest, []).append(run["info"].get("run_name", run["info"]["run_id"]))
    return found


def experiment_names(rest: MlflowRest, *, deleted: bool = False) -> dict[str, str]:
    """Return the names of all experiments that we may see, by their IDs; also of deleted ones if that is wanted."""
    asked = {"view_type": "ALL"} if deleted else {}
    return {item["experiment_id"]: item["name"] for item in search_all(rest.post, "experiments/search", **asked)}


def _summary(run: Mapping[str, Any], experiments: Mapping[str, str]) -> RunSummary:
    info, data = run["info"], run.get("data", {})
    start, end = int(info["start_time"]), int(info.get("end_time", 0))
    return RunSummary(
        run_id=info["run_id"],
        name=info.get("run_name", ""),
        experiment=experiments.get(info["experiment_id"], info["experiment_id"]),
        status=info["status"],
        started=datetime.fromtimestamp(start / 1000, UTC),
        seconds=(end - start) / 1000 if end else None,
        metrics={item["key"]: float(item["value"]) for item in data.get("metrics", [])},
        params={item["key"]: item["value"] for item in data.get("params", [])},
        tags={item["key"]: item["value"] for item in data.get("tags", [])},
    )
