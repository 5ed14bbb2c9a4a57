"""A space in Studio: a directory as its home, in which the start script and the example notebook are really run."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.conftest import eventually
from tests.e2e.rehearsal import Rehearsed

EXAMPLE = Path(__file__).parents[2] / "terraform" / "modules" / "studio" / "space" / "example.ipynb"


def example_code(**parameters: object) -> str:
    """Return the code of the example notebook, with other parameters than those it says."""
    cells = json.loads(EXAMPLE.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    code.insert(1, "\n".join(f"{name} = {value!r}" for name, value in parameters.items()))
    return "\n".join(code)


@dataclass(frozen=True)
class Space:
    """A home directory, and the platform that it belongs to.

    Attributes:
        platform: a platform in studio mode.
        home: the directory.
    """

    platform: Rehearsed
    home: Path

    def start(self) -> str:
        """Run the start script of a JupyterLab app, as SageMaker does, and return what it says."""
        sagemaker = self.platform.client("sagemaker")
        [domain] = sagemaker.list_domains()["Domains"]
        settings = sagemaker.describe_domain(DomainId=domain["DomainId"])["DefaultUserSettings"]
        arn = settings["JupyterLabAppSettings"]["DefaultResourceSpec"]["LifecycleConfigArn"]
        name = arn.rpartition("/")[2]
        script = sagemaker.describe_studio_lifecycle_config(StudioLifecycleConfigName=name)
        file = self.home.parent / "on-start.sh"
        file.write_bytes(base64.b64decode(script["StudioLifecycleConfigContent"]))
        return self._run(["sh", str(file)])

    def end_of_start(self) -> str:
        """Wait until what goes on behind the script is done, and return how it says that it ended."""
        eventually(lambda: self.log.endswith((" ready\n", "tries again\n")), 900)
        return self.log.splitlines()[-1].partition(" ")[2]

    @property
    def log(self) -> str:
        return (self.home / ".yolops" / "start.log").read_text()

    def terminal(self, line: str) -> str:
        """Run a line in a terminal of the space."""
        return self._run(["bash", "-c", f'. "$HOME/.bashrc"; {line}'])

    def notebook(self, code: str) -> str:
        """Run code with the kernel that the start script has made."""
        kernel = json.loads((self.home / ".local/share/jupyter/kernels/yolops/kernel.json").read_text())
        [startup] = (self.home / ".ipython/profile_default/startup").iterdir()
        return self._run([kernel["argv"][0], "-W", "ignore", "-c", f"{startup.read_text()}\n{code}"])

    def _run(self, command: list[str], seconds: float = 900) -> str:
        # The image has its packages where Python looks for them anyway; here a test lends it its own.
        packages = [path for path in sys.path if path.endswith("site-packages")]
        environment = {name: value for name, value in self.platform.environment().items() if "MLFLOW_TRACK" not in name}
        image = {"HOME": str(self.home), "PYTHONPATH": os.pathsep.join(packages), "PIP_NO_INDEX": "1"}
        path = f"{Path(sys.executable).parent}:{os.defpath}"
        result = subprocess.run(
            command,
            env=environment | image | {"PATH": path},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert result.returncode == 0, f"{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
        return result.stdout
