"""What only studio mode has, by what AWS may say of it; the rehearsal's own answers are typed in tests/e2e."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.diagnosis.cloud import cloud, codes
from tests.fake_aws import FakeAws
from yolops.diagnosis.check import Seen, Skip
from yolops.diagnosis.studio import Studio, apps, domain, managed, people
from yolops.platform.outputs import Mode

APP = "arn:aws:sagemaker:eu-central-1:123456789012:mlflow-app/app-1"
SERVER = "arn:aws:sagemaker:eu-central-1:123456789012:mlflow-tracking-server/cells"


class Sagemaker(FakeAws):
    """Answers in pages of one."""

    def pages(self, service: str, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        assert (service, parameters) == ("sagemaker", {"DomainIdEquals": "d-1"})
        for field, items in self.answers[operation].items():
            for item in items:
                yield {field: [item]}


def studio(directory: Path, uri: str = APP, mode: Mode = Mode.STUDIO, **answers: Any) -> Studio:
    made = cloud(directory, Sagemaker(**answers), uri=uri, studio_domain_id="d-1", mode=mode)
    return Studio(made.settings, made.aws, made.terraform, made.entrance)


def test_a_mode_that_is_not_applied_yet_is_not_looked_at(tmp_path: Path) -> None:
    for look in (domain, people, apps, managed):
        with pytest.raises(Skip, match="what runs is in custom mode"):
            look(studio(tmp_path, mode=Mode.CUSTOM))


def test_a_domain_that_failed_says_why(tmp_path: Path) -> None:
    found = {"DomainName": "cells", "Status": "InService"}
    assert domain(studio(tmp_path, describe_domain=found)) == Seen("cells (d-1)")
    (finding,) = domain(
        studio(tmp_path, describe_domain={**found, "Status": "Failed", "FailureReason": "no subnet"})
    ).findings
    assert finding.what == "is Failed: no subnet"


def test_people_who_cannot_open_studio_are_named(tmp_path: Path) -> None:
    profiles = [{"UserProfileName": "ada", "Status": "InService"}, {"UserProfileName": "bob", "Status": "Failed"}]
    seen = people(studio(tmp_path, list_user_profiles={"UserProfiles": profiles}))
    assert (seen.found, [finding.what for finding in seen.findings]) == ("ada, bob", ["bob is Failed"])
    assert codes(people(studio(tmp_path, list_user_profiles={"UserProfiles": []}))) == [("warning", "no-profile")]


@pytest.mark.parametrize(
    ("changed", "hours", "expected"),
    [
        ({}, 0.1, []),
        ({}, 9, [("warning", "app-idle")]),
        ({"Status": "Deleted"}, 9, []),
        ({"AppType": "JupyterServer"}, 9, []),
    ],
)
def test_an_app_that_nobody_uses_is_told_before_the_bill_tells_it(
    tmp_path: Path, changed: dict[str, str], hours: float, expected: list[tuple[str, str]]
) -> None:
    app = {"DomainId": "d-1", "SpaceName": "ada", "AppType": "JupyterLab", "AppName": "default", "Status": "InService"}
    used = {"LastUserActivityTimestamp": datetime.now(UTC) - timedelta(hours=hours)}
    seen = apps(studio(tmp_path, list_apps={"Apps": [{**app, **changed}]}, describe_app=used))
    assert codes(seen) == expected
    if expected:
        assert seen.findings[0].what == "JupyterLab of ada runs and has been idle for 9 hours"


@pytest.mark.parametrize(
    ("uri", "answers", "found", "expected"),
    [
        (
            APP,
            {"describe_mlflow_app": {"Status": "Created", "MlflowVersion": "3.0"}},
            "app, which costs nothing by the hour, MLflow 3.0, Created",
            [],
        ),
        (
            SERVER,
            {"describe_mlflow_tracking_server": {"TrackingServerStatus": "Stopped", "TrackingServerSize": "Medium"}},
            "tracking server, Medium, MLflow of a version that AWS does not tell, Stopped",
            [("error", "mlflow-stopped")],
        ),
        (
            SERVER,
            {"describe_mlflow_tracking_server": {"TrackingServerStatus": "CreateFailed", "MlflowVersion": "3.0"}},
            "tracking server, Small, MLflow 3.0, CreateFailed",
            [("error", "mlflow-failed")],
        ),
    ],
)
def test_managed_mlflow_is_told_with_its_size_and_version(
    tmp_path: Path, uri: str, answers: dict[str, Any], found: str, expected: list[tuple[str, str]]
) -> None:
    seen = managed(studio(tmp_path, uri, **answers))
    assert (seen.found, codes(seen)) == (found, expected)
