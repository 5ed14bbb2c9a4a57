"""What Terraform asks of a budget and moto does not know: tags, subscribers, changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from yolops.rehearsal.resources import ATTRIBUTE

if TYPE_CHECKING:
    from moto.budgets.models import BudgetsBackend
    from moto.budgets.responses import BudgetsResponse


def _tags(backend: BudgetsBackend, arn: str) -> dict[str, str]:
    everything: dict[str, dict[str, str]] = backend.__dict__.setdefault(ATTRIBUTE, {})
    return everything.setdefault(arn, {})


def _add(call: BudgetsResponse, arn: str, tags: list[dict[str, str]]) -> None:
    _tags(call.backend, arn).update({tag["Key"]: tag["Value"] for tag in tags})


def create_budget(call: BudgetsResponse) -> str:
    """Answer CreateBudget: what moto does, and the tags."""
    account, budget = call._get_param("AccountId"), call._get_param("Budget")
    notifications = call._get_param("NotificationsWithSubscribers", [])
    call.backend.create_budget(account_id=account, budget=budget, notifications=notifications)
    arn = f"arn:aws:budgets::{account}:budget/{budget['BudgetName']}"
    _tags(call.backend, arn).clear()
    _add(call, arn, call._get_param("ResourceTags") or [])
    return json.dumps({})


def update_budget(call: BudgetsResponse) -> str:
    """Answer UpdateBudget: the new budget takes the place of the old one; its notifications stay."""
    account, budget = call._get_param("AccountId"), call._get_param("NewBudget")
    call.backend.describe_budget(account_id=account, budget_name=budget["BudgetName"])
    call.backend.budgets[account][budget["BudgetName"]].budget.update(budget)
    return json.dumps({})


def describe_subscribers_for_notification(call: BudgetsResponse) -> str:
    """Answer DescribeSubscribersForNotification."""
    budget = call.backend.budgets[call._get_param("AccountId")][call._get_param("BudgetName")]
    wanted = call._get_param("Notification")
    found = [item.subscribers for item in budget.notifications if _same(item.details, wanted)]
    return json.dumps({"Subscribers": [subscriber for subscribers in found for subscriber in subscribers]})


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two notifications are the same; the type of a threshold has a default."""
    default = {"ThresholdType": "PERCENTAGE"}
    names = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
    return all((default | one).get(name) == (default | other).get(name) for name in names)


def list_tags_for_resource(call: BudgetsResponse) -> str:
    """Answer ListTagsForResource."""
    tags = _tags(call.backend, call._get_param("ResourceARN"))
    return json.dumps({"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]})


def tag_resource(call: BudgetsResponse) -> str:
    """Answer TagResource."""
    _add(call, call._get_param("ResourceARN"), call._get_param("ResourceTags"))
    return json.dumps({})


def untag_resource(call: BudgetsResponse) -> str:
    """Answer UntagResource."""
    for key in call._get_param("ResourceTagKeys"):
        _tags(call.backend, call._get_param("ResourceARN")).pop(key, None)
    return json.dumps({})
