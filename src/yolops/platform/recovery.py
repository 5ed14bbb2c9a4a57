"""After an apply that was killed: nothing of it runs any more, nobody holds its lock, and nothing it made is forgotten.

Terraform writes its state as resources complete, so what was just being created is in AWS and in no state: a second
apply would fail on its name, or create it a second time. It is found by what the plan would create, and imported.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops import running_processes
from yolops.aws import absent_ok, aws_errors
from yolops.errors import YolopsError
from yolops.platform import state_lock
from yolops.platform.adoption import is_foreign, question

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from yolops.aws import Aws
    from yolops.platform.adoption import Rule
    from yolops.platform.state_lock import Lock
    from yolops.platform.terraform import Terraform

POLL_S = 1.0
STOP_PATIENCE_S = 5.0
# What AWS is still creating would refuse every change that the next apply makes to it. boto3 alone would look again
# only after half a minute.
LOOK_AGAIN = {"Delay": 5, "MaxAttempts": 720}
WAITERS = {
    "aws_db_instance": ("rds", "db_instance_available", "DBInstanceIdentifier"),
    "aws_cloudformation_stack": ("cloudformation", "stack_create_complete", "StackName"),
}

TAINTED = "replace_because_tainted"


@dataclass(frozen=True)
class Orphan:
    """Something that exists and that Terraform would create.

    Attributes:
        address: what the configuration calls it.
        type: its type.
        identity: what `terraform import` calls it.
    """

    address: str
    type: str
    identity: str


@dataclass(frozen=True)
class Found:
    """What one search found.

    Attributes:
        orphans: what can be imported.
        unclear: what cannot, with the reason, in lines.
    """

    orphans: tuple[Orphan, ...]
    unclear: tuple[str, ...]


class Recovery:
    """The way back after a killed apply.

    Args:
        terraform: the directory it happened in.
        aws: the region.
        project: the name of the project.
        say: is told what is being waited for.
    """

    def __init__(self, terraform: Terraform, aws: Aws, project: str, *, say: Callable[[str], object]) -> None:
        self._terraform = terraform
        self._aws = aws
        self._project = project
        self._say = say
        self._account = ""
        self._shown: dict[str, Any] = {}
        self._adopted: set[str] = set()
        self._refused: dict[str, str] = {}

    def take_over(self) -> Lock | None:
        """Make sure that nothing of the killed apply runs or holds the lock, and return the lock that was left.

        Raises:
            YolopsError: somebody is at work there.
        """
        self._wait_for_terraform()
        for left in running_processes.find_background(self._terraform.records):
            running_processes.stop(left, STOP_PATIENCE_S)  # providers whose Terraform was killed
        return state_lock.take_over(self._terraform)

    def search(self) -> Found:
        """Return what exists although Terraform would create it.

        Raises:
            YolopsError: the plan fails, or AWS refuses to answer.
        """
        self._account = self._account or self._aws.account()
        self._shown = self._terraform.plan(refresh=False)
        # By type as well: a role and its instance profile may bear one name.
        known = {(resource["type"], str(resource["values"].get("id"))) for resource in self._terraform.resources()}
        orphans: list[Orphan] = []
        unclear: list[str] = []
        for item in self._shown.get("resource_changes", []):
            if item["address"] in self._adopted and "delete" in item["change"]["actions"]:
                self._terraform.forget([item["address"]])
                self._refused[item["address"]] = (
                    f"{item['address']}: exists, but would be made anew to be what the configuration says"
                )
            if item["change"]["actions"] != ["create"] or item["address"] in self._refused:
                continue
            rule = question(item["type"], item["change"]["after"], self._account, self._project)
            if rule is None:
                continue
            identities = [one for one in self._ask(rule) if (item["type"], one) not in known]
            if len(identities) == 1:
                known.add((item["type"], identities[0]))
                orphans.append(Orphan(item["address"], item["type"], identities[0]))
            elif identities:
                unclear.append(f"{item['address']}: which of {', '.join(identities)} it is cannot be told")
        return Found(tuple(orphans), (*self._refused.values(), *unclear))

    def adopt(self, orphans: Sequence[Orphan]) -> list[tuple[Orphan, YolopsError | None]]:
        """Import what the last search found, and return each with what went wrong."""
        for orphan in orphans:
            self._wait_until_created(orphan)
        problems = self._terraform.import_all({orphan.address: orphan.identity for orphan in orphans}, self._shown)
        self._adopted |= {address for address, problem in problems.items() if problem is None}
        return [(orphan, problems[orphan.address]) for orphan in orphans]

    def keep(self, shown: Mapping[str, Any]) -> bool:
        """Keep what AWS went on creating when an apply was interrupted, and return whether the plan is another by that.

        Terraform would make it anew, and a database that is protected against deletion refuses that for ever.

        Args:
            shown: a plan as Terraform's JSON.
        """
        kept = False
        for item in shown.get("resource_changes", []):
            if item.get("action_reason") != TAINTED or item["type"] not in WAITERS:
                continue
            before = item["change"]["before"]
            self._say(f"{item['address']}: was being created when an apply was interrupted; waiting for it")
            try:
                self._wait_until_created(
                    Orphan(item["address"], item["type"], before.get("identifier") or before["id"])
                )
            except YolopsError as error:
                self._say(f"{error.message}; it is made anew")
                continue
            self._terraform.untaint(item["address"])
            kept = True
        return kept

    def finish(self) -> None:
        """Take note that the killed apply has been dealt with."""
        self._terraform.forget_kill()

    def _wait_for_terraform(self) -> None:
        """Let a Terraform finish whose yolops was killed; refuse to go near one that somebody watches."""
        owner = self._terraform.owner()
        ours = running_processes.find_background(self._terraform.records)
        told = False
        while running := self._terraform.running():
            if owner is not None or not set(running) & set(ours):
                raise YolopsError(
                    f"{self._terraform.directory}: Terraform is at work here (process {running[0].pid})",
                    "wait until it has ended, then try again",
                )
            if not told:
                self._say(f"waiting for Terraform (process {running[0].pid}), which goes on although yolops was killed")
                told = True
            time.sleep(POLL_S)

    def _ask(self, rule: Rule) -> list[str]:
        import jmespath

        found: list[Any] = []
        with absent_ok():
            for answer in self._aws.pages(rule.service, rule.operation, **rule.parameters):
                part = jmespath.search(rule.found, answer)
                if part and not (rule.by_name and is_foreign(answer, self._project)):
                    found += part if isinstance(part, list) else [part]
        return list(dict.fromkeys(rule.identity.replace("{found}", str(item)) for item in found if item))

    def _wait_until_created(self, orphan: Orphan) -> None:
        if orphan.type in WAITERS:
            service, waiter, parameter = WAITERS[orphan.type]
            with aws_errors(f"{service} {orphan.identity}"):
                self._aws.client(service).get_waiter(waiter).wait(
                    **{parameter: orphan.identity}, WaiterConfig=LOOK_AGAIN
                )
