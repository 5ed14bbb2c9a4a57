"""What a plan says, from Terraform's JSON written by hand."""

from __future__ import annotations

import json
from typing import Any

from yolops.platform.plan import Action, read_plan


def resource(address: str, *actions: str, reason: str = "", mode: str = "managed", **change: Any) -> dict[str, Any]:
    type_ = address.rpartition(".")[0].rpartition(".")[2]
    return {
        "address": address,
        "mode": mode,
        "type": type_,
        "action_reason": reason,
        "change": {"actions": list(actions), "before": {}, "after": {}, **change},
    }


def plan(*resources: dict[str, Any], **outputs: list[str]) -> Any:
    changes = {name: {"actions": actions} for name, actions in outputs.items()}
    return read_plan({"resource_changes": list(resources), "output_changes": changes})


def test_what_is_destroyed_stands_on_top_and_what_loses_data_above_that() -> None:
    seen = plan(
        resource("aws_vpc.own", "create"),
        resource("aws_instance.server", "delete", "create"),
        resource("aws_iam_role.old", "delete"),
        resource("module.custom[0].aws_db_instance.database", "delete"),
        resource("aws_eip.server", "update"),
    )
    assert [(change.action.value, change.address) for change in seen.changes] == [
        ("destroy", "module.custom[0].aws_db_instance.database"),
        ("destroy", "aws_iam_role.old"),
        ("replace", "aws_instance.server"),
        ("change", "aws_eip.server"),
        ("create", "aws_vpc.own"),
    ]
    assert seen.summary() == "2 to destroy, 1 to replace, 1 to change, 1 to create"


def test_only_what_is_destroyed_or_replaced_loses_its_data() -> None:
    seen = plan(
        resource("aws_s3_bucket.new", "create"),
        resource("aws_s3_bucket.same", "update"),
        resource("aws_s3_bucket.old", "delete"),
        resource("aws_db_instance.database", "create", "delete"),
    )
    assert {change.address: change.holds for change in seen.changes if change.holds} == {
        "aws_s3_bucket.old": "artifacts, datasets and jobs",
        "aws_db_instance.database": "runs and registered models",
    }


def test_a_stack_holds_runs_only_if_it_is_a_managed_mlflow() -> None:
    app = {"template_body": '{"Resources": {"App": {"Type": "AWS::SageMaker::MlflowApp"}}}'}
    seen = plan(
        resource("aws_cloudformation_stack.app", "delete", before=app),
        resource("aws_cloudformation_stack.other", "delete", before={"template_body": "{}"}),
    )
    assert [change.address for change in seen.changes if change.holds] == ["aws_cloudformation_stack.app"]


def test_what_stays_and_what_is_only_read_is_no_change() -> None:
    assert plan(resource("aws_vpc.own", "no-op"), resource("data.aws_ami.debian", "read", mode="data")).empty


def test_new_outputs_alone_are_something_to_apply() -> None:
    seen = plan(tracking_uri=["update"], vpc_id=["no-op"])
    assert not seen.empty
    assert seen.outputs == ("tracking_uri",)
    assert seen.summary() == "only outputs change"


def test_a_reason_says_which_attribute_forces_a_replacement() -> None:
    seen = plan(
        resource(
            "aws_instance.server",
            "delete",
            "create",
            reason="replace_because_cannot_update",
            replace_paths=[["user_data"], ["ami"]],
        ),
        resource("aws_db_instance.half", "delete", "create", reason="replace_because_tainted"),
        resource("aws_eip.server", "delete", reason="delete_because_count_index"),
        resource("aws_eip.other", "delete", reason="something_new"),
    )
    assert {change.address: change.reason for change in seen.changes} == {
        "aws_instance.server": "ami, user_data: cannot be changed in place",
        "aws_db_instance.half": "its creation did not finish",
        "aws_eip.server": "the settings want it no more",
        "aws_eip.other": "something new",
    }


def test_a_change_names_attributes_and_never_their_values() -> None:
    seen = plan(
        resource(
            "aws_db_instance.database",
            "update",
            before={"password": "canary-1", "instance_class": "db.t3.micro", "tags_all": {"a": "1"}},
            after={"password": "canary-2", "instance_class": "db.t3.small", "tags_all": {"a": "2"}},
            after_unknown={"endpoint": True, "tags": {}},
        )
    )
    assert seen.changes[0].reason == "endpoint, instance_class, password"
    assert "canary" not in json.dumps(seen.as_dict())


def test_many_attributes_are_counted() -> None:
    names = dict.fromkeys("abcdefg", 1)
    seen = plan(resource("aws_vpc.own", "update", before={}, after=names))
    assert seen.changes[0].reason == "a, b, c, d and 3 more"


def test_what_is_only_forgotten_is_not_destroyed() -> None:
    seen = plan(resource("aws_s3_bucket.kept", "forget"))
    assert seen.count(Action.FORGET) == 1
    assert not any(change.holds for change in seen.changes)


def test_the_plain_form_counts_every_action() -> None:
    value = plan(resource("aws_s3_bucket.old", "delete")).as_dict()
    assert (value["destroy"], value["create"], value["empty"]) == (1, 0, False)
    assert value["changes"][0]["data_lost"] == "artifacts, datasets and jobs"
