"""What both modes in AWS need, against a simulated AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.diagnosis.cloud import REGION, cloud, codes
from tests.fake_aws import FakeAws
from tests.platform.conftest import simulated_aws  # noqa: F401 - a fixture
from tests.platform.tiny_terraform import terraform_path
from yolops.aws import Aws, AwsError
from yolops.diagnosis.account import (
    Cloud,
    agreement,
    aws_login,
    bucket,
    clock,
    clock_skew,
    lock,
    platform,
    terraform,
    training_quota,
)
from yolops.diagnosis.check import Check, Skip, Verdict
from yolops.diagnosis.custom import Custom
from yolops.diagnosis.run import run
from yolops.errors import YolopsError
from yolops.platform.outputs import Mode
from yolops.platform.terraform import Terraform

SKEWS = [(0, []), (90, [("warning", "clock-drifts")]), (400, [("error", "clock-wrong")])]


def with_terraform(directory: Path, binary: str) -> Custom:
    known = cloud(directory)
    return Custom(
        known.settings,
        known.aws,
        Terraform(binary, directory, directory / "records", say=lambda _: None),
        known.entrance,
        known.own_address,
    )


def program(directory: Path, version: str) -> str:
    """Return a program that says of itself what Terraform of a version would say."""
    file = directory / "terraform"
    file.write_text(f"#!/bin/sh\necho '{json.dumps({'terraform_version': version})}'\n")
    file.chmod(0o755)
    return str(file)


def test_terraform_is_told_with_its_version_and_an_old_one_is_refused(tmp_path: Path) -> None:
    assert codes(terraform(with_terraform(tmp_path, terraform_path()))) == []
    assert codes(terraform(with_terraform(tmp_path, program(tmp_path, "1.12.0-beta1")))) == []
    assert codes(terraform(with_terraform(tmp_path, program(tmp_path, "1.9.8")))) == [("error", "terraform-old")]
    with pytest.raises(YolopsError, match="nowhere: not found"):
        terraform(with_terraform(tmp_path, "nowhere"))


class Dated(BaseHTTPRequestHandler):
    ahead = 0.0

    def do_GET(self) -> None:
        self.send_response_only(403)  # as AWS answers what is not signed
        if self.ahead < 1e6:
            self.send_header("Date", formatdate(time.time() + self.ahead, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def dated(ahead: float) -> Iterator[str]:
    """Serve answers of a machine whose clock is some seconds ahead of ours."""
    with HTTPServer(("127.0.0.1", 0), type("Handler", (Dated,), {"ahead": ahead})) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Endpoint(FakeAws):
    """AWS behind one address."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.meta = self
        self.endpoint_url = address


@pytest.mark.parametrize(("behind", "expected"), SKEWS)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_clock_that_is_wrong_is_found_without_a_login(
    tmp_path: Path, behind: float, expected: list[tuple[str, str]], sign: int
) -> None:
    with dated(sign * behind) as address:
        assert abs(clock_skew(address) + sign * behind) < 3
        assert codes(clock(cloud(tmp_path, Endpoint(address)))) == expected


def test_what_tells_no_time_says_nothing_of_the_clock(tmp_path: Path) -> None:
    with dated(1e9) as address, pytest.raises(Skip, match="what time it is"):
        clock_skew(address)
    with pytest.raises(Skip, match="does not answer"):
        clock_skew("http://127.0.0.1:9")


def test_a_platform_that_is_not_there_is_told_with_what_builds_it(tmp_path: Path) -> None:
    known = cloud(tmp_path)
    assert platform(known).found == f"cells (custom) in {REGION}"
    assert agreement(known).findings == ()
    made = cloud(tmp_path, mode=Mode.STUDIO, aws_region="us-east-1")
    other = Cloud(made.settings, made.aws, made.terraform, made.entrance)
    said = [finding.what for finding in agreement(other).findings]
    assert said == [
        "deployment_mode is custom, and what runs is studio",
        "aws_region is eu-central-1, and what runs is us-east-1",
    ]


def test_of_a_platform_known_by_its_outputs_alone_what_terraform_knows_is_left_out_with_the_reason(
    tmp_path: Path,
) -> None:
    made = cloud(tmp_path)
    described = Cloud(None, made.aws, None, made.entrance)
    assert platform(described).found == f"cells (custom) in {REGION}, known by its outputs alone"
    assert "not needed" in terraform(described).found
    for look in (lock, agreement):
        with pytest.raises(Skip, match="only where the platform was applied"):
            look(described)


