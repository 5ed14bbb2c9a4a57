"""What is written and found is what MLflow's own store writes and finds, for batches of every kind."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mlflow.entities import (
    Dataset,
    DatasetInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException
from sqlalchemy import text
from sqlalchemy.engine import Engine

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # SQLAlchemy's, of how MLflow uses it
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    from yolops_server.store import Store

pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")]
Stores = tuple[SqlAlchemyStore, Store]
Batch = tuple[list[Metric], list[Param], list[RunTag]]
NAN = float("nan")

# Few of each, so that the same come again; `loss` and `Loss` are one key to MySQL and two to MLflow.
POINTS = st.builds(
    Metric,
    st.sampled_from(["loss", "Loss", "mAP50", "a/b c"]),
    st.sampled_from([0.0, -0.0, 1.5, 1e-300, 1.7976931348623157e308, float("inf"), float("-inf"), NAN])
    | st.floats(allow_subnormal=False),
    st.sampled_from([0, 1, 2**62]),
    st.sampled_from([-1, 0, 1, 7]),
)
PARAMS = st.builds(Param, st.sampled_from(["lr", "epochs"]), st.sampled_from(["1", "2", ""]))
TAGS = st.builds(RunTag, st.sampled_from(["note", "mlflow.runName"]), st.sampled_from(["x", "y"]))
BATCHES: st.SearchStrategy[Batch] = st.tuples(
    st.lists(POINTS, max_size=6), st.lists(PARAMS, max_size=2), st.lists(TAGS, max_size=2)
)
FEW = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture(scope="module")
def stores(engine: Engine) -> Iterator[Stores]:
    """MLflow's own store and ours, in one schema."""
    with engine.begin() as connection:
        connection.execute(text("CREATE DATABASE compared CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"))
    address = engine.url.set(database="compared").render_as_string(hide_password=False)
    yield SqlAlchemyStore(address, "mlflow-artifacts:/"), Store(address, "mlflow-artifacts:/")
    SqlAlchemyStore._engine_map.pop(address).dispose()


def new_run(store: SqlAlchemyStore, experiment: str = "0") -> str:
    return str(store.create_run(experiment, "ada", 1, [], "run").info.run_id)


def said(action: Callable[[], object], run: str) -> str:
    """Return how it ended, in words that are the same for every run."""
    try:
        action()
    except MlflowException as error:
        # What the database itself says of a conflict names its statement.
        return error.error_code if error.error_code == "BAD_REQUEST" else str(error).replace(run, "RUN")
    return "written"


def rows(store: SqlAlchemyStore, run: str) -> dict[str, list[Any]]:
    columns = {
        "metrics": "`key`, value, timestamp, step, is_nan",
        "latest_metrics": "`key`, value, timestamp, step, is_nan",
        "params": "`key`, value",
        "tags": "`key`, value",
    }
    with store.engine.connect() as connection:
        return {
            table: sorted(map(tuple, connection.execute(text(f"SELECT {names} FROM {table} WHERE run_uuid = '{run}'"))))
            for table, names in columns.items()
        }


def both(stores: Stores, act: Callable[[SqlAlchemyStore, str], list[str]]) -> tuple[list[str], dict[str, list[Any]]]:
    """Do the same with both, and return what ours said and wrote, which is what MLflow's did."""
    outcomes = []
    for store in stores:
        run = new_run(store)
        outcomes.append((act(store, run), rows(store, run)))
    assert outcomes[1] == outcomes[0]
    return outcomes[1]


@given(batches=st.lists(BATCHES, min_size=1, max_size=4))
@example(batches=[([Metric("loss", 0.0, 1, 1), Metric("loss", NAN, 1, 1), Metric("loss", -0.0, 1, 1)], [], [])])
@example(batches=[([Metric("loss", 1.0, 1, 1)], [], []), ([Metric("Loss", 1.0, 1, 1)], [], [])])
@example(batches=[([Metric("loss", 1.0, 1, 1), Metric("Loss", 2.0, 1, 2)], [], [])])
@example(batches=[([], [Param("lr", "1")], []), ([Metric("loss", 1.0, 1, 1)], [Param("lr", "2")], [])])
@settings(max_examples=60, **FEW)
def test_batches_leave_the_rows_that_mlflow_leaves(stores: Stores, batches: list[Batch]) -> None:
    both(stores, lambda store, run: [said(lambda b=b: store.log_batch(run, *b), run) for b in batches])  # type: ignore[misc]


@given(points=st.lists(POINTS, min_size=1, max_size=6))
@settings(max_examples=20, **FEW)
def test_single_points_leave_the_rows_that_mlflow_leaves(stores: Stores, points: list[Metric]) -> None:
    both(stores, lambda store, run: [said(lambda p=p: store.log_metric(run, p), run) for p in points])  # type: ignore[misc]


def test_a_batch_that_comes_again_changes_nothing(stores: Stores) -> None:
    batch = [Metric(f"m{number % 20}", number / 7, number, number) for number in range(1000)]
    outcome, written = both(
        stores, lambda store, run: [said(lambda: store.log_batch(run, batch, [], []), run) for _ in range(2)]
    )
    assert outcome == ["written"] * 2
    assert len(written["metrics"]) == 1000
    assert [row[3] for row in written["latest_metrics"]] == [
        step for _, step in sorted((f"m{n}", 980 + n) for n in range(20))
    ]


