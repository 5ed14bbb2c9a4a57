"""MLflow's runs in MySQL, with the same rows and answers as MLflow's own store, in fewer words to the database.

MLflow makes an object of SQLAlchemy for each point, param and tag, and asks about each batch up to ten times. Here a
batch of metrics is two statements, and what a search has found is read as plain rows. Everything else is MLflow's own.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy
from mlflow.entities import Metric, Param, Run, RunData, RunTag
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils import validation
from sqlalchemy import false, func, select, tuple_
from sqlalchemy.dialects.mysql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.orm import Session

COLUMNS = ("key", "timestamp", "step", "run_uuid", "value", "is_nan")
# By these MLflow decides which of two points is the latest; the first of equal ones stays.
AGE = ("step", "timestamp", "value")
STAGE = "SELECT run_uuid, lifecycle_stage FROM runs WHERE run_uuid = %s"
KEYS = "SELECT `key` FROM latest_metrics WHERE run_uuid = %s AND `key` IN %s"
RUNS_KNOWN = 10_000
# A statement names so many runs at most: 40 bytes each.
RUNS_AT_ONCE = 5000


class Store(SqlAlchemyStore):
    """MLflow's store of runs.

    Args:
        store_uri: the address of the schema, as SQLAlchemy wants it.
        artifact_uri: where the artifacts of a new experiment are.

    Attributes:
        experiment_of: returns the ID of the experiment of a run, which never changes; raises what MLflow raises where
            there is no such run.
    """

    def __init__(self, store_uri: str, artifact_uri: str) -> None:
        super().__init__(store_uri, artifact_uri)
        self.experiment_of = lru_cache(RUNS_KNOWN)(self._experiment_of)
        # Compiled once: SQLAlchemy would do it anew each time.
        self._insert_points, self._insert_latest = (
            str(statement.compile(dialect=self.engine.dialect, column_keys=list(COLUMNS)))
            for statement in (insert(SqlMetric.__table__), _insert_latest())
        )

    def log_batch(self, run_id: str, metrics: list[Metric], params: list[Param], tags: list[RunTag]) -> None:
        """Write a batch; one of metrics alone in one transaction."""
        if params or tags or any(metric.model_id is not None for metric in metrics):
            super().log_batch(run_id, metrics, params, tags)
            return
        validation._validate_run_id(run_id)
        validation._validate_batch_log_data(metrics, [], [])
        validation._validate_batch_log_limits(metrics, [], [])
        # Tries again when the database ends it because of a deadlock.
        self._run_with_deadlock_retry(self._write_points, run_id, metrics)

    def _log_metrics_once(self, run_id: str, metrics: list[Metric]) -> None:
        """Write the metrics of a batch that has more than metrics, or a single metric."""
        for index, metric in enumerate(metrics):
            path = "" if len(metrics) == 1 else f"metrics[{index}]"
            validation._validate_metric(metric.key, metric.value, metric.timestamp, metric.step, path=path)
        self._write_points(run_id, metrics)

    def _write_points(self, run_id: str, metrics: list[Metric]) -> None:
        """Write what is new, which nearly all is; whatever else it is, MLflow finds out."""
        with self.ManagedSessionMaker(read_only=False) as session:
            found = session.connection().exec_driver_sql(STAGE, (run_id,)).one_or_none()
            self._check_run_is_active(self._get_run(session, run_id) if found is None else found)
            if not metrics or self._write_new_points(session, [self._row(run_id, metric) for metric in metrics]):
                return
            session.rollback()
        super()._log_metrics_once(run_id, metrics)

    def _write_new_points(self, session: Session, points: list[dict[str, Any]]) -> bool:
        """Return whether they could be written; False if some are there already, or differ in what MySQL ignores."""
        latest: dict[str, dict[str, Any]] = {}
        for point in points:
            known = latest.setdefault(point["key"], point)
            if _age(point) > _age(known):
                latest[point["key"]] = point
        keys = sorted(latest)
        connection = session.connection()
        try:
            connection.exec_driver_sql(self._insert_points, points)
        except IntegrityError:
            return False
        # In one order, so that two that write the same run wait for each other, and not each for the other.
        connection.exec_driver_sql(self._insert_latest, [latest[key] for key in keys])
        # To MySQL `mAP` and `map` are one key, of which one would vanish.
        found = connection.exec_driver_sql(KEYS, (points[0]["run_uuid"], keys)).scalars()
        return latest.keys() == set(found)

    def _row(self, run_id: str, metric: Metric) -> dict[str, Any]:
        is_nan, value = self.sanitize_metric_value(metric.value)
        return dict(zip(COLUMNS, (metric.key, metric.timestamp, metric.step, run_id, value, is_nan), strict=True))

    def _experiment_of(self, run_id: str) -> str:
        with self.ManagedSessionMaker() as session:
            found = session.connection().execute(select(SqlRun.experiment_id).where(SqlRun.run_uuid == run_id)).scalar()
            return str(self._get_run(session, run_id).experiment_id if found is None else found)

    def _search_runs(self, *arguments: Any, **named: Any) -> tuple[list[Run], str | None]:
        return _Search(self).find(*arguments, **named)


class _Search(SqlAlchemyStore):
    """One search, of which MLflow reads the runs and this their data, in the same transaction.

    Args:
        store: what is searched.
    """

    def __init__(self, store: Store) -> None:
        vars(self).update(vars(store))
        self._data: dict[str, RunData] = {}

    def find(self, *arguments: Any, **named: Any) -> tuple[list[Run], str | None]:
        """Return what MLflow would."""
        runs, token = super()._search_runs(*arguments, **named)
        return [self._with_data(run) for run in runs], token

    @staticmethod
    def _get_eager_run_query_options() -> list[Any]:
        return [selectinload(data.and_(false())) for data in (SqlRun.latest_metrics, SqlRun.params, SqlRun.tags)]

    def _get_run_inputs(self, session: Session, run_uuids: list[str]) -> Any:
        for first in range(0, len(run_uuids), RUNS_AT_ONCE):
            self._data |= _data_of(session, run_uuids[first : first + RUNS_AT_ONCE])
        return super()._get_run_inputs(session=session, run_uuids=run_uuids)

    def _with_data(self, run: Run) -> Run:
        data = self._data[run.info.run_id]
        if not run.info.run_name and (name := data.tags.get("mlflow.runName")):
            run.info._set_run_name(name)
        return Run(run.info, data, run.inputs, run.outputs)


def _data_of(session: Session, runs: list[str]) -> dict[str, RunData]:
    """Return metrics, params and tags of runs, by the ID of the run."""

    def read(table: Any, *columns: str) -> Iterator[Any]:
        wanted = [getattr(table, name) for name in ("run_uuid", *columns)]
        return iter(session.execute(select(*wanted).where(table.run_uuid.in_(runs))))

    def by_run(entities: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        for run, entity in entities:
            found[run].append(entity)
        return found

    points = read(SqlLatestMetric, "key", "value", "timestamp", "step", "is_nan")
    metrics = by_run(
        (run, Metric(key, float("nan") if is_nan else value, timestamp, step))
        for run, key, value, timestamp, step, is_nan in points
    )
    params = by_run((run, Param(key, value)) for run, key, value in read(SqlParam, "key", "value"))
    tags = by_run((run, RunTag(key, value)) for run, key, value in read(SqlTag, "key", "value"))
    return {run: RunData(metrics.get(run), params.get(run), tags.get(run)) for run in runs}


def _age(point: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(point[name] for name in AGE)


def _insert_latest() -> sqlalchemy.Insert:
    """Return what adds the latest points, and replaces those that are older.

    MySQL assigns one column after the other, and later ones see what was assigned before. In this order that changes
    nothing: what is assigned first is compared last.
    """
    table = SqlLatestMetric.__table__
    added = insert(table)
    new = added.inserted
    newer = tuple_(*(new[name] for name in AGE)) > tuple_(*(table.c[name] for name in AGE))
    changed = ("is_nan", *reversed(AGE))
    return added.on_duplicate_key_update([(name, func.if_(newer, new[name], table.c[name])) for name in changed])
