"""What exists is put into the state by one plan: a configuration that imports it and does nothing else, and the merge.

`terraform import` takes one resource at a time and starts the provider for each. Import blocks take all of them, but a
plan of the real configuration would also create what is missing, or fail on it. So each resource stands alone here,
with the arguments that the real configuration gives it. They have to be there and play no part: their values are
unknown, which no validation refuses, and `ignore_changes = all` keeps everything as it was read.
https://developer.hashicorp.com/terraform/language/import
"""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.platform.configuration import LOCK_FILE
from yolops.platform.state import FORMAT
from yolops.platform.state import address as address_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEY = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|\d+)\]')
# Says which AWS is meant, and how what is there is tagged.
COPIED = ("providers.tf", "versions.tf", "variables.tf", "options.tf", LOCK_FILE)
SETTINGS = ("*.tfvars", "*.tfvars.json")
# Of any type, and not known before an apply: https://developer.hashicorp.com/terraform/language/functions/timestamp
UNKNOWN = "${jsondecode(timestamp())}"
# By type, attributes that only its deletion reads, AWS does not tell, and no apply can change once it exists. A Studio
# domain would keep its file system.
READ_BY_DESTROY = {"aws_sagemaker_domain": ("retention_policy",)}


def write(directory: Path, configuration: Mapping[str, Any], real: Path) -> None:
    """Make a directory hold that configuration, with the provider and the settings of the real one."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)
    (directory / "import.tf.json").write_text(json.dumps(configuration), encoding="utf-8")
    for file in [*(real / name for name in COPIED), *(file for pattern in SETTINGS for file in real.glob(pattern))]:
        if file.is_file():
            shutil.copyfile(file, directory / file.name)


def configuration(shown: Mapping[str, Any], identities: Mapping[str, str]) -> dict[str, Any]:
    """Return the configuration whose plan imports things, in Terraform's JSON syntax.

    Args:
        shown: a plan that would create them, as Terraform's JSON.
        identities: by address, what `import` calls each.
    """
    arguments = dict(_arguments(shown["configuration"]["root_module"]))
    resources: dict[str, dict[str, Any]] = {}
    imports = []
    for name, address in _names(identities).items():
        type_ = _planned(shown)[address]["type"]
        body = _unknown(arguments[KEY.sub("", address)])
        resources.setdefault(type_, {})[name] = body | {"lifecycle": {"ignore_changes": "all"}}
        identity = identities[address].replace("${", "$${").replace("%{", "%%{")
        imports.append({"to": f"{type_}.{name}", "id": identity})
    return {"resource": resources, "import": imports}


def merged(
    state: Mapping[str, Any], imported: Mapping[str, Any], shown: Mapping[str, Any], identities: Mapping[str, str]
) -> dict[str, Any]:
    """Return a state that knows what was imported as well, with the serial that a push asks for.

    Args:
        state: as `terraform state pull` prints it; {} before the first apply. Not changed.
        imported: the state of the configuration that imported it.
        shown: the plan that would have created it.
        identities: by address, what was imported.

    Raises:
        YolopsError: the state is of another format, or knows one of them already.
    """
    whole = state or {**imported, "resources": []}
    known = {address_of(resource, one) for resource in whole["resources"] for one in resource["instances"]}
    if whole["version"] != FORMAT or known & set(identities):
        raise YolopsError("the state has changed meanwhile", "yolops recover")
    addresses = _names(identities)
    # Instances of one resource may stand apart: Terraform brings them together when it reads what is pushed.
    added = [_placed(one, _planned(shown)[addresses[one["name"]]]) for one in imported["resources"]]
    return {**whole, "serial": whole["serial"] + 1, "resources": [*whole["resources"], *added]}


def _names(identities: Mapping[str, str]) -> dict[str, str]:
    """Return by the name it has in the configuration of its own the address of each."""
    return {f"existing_{number}": address for number, address in enumerate(identities)}


def _planned(shown: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["address"]: item for item in shown["resource_changes"]}


def _arguments(module: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every resource of a configuration in Terraform's JSON: its address without keys, and its arguments."""
    for resource in module.get("resources", []):
        if resource["mode"] == "managed":
            yield f"{path}{resource['type']}.{resource['name']}", resource.get("expressions", {})
    for name, call in module.get("module_calls", {}).items():
        yield from _arguments(call["module"], f"{path}module.{name}.")


def _unknown(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments and blocks of the same names."""
    return {
        name: [_unknown(block) for block in value]
        if isinstance(value, list)
        else UNKNOWN
        if value.keys() <= {"constant_value", "references"}
        else _unknown(value)
        for name, value in arguments.items()
    }


def _placed(resource: Mapping[str, Any], planned: Mapping[str, Any]) -> dict[str, Any]:
    """Return an imported resource as the real configuration calls it, with what AWS does not tell about it."""
    module = {"module": planned["module_address"]} if "module_address" in planned else {}
    index = {"index_key": planned["index"]} if "index" in planned else {}
    wanted = planned["change"]["after"]
    untold = {name: wanted[name] for name in READ_BY_DESTROY.get(planned["type"], ()) if wanted.get(name)}
    [instance] = resource["instances"]
    instances = [{**instance, **index, "attributes": instance["attributes"] | untold}]
    return {**resource, **module, "name": planned["name"], "instances": instances}
