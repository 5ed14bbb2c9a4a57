"""`python -m benchmarks [NAME ...]`: measure, print a line each, and fail when one misses its bar."""

from __future__ import annotations

import sys

from benchmarks import (
    dataset_check,
    dataset_transfer,
    job_setup,
    logging_rate,
    server_boot,
    server_requests,
    startup,
    training,
)

ALL = {
    "startup": startup.main,
    "logging_rate": logging_rate.main,
    "training": training.main,
    "dataset_transfer": dataset_transfer.main,
    "server_boot": server_boot.main,
    "dataset_check": dataset_check.main,
    "server_requests": server_requests.main,
    "job_setup": job_setup.main,
}


def main() -> int:
    """Run the named benchmarks, or all."""
    held = True
    for name in sys.argv[1:] or ALL:
        for measured in ALL[name]():
            print(measured, flush=True)
            held &= measured.holds
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
