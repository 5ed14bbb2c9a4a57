"""What an import leaves out of the state although a destroy reads it there, put back.

AWS tells how something is, not what is to become of it: a Studio domain that was imported would keep its file system.
The state is edited as `terraform state pull` and `push` have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.platform.state import FORMAT
from yolops.platform.state import address as address_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# By type, the attributes that only its deletion reads and that cannot be changed once it exists. What can be changed is
# put right by the next apply.
READ_BY_DESTROY = {"aws_sagemaker_domain": ("retention_policy",)}


def missing(type_: str, planned: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a resource that its import will leave out.

    Args:
        type_: its type.
        planned: what the configuration wants it to be.
    """
    return {name: planned[name] for name in READ_BY_DESTROY.get(type_, ()) if planned.get(name)}


def complete(state: dict[str, Any], address: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state in which a resource has those attributes, with the serial that a push asks for.

    Args:
        state: as `terraform state pull` prints it; not changed.
        address: what the configuration calls the resource.
        attributes: its values, as Terraform's JSON has them.

    Raises:
        YolopsError: the state is of another format, or the resource is not in it.
    """
    known = {address_of(resource, one) for resource in state.get("resources", []) for one in resource["instances"]}
    if state.get("version") != FORMAT or address not in known:
        raise YolopsError(
            f"{address}: the state does not take {', '.join(attributes)}, which its deletion reads",
            "yolops destroy says afterwards what is left, and how it is removed",
        )
    resources = [
        {**resource, "instances": [_completed(resource, one, address, attributes) for one in resource["instances"]]}
        for resource in state["resources"]
    ]
    return {**state, "serial": state["serial"] + 1, "resources": resources}


def _completed(
    resource: Mapping[str, Any], instance: dict[str, Any], address: str, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    if address_of(resource, instance) != address:
        return instance
    return {**instance, "attributes": {**instance["attributes"], **attributes}}
