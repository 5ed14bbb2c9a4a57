"""Pruning removes what nobody needs, and never what a version has, whatever else goes on at that moment."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.datasets.versions.memory_store import Died, MemoryStore
from tests.datasets.versions.photographs import ALONE, photograph, photographs
from tests.datasets.versions.test_push import all_are_whole, packs
from yolops.datasets.description import Dataset, read_dataset
from yolops.datasets.versions.catalogue import versions
from yolops.datasets.versions.prune import Pruning, plan_pruning, prune
from yolops.datasets.versions.push import push
from yolops.errors import YolopsError

DAYS = timedelta(days=1)
SIZES = [100, 100, 100, ALONE]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    """Three datasets that share most of their files."""
    made = []
    for number in range(3):
        root = tmp_path_factory.mktemp("data")
        photographs(root, SIZES)
        photograph(root, 1, bytes([number]) * 200)
        photograph(root, 2, bytes([number]) * ALONE)
        made.append(read_dataset(root))
    return made


def pruned(store: MemoryStore, *, keep: int | None = None, older: timedelta | None = None) -> Pruning:
    plan = plan_pruning(store, "cats", now=datetime.now(UTC), keep=keep, older_than=older)
    prune(store, plan)
    return plan


def test_what_an_interrupted_push_has_left_goes_after_a_week(datasets: list[Dataset]) -> None:
    store = MemoryStore()
    push(store, "cats", datasets[0])
    kept = set(store.objects)
    store.dies_at = store.calls + 5
    with pytest.raises(Died):
        push(store, "cats", datasets[1])
    store.dies_at = None
    assert set(packs(store)) - kept
    assert pruned(store).garbage == ()
    store.age(8 * DAYS)
    plan = pruned(store)
    assert plan.garbage_bytes > 0
    assert set(store.objects) == kept
    assert all_are_whole(store)


def test_a_plan_removes_nothing(datasets: list[Dataset]) -> None:
    store = MemoryStore()
    for dataset in datasets:
        push(store, "cats", dataset)
    store.age(30 * DAYS)
    before = dict(store.objects)
    plan = plan_pruning(store, "cats", now=datetime.now(UTC), keep=1)
    assert len(plan.versions) == 2
    assert store.objects == before


def test_so_many_versions_stay_as_are_to_be_kept_with_all_that_they_have(datasets: list[Dataset]) -> None:
    store = MemoryStore()
    for dataset in datasets:
        push(store, "cats", dataset)
    everything = set(packs(store))
    assert len(pruned(store, keep=1).versions) == 2
    assert len(versions(store, "cats")) == 1
    assert set(packs(store)) == everything  # a push may rely on them
    store.age(8 * DAYS)
    pruned(store)
    assert len(versions(store, "cats")) == 1
    assert set(packs(store)) < everything
    assert all_are_whole(store)
    assert not [key for key in store.objects if "/removed/" in key]


def test_only_versions_older_than_that_go(datasets: list[Dataset]) -> None:
    store = MemoryStore()
    push(store, "cats", datasets[0])
    assert pruned(store, older=DAYS).versions == ()
    assert pruned(store, keep=1, older=timedelta()).versions == ()
    assert len(pruned(store, older=timedelta()).versions) == 1


def test_without_a_wish_no_version_goes(datasets: list[Dataset]) -> None:
    store = MemoryStore()
    push(store, "cats", datasets[0])
    store.age(3000 * DAYS)
    plan = pruned(store)
    assert plan.versions == plan.garbage == ()


def test_files_that_belong_to_no_version_stay(datasets: list[Dataset]) -> None:
    store = MemoryStore()
    push(store, "cats", datasets[0])
    store.put("cats/images/a.jpg", b"of somebody else")
    store.age(3000 * DAYS)
    pruned(store, older=timedelta())
    store.age(3000 * DAYS)
    pruned(store)
    assert set(store.objects) == {"cats/images/a.jpg"}


def test_where_a_manifest_cannot_be_read_nothing_is_removed(datasets: list[Dataset]) -> None:
    store = MemoryStore()
    version = push(store, "cats", datasets[0]).version
    store.objects[f"cats/.yolops/versions/{version}.json"] = (b"{", datetime.now(UTC))
    store.age(100 * DAYS)
    before = dict(store.objects)
    with pytest.raises(YolopsError, match="damaged"):
        pruned(store, keep=1)
    assert store.objects == before


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 2), st.integers(1, 12), st.floats(0, 2.9)),
        st.tuples(st.just("die"), st.integers(0, 2), st.integers(1, 9), st.floats(0, 9)),
        st.tuples(st.just("prune"), st.integers(0, 2), st.integers(1, 9), st.floats(0, 9)),
    ),
    min_size=2,
    max_size=8,
)


@given(STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_order_of_pushes_deaths_and_prunings_leaves_a_version_in_parts(
    datasets: list[Dataset], steps: list[tuple[str, int, int, float]]
) -> None:
    store = MemoryStore()
    for what, which, call, days in steps:
        at = store.calls + call
        if what == "push":  # before one of its calls time goes by, and somebody else prunes all but one version

            def meanwhile(number: int, at: int = at, days: float = days) -> None:
                if number == at:
                    store.age(days * DAYS)
                    pruned(store, keep=1)

            store.before = meanwhile
            push(store, "cats", datasets[which])
            store.before = lambda _: None
        elif what == "die":
            store.dies_at = at
            with suppress(Died):
                push(store, "cats", datasets[which])
            store.dies_at = None
            store.age(days * DAYS)
        else:
            store.age(days * DAYS)
            pruned(store, keep=which + 1)
        assert all_are_whole(store)
