"""MLflow with TLS and a login, as its checks see it when something of that is not right."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.answering import Answering
from tests.certificates import https, signed
from tests.diagnosis.cloud import codes, entrance
from yolops.diagnosis.check import Skip
from yolops.diagnosis.mlflow_server import answers, certificate, login, versions
from yolops.platform.outputs import Mode
from yolops.platform.trust import Trust
from yolops.tracking.rest import LoginError

ADA = ("ada", "a password of hers")


class Mlflow(Answering):
    """Lets one person in."""

    version = "3.17.4"

    def do_GET(self) -> None:
        user = {"user": {"username": ADA[0], "is_admin": True}}
        known: dict[str, Any] = {"/health": {}, "/version": self.version, "/api/2.0/mlflow/users/current": user}
        found = known.get(self.path.partition("?")[0])
        self.say(404 if found is None else 200 if self.path == "/health" or self._may_enter() else 401, found)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.say(200 if self._may_enter() else 401, {})

    def _may_enter(self) -> bool:
        return self.headers.get("Authorization") == f"Basic {base64.b64encode(':'.join(ADA).encode()).decode()}"


class OldMlflow(Mlflow):
    version = "2.22.0"


class Open(Mlflow):
    """Asks nobody for a login, and so has no users."""

    def do_GET(self) -> None:
        self.say(200 if self.path == "/health" else 404, {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.say(200, {})


def test_a_server_that_is_well_is_told_with_who_we_are(tmp_path: Path) -> None:
    files = signed(tmp_path)
    with https(Mlflow, files) as address:
        door = entrance(address, Trust(files.root), ADA)
        assert codes(answers(door)) == []
        assert certificate(door).found.startswith("believed, for 30 more")
        assert login(door).found == "as ada, an administrator"
        assert versions(door).findings == ()


def test_a_wrong_password_is_an_error_with_what_to_do(tmp_path: Path) -> None:
    files = signed(tmp_path)
    with https(Mlflow, files) as address, pytest.raises(LoginError) as caught:
        login(entrance(address, Trust(files.root), ("ada", "wrong")))
    assert "yolops users password" in caught.value.hint


def test_a_server_of_another_mlflow_is_a_warning(tmp_path: Path) -> None:
    files = signed(tmp_path)
    with https(OldMlflow, files) as address:
        (finding,) = versions(entrance(address, Trust(files.root), ADA)).findings
        assert finding.code == "mlflow-versions-differ"
        assert "the server is MLflow 2.22.0" in finding.what
        with pytest.raises(Skip):  # it tells its version only to those it lets in
            versions(entrance(address, Trust(files.root)))


def test_a_server_elsewhere_that_asks_nobody_for_a_login_is_in_order(tmp_path: Path) -> None:
    files = signed(tmp_path)
    with https(Open, files) as address:
        door = entrance(address, Trust(files.root), mode=Mode.EXTERNAL)
        assert login(door).found == "asks nobody for a login"


@pytest.mark.parametrize(
    ("host", "days", "believed", "expected", "says"),
    [
        ("127.0.0.1", 30, False, [("error", "certificate-refused")], "MLFLOW_TRACKING_SERVER_CERT_PATH"),
        ("127.0.0.2", 30, True, [("error", "certificate-refused")], "domain_name"),
        ("127.0.0.1", -0.5, True, [("error", "certificate-refused")], "set the clock"),
        ("127.0.0.1", 6, True, [("warning", "certificate-ends")], "restart the server"),
    ],
)
def test_a_certificate_that_is_not_right_is_told_with_what_to_do(
    tmp_path: Path, host: str, days: float, believed: bool, expected: list[tuple[str, str]], says: str
) -> None:
    files = signed(tmp_path / "server", host, days)
    root = files.root if believed else signed(tmp_path / "other").root
    with https(Mlflow, files) as address:
        seen = certificate(entrance(address, Trust(root)))
    assert codes(seen) == expected
    assert says in seen.findings[0].fix


def test_a_server_that_is_away_is_an_error_and_has_no_certificate_to_look_at() -> None:
    assert codes(answers(entrance("https://127.0.0.1:9"))) == [("error", "mlflow-no-answer")]
    for address in ("https://127.0.0.1:9", "http://127.0.0.1:9", "arn:aws:sagemaker:eu-central-1:1:mlflow-app/a"):
        with pytest.raises(Skip):
            certificate(entrance(address))
