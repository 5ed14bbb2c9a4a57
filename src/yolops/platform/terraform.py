"""Terraform in one directory: every command is asked for JSON and judged by its exit code, never by its text.

With TF_CLI_CONFIG_FILE, TF_PLUGIN_CACHE_DIR and the like it does what it always does: they are inherited.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolops import process, running_processes
from yolops.errors import YolopsError
from yolops.platform import importing, terraform_run
from yolops.platform.configuration import fingerprint
from yolops.platform.state import managed_resources
from yolops.platform.terraform_run import Ended, failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from yolops.platform.terraform_run import Event

# Reading the AWS provider's schema makes so much garbage that collecting it less often saves a quarter of the work,
# for a twentieth more memory (https://go.dev/doc/gc-guide#GOGC).
ENVIRONMENT = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", "GOGC": "400"}
# Reading a state or a plan; the provider may have to be started for its schema.
READ_PATIENCE_S = 300.0
VERSION_PATIENCE_S = 15.0
NO_CHANGE, CHANGES = 0, 2
MEND = "mend what it names, then try again"
GO_ON = "mend what it names, then go on with `yolops up`; if something exists already: yolops recover"


class Terraform:
    """The terraform program in one directory.

    Args:
        binary: its path.
        directory: the configuration.
        records: where logs, the saved plan and what must be remembered are kept; made if need be.
        say: is told what a person should know at once, in lines.
    """

    def __init__(self, binary: str, directory: Path, records: Path, *, say: Callable[[str], object]) -> None:
        self.directory = directory
        self.records = records
        self._binary = binary
        self._say = say
        self._plan_file = records / "plan"
        self._initialised = records / "initialised"
        self._unfinished = records / "unfinished"

    def version(self) -> str:
        """Return the version of the program.

        Raises:
            YolopsError: it is not installed, or does not run.
        """
        done = process.run([self._binary, "version", "-json"], env=ENVIRONMENT, timeout=VERSION_PATIENCE_S)
        try:
            return str(json.loads(done.stdout)["terraform_version"])
        except (ValueError, KeyError) as error:
            raise YolopsError(
                f"{self._binary}: does not tell its version", "install Terraform 1.11 or newer"
            ) from error

    def init(self) -> None:
        """Fetch providers and modules, unless that was done for the code as it is.

        Raises:
            YolopsError: terraform is not installed, is too old, or finds no provider.
        """
        self.records.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.is_initialised:
            return
        self._stream("init", "-json", "-input=false")
        self._initialised.write_text(self._fingerprint(), encoding="utf-8")

    @property
    def is_initialised(self) -> bool:
        """Whether providers and modules are there for the code as it is."""
        return self._initialised.is_file() and self._initialised.read_text(encoding="utf-8") == self._fingerprint()

    def plan(
        self,
        *,
        variables: Mapping[str, str] | None = None,
        targets: Sequence[str] = (),
        refresh: bool = True,
    ) -> dict[str, Any]:
        """Save a plan that `apply` will carry out, and return it as Terraform's JSON; {} if it changes nothing.

        Args:
            variables: what differs from the settings this once; no secret, since arguments can be seen.
            targets: addresses; then only they and what they need.
            refresh: look in AWS first whether everything is still as the state says.

        Raises:
            YolopsError: the configuration or the settings are not valid, or AWS refuses.
        """
        arguments = [] if refresh else ["-refresh=false"]
        arguments += [f"-var={name}={value}" for name, value in (variables or {}).items()]
        arguments += [f"-target={target}" for target in targets]
        ended = self._save_plan(*arguments)
        # To show a plan Terraform starts the provider once more, which takes seconds.
        return {} if ended.code == NO_CHANGE else self._json("show", "-json", str(self._plan_file))

    def plan_destroy(self) -> list[Event]:
        """Save a plan that destroys everything, and return what Terraform announced meanwhile.

        Raises:
            YolopsError: something refuses to be destroyed, or AWS refuses.
        """
        return self._save_plan("-destroy").events

    def apply(self, tell: Callable[[Event], object]) -> None:
        """Carry out exactly the saved plan.

        Args:
            tell: is called with each of Terraform's messages.

        Raises:
            YolopsError: something of it failed; what was done until then is in the state.
            KeyboardInterrupt: it was interrupted; what was begun is finished and in the state.
        """
        self._unfinished.write_text(json.dumps(asdict(running_processes.this_process())), encoding="utf-8")
        ended = self._run("apply", ["-json", "-input=false", str(self._plan_file)], tell)
        self._plan_file.unlink(missing_ok=True)
        if ended.code >= 0:  # it ended by itself, with its state written
            self._unfinished.unlink(missing_ok=True)
            ended.raise_interruption()
        if ended.code:
            raise failure("apply", ended, GO_ON)

    @property
    def was_killed(self) -> bool:
        """Whether an apply began here and nothing is known of its end."""
        return self._unfinished.exists()

    def owner(self) -> running_processes.ProcessIdentity | None:
        """Return the yolops that is applying here; None if there is none, or it is dead."""
        try:
            value = json.loads(self._unfinished.read_text(encoding="utf-8"))
            owner = running_processes.ProcessIdentity(int(value["pid"]), float(value["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return owner if running_processes.is_running(owner) else None

    def running(self) -> list[running_processes.ProcessIdentity]:
        """Return every Terraform that is at work in this directory, whoever started it."""
        name = Path(self._binary).name
        programs = running_processes.programs_in(self.directory)
        return [identity for identity, program in programs.items() if Path(program).name == name]

    def forget_kill(self) -> None:
        """Take note that what a killed apply left behind has been dealt with."""
        self._unfinished.unlink(missing_ok=True)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs by name; empty before the first apply."""
        return {name: output["value"] for name, output in self._json("output", "-json").items()}

    def resources(self) -> list[dict[str, Any]]:
        """Return every resource of the state, as `state.managed_resources` has it."""
        return managed_resources(self._state())

    def drift(self, variables: Mapping[str, str] | None = None) -> list[str]:
        """Return the addresses of what was changed behind Terraform's back and an apply would put right.

        Changes nothing. A refresh alone also reports what AWS fills in after a resource was created, which is no drift.
        """
        arguments = ["-json", "-input=false", "-lock=false", "-detailed-exitcode"]
        arguments += [f"-var={name}={value}" for name, value in (variables or {}).items()]
        ended = self._stream("plan", *arguments, good=(NO_CHANGE, CHANGES), log="drift")
        return sorted(_changed(ended.events, "resource_drift") & _changed(ended.events, "planned_change"))

    def import_all(self, identities: Mapping[str, str], shown: Mapping[str, Any]) -> dict[str, YolopsError | None]:
        """Put things that exist into the state, and return by address what went wrong; None where nothing did.

        Args:
            identities: by address, what `import` calls each.
            shown: a plan that would create them, as Terraform's JSON.
        """
        try:
            self._import_together(identities, shown)
        except YolopsError as error:
            if len(identities) <= 1:
                return dict.fromkeys(identities, error)
        else:
            return dict.fromkeys(identities)
        # Terraform does not always say which of them it was.
        pairs = list(identities.items())
        half = len(pairs) // 2
        return self.import_all(dict(pairs[:half]), shown) | self.import_all(dict(pairs[half:]), shown)

    def _import_together(self, identities: Mapping[str, str], shown: Mapping[str, Any]) -> None:
        alone = Terraform(self._binary, self.records / "import", self.records / "import" / "records", say=self._say)
        providers = self.directory / ".terraform" / "providers"
        installed = [f"-plugin-dir={providers.resolve()}"] if providers.is_dir() else []
        try:
            importing.write(alone.directory, importing.configuration(shown, identities), self.directory)
            alone.records.mkdir()
            alone._stream("init", "-json", "-input=false", *installed)
            if _actions(alone._save_plan().events) - {"import"}:
                raise YolopsError("its import would change it", "import it by hand: terraform import ADDRESS ID")
            alone.apply(lambda _: None)
            self._push(importing.merged(self._state(), alone._state(), shown, identities))
        finally:
            shutil.rmtree(alone.directory, ignore_errors=True)

    def _push(self, state: Mapping[str, Any]) -> None:
        file = self.records / "pushed.tfstate"
        file.touch(mode=0o600)
        try:
            file.write_text(json.dumps(state), encoding="utf-8")
            self._stream("state", "push", str(file.resolve()))
        finally:
            file.unlink()

    def forget(self, addresses: Sequence[str]) -> None:
        """Take resources out of the state; they stay as they are."""
        if addresses:
            self._stream("state", "rm", *addresses)

    def untaint(self, address: str) -> None:
        """Keep a resource whose creation did not finish, instead of making it anew."""
        self._stream("untaint", address)

    def force_unlock(self, lock_id: str) -> None:
        """Take the lock of the state away from an owner who is dead."""
        self._stream("force-unlock", "-force", lock_id)

    def _save_plan(self, *arguments: str) -> Ended:
        self._plan_file.unlink(missing_ok=True)
        self._plan_file.touch(mode=0o600)  # it holds whatever the state holds
        options = ("-json", "-input=false", "-detailed-exitcode", f"-out={self._plan_file}")
        return self._stream("plan", *options, *arguments, good=(NO_CHANGE, CHANGES))

    def _stream(self, command: str, *arguments: str, good: tuple[int, ...] = (0,), log: str = "") -> Ended:
        ended = self._run(command, arguments, lambda _: None, log)
        ended.raise_interruption()
        if ended.code not in good:
            raise failure(command, ended, MEND)
        return ended

    def _run(
        self,
        command: str,
        arguments: Sequence[str],
        tell: Callable[[Event], object],
        log: str = "",
    ) -> Ended:
        return terraform_run.run(
            [self._binary, command, *arguments],
            cwd=self.directory,
            env=ENVIRONMENT,
            log=self.records / f"{log or command}.jsonl",
            tell=tell,
            say=self._say,
        )

    def _short(self, *arguments: str) -> process.Completed:
        return process.run([self._binary, *arguments], cwd=self.directory, env=ENVIRONMENT, timeout=READ_PATIENCE_S)

    def _state(self) -> dict[str, Any]:
        """Return the state; {} before the first apply."""
        return self._json("state", "pull")

    def _json(self, *arguments: str) -> dict[str, Any]:
        done = self._short(*arguments)
        if done.returncode:
            raise failure(arguments[0], Ended(done.returncode, [], done.stderr.splitlines()), MEND)
        return dict(json.loads(done.stdout or "{}"))

    def _fingerprint(self) -> str:
        """Return what stays the same as long as `init` need not run: the code, and that its result is there."""
        return f"{fingerprint(self.directory)} {(self.directory / '.terraform').is_dir()}"


def _changed(events: Sequence[Event], kind: str) -> set[str]:
    return {event["change"]["resource"]["addr"] for event in events if event.get("type") == kind}


def _actions(events: Sequence[Event]) -> set[str]:
    return {event["change"]["action"] for event in events if event.get("type") == "planned_change"}
