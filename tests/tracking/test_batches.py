from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from yolops.tracking.batches import MAX_METRICS, MAX_PARAMS, MAX_TAGS, MAX_TOTAL, BatchBuilder


def test_metrics_params_and_tags_share_one_call() -> None:
    builder = BatchBuilder()
    assert builder.add({"kind": "metrics", "time": 5, "step": 2, "values": {"loss": 0.5}})
    assert builder.add({"kind": "params", "time": 5, "values": {"lr": "0.1"}})
    assert builder.add({"kind": "tags", "time": 5, "values": {"who": "me"}})
    batch = builder.build()
    assert (batch.metrics[0].name, batch.metrics[0].step, batch.metrics[0].time) == ("loss", 2, 5)
    assert (batch.params, batch.tags, batch.last_step) == ((("lr", "0.1"),), (("who", "me"),), 2)


def test_a_file_is_never_part_of_a_batch() -> None:
    assert not BatchBuilder().add({"kind": "file", "time": 1, "path": "x", "folder": ""})


@given(st.lists(st.tuples(st.sampled_from(["params", "tags", "metrics"]), st.integers(1, 50)), max_size=80))
def test_no_batch_is_larger_than_mlflow_allows(records: list[tuple[str, int]]) -> None:
    builder = BatchBuilder()
    for number, (kind, count) in enumerate(records):
        values = {f"{number}/{index}": 1.0 if kind == "metrics" else "v" for index in range(count)}
        if not builder.add({"kind": kind, "time": 0, "step": 0, "values": values}):
            break
    batch = builder.build()
    assert len(batch.metrics) <= MAX_METRICS
    assert len(batch.params) <= MAX_PARAMS
    assert len(batch.tags) <= MAX_TAGS
    assert len(batch.metrics) + len(batch.params) + len(batch.tags) <= MAX_TOTAL