@pytest.mark.parametrize(
    "batch",
    [
        [Metric("", 1.0, 1, 1)],
        [Metric("..", 1.0, 1, 1)],
        [Metric("k" * 251, 1.0, 1, 1)],
        [Metric("loss", "high", 1, 1)],
        [Metric("loss", 1.0, None, 1)],
        [Metric("loss", 1.0, 1, 1), Metric("loss", 1.0, 1, "first")],
        [Metric("loss", 1.0, 1, 1)] * 1001,
    ],
)
def test_what_mlflow_refuses_is_refused_in_its_words(stores: Stores, batch: list[Any]) -> None:
    (outcome,), written = both(stores, lambda store, run: [said(lambda: store.log_batch(run, batch, [], []), run)])
    assert outcome != "written"
    assert written["metrics"] == []


@pytest.mark.parametrize("batch", [[], [Metric("loss", 1.0, 1, 1)]])
def test_a_deleted_run_and_one_that_never_was_take_nothing(stores: Stores, batch: list[Metric]) -> None:
    def act(store: SqlAlchemyStore, run: str) -> list[str]:
        store.delete_run(run)
        known = said(lambda: store.log_batch(run, batch, [], []), run)
        return [known, *(said(lambda: store.log_batch(other, batch, [], []), other) for other in ("f" * 32, "no run"))]  # noqa: B023

    (deleted, missing, _), _ = both(stores, act)
    assert "active" in deleted
    assert "not found" in missing


def test_points_of_a_logged_model_are_its_points_too(stores: Stores) -> None:
    for store in stores:
        run = new_run(store)
        model = store.create_logged_model("0", source_run_id=run).model_id
        store.log_batch(run, [Metric("loss", 1.0, 1, 1, model_id=model)], [], [])
        assert [metric.value for metric in store.get_logged_model(model).metrics] == [1.0]


def test_those_who_write_one_run_at_once_lose_nothing(stores: Stores) -> None:
    _, ours = stores
    run, start = new_run(ours), threading.Barrier(4)

    def write(writer: int) -> None:
        start.wait()
        for step in range(15):
            names = [f"m{number}" for number in range(20)]
            if writer % 2:
                names.reverse()
            ours.log_batch(run, [Metric(name, writer, step * 4 + writer, step) for name in names], [], [])

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(4)))
    written = rows(ours, run)
    assert len(written["metrics"]) == 4 * 15 * 20
    assert [row[1:4] for row in written["latest_metrics"]] == [(3.0, 14 * 4 + 3, 14)] * 20


@pytest.fixture(scope="module")
def experiment(stores: Stores) -> str:
    """An experiment with runs of every kind."""
    store = stores[0]
    made = str(store.create_experiment("searched"))
    for number in range(7):
        run = new_run(store, made)
        values = [0.1 * number, NAN, float("inf"), -0.0]
        points = [Metric(f"m{index}", value, index, number) for index, value in enumerate(values[: number + 1])]
        store.log_batch(run, points, [Param("lr", str(number))] * (number > 0), [RunTag("note", "x" * number)])
        if number == 3:
            store.log_inputs(run, [DatasetInput(Dataset("cells", "digest", "local", "source"), [])])
            model = store.create_logged_model(made, source_run_id=run).model_id
            store.log_outputs(run, [LoggedModelOutput(model, 0)])
        if number == 5:
            store.delete_run(run)
        if number == 6:
            with store.engine.begin() as connection:
                connection.execute(text(f"UPDATE runs SET name = NULL WHERE run_uuid = '{run}'"))
    return made


@pytest.mark.parametrize("view", [ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL])
@pytest.mark.parametrize("order", [[], ["metrics.m0 DESC"], ["params.lr ASC", "start_time DESC"]])
@pytest.mark.parametrize(
    "wanted", ["", "metrics.m0 > 0.15", "params.lr = '2' and tags.note = 'xx'", "datasets.name = 'cells'"]
)
@pytest.mark.parametrize("most", [2, 100])
def test_a_search_finds_what_mlflow_finds(
    stores: Stores, experiment: str, wanted: str, order: list[str], view: str, most: int
) -> None:
    def pages(store: SqlAlchemyStore) -> list[list[dict[str, Any]]]:
        found, token = [], None
        while not found or token:
            page = store.search_runs([experiment], wanted, view, most, order, token)
            token = page.token
            # The protocol's own text: a point that is no number equals nothing, not even itself.
            found.append([str(run.to_proto()) for run in page])
        return found

    peer, ours = (pages(store) for store in stores)
    assert ours == peer


@pytest.mark.parametrize("wanted", ["metrics.m0 >", "nobody.knows = 1"])
def test_a_search_that_mlflow_refuses_is_refused(stores: Stores, experiment: str, wanted: str) -> None:
    def search(store: SqlAlchemyStore) -> str:
        return said(lambda: store.search_runs([experiment], wanted, ViewType.ALL, 10, [], None), "")

    peer, ours = map(search, stores)
    assert ours == peer != "written"


def test_the_experiment_of_a_run_is_known(stores: Stores, experiment: str) -> None:
    peer, ours = stores
    run = new_run(peer, experiment)
    assert ours.experiment_of(run) == experiment
    assert said(lambda: ours.experiment_of("f" * 32), "") == said(lambda: peer.get_run("f" * 32), "")
