"""The container of a training job: a process of this machine with a directory of its own as /opt/ml.

There is no engine for images here: the image is this machine, with the Python that the rehearsal runs in. As root on
Linux the container has namespaces of its own: the job's directory is mounted at /opt/ml, its main process is number 1,
which hears SIGTERM only if it asks to, and everything in it ends with that one. Elsewhere every text that the job is
given and that names /opt/ml names the job's directory instead. Its environment is a new one either way.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from yolops import process, running_processes
from yolops.errors import YolopsError
from yolops.rehearsal import job_contract
from yolops.rehearsal.environment import enter
from yolops.rehearsal.job_contract import ML

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.rehearsal.job_contract import Job

UNSHARE = ("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc")
MOUNT = f'mkdir -p {ML} && mount --bind "$1" {ML} && shift && exec "$@"'
PROBE_PATIENCE_S = 10.0
# A process that a signal has ended, as a shell and Docker count it.
SIGNALLED = 128


class JobContainer:
    """One process and its directory.

    Args:
        directory: everything of the job; `ml` in it is /opt/ml.
        url: the address of the simulated AWS.
        region: the region of the job.
        isolated: whether it has namespaces of its own.
        addresses: where what has an address in a simulated VPC is reached from here.

    Attributes:
        ml: /opt/ml, as it is reached from here.
        log: what it prints.
    """

    def __init__(self, directory: Path, url: str, region: str, *, isolated: bool, addresses: Mapping[str, str]) -> None:
        self._directory = directory
        self._described = directory / "container.json"
        self._url = url
        self._region = region
        self._isolated = isolated
        self._addresses = addresses
        self._identity: running_processes.ProcessIdentity | None = None
        self.ml = directory / "ml"
        self.log = directory / "log"

    def lay_out(self, job: Job) -> None:
        """Make /opt/ml anew, as on an instance that nobody has used."""
        self.remove_files()
        for name in job_contract.DIRECTORIES:
            (self.ml / name).mkdir(mode=0o700, parents=True)
        (self.ml / job_contract.checkpoints_path(job)).mkdir(exist_ok=True, parents=True)
        for name, content in job_contract.config_files(job).items():
            text = self._placed(json.dumps(content, indent=2))
            (self.ml / "input" / "config" / name).write_text(text, encoding="utf-8")

    def start(self, job: Job, arn: str) -> None:
        """Start it.

        Raises:
            YolopsError: it cannot be started.
        """
        image = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": str(self._directory), "LANG": "C.UTF-8"}
        # A script that asks pip for what is not here fails, rather than change the packages of this machine.
        environ = {**image, "PYTHONUNBUFFERED": "1", "PIP_NO_INDEX": "1"}
        enter(environ, self._url, self._region)
        environ |= self._reachable(job_contract.environment(job, arn, os.cpu_count() or 1))
        described = {
            "directory": self._placed(f"{ML}/code"),
            "environment": {name: self._placed(value) for name, value in environ.items()},
            "command": [self._placed(word) for word in job_contract.command(job, sys.executable)],
        }
        self._described.touch(mode=0o600)
        self._described.write_text(json.dumps(described), encoding="utf-8")
        inside = [*UNSHARE, "sh", "-euc", MOUNT, "sh", str(self.ml)] if self._isolated else []
        argv = [*inside, sys.executable, "-m", "yolops.rehearsal.job_container", str(self._described)]
        self._identity = process.start_background(argv, log=self.log, cwd=self._directory)

    def exit_code(self) -> int | None:
        """Return how its main process has ended; None while it runs."""
        code = None if self._identity is None else running_processes.exit_code(self._identity)
        return SIGNALLED - code if code is not None and code < 0 else code

    def ask_to_end(self) -> None:
        """Send SIGTERM to its main process, as Docker does."""
        if self._identity is not None:
            # The parent of a process namespace stands outside of it.
            for main in running_processes.children(self._identity) if self._isolated else [self._identity]:
                running_processes.ask_to_end(main)

    def kill(self) -> None:
        """End whatever is left of it.

        Raises:
            YolopsError: something cannot be ended.
        """
        if self._identity is not None:
            running_processes.kill(self._identity)
        for left in running_processes.find_background(self._directory):
            running_processes.kill(left)

    def failure(self) -> str:
        """Return why the job says that it failed; empty if it does not say."""
        try:
            return (self.ml / "output" / "failure").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def remove_files(self) -> None:
        """Delete everything but the log."""
        shutil.rmtree(self.ml, ignore_errors=True)
        self._described.unlink(missing_ok=True)

    def _reachable(self, environ: dict[str, str]) -> dict[str, str]:
        """Return variables without what only a VPC knows: private addresses, and endpoints of AWS inside of it."""
        found = {name: value for name, value in environ.items() if not name.startswith("AWS_ENDPOINT_URL")}
        for private, here in self._addresses.items():
            found = {name: value.replace(f"//{private}:", f"//{here}:") for name, value in found.items()}
        return found

    def _placed(self, text: str) -> str:
        return text if self._isolated else text.replace(ML, str(self.ml))


@cache
def has_namespaces() -> bool:
    """Return whether this user may mount a job's directory where only the job sees it."""
    if not sys.platform.startswith("linux") or os.getuid() != 0 or shutil.which("unshare") is None:
        return False
    try:
        return process.run([*UNSHARE, "true"], timeout=PROBE_PATIENCE_S).returncode == 0
    except YolopsError:
        return False


def main() -> None:
    """Become the job that a file describes: its directory, its environment, its command."""
    described = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    environ = described["environment"] | {running_processes.MARK: os.environ[running_processes.MARK]}
    os.chdir(described["directory"])
    command = described["command"]
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
