"""What Terraform asks of a group of servers and moto does not know: to replace them one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.moto_api._internal import mock_random

if TYPE_CHECKING:
    from moto.autoscaling.responses import AutoScalingResponse


def start_instance_refresh(call: AutoScalingResponse) -> ActionResult:
    """Answer StartInstanceRefresh: every instance is replaced before the answer comes; no refresh is ever under way."""
    backend, name = call.autoscaling_backend, call._get_param("AutoScalingGroupName")
    [group] = backend.describe_auto_scaling_groups([name])
    for state in list(group.instance_states):
        backend.terminate_instance(state.instance.id, should_decrement=False)
    backend.set_desired_capacity(name, group.desired_capacity)
    return ActionResult({"InstanceRefreshId": str(mock_random.uuid4())})
