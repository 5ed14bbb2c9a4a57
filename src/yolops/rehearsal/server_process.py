"""The server of custom mode as a process of this machine, where no instance can boot: without nginx and systemd.

`python -m yolops.rehearsal.server_process HOST PORT`, in the directory that `server_files.py` has laid out. Its own
files prepare the database and the certificate and make the application; here they are only called in order.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from yolops.platform.server_command import GRACEFUL_SHUTDOWN_S


def main() -> None:
    """Serve until the end."""
    directory = Path.cwd()
    os.environ["YOLOPS_SERVER_SETTINGS"] = str(directory / "server.json")
    # Handed on to the process that serves.
    library = str(directory / "lib")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [library, os.environ.get("PYTHONPATH", "")]))
    sys.path.insert(0, library)

    from yolops_server import certificates, prepare  # comes with the user data

    certificates.main()
    prepare.main()
    options = {
        "host": sys.argv[1],
        "port": sys.argv[2],
        "ssl-certfile": directory / "server.pem",
        "ssl-keyfile": directory / "server.key",
        "log-level": "warning",
        "timeout-graceful-shutdown": GRACEFUL_SHUTDOWN_S,
    }
    # Begun anew: what MLflow reads when it is imported must be there before it is.
    uvicorn = ["-m", "uvicorn", "--factory", "yolops_server.application:create_app", "--no-access-log"]
    os.execv(sys.executable, [sys.executable, *uvicorn, *(f"--{name}={value}" for name, value in options.items())])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
