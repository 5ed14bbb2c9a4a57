"""`yolops upgrade`, typed: real terraform with what is built into it, a server that answers as it was told."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.cli.test_aws_commands import MAIN, SETTINGS, Typed, Workplace
from tests.cli.test_backup import ME, WHOLE
from tests.platform.conftest import simulation
from tests.platform.tiny_terraform import terraform_path
from tests.rehearsal.conftest import wait_for
from tests.tracking.mlflow_http import FakeMlflow, serving

pytestmark = pytest.mark.timeout(300)
OLD, NEW = "3.16.1", "3.17.2"
UPGRADE, BACKUPS, ID = "/api/2.0/yolops/upgrade", "/api/2.0/yolops/backups", WHOLE["id"]
TRIAL = f"{UPGRADE}/trial"
REPORT = {
    "mlflow": OLD,
    "backup": ID,
    "migrations": {"runs": ["75868b020152: add sql trace analytics schema"], "users": []},
    "tables": [
        {"part": "runs", "table": f"table {number}", "rows": 7, "bytes": 16384, "seconds": 0.2} for number in range(12)
    ],
    "install_s": 9.1,
    "load_s": 1.2,
    "copy_s": 1.3,
    "migrate_s": 4.4,
    "compare_s": 1.1,
    "environment_bytes": 273_000_000,
    "disk_free_bytes": 14_200_000_000,
}
RUNNING = {"to": NEW, "state": "running", "at": "2026-01-02T03:04:05+00:00", "phase": "copying table metrics"}
WORKED = {**RUNNING, "state": "done", "report": REPORT}
MORE = """
variable "mlflow_version" { default = "3.17.2" }
resource "terraform_data" "version" { input = var.mlflow_version }
output "server_instance_id" { value = "INSTANCE" }
output "log_group_name" { value = "/cells/mlflow" }
"""
NOT_YET: tuple[int, dict[str, Any]] = (503, {})


def trial(said: dict[str, Any] | None) -> dict[str, Any]:
    return {"versions": [OLD, NEW], "trial": said}


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with simulation() as variables:
        yield {**variables, "YOLOPS_TERRAFORM": terraform_path()}


@pytest.fixture
def fake() -> Iterator[FakeMlflow]:
    """A server of the old version with what one backup holds."""
    with serving() as answering:
        answering.will_answer("/health", {})
        answering.will_answer("users/current", ME)
        answering.will_answer(UPGRADE, {"mlflow": OLD, "order": None})
        answering.will_answer(TRIAL, trial(None), (202, trial(RUNNING)), trial(RUNNING), trial(WORKED))
        answering.will_answer(BACKUPS, (202, {"id": ID}))
        answering.will_answer(f"{BACKUPS}/{ID}", WHOLE)
        answering.will_answer(
            "experiments/search", {"experiments": [{"experiment_id": str(one), "name": str(one)} for one in (0, 1)]}
        )
        answering.will_answer("runs/search", {"runs": [{}]})
        answering.will_answer("registered-models/search", {})
        yield answering


class Platform(Workplace):
    """A platform in custom mode, built."""

    @property
    def settings(self) -> Path:
        return self.root / "terraform.tfvars"

    def upgrade(self, *arguments: str) -> Typed:
        return self("upgrade", *arguments)


def built(root: Path, environment: dict[str, str], fake: FakeMlflow, instance: str = "i-0") -> Platform:
    (root / "main.tf").write_text((MAIN + MORE).replace("ADDRESS", fake.uri).replace("INSTANCE", instance))
    locks = root / "modules/custom/server"
    locks.mkdir(parents=True)
    for version in (OLD, NEW):
        (locks / f"requirements-{version}.txt").touch()
    (root / "terraform.tfvars").write_text(f'{SETTINGS}mlflow_version = "{OLD}" # as it is\n')
    platform = Platform(root, {**environment, "HOME": str(root)})
    done = platform("up", "--yes")
    assert done.code == 0, done.err
    return platform


@pytest.fixture
def platform(tmp_path: Path, environment: dict[str, str], fake: FakeMlflow) -> Platform:
    return built(tmp_path, environment, fake)


def orders(fake: FakeMlflow) -> list[dict[str, Any]]:
    return [one.values for one in fake.asked if one.endpoint == UPGRADE and one.values]


def test_a_backup_is_made_the_upgrade_tried_on_it_then_ordered_and_the_server_replaced(
    platform: Platform, fake: FakeMlflow
) -> None:
    done = platform.upgrade("--to", NEW, "--yes", "--json")
    assert done.code == 0, done.err
    assert {name: done.json[name] for name in ("from", "to", "backup")} == {"from": OLD, "to": NEW, "backup": ID}
    assert done.json["trial"]["report"] == REPORT
    assert f'mlflow_version = "{NEW}" # as it is' in platform.settings.read_text()
    assert "terraform_data.version" in done.err
    asked = [one.endpoint for one in fake.asked]
    ordered = next(n for n, one in enumerate(fake.asked) if one.endpoint == UPGRADE and one.values == {"to": NEW})
    tried = next(n for n, one in enumerate(fake.asked) if one.endpoint == TRIAL and one.values)
    assert asked.index(f"{BACKUPS}/{ID}") < tried < ordered
    assert fake.asked[tried].values == {"to": NEW, "backup": ID}
    assert asked[-1] == UPGRADE  # what gives up the way back


def test_a_trial_alone_says_what_would_happen_and_changes_nothing(platform: Platform, fake: FakeMlflow) -> None:
    before = platform.settings.read_text()
    done = platform.upgrade("--to", NEW, "--rehearse")
    assert done.code == 0, done.err
    assert f"an upgrade from MLflow {OLD} to {NEW} works on backup {ID}: 1 migration of 12 tables" in done.out
    assert "copying 1.3 s, migrating 4.4 s, comparing 1.1 s" in done.out
    assert "0.2 MB in the database" in done.out
    assert "273.0 MB; 14.2 GB are free" in done.out
    assert "migration of runs: 75868b020152: add sql trace analytics schema" in done.out
    assert "less for 2 other tables" in done.out
    assert platform.settings.read_text() == before
    assert not orders(fake)
    assert not [one for one in fake.asked if one.endpoint == BACKUPS], "the server chooses a backup, or makes one"
    fake.will_answer(TRIAL, trial(RUNNING), trial(WORKED))  # somebody's that is under way is followed
    again = platform.upgrade("--to", NEW, "--rehearse", "--json")
    assert (again.json["from"], again.json["state"], again.json["report"]) == (OLD, "done", REPORT)


def test_a_trial_that_fails_ends_an_upgrade_before_anything_is_changed(platform: Platform, fake: FakeMlflow) -> None:
    before = platform.settings.read_text()
    failed = {**RUNNING, "state": "failed", "error": "DifferentError: the table runs is gone"}
    for arguments in ((), ("--rehearse", "--backup", ID)):
        fake.will_answer(TRIAL, trial(None), (202, trial(RUNNING)), trial(failed))
        done = platform.upgrade("--to", NEW, "--yes", *arguments)
        assert done.code == 1
        assert f"the trial of the upgrade to MLflow {NEW} failed: DifferentError: the table runs is gone" in done.err
        assert f"nothing was changed: MLflow {OLD} serves as before" in done.err
    assert platform.settings.read_text() == before
    assert not orders(fake)


def test_what_was_tried_before_is_not_tried_again(platform: Platform, fake: FakeMlflow) -> None:
    fake.will_answer(TRIAL, trial(WORKED))
    done = platform.upgrade("--to", NEW, "--yes")
    assert done.code == 0, done.err
    assert "tried at 2026-01-02T03:04:05+00:00" in done.err
    assert not [one for one in fake.asked if one.endpoint == TRIAL and one.values]


def test_a_server_that_cannot_try_it_is_upgraded_after_a_warning_and_refuses_a_trial_alone(
    platform: Platform, fake: FakeMlflow
) -> None:
    fake.will_answer(TRIAL, {"versions": [OLD], "trial": None})
    refused = platform.upgrade("--to", NEW, "--rehearse")
    assert (refused.code, f"this server cannot try it; it can try {OLD}" in refused.err) == (1, True), refused.err
    done = platform.upgrade("--to", NEW, "--yes", "--json")
    assert done.code == 0, done.err
    assert "the upgrade is not tried first" in done.err
    assert done.json["trial"] is None


def test_a_backup_is_named_for_a_trial_alone(platform: Platform, fake: FakeMlflow) -> None:
    refused = platform.upgrade("--to", NEW, "--backup", ID)
    assert (refused.code, "--backup: an upgrade is tried on a backup of its own" in refused.err) == (2, True)


def test_ctrl_c_leaves_the_trial_to_the_server_and_says_so(platform: Platform, fake: FakeMlflow) -> None:
    fake.will_answer(TRIAL, trial(RUNNING))
    typed = platform.start("upgrade", "--to", NEW, "--rehearse")
    wait_for(lambda: len([one for one in fake.asked if one.endpoint == TRIAL]) > 2, True, 60)
    typed.send_signal(signal.SIGINT)
    _, said = typed.communicate(timeout=30)
    assert typed.returncode == 130
    assert f"the server goes on with the trial; follow it: yolops upgrade --to {NEW} --rehearse" in said


def test_what_is_declined_leaves_no_order_and_the_version_as_it_was(platform: Platform, fake: FakeMlflow) -> None:
    before = platform.settings.read_text()
    done = platform.upgrade("--to", NEW)
    assert done.code == 2
    assert "answer with --yes" in done.err
    assert platform.settings.read_text() == before
    assert fake.asked[-1].endpoint == UPGRADE
    assert not fake.asked[-1].values


def test_a_server_that_cannot_start_is_replaced_by_the_old_version(
    platform: Platform, fake: FakeMlflow, environment: dict[str, str]
) -> None:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}
    logs = boto3.client("logs", endpoint_url=environment["AWS_ENDPOINT_URL"], **keys)
    logs.create_log_group(logGroupName="/cells/mlflow")
    logs.create_log_stream(logGroupName="/cells/mlflow", logStreamName="boot/i-0")
    said = json.dumps({"phase": "failed", "reason": "the upgrade failed: no room", "seconds": 9})
    events = [{"timestamp": time.time_ns() // 1_000_000, "message": said}]
    logs.put_log_events(logGroupName="/cells/mlflow", logStreamName="boot/i-0", logEvents=events)
    fake.will_answer("/health", NOT_YET, {})

    done = platform.upgrade("--to", NEW, "--yes")
    assert done.code == 1
    assert (
        f"the upgrade to MLflow {NEW} failed: i-0: the server could not start: the upgrade failed: no room" in done.err
    )
    assert f"MLflow {OLD} serves again" in done.err
    assert f'mlflow_version = "{OLD}"' in platform.settings.read_text()
    assert platform("plan", "--json").json["empty"]


def test_a_server_that_shows_less_than_the_backup_is_replaced_by_the_old_version(
    platform: Platform, fake: FakeMlflow
) -> None:
    fake.will_answer("runs/search", {"runs": []})
    done = platform.upgrade("--to", NEW, "--yes")
    assert done.code == 1
    assert "the backup holds 2 experiments, 1 run, 0 models, and MLflow shows 2 experiments, 0 runs" in done.err
    assert f'mlflow_version = "{OLD}"' in platform.settings.read_text()


def test_versions_that_do_not_fit_are_refused_and_nothing_is_asked_of_the_server(
    platform: Platform, fake: FakeMlflow
) -> None:
    unknown = platform.upgrade("--to", "2.22.0", "--yes")
    assert (unknown.code, "it can install 3.16.1, 3.17.2" in unknown.err) == (1, True), unknown.err
    same = platform.upgrade("--to", OLD, "--json")
    assert same.json == {"from": OLD, "to": OLD, "backup": ""}
    fake.will_answer(UPGRADE, {"mlflow": NEW, "order": None})
    older = platform.upgrade("--to", OLD, "--yes")
    assert (older.code, "3.16.1 is older than 3.17.2" in older.err) == (1, True), older.err
    assert not orders(fake)


def test_in_high_availability_it_is_refused(tmp_path: Path, environment: dict[str, str], fake: FakeMlflow) -> None:
    refused = built(tmp_path, environment, fake, instance="").upgrade("--to", NEW, "--yes")
    assert refused.code == 1
    assert "in high availability a server of the old version would write to migrated tables" in refused.err
    assert not orders(fake)


def test_a_workspace_of_local_mode_has_no_server_to_upgrade(tmp_path: Path, environment: dict[str, str]) -> None:
    refused = Workplace(tmp_path, environment)("upgrade", "--to", NEW)
    assert refused.code == 1
    assert "the platform on this machine has no server to upgrade" in refused.err
