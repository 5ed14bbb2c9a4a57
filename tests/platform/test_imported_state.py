"""What an import leaves out of the state is put at its address and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from yolops.errors import YolopsError
from yolops.platform.imported_state import complete, missing

POLICY = [{"home_efs_file_system": "Delete"}]


def state(**instance: Any) -> dict[str, Any]:
    domain = {"type": "aws_sagemaker_domain", "name": "studio", "module": "module.studio[0]"}
    other = {"type": "aws_vpc", "name": "own", "instances": [{"index_key": "vpc", "attributes": {"id": "vpc-1"}}]}
    instances = [{"attributes": {"id": "d-1", "retention_policy": []}, **instance}]
    return {"version": 4, "serial": 7, "lineage": "x", "resources": [other, {**domain, "instances": instances}]}


@pytest.mark.parametrize(("key", "index"), [({}, ""), ({"index_key": 0}, "[0]"), ({"index_key": "a"}, '["a"]')])
def test_a_resource_is_found_by_its_address_with_or_without_a_key(key: dict[str, Any], index: str) -> None:
    before = state(**key)
    after = complete(before, f"module.studio[0].aws_sagemaker_domain.studio{index}", {"retention_policy": POLICY})
    assert after["serial"] == 8
    assert after["resources"][1]["instances"][0]["attributes"] == {"id": "d-1", "retention_policy": POLICY}
    assert after["resources"][0] == before["resources"][0]
    assert before == state(**key)


@pytest.mark.parametrize("change", [{"version": 5}, {"resources": []}])
def test_a_state_that_cannot_be_completed_is_left_as_it_is(change: dict[str, Any]) -> None:
    with pytest.raises(YolopsError, match="the state does not take retention_policy"):
        complete(state() | change, "module.studio[0].aws_sagemaker_domain.studio", {"retention_policy": POLICY})


def test_only_what_a_destroy_reads_and_an_apply_cannot_mend_is_missing() -> None:
    planned = {"domain_name": "cells", "retention_policy": POLICY}
    assert missing("aws_sagemaker_domain", planned) == {"retention_policy": POLICY}
    assert missing("aws_vpc", planned) == {}
