"""How long the server of custom mode takes from its boot until it is healthy, against installing MLflow by hand.

Both are instances of a rehearsal: the same image, the same network, the same mirrors, one after the other. Ours is
timed from the moment EC2 is asked for it until `/health` answers over TLS, with the boot, the certificate, the tables
in a new database and the start of MLflow. The peer's is only what its commands take.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import ssl
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml

from benchmarks.workbench import Measured, compared
from yolops.platform.workspace import Workspace
from yolops.rehearsal.instance_mode import InstanceMode, missing
from yolops.rehearsal.rehearsal import Rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = int(os.environ.get("BOOTS", "3"))
PATIENCE_S = 180.0
LOOK_EVERY_S = 3.0
MLFLOW = "3.17.2"
SOURCE = Path(__file__).resolve().parents[1] / "terraform/modules/custom/server"
# As terraform/modules/custom/server.tf has them.
FIRST = ("__init__", "boot_report", "fetch", "instance", "settings")
PORTS = {"port": "5000", "inner_port": "5001", "workers": "2"}
REGION, BUCKET, LOG_GROUP = "us-east-1", "cells-of-the-benchmark", "/cells/mlflow"
SECRET = {
    "username": "mlflow",
    "password": "the-password-of-the-database",
    "admin_username": "admin",
    "admin_password": "the-password-of-the-administrator",
    "session_key": "the-key-of-the-session",
    "authority_seed": "the-seed-of-the-authority",
}
# What a person would write: what ours needs too, and MLflow of the same version.
PEER = """\
#!/bin/bash
set -eu
began=$(date +%s%N)
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y nginx-light python3-venv
python3 -m venv /opt/mlflow
/opt/mlflow/bin/pip install 'mlflow[auth]==3.17.2' pymysql boto3
echo "the peer took $(($(date +%s%N) - began)) ns"
"""


class Cloud:
    """The simulated AWS with what a server needs, without Terraform.

    Args:
        root: the directory of the rehearsal.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._rehearsal = Rehearsal(Workspace(root))
        self._databases = 0

    def start(self) -> None:
        """Start it, and make what all servers share."""
        self._rehearsal.start(InstanceMode.CONTAINER)
        self.client("s3").create_bucket(Bucket=BUCKET)
        self.client("logs").create_log_group(logGroupName=LOG_GROUP)
        group = {"DBParameterGroupName": "mlflow", "DBParameterGroupFamily": "mysql8.4", "Description": "mlflow"}
        trust = {"ParameterName": "log_bin_trust_function_creators", "ParameterValue": "1", "ApplyMethod": "immediate"}
        self.client("rds").create_db_parameter_group(**group)
        self.client("rds").modify_db_parameter_group(DBParameterGroupName="mlflow", Parameters=[trust])
        self.secret = self.client("secretsmanager").create_secret(Name="server", SecretString=json.dumps(SECRET))["ARN"]
        self.client("iam").create_instance_profile(InstanceProfileName="mlflow")
        self.client("iam").create_role(RoleName="mlflow", AssumeRolePolicyDocument="{}")
        self.client("iam").add_role_to_instance_profile(InstanceProfileName="mlflow", RoleName="mlflow")
        ec2 = self.client("ec2")
        subnet = ec2.describe_subnets()["Subnets"][0]
        self.subnet = subnet["SubnetId"]
        self.group = ec2.create_security_group(GroupName="mlflow", Description="mlflow", VpcId=subnet["VpcId"])[
            "GroupId"
        ]
        rule = {"IpProtocol": "tcp", "FromPort": 5000, "ToPort": 5000, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[rule])

    def reset(self) -> None:
        """End everything."""
        self._rehearsal.reset()

    def client(self, service: str) -> Any:
        """Return a client of it."""
        url = self._rehearsal.status().url
        known = {"aws_access_key_id": "rehearsal", "aws_secret_access_key": "rehearsal"}
        return boto3.client(service, region_name=REGION, endpoint_url=url, **known)

    def database(self) -> str:
        """Make an empty database and return its host."""
        self._databases += 1
        made = self.client("rds").create_db_instance(
            DBInstanceIdentifier=f"cells-{self._databases}",
            DBParameterGroupName="mlflow",
            Engine="mysql",
            DBInstanceClass="db.t3.micro",
            DBName="mlflow",
            MasterUsername=SECRET["username"],
            MasterUserPassword=SECRET["password"],
            AllocatedStorage=20,
        )
        self._wait(lambda: self._available(f"cells-{self._databases}"))
        return str(made["DBInstance"]["Endpoint"]["Address"])

    def run(self, user_data: str, address: dict[str, str]) -> str:
        """Start an instance and return its ID."""
        ec2 = self.client("ec2")
        image = ec2.describe_images(Owners=["136693071363"])["Images"][0]["ImageId"]
        made = ec2.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnet,
            SecurityGroupIds=[self.group],
            IamInstanceProfile={"Name": "mlflow"},
            UserData=user_data,
        )
        instance = str(made["Instances"][0]["InstanceId"])
        ec2.associate_address(InstanceId=instance, AllocationId=address["AllocationId"])
        return instance

    def _available(self, name: str) -> bool:
        found = self.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return bool(found["DBInstanceStatus"] == "available")

    def _wait(self, check: Callable[[], bool], instance: str = "") -> None:
        deadline = time.monotonic() + PATIENCE_S
        looked = time.monotonic()
        while not check():
            if time.monotonic() > deadline:
                raise TimeoutError("what was waited for did not come")
            # Not each time: to ask the rehearsal takes processor time, of which both sides have too little.
            if instance and time.monotonic() - looked > LOOK_EVERY_S:
                looked = time.monotonic()
                self._refuse_failure(instance)
            time.sleep(0.2)

    def ours(self) -> float:
        """Return the seconds from the start of a new server with a new database until it answers over TLS."""
        address = self.client("ec2").allocate_address(Domain="vpc")
        settings = {
            **{name: int(value) for name, value in PORTS.items()},
            "project": "cells",
            "region": REGION,
            "hosts": [address["PublicIp"]],
            "secret_arn": self.secret,
            "database": self.database(),
            "schema": "mlflow",
            "users_schema": "mlflow_users",
            "bucket": BUCKET,
            "prefix": "mlflow",
            "log_group": LOG_GROUP,
        }
        data = self._user_data(settings)
        began = time.perf_counter()
        instance = self.run(data, address)
        self._wait(lambda: _is_healthy(address["PublicIp"]), instance)
        took = time.perf_counter() - began
        self._end(instance)
        return took

    def peer(self) -> float:
        """Return the seconds that the peer's commands take in an instance of their own."""
        instance = self.run(PEER, self.client("ec2").allocate_address(Domain="vpc"))
        self._wait(lambda: bool(self._about(instance).get("log")))
        log = Path(self._about(instance)["log"])
        said = re.compile(r"the peer took (\d+) ns")
        self._wait(lambda: log.exists() and said.search(log.read_text(errors="replace")) is not None, instance)
        took = said.findall(log.read_text(errors="replace"))
        self._end(instance)
        return int(took[0]) / 1e9

    def _end(self, instance: str) -> None:
        """Terminate an instance, and wait until nothing of it keeps the machine busy any more."""
        directory = Path(self._about(instance)["log"]).parent
        self.client("ec2").terminate_instances(InstanceIds=[instance])
        self._wait(lambda: not directory.exists())

    def _refuse_failure(self, instance: str) -> None:
        about = self._about(instance)
        if about.get("boot") == "failed":
            raise RuntimeError(Path(about["log"]).read_text(errors="replace")[-3000:])

    def _about(self, instance: str) -> dict[str, Any]:
        return next((item for item in self._rehearsal.status().instances if item["id"] == instance), {})

    def _user_data(self, settings: dict[str, Any]) -> str:
        """Put the server's files into the bucket, and return user data that fetches them, as Terraform writes it."""
        package = SOURCE / "yolops_server"
        files = {f"/opt/mlflow/lib/yolops_server/{path.name}": path.read_text() for path in package.glob("*.py")}
        files |= {f"/etc/systemd/system/{path.name}": _filled(path) for path in SOURCE.glob("systemd/mlflow*")}
        files["/etc/nginx/nginx.conf"] = _filled(SOURCE / "nginx.conf")
        files["/etc/nginx/mlflow.conf"] = (SOURCE / "mlflow.conf").read_text()
        drop_in = "/etc/systemd/system/nginx.service.d/certificate.conf"
        files[drop_in] = (SOURCE / "systemd/nginx-certificate.conf").read_text()
        files["/opt/mlflow/setup"] = (SOURCE / "setup").read_text()
        files["/opt/mlflow/requirements.txt"] = (SOURCE / f"requirements-{MLFLOW}.txt").read_text()
        bundle = json.dumps(files).encode()
        digest = hashlib.sha256(bundle).hexdigest()
        key = f"mlflow/server/files/{digest}.json.gz"
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(bundle))
        first = {f"/opt/mlflow/lib/yolops_server/{name}.py": (package / f"{name}.py").read_text() for name in FIRST}
        first["/etc/mlflow/server.json"] = json.dumps({**settings, "files_key": key, "files_sha256": digest})
        config = {
            "ssh_genkeytypes": ["ed25519", "ecdsa"],
            "write_files": [{"path": path, "content": content} for path, content in first.items()],
            "runcmd": [
                ["env", "PYTHONPATH=/opt/mlflow/lib", "python3", "-m", "yolops_server.fetch"],
                ["/opt/mlflow/setup", REGION, "ssh", PORTS["port"], ""],
            ],
        }
        return "#cloud-config\n" + yaml.safe_dump(config)


def _filled(template: Path) -> str:
    """Return a file as Terraform's `templatefile` does."""
    return re.sub(r"\$\{(\w+)\}", lambda found: PORTS[found[1]], template.read_text().replace("$${", "$\0{")).replace(
        "\0", ""
    )


def _is_healthy(address: str) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(f"https://{address}:5000/health", timeout=5, context=context) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def main() -> list[Measured]:
    """Boot and install in turn, where instances can boot."""
    if lacking := missing():
        print(f"the boot of the server is not measured: no {', '.join(lacking)}", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory(prefix="yolops-bench-") as temporary:
        cloud = Cloud(Path(temporary))
        try:
            cloud.start()
            measured = [(cloud.ours(), cloud.peer()) for _ in range(COUNT)]
        finally:
            cloud.reset()
    what = "from boot to healthy / apt-get install and pip install of MLflow"
    return [compared(what, [pair[0] for pair in measured], [pair[1] for pair in measured], unit="s", bar="<= 0.333")]
