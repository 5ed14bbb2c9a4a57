"""The process of the rehearsal, started by `rehearsal.py`: `python -m yolops.rehearsal.server DIRECTORY PORT MODE`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from yolops.errors import YolopsError
from yolops.platform.health import address
from yolops.rehearsal.environment import enter
from yolops.rehearsal.instance_mode import InstanceMode

IMAGES = Path(__file__).with_name("images.json")


def main() -> None:
    """Serve until SIGTERM."""
    directory, port = Path(sys.argv[1]), int(sys.argv[2])
    enter(os.environ, address(port))
    # moto reads these while it is imported.
    os.environ["MOTO_AMIS_PATH"] = str(IMAGES)
    os.environ["MOTO_PORT"] = str(port)
    from yolops.rehearsal.simulated_aws import SimulatedAws

    try:
        SimulatedAws(directory, port, InstanceMode(sys.argv[3])).serve()
    except YolopsError as error:
        sys.exit(f"{error.message}; try: {error.hint}")


if __name__ == "__main__":
    main()
