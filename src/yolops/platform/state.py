"""Terraform's state as `terraform state pull` prints it, format 4: to read it, no provider has to be started.

`terraform show -json` starts the provider for its schema, which takes seconds.
https://developer.hashicorp.com/terraform/cli/state/recover
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 4
# Attributes that may be of any type: the format keeps them as {"value": ..., "type": ...}.
OF_ANY_TYPE = {"terraform_data": ("input", "output", "triggers_replace")}


def managed_resources(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return `address`, `type`, `name` and `values` of every resource of a state; data sources are none."""
    return [
        {
            "address": address(resource, instance),
            "type": resource["type"],
            "name": resource["name"],
            "values": _values(resource["type"], instance["attributes"]),
        }
        for resource in state.get("resources", [])
        if resource["mode"] == "managed"
        for instance in resource["instances"]
    ]


def address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    """Return what the configuration calls one instance of a resource."""
    key = instance.get("index_key")
    index = "" if key is None else f"[{key}]" if isinstance(key, int) else f'["{key}"]'
    return ".".join(part for part in (resource.get("module"), resource["type"], f"{resource['name']}{index}") if part)


def _values(type_: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    typed = {name: attributes[name]["value"] for name in OF_ANY_TYPE.get(type_, ()) if attributes.get(name)}
    return {**attributes, **typed}
