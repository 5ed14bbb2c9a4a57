"""What every test stands on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from yolops.platform.workspace import Workspace


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
