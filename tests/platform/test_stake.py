"""What refuses to be destroyed, and when runs would be lost, told by states written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from yolops.platform.stake import GUARD, RUNS, holds_runs, protected


def resource(address: str, **values: Any) -> dict[str, Any]:
    return {"address": address, "type": address.split(".")[-2], "values": values}


def guard(*, discard: bool) -> dict[str, Any]:
    return resource(GUARD, input={"discard": discard})


DATABASE = "module.custom[0].aws_db_instance.database"
BUCKET = "module.storage.aws_s3_bucket.platform"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ([], False),
        ([resource("aws_vpc.own")], False),
        ([guard(discard=False)], True),
        ([guard(discard=True), resource(RUNS, value="protected")], False),
        ([resource(RUNS, value="protected")], True),
        ([resource(RUNS, value="may go")], False),
        ([resource(DATABASE, deletion_protection=True)], True),
        ([resource(DATABASE, deletion_protection=False)], False),
    ],
    ids=["empty", "network", "guarded", "given-up", "recovered", "recovered-given-up", "database", "unprotected"],
)
def test_runs_may_be_lost_until_they_are_given_up_also_when_an_import_did_not_bring_the_guard_back(
    state: list[dict[str, Any]], expected: bool
) -> None:
    assert holds_runs(state) is expected


def test_the_guard_stands_for_the_database_and_a_bucket_for_itself() -> None:
    database = resource(DATABASE, deletion_protection=True)
    bucket = resource(BUCKET, force_destroy=False)
    assert list(protected([guard(discard=False), database, bucket], buckets_go=False)) == [GUARD]
    assert list(protected([database, bucket], buckets_go=True)) == [DATABASE, BUCKET]
    assert list(protected([guard(discard=True), bucket], buckets_go=False)) == []
