"""What a killed apply left behind is found by what the plan would create, and nothing of others is taken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake_aws import FakeAws
from yolops.aws import AwsError
from yolops.errors import YolopsError
from yolops.platform.recovery import Orphan, Recovery

TAGS = {"Project": "cells", "Name": "cells"}


class FakeTerraform:
    """Plans what it was told to plan, and remembers what was imported."""

    def __init__(self, *creates: tuple[str, dict[str, Any]], state: tuple[tuple[str, str], ...] = ()) -> None:
        self.state = [{"address": f"{type_}.known", "type": type_, "values": {"id": one}} for type_, one in state]
        self.shown = {
            "resource_changes": [
                {
                    "address": address,
                    "mode": "managed",
                    "type": address.partition(".")[0],
                    "change": {"actions": ["create"], "after": after},
                }
                for address, after in creates
            ],
        }

        self.forgotten: list[str] = []
        self.untainted: list[str] = []
        self.vanished: set[str] = set()

    def plan(self, *, refresh: bool) -> dict[str, Any]:
        assert not refresh
        return self.shown

    def resources(self) -> list[dict[str, Any]]:
        return self.state

    def import_all(self, identities: dict[str, str], shown: dict[str, Any]) -> dict[str, YolopsError | None]:
        assert shown is self.shown
        return {
            address: YolopsError("not there", "") if one in self.vanished else None
            for address, one in identities.items()
        }

    def forget(self, addresses: list[str]) -> None:
        self.forgotten += addresses

    def untaint(self, address: str) -> None:
        self.untainted.append(address)


def recovery(terraform: FakeTerraform, aws: FakeAws) -> Recovery:
    return Recovery(terraform, aws, "cells", say=lambda _: None)  # type: ignore[arg-type]


def test_what_exists_is_found_and_what_does_not_is_left_to_be_created() -> None:
    terraform = FakeTerraform(
        ("aws_iam_role.training", {"name": "cells-training"}),
        ("aws_db_instance.database", {"identifier": "cells-mlflow"}),
        ("aws_s3_bucket_versioning.data", {"bucket": "cells"}),
    )
    aws = FakeAws(get_role={"Role": {"RoleName": "cells-training"}})
    found = recovery(terraform, aws).search()
    assert found.orphans == (Orphan("aws_iam_role.training", "aws_iam_role", "cells-training"),)
    assert not found.unclear


def test_what_belongs_to_another_project_is_not_taken() -> None:
    terraform = FakeTerraform(("aws_iam_role.training", {"name": "cells-training"}))
    theirs = {"Role": {"RoleName": "cells-training", "Tags": [{"Key": "Project", "Value": "other"}]}}
    assert recovery(terraform, FakeAws(get_role=theirs)).search().orphans == ()


def test_what_the_state_knows_already_is_not_found_again() -> None:
    terraform = FakeTerraform(("aws_vpc.own", {"tags_all": TAGS}), state=(("aws_vpc", "vpc-1"),))
    aws = FakeAws(describe_vpcs={"Vpcs": [{"VpcId": "vpc-1"}, {"VpcId": "vpc-2"}]})
    assert [orphan.identity for orphan in recovery(terraform, aws).search().orphans] == ["vpc-2"]


def test_a_role_that_is_known_does_not_hide_the_instance_profile_of_the_same_name() -> None:
    terraform = FakeTerraform(
        ("aws_iam_instance_profile.server", {"name": "cells-server"}), state=(("aws_iam_role", "cells-server"),)
    )
    aws = FakeAws(get_instance_profile={"InstanceProfile": {"InstanceProfileName": "cells-server"}})
    assert [orphan.identity for orphan in recovery(terraform, aws).search().orphans] == ["cells-server"]


def test_two_that_look_alike_are_named_and_none_is_taken() -> None:
    terraform = FakeTerraform(("aws_vpc.own", {"tags_all": TAGS}))
    aws = FakeAws(describe_vpcs={"Vpcs": [{"VpcId": "vpc-1"}, {"VpcId": "vpc-2"}]})
    found = recovery(terraform, aws).search()
    assert found.orphans == ()
    assert found.unclear == ("aws_vpc.own: which of vpc-1, vpc-2 it is cannot be told",)


def test_what_would_be_made_anew_after_its_import_is_left_out_of_the_state_again() -> None:
    terraform = FakeTerraform(("aws_vpc.own", {"tags_all": TAGS}))
    asked = recovery(terraform, FakeAws(describe_vpcs={"Vpcs": [{"VpcId": "vpc-1"}]}))
    asked.adopt(asked.search().orphans)
    terraform.shown["resource_changes"][0]["change"]["actions"] = ["delete", "create"]
    assert asked.search().unclear == ("aws_vpc.own: exists, but would be made anew to be what the configuration says",)
    assert terraform.forgotten == ["aws_vpc.own"]
    terraform.shown["resource_changes"][0]["change"]["actions"] = ["create"]
    assert asked.search().orphans == (), "it is not imported a second time"


def test_what_has_vanished_when_it_is_imported_is_named_and_the_others_are_taken() -> None:
    terraform = FakeTerraform(
        ("aws_iam_role.training", {"name": "cells-training"}), ("aws_vpc.own", {"tags_all": TAGS})
    )
    terraform.vanished = {"vpc-1"}
    aws = FakeAws(get_role={"Role": {"RoleName": "cells-training"}}, describe_vpcs={"Vpcs": [{"VpcId": "vpc-1"}]})
    asked = recovery(terraform, aws)
    done = {orphan.address: problem and problem.message for orphan, problem in asked.adopt(asked.search().orphans)}
    assert done == {"aws_iam_role.training": None, "aws_vpc.own": "not there"}


def test_an_aws_that_refuses_to_answer_is_not_taken_for_one_where_nothing_is() -> None:
    terraform = FakeTerraform(("aws_iam_role.training", {"name": "cells-training"}))
    aws = FakeAws(get_role=AwsError("AWS iam get_role: not allowed", "", "AccessDenied"))
    with pytest.raises(AwsError, match="not allowed"):
        recovery(terraform, aws).search()


def interrupted(address: str, **before: Any) -> dict[str, Any]:
    change = {"actions": ["delete", "create"], "before": before}
    type_ = address.partition(".")[0]
    return {"address": address, "type": type_, "action_reason": "replace_because_tainted", "change": change}


def test_a_database_whose_creation_was_interrupted_is_waited_for_and_kept_because_it_cannot_be_made_anew() -> None:
    database = interrupted("aws_db_instance.database", id="db-1", identifier="cells-mlflow")
    shown = {"resource_changes": [interrupted("aws_vpc_endpoint.s3", id="vpce-1"), database]}
    terraform, aws = FakeTerraform(), FakeAws()
    assert recovery(terraform, aws).keep(shown)
    waiter, asked = aws.waited
    assert (waiter, asked["DBInstanceIdentifier"]) == ("db_instance_available", "cells-mlflow")
    assert terraform.untainted == ["aws_db_instance.database"]
    assert not recovery(terraform, aws).keep({"resource_changes": [database | {"action_reason": "replace_by_request"}]})


def test_what_aws_could_not_create_is_made_anew() -> None:
    failed = AwsError("AWS cloudformation: the stack was rolled back", "", "WaiterError")
    terraform, aws = FakeTerraform(), FakeAws(wait=failed)
    assert not recovery(terraform, aws).keep(
        {"resource_changes": [interrupted("aws_cloudformation_stack.app", id="arn")]}
    )
    assert terraform.untainted == []
