"""What a Terraform plan would do, worst first: pure reading of `terraform show -json PLAN`.

Values are never kept, only the names of what changes: a plan holds whatever the state holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Action(StrEnum):
    """What happens to a resource, the worst first."""

    DESTROY = "destroy"
    REPLACE = "replace"
    CHANGE = "change"
    CREATE = "create"
    FORGET = "forget"


# What people lose with a resource; everything else can be made again by applying the same settings.
HOLDS = {
    "aws_s3_bucket": "artifacts, datasets and jobs",
    "aws_db_instance": "runs and registered models",
    "aws_sagemaker_mlflow_tracking_server": "runs and registered models",
    "aws_efs_file_system": "files of Studio users",
    "aws_sagemaker_domain": "files of Studio users",
    "aws_ebs_volume": "files of the server",
    "aws_ecr_repository": "training images",
    "aws_cloudwatch_log_group": "logs",
    "aws_kms_key": "what is encrypted with it",
}
MLFLOW_APP = "AWS::SageMaker::MlflowApp"
REASONS = {
    "replace_because_cannot_update": "cannot be changed in place",
    "replace_because_tainted": "its creation did not finish",
    "replace_because_tainted_dependency": "what it needs is replaced",
    "replace_by_request": "asked for",
    "replace_by_triggers": "what it follows changes",
    "delete_because_no_resource_config": "the configuration has it no more",
    "delete_because_no_module": "the configuration has its module no more",
    "delete_because_wrong_repetition": "the settings want it no more",
    "delete_because_count_index": "the settings want it no more",
    "delete_because_each_key": "the settings want it no more",
    "delete_because_no_move_target": "it has moved",
}
PROTECTION = "deletion_protection"
MOST_NAMES = 4


@dataclass(frozen=True)
class Change:
    """What happens to one resource.

    Attributes:
        action: what.
        address: which.
        type: its type, such as `aws_db_instance`.
        reason: why, or which of its attributes change; "" for what is new.
        holds: the data that is lost; "" if there is none, or it is not lost.
    """

    action: Action
    address: str
    type: str
    reason: str = ""
    holds: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the change as plain strings, for `--json`."""
        return {
            "action": self.action.value,
            "address": self.address,
            "type": self.type,
            "reason": self.reason,
            "data_lost": self.holds,
        }


@dataclass(frozen=True)
class Plan:
    """What a plan would do.

    Attributes:
        changes: to resources, the worst first.
        outputs: the names of outputs that change.
        then: the mode to which the next plan will switch, where this one only makes the switch possible.
    """

    changes: tuple[Change, ...]
    outputs: tuple[str, ...] = ()
    then: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes and not self.outputs

    def count(self, action: Action) -> int:
        """Return how many resources an action happens to."""
        return sum(change.action is action for change in self.changes)

    def summary(self) -> str:
        """Return how much of what happens, in one line."""
        counts = [f"{self.count(action)} to {action}" for action in Action if self.count(action)]
        return ", ".join(counts) or ("only outputs change" if self.outputs else "nothing to do")

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain values, for `--json`."""
        return {
            "empty": self.empty,
            **{action.value: self.count(action) for action in Action},
            "changes": [change.as_dict() for change in self.changes],
            "outputs": list(self.outputs),
            "then": self.then,
        }


def read_plan(shown: Mapping[str, Any]) -> Plan:
    """Return what a plan would do.

    Args:
        shown: what `terraform show -json PLAN` printed.
    """
    changes = [_change(item) for item in shown.get("resource_changes", []) if item["mode"] == "managed"]
    ranked = sorted((change for change in changes if change is not None), key=_rank)
    outputs = shown.get("output_changes") or {}
    changed = sorted(name for name, change in outputs.items() if change["actions"] != ["no-op"])
    return Plan(tuple(ranked), tuple(changed))


def read_destruction(announced: Sequence[Mapping[str, Any]]) -> Plan:
    """Return what a plan to destroy everything would do.

    Args:
        announced: what Terraform said while it made the plan, as its machine-readable messages.
    """
    resources = [event["change"]["resource"] for event in announced if event.get("type") == "planned_change"]
    return Plan(tuple(Change(Action.DESTROY, item["addr"], item["resource_type"]) for item in resources))


def unprotects(shown: Mapping[str, Any]) -> bool:
    """Return whether a plan takes the protection against deletion away from something.

    Args:
        shown: what `terraform show -json PLAN` printed.
    """
    sides = [
        (item["change"].get("before") or {}, item["change"].get("after") or {})
        for item in shown.get("resource_changes", [])
    ]
    return any(before.get(PROTECTION) and after.get(PROTECTION) is False for before, after in sides)


def _change(item: Mapping[str, Any]) -> Change | None:
    change = item["change"]
    action = _action(change["actions"])
    if action is None:
        return None
    lost = action in {Action.DESTROY, Action.REPLACE}
    return Change(
        action,
        item["address"],
        item["type"],
        _reason(action, item.get("action_reason", ""), change),
        _holds(item["type"], change.get("before") or {}) if lost else "",
    )


def _action(actions: Sequence[str]) -> Action | None:
    if "forget" in actions:
        return Action.FORGET
    if "delete" in actions:
        return Action.REPLACE if "create" in actions else Action.DESTROY
    return {"create": Action.CREATE, "update": Action.CHANGE}.get(actions[0])


def _reason(action: Action, code: str, change: Mapping[str, Any]) -> str:
    said = REASONS.get(code, code.replace("_", " "))
    if action is Action.REPLACE:
        names = sorted({str(path[0]) for path in change.get("replace_paths") or [] if path})
        return ": ".join(part for part in (_listed(names), said) if part)
    return _listed(_changed_names(change)) if action is Action.CHANGE else said


def _changed_names(change: Mapping[str, Any]) -> list[str]:
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = {name for name, value in (change.get("after_unknown") or {}).items() if value is True}
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return sorted((names | unknown) - {"tags_all"}) or ["tags"]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _holds(type_: str, before: Mapping[str, Any]) -> str:
    if type_ == "aws_cloudformation_stack":
        return HOLDS["aws_sagemaker_mlflow_tracking_server"] if MLFLOW_APP in str(before.get("template_body")) else ""
    return HOLDS.get(type_, "")


def _rank(change: Change) -> tuple[int, bool, str]:
    return list(Action).index(change.action), not change.holds, change.address
