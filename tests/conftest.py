"""What every test stands on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yolops.platform.workspace import Workspace

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling

# Files whose tests take minutes each and share nothing.
EACH_ALONE = ("e2e/test_interrupted_apply.py", "e2e/test_killed_apply.py", "e2e/test_options.py")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty directory to work in."""
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def blood_cells() -> Path:
    """The BCCD photographs in Pascal VOC format, which lie beside a checkout, never in it."""
    named = os.environ.get("YOLOPS_TEST_DATA")
    places = [Path(named)] if named else [parent / "shared" / "data" for parent in Path(__file__).parents[1:3]]
    for place in places:
        if (place / "bccd-voc" / "Annotations").is_dir():
            return place / "bccd-voc"
    pytest.skip("the BCCD photographs are not here; name the directory that holds bccd-voc in YOLOPS_TEST_DATA")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and why, so that nobody takes a part for the whole."""
    for report in terminalreporter.getreports("skipped"):
        terminalreporter.write_line(f"SKIPPED {report.nodeid}: {report.longreprtext}", yellow=True, bold=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which something skipped where everything is said to be there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("YOLOPS_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Let `--dist loadfile` keep a file together, but for those whose tests can run side by side."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return nodeid if file.endswith(EACH_ALONE) else file

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None
