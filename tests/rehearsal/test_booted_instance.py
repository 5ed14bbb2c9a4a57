"""An instance of simulated EC2 really boots: cloud-init runs its user data, under the names AWS has for everything."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import Aws, wait_for
from yolops.platform.workspace import Workspace
from yolops.rehearsal.container import control_groups
from yolops.rehearsal.instance_mode import InstanceMode, missing
from yolops.rehearsal.instances import group_name
from yolops.rehearsal.rehearsal import Rehearsal
from yolops.running_processes import find_background

LACKING = missing()
pytestmark = [
    pytest.mark.skipif(bool(LACKING), reason=f"instances cannot boot here: no {', '.join(LACKING)}"),
    pytest.mark.allow_hosts(["127.0.0.0/8"]),
    pytest.mark.timeout(900),
]

# Only what the image has: nothing is installed, so the test needs no network but for the image itself.
USER_DATA = """#cloud-config
write_files:
  - path: /opt/site/fetch
    permissions: "0755"
    content: |
      #!/bin/sh
      set -eu
      cd /opt/site
      about=http://169.254.169.254/latest
      curl -s -o /dev/null -w '%{http_code}' $about/meta-data/instance-id > without-token
      token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $about/api/token)
      curl -sf -H "X-aws-ec2-metadata-token: $token" $about/meta-data/instance-id > identity
      curl -sf https://bucket-of-the-test.s3.us-east-1.amazonaws.com/hello > from-s3
      curl -sf https://truststore.pki.rds.amazonaws.com/us-east-1/us-east-1-bundle.pem > rds.pem
      url=https://bucket-of-the-test.s3.us-east-1.amazonaws.com/hello
      python3 -c "import urllib.request; print(urllib.request.urlopen('$url').status)" > by-python
      curl -s -m 3 http://198.18.0.2:4570/health > host || echo unreachable > host
      date +%s%N > first-boot
  - path: /etc/systemd/system/site.service
    content: |
      [Unit]
      After=network-online.target
      Wants=network-online.target
      [Service]
      WorkingDirectory=/opt/site
      ExecStart=/usr/bin/python3 -m http.server 8080
      [Install]
      WantedBy=multi-user.target
runcmd:
  - /opt/site/fetch
  - systemctl enable --now site.service
"""


@dataclass(frozen=True)
class Booted:
    """One instance with its Elastic IP."""

    identifier: str
    address: str

    def read(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.address}:8080/{path}", timeout=10) as answer:
            return answer.read().decode()

    def answers(self) -> bool:
        try:
            return bool(self.read("identity"))
        except OSError:
            return False


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """A rehearsal whose instances boot."""
    root = tmp_path_factory.mktemp("booted")
    rehearsal = Rehearsal(Workspace(root))
    try:
        rehearsal.start(InstanceMode.CONTAINER)
        yield Aws(rehearsal, root)
    finally:
        rehearsal.reset()


@pytest.fixture(scope="module")
def booted(aws: Aws) -> Booted:
    s3, ec2 = aws.client("s3"), aws.client("ec2")
    s3.create_bucket(Bucket="bucket-of-the-test", ACL="public-read")
    s3.put_object(Bucket="bucket-of-the-test", Key="hello", Body=b"hello", ACL="public-read")
    subnet = ec2.describe_subnets()["Subnets"][0]
    group = ec2.create_security_group(GroupName="site", Description="site", VpcId=subnet["VpcId"])["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    image = ec2.describe_images(Owners=["136693071363"])["Images"][0]["ImageId"]
    run = ec2.run_instances(
        ImageId=image,
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet["SubnetId"],
        SecurityGroupIds=[group],
        UserData=USER_DATA,
    )
    identifier = run["Instances"][0]["InstanceId"]
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(InstanceId=identifier, AllocationId=address["AllocationId"])
    made = Booted(identifier, address["PublicIp"])
    wait_for(lambda: seen(aws, made)["boot"] in {"ready", "failed"}, True, 240)
    assert seen(aws, made)["boot"] == "ready", Path(seen(aws, made)["log"]).read_text()[-3000:]
    wait_for(made.answers, True, 30)
    return made


def seen(aws: Aws, booted: Booted) -> Any:
    found = [item for item in aws.rehearsal.status().instances if item["id"] == booted.identifier]
    return found[0] if found else {"boot": None, "log": None}


def test_its_user_data_ran_and_reached_aws_under_its_own_names(booted: Booted) -> None:
    assert booted.read("identity") == booted.identifier
    assert booted.read("from-s3") == "hello"
    assert "BEGIN CERTIFICATE" in booted.read("rds.pem")
    assert booted.read("by-python") == "200\n"


def test_the_metadata_service_demands_a_token(booted: Booted) -> None:
    assert booted.read("without-token") == "401"


def test_an_instance_reaches_nothing_of_this_machine_but_what_stands_for_aws(booted: Booted) -> None:
    assert booted.read("host") == "unreachable\n"


def test_a_reboot_brings_it_back_without_running_its_user_data_again(aws: Aws, booted: Booted) -> None:
    first = booted.read("first-boot")
    aws.client("ec2").reboot_instances(InstanceIds=[booted.identifier])
    wait_for(lambda: seen(aws, booted)["boot"], "booting", 30)
    wait_for(lambda: seen(aws, booted)["boot"], "ready", 120)
    wait_for(booted.answers, True, 30)
    assert booted.read("first-boot") == first


def test_it_can_be_stopped_and_started(aws: Aws, booted: Booted) -> None:
    ec2 = aws.client("ec2")
    ec2.stop_instances(InstanceIds=[booted.identifier])
    wait_for(lambda: seen(aws, booted)["boot"], None, 60)
    assert not booted.answers()
    ec2.start_instances(InstanceIds=[booted.identifier])
    wait_for(booted.answers, True, 120)


def test_nothing_is_left_when_the_rehearsal_was_killed_and_it_comes_back_at_the_next_start(
    aws: Aws, booted: Booted
) -> None:
    wait_for(lambda: seen(aws, booted)["boot"], "ready", 120)
    time.sleep(3)  # what it holds is saved by then
    pid = aws.rehearsal.status().pid
    assert pid is not None
    os.kill(pid, 9)
    aws.rehearsal.stop()
    assert remains(aws) == []
    aws.rehearsal.start()
    wait_for(booted.answers, True, 120)


def test_it_is_gone_with_everything_when_it_is_terminated(aws: Aws, booted: Booted) -> None:
    aws.client("ec2").terminate_instances(InstanceIds=[booted.identifier])
    wait_for((aws.root / ".yolops/rehearsal/instances" / booted.identifier).exists, False, 60)
    assert not booted.answers()
    aws.rehearsal.stop()
    assert remains(aws) == []


def remains(aws: Aws) -> list[str]:
    """Return what a rehearsal would have left on this machine."""
    directory = aws.root / ".yolops/rehearsal"
    groups = control_groups()
    assert groups is not None
    mounts = Path("/proc/self/mounts").read_text()
    links = subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
    rules = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    return [
        *(f"process {item.pid}" for item in find_background(directory)),
        *(f"group {group}" for group in groups.glob(group_name(directory, "*"))),
        *(line for line in mounts.splitlines() if str(directory) in line),
        *(line for line in links.splitlines() if "ens5" in line or "vpc0" in line or "tap0" in line),
        *(line for line in rules.splitlines() if "vpc" in line),
    ]