def test_a_killed_apply_and_a_lock_that_was_left_are_told_with_what_recovers(tmp_path: Path) -> None:
    known = cloud(tmp_path)
    assert codes(lock(known)) == []
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "unfinished").write_text(json.dumps({"pid": 2**22 - 1, "started": 1.0}))
    note = {"ID": "1", "Who": "ada@laptop", "Created": "2026-01-01"}
    (tmp_path / ".terraform.tfstate.lock.info").write_text(json.dumps(note))
    seen = lock(known)
    assert codes(seen) == [("error", "apply-killed"), ("error", "lock-left")]
    assert [finding.fix for finding in seen.findings] == ["yolops recover, then yolops up", "yolops recover"]
    assert (tmp_path / ".terraform.tfstate.lock.info").exists(), "who looks takes nothing away"


@pytest.mark.usefixtures("simulated_aws")
def test_the_bucket_is_looked_at_from_every_side(tmp_path: Path) -> None:
    aws = Aws(REGION)
    aws.call("s3", "create_bucket", Bucket="cells-data", CreateBucketConfiguration={"LocationConstraint": REGION})
    known = cloud(tmp_path, aws, bucket_name="cells-data")
    found = codes(bucket(known))
    assert {("error", "bucket-forgets"), ("error", "bucket-may-be-public")} <= set(found)
    aws.call("s3", "put_bucket_versioning", Bucket="cells-data", VersioningConfiguration={"Status": "Enabled"})
    sides = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    block = dict.fromkeys(sides, True)
    aws.call("s3", "put_public_access_block", Bucket="cells-data", PublicAccessBlockConfiguration=block)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    aws.call(
        "s3",
        "put_bucket_encryption",
        Bucket="cells-data",
        ServerSideEncryptionConfiguration={"Rules": [rule]},
    )
    assert codes(bucket(known)) == []
    with pytest.raises(AwsError):
        bucket(cloud(tmp_path, aws, bucket_name="cells-gone"))


@pytest.mark.usefixtures("simulated_aws")
def test_whoever_asks_is_told_and_checks_may_share_one_aws(tmp_path: Path) -> None:
    known = cloud(tmp_path)
    tasks = [Check(f"{number}", aws_login).of(known) for number in range(6)]
    outcomes = run(tasks)
    assert {outcome.verdict for outcome in outcomes} == {Verdict.OK}
    assert "arn:aws:" in outcomes[0].found


class Quotas(FakeAws):
    """Pages of quotas, as many as are asked for."""

    def pages(self, service: str, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        assert (service, operation, parameters) == (
            "service-quotas",
            "list_service_quotas",
            {"ServiceCode": "sagemaker"},
        )
        for name, value in self.answers.items():
            yield {"Quotas": [{"QuotaName": name, "Value": value}]}
        pytest.fail("all that was asked for was known already")


@pytest.mark.parametrize(
    ("on_demand", "spot", "expected"),
    [(2.0, 1.0, []), (1.0, 0.0, ["on spot"]), (0.0, 0.0, ["on demand", "on spot"])],
)
def test_an_instance_type_that_the_account_may_not_use_is_told_before_a_job_waits_for_it(
    tmp_path: Path, on_demand: float, spot: float, expected: list[str]
) -> None:
    kind = "ml.g5.xlarge"
    quotas = {
        "ml.g5.xlarge for endpoint usage": 5.0,
        f"{kind} for training job usage": on_demand,
        f"{kind} for spot training job usage": spot,
        "ml.g5.2xlarge for training job usage": 5.0,
    }
    seen = training_quota(cloud(tmp_path, Quotas(**quotas), sagemaker_instance_type=kind))
    assert [finding.what.removeprefix("this account may run none ") for finding in seen.findings] == expected
    assert seen.found == f"{on_demand:.0f} {kind} on demand, {spot:.0f} {kind} on spot"


def test_an_encryption_that_one_may_not_see_is_no_error_of_the_bucket(tmp_path: Path) -> None:
    closed: Any = FakeAws(head_bucket={}, get_bucket_versioning=AwsError("not allowed", "", "AccessDenied"))
    task = Check("bucket", bucket, actions=("s3:GetBucketVersioning",)).of(cloud(tmp_path, closed, bucket_name="b"))
    (outcome,) = run([task])
    assert outcome.verdict is Verdict.INFO
    assert "needs s3:GetBucketVersioning" in outcome.findings[0].what
