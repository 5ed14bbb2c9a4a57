"""The platform in AWS: planned, applied exactly as planned, waited for, looked at, and destroyed with proof.

In a rehearsal the same Terraform runs in a copy of the configuration with a state of its own, so that what is
simulated and what is real never meet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from yolops.aws import Aws, absent_ok
from yolops.errors import YolopsError
from yolops.platform.configuration import mirror
from yolops.platform.leftovers import Scope, count_objects, find_leftovers
from yolops.platform.outputs import Outputs, from_terraform
from yolops.platform.plan import PROTECTION, Plan, read_destruction, read_plan, unprotects
from yolops.platform.readiness import HEALTHY, Server, wait_until_healthy
from yolops.platform.recovery import Recovery
from yolops.platform.root_certificate import trust_in
from yolops.platform.stake import BUCKET, DATABASE, GUARD, RUNS, Bucket, Stake, holds_runs, protected
from yolops.platform.terraform import Terraform

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yolops.findings import Finding
    from yolops.platform.boot_report import BootReport
    from yolops.platform.settings import Settings
    from yolops.platform.terraform_run import Event
    from yolops.platform.workspace import Workspace

# An apply that was interrupted leaves outputs too, but hardly all of these.
WHOLE = ("deployment_mode", "bucket_name", "tracking_uri", "mlflow_ui_url")
# What a switch asks for before it deletes a database: that the loss of its runs was applied.
RELEASE = (GUARD, RUNS)


@dataclass(frozen=True)
class Status:
    """A platform in AWS as it is now.

    Attributes:
        outputs: what describes it; None before the first apply that is done whole, and after `recover`.
        resources: how many Terraform has in its state; None where that is not here.
        health: `healthy`, or what is seen instead: `absent`, `unfinished` if only a part of it is there.
        drift: the addresses of what was changed behind Terraform's back; None where its state is not here.
        boot: what the server says of its boot; None where it says nothing.
    """

    outputs: Outputs | None
    resources: int | None
    health: str
    drift: tuple[str, ...] | None
    boot: BootReport | None = None

    @property
    def is_healthy(self) -> bool:
        """Whether MLflow answers."""
        return self.health == HEALTHY


class Deployment:
    """The platform of a workspace in one of the AWS modes.

    Args:
        workspace: whose platform it is.
        settings: what was decided about it.
        binary: the path of the terraform program.
        rehearsal: AWS is the simulation on this machine.
        say: is told, in one line each, what a person should know at once.
        certificate: the authority that a person wants to be believed, instead of the one that the server publishes.
    """

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        binary: str,
        *,
        rehearsal: bool,
        say: Callable[[str], object],
        certificate: Path | None = None,
    ) -> None:
        self.settings = settings
        self.aws = Aws(settings.region)
        self._workspace = workspace
        self._rehearsal = rehearsal
        self._say = say
        self._certificate = certificate
        simulated = workspace.simulated()
        self.terraform = Terraform(
            binary,
            simulated / "terraform" if rehearsal else settings.configuration,
            simulated / "driver" if rehearsal else workspace.state / "terraform",
            say=say,
        )

    def prepare(self) -> None:
        """Make sure that AWS knows who asks and that Terraform can run; changes nothing in AWS.

        Raises:
            YolopsError: there are no credentials, or Terraform finds no provider.
        """
        self.aws.account()
        self._initialise()

    def plan(self) -> Plan:
        """Save a plan for `apply` and return it.

        Leaving a mode whose database is protected takes two: the first plan only takes the protection away.

        Raises:
            YolopsError: an apply goes on or was killed here, or Terraform refuses.
        """
        if (owner := self.terraform.owner()) is not None:
            raise YolopsError(
                f"{self.terraform.directory}: another yolops is applying (process {owner.pid})",
                "wait until it has ended, then try again",
            )
        if self.terraform.was_killed:
            raise YolopsError(
                f"{self.terraform.directory}: an apply was killed, and what it was creating may be in no state",
                "yolops recover, then try again",
            )
        return self._plan_release() or read_plan(self._plan())

    def _plan_release(self) -> Plan | None:
        """Save and return a plan that takes protection away, if a switch needs that and the runs may go."""
        outputs = self._known_outputs()
        if outputs is None or outputs.mode is self.settings.mode:
            return None
        if not any(item["values"].get(PROTECTION) for item in self.terraform.resources()):
            return None
        try:
            shown = self.terraform.plan(variables={"deployment_mode": outputs.mode.value}, targets=RELEASE)
        except YolopsError:
            return None  # the settings fit the other mode only; the guard says what to do
        return replace(read_plan(shown), then=self.settings.mode.value) if unprotects(shown) else None

    def apply(self, tell: Callable[[Event], object]) -> None:
        """Carry out exactly the plan that was made last.

        Raises:
            YolopsError: something of it failed.
        """
        self.terraform.apply(tell)

    def wait_until_healthy(self, tell: Callable[[str], object]) -> None:
        """Wait until the MLflow of the platform answers.

        Raises:
            YolopsError: it does not.
        """
        wait_until_healthy(self._server(self.outputs()), tell)

    def outputs(self) -> Outputs:
        """Return what describes the platform.

        Raises:
            YolopsError: it was never applied.
        """
        self._initialise()
        outputs = self._known_outputs()
        if outputs is None and (count := len(self.terraform.resources())):
            raise YolopsError(
                f"{self.settings.path}: only a part of this platform is there ({count} resources), and its addresses "
                "are not known",
                "yolops up",
            )
        if outputs is None:
            raise YolopsError(f"{self.settings.path}: this platform is not there yet", "yolops up")
        return outputs

    def status(self) -> Status:
        """Return what can be seen of the platform; changes nothing.

        Raises:
            YolopsError: Terraform or AWS refuses.
        """
        outputs = self._known_outputs()
        resources = self.terraform.resources()
        if outputs is None:
            return Status(None, len(resources), "unfinished" if resources else "absent", ())
        # Of the mode that is deployed: settings that are not applied yet are no drift, and the guard may refuse them.
        drift = self.terraform.drift({"deployment_mode": outputs.mode.value})
        server = self._server(outputs)
        return Status(outputs, len(resources), server.health(), tuple(drift), server.known_boot())

    def recovery(self) -> Recovery:
        """Return the way back after a killed apply."""
        return Recovery(self.terraform, self.aws, self.settings.project_name, say=self._say)

    def stake(self) -> Stake:
        """Return what a destroy would take with it; changes nothing.

        Raises:
            YolopsError: Terraform or AWS refuses.
        """
        resources = self.terraform.resources()
        return Stake(
            resources=tuple(item["address"] for item in resources),
            outputs=self._known_outputs(),
            buckets=tuple(
                Bucket(item["address"], item["values"]["bucket"], *self._count(item["values"]["bucket"]))
                for item in resources
                if item["type"] == BUCKET
            ),
            buckets_go=self.settings.delete_bucket_contents,
            databases=tuple(item["values"]["identifier"] for item in resources if item["type"] == DATABASE),
            protected=tuple(protected(resources, buckets_go=self.settings.delete_bucket_contents)),
            holds_runs=holds_runs(resources),
        )

    def plan_surrender(self, stake: Stake) -> Plan:
        """Save a plan that only gives the runs up, so that a destroy is no longer refused, and return it.

        It is made for the mode that is deployed, whatever the settings say by now.
        """
        mode = self.settings.mode if stake.outputs is None else stake.outputs.mode
        variables = {"discard_runs": "true", "deployment_mode": mode.value}
        return read_plan(self._plan(variables=variables, targets=stake.protected))

    def plan_destroy(self, stake: Stake) -> Plan:
        """Save a plan that destroys everything except buckets that are kept, and return it."""
        self._scope(stake)
        self.terraform.forget(stake.kept_addresses())
        return read_destruction(self.terraform.plan_destroy())

    def leftovers(self, stake: Stake, tell: Callable[[str], object]) -> list[Finding]:
        """Return what is left in AWS of a platform that was destroyed.

        Args:
            stake: what there was before.
            tell: is called with what is being listed.
        """
        return find_leftovers(self.aws, self._scope(stake), tell)

    def _scope(self, stake: Stake) -> Scope:
        """Return what belongs to the project, also when an earlier destroy has taken away what told it."""
        file = self.terraform.records / "destroyed.json"
        try:
            former = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            former = {}
        if stake.outputs is not None:
            former |= {"bucket": stake.outputs.bucket_name, "domain_id": stake.outputs.studio_domain_id}
        former["kept"] = sorted({*former.get("kept", []), *(bucket.name for bucket in stake.kept)})
        file.write_text(json.dumps(former), encoding="utf-8")
        return Scope(
            self.settings.project_name,
            bucket=former.get("bucket", ""),
            domain_id=former.get("domain_id", ""),
            kept=frozenset(former["kept"]),
        )

    def _server(self, outputs: Outputs) -> Server:
        place = self._workspace.simulated() if self._rehearsal else self._workspace.state
        trust = trust_in(outputs, self.aws, place, self._certificate)
        return Server.of(outputs, self.aws, trust)

    def _plan(self, **arguments: Any) -> dict[str, Any]:
        """Save a plan in which nothing is made anew only because an apply was interrupted, and return it."""
        shown = self.terraform.plan(**arguments)
        return self.terraform.plan(**arguments) if self.recovery().keep(shown) else shown

    def _initialise(self) -> None:
        self._workspace.create_state()
        if self._rehearsal:
            mirror(self.settings.configuration, self.terraform.directory)
        self.terraform.init()

    def _known_outputs(self) -> Outputs | None:
        values: dict[str, Any] = self.terraform.outputs()
        return from_terraform(values) if all(values.get(name) for name in WHOLE) else None

    def _count(self, bucket: str) -> tuple[int, int]:
        with absent_ok():
            return count_objects(self.aws, bucket)
        return 0, 0
