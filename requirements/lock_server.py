"""Compiles terraform/modules/custom/server/requirements-*.txt, one for each MLflow that the server can be.

In each stand one wheel and one hash for each package of the server.

`uv pip compile` lists the hashes of every platform, which would not fit into the 16 KB of user data that EC2 takes; the
server is x86-64 with Debian's Python 3.11 and nothing else, so pip is asked which wheels those are.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SERVER = Path(__file__).resolve().parents[1] / "terraform" / "modules" / "custom" / "server"
# Debian 12 has glibc 2.36.
PLATFORMS = ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
# What mlflow lists for logging, evaluating and serving models in a client, and what only these need. The server imports
# none of it; left out, it is half as large and starts sooner.
CLIENT = {
    *("contourpy", "cycler", "fonttools", "joblib", "kiwisolver", "matplotlib", "narwhals", "pillow", "prettytable"),
    *("pyarrow", "pyparsing", "scikit-learn", "scipy", "skops", "threadpoolctl", "wcwidth"),
}
# Every file of these is in mlflow's own wheel, letter for letter.
PARTS = {"mlflow-skinny", "mlflow-tracing"}
# What `mlflow_version` may be. An older one stays as long as somebody may have it: `yolops upgrade` leads on from it.
VERSIONS = ("3.16.1", "3.17.2")
HEADER = "# Compiled from requirements.in by `make lock`, for Linux on x86-64 with Python 3.11.\n"


def main() -> None:
    """Write the files."""
    for version in VERSIONS:
        (SERVER / f"requirements-{version}.txt").write_text(HEADER + compiled(version), encoding="utf-8")


def compiled(version: str) -> str:
    """Return what a server with a version of MLflow installs."""
    report = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
            *(
                "--only-binary",
                ":all:",
                "--target",
                "unused",
                "--report",
                "-",
                "--requirement",
                "requirements.in",
                f"mlflow[auth]=={version}",
            ),
            *("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"),
            *(option for platform in PLATFORMS for option in ("--platform", platform)),
        ],
        cwd=SERVER,
        stdout=subprocess.PIPE,
        check=True,
    )
    lines = sorted(
        f"{item['metadata']['name'].lower()}=={item['metadata']['version']} "
        f"--hash=sha256:{item['download_info']['archive_info']['hashes']['sha256']}"
        for item in json.loads(report.stdout)["install"]
        if item["metadata"]["name"].lower() not in CLIENT | PARTS
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
