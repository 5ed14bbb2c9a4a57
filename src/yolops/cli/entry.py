"""Where the `yolops` command starts, and the only place that turns an exception into an exit code.

`yolops --help` prints a page that ships with the package (a test compares it with what typer would print), because
importing typer alone takes longer than a person should wait for a help page.

Exit codes: 0 done, 1 an error a person can mend or a failed check, 2 usage, 130 interrupted, 143 terminated, 70 a bug.
"""

from __future__ import annotations

import os
import sys

HELP_PAGE = "help.txt"
# A shell that completes a line sets it, and types nothing behind the command.
COMPLETION = "_YOLOPS_COMPLETE"
INTERRUPTED = 130
TERMINATED = 143
BUG = 70


def main() -> None:
    """Run the command line that was typed, and exit."""
    if sys.argv[1:] in ([], ["--help"], ["-h"]) and COMPLETION not in os.environ:
        print_help_page()
        return
    import gc

    try:
        from yolops.cli.interrupts import leave_when_interrupted

        leave_when_interrupted()
        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # before it was watched, or between two lines of `run`; typer sees to every other one
        status = INTERRUPTED
    if status == INTERRUPTED:
        from contextlib import suppress

        # An import that was interrupted may leave a library in which Python crashes as it ends.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # whoever read it may have gone
                stream.flush()
        os._exit(status)
    # Python would look through all of torch once more before it ends, which takes a second.
    gc.freeze()
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    import signal

    from yolops.cli.app import application
    from yolops.cli.console import print_bug, print_error
    from yolops.cli.interrupts import watch_interrupts
    from yolops.errors import YolopsError

    watch_interrupts()
    # SIGTERM ends a command like Ctrl-C does: every `finally` runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        application()(arguments, prog_name="yolops")
    except YolopsError as error:
        print_error(error)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        print_bug(error, verbose="--verbose" in arguments)
        return BUG
    return 0


def print_help_page() -> None:
    """Print the help page of the whole command."""
    from pathlib import Path

    sys.stdout.write(Path(__file__).with_name(HELP_PAGE).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
