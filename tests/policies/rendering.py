"""The policies that `terraform/` gives to each role: written by the real provider, without AWS or a simulation of it.

A run of `terraform test` in which every resource is overridden: applying it makes nothing, and `NAMES` says what AWS
would call what policies name. What the provider asks AWS for is overridden, too, except for passwords, which cannot be.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

from tests.policies.simulator import Document
from yolops.platform.terraform import ENVIRONMENT

CHECKOUT = Path(__file__).parents[2]
ACCOUNT, REGION, PROJECT = "111122223333", "us-east-1", "yolops"
HERE = f"{REGION}:{ACCOUNT}"
BUCKET = f"arn:aws:s3:::{PROJECT}-{ACCOUNT}-{REGION}"
KEY = f"arn:aws:kms:{HERE}:key/1111aaaa-22bb-33cc-44dd-5555eeee6666"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
DOMAIN = "d-abcdefghijkl"
APP = f"arn:aws:sagemaker:{HERE}:mlflow-app/app-ABCDEFGHIJKL"
SERVER = f"arn:aws:sagemaker:{HERE}:mlflow-tracking-server/{PROJECT}-mlflow"
SECRET = f"arn:aws:secretsmanager:{HERE}:secret:{PROJECT}-mlflow-AbCdEf"
JOBS_SECRET = f"arn:aws:secretsmanager:{HERE}:secret:{PROJECT}-mlflow-jobs-GhIjKl"
LOGS = f"arn:aws:logs:{HERE}:log-group"
EC2 = f"arn:aws:ec2:{HERE}"
ZONE, HOST = "Z0", "mlflow.example.com"
SUBNETS = [f"subnet-{kind}{zone}" for kind in ("0a", "0b") for zone in "12"]

# role in the configuration: its name in AWS
ROLES = {
    "module.training.aws_iam_role.training": f"{PROJECT}-training",
    "module.training.aws_iam_role.deploy": f"{PROJECT}-deploy",
    "module.custom[0].aws_iam_role.server": f"{PROJECT}-mlflow-server",
    "module.custom[0].aws_iam_role.office_hours": f"{PROJECT}-mlflow-office-hours",
    "module.studio[0].aws_iam_role.user": f"{PROJECT}-studio-user",
    "module.studio[0].aws_iam_role.mlflow": f"{PROJECT}-mlflow",
}
# what else policies name: its values in AWS
NAMES: dict[str, dict[str, Any]] = {
    "module.storage.aws_s3_bucket.platform": {"arn": BUCKET, "id": BUCKET.rpartition(":")[2]},
    "module.training.aws_ecr_repository.training": {"arn": f"arn:aws:ecr:{HERE}:repository/{PROJECT}-training"},
    "module.training.aws_security_group.training": {"id": "sg-0training"},
    "module.training.aws_iam_openid_connect_provider.github": {
        "arn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    },
    "module.network.aws_vpc.own": {"id": "vpc-0abc", "arn": f"{EC2}:vpc/vpc-0abc"},
    **{
        f'module.network.aws_subnet.own["{kind}-{zone}"]': {"id": SUBNETS[2 * row + column]}
        for row, kind in enumerate(("public", "private"))
        for column, zone in enumerate("ab")
    },
    "module.custom[0].aws_secretsmanager_secret.server": {"arn": SECRET, "id": SECRET},
    "module.custom[0].aws_secretsmanager_secret.jobs": {"arn": JOBS_SECRET, "id": JOBS_SECRET},
    "module.custom[0].aws_vpc_endpoint.secrets": {"dns_entry": [{"dns_name": "vpce-1", "hosted_zone_id": "Z1"}]},
    "module.custom[0].aws_cloudwatch_log_group.server": {"arn": f"{LOGS}:/{PROJECT}/mlflow"},
    "module.custom[0].aws_instance.server": {"arn": f"{EC2}:instance/i-0abc", "id": "i-0abc"},
    "module.custom[0].aws_db_instance.database": {"arn": f"arn:aws:rds:{HERE}:db:{PROJECT}-mlflow"},
    "module.studio[0].aws_sagemaker_domain.studio": {"arn": f"arn:aws:sagemaker:{HERE}:domain/{DOMAIN}", "id": DOMAIN},
    "module.studio[0].aws_cloudformation_stack.mlflow": {"outputs": {"Arn": APP}},
    "module.studio[0].aws_sagemaker_mlflow_tracking_server.mlflow": {"arn": SERVER},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "data.aws_ssm_parameters_by_path.platform": {"names": [], "values": []},
    "module.network.data.aws_availability_zones.available": {"names": ["us-east-1a", "us-east-1b"]},
    "module.custom[0].data.aws_ami.debian": {"id": "ami-0abc"},
    "module.custom[0].data.aws_route53_zones.all": {"ids": [ZONE]},
    "module.custom[0].data.aws_route53_zone.candidate": {"name": "example.com.", "zone_id": ZONE},
}
# every option that gives a role more
VARIABLES: dict[str, dict[str, Any]] = {
    "custom": {
        "deployment_mode": "custom",
        "admin_access": "ssm",
        "office_hours": {"start": "08:00", "stop": "19:00"},
        "github_repository": "acme/detector",
        "domain_name": HOST,
    },
    "studio-app": {"deployment_mode": "studio", "studio_mlflow": "app"},
    "studio-server": {"deployment_mode": "studio", "studio_mlflow": "tracking_server"},
}


@dataclass
class Role:
    """What a role may do, and who may be it."""

    trust: Document
    policies: dict[str, Document] = field(default_factory=dict)


@dataclass(frozen=True)
class Deployment:
    """The roles of one deployment by name, and what the bucket itself says."""

    roles: dict[str, Role]
    bucket_policy: Document


class _Passwords(BaseHTTPRequestHandler):
    """Answers what Terraform cannot override, which is ephemeral values, and refuses every other question."""

    ANSWERS: ClassVar = {
        "secretsmanager.GetRandomPassword": {"RandomPassword": "p" * 40},
        "secretsmanager.GetSecretValue": {"ARN": SECRET, "SecretString": '{"password": "p"}', "VersionId": "v" * 32},
    }

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.ANSWERS.get(self.headers.get("X-Amz-Target", ""))
        body = json.dumps(answer or {"__type": "NotPartOfThisTest"}).encode()
        self.send_response(200 if answer else 400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _nothing_of_aws() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Passwords) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def render(directory: Path, settings: dict[str, str]) -> dict[str, Deployment]:
    """Write the policies of every deployment and return them.

    Args:
        directory: an empty one, for a copy of the configuration.
        settings: environment by which Terraform finds the provider.
    """
    shutil.copytree(
        CHECKOUT / "terraform",
        directory,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(".terraform*", "*.tfvars", "*.tfstate*", "tests"),
    )
    tests = directory / "tests"
    tests.mkdir()
    (tests / "policies.tftest.json").write_text(json.dumps(_test_file(directory)))
    with _nothing_of_aws() as endpoint:
        environment = {**os.environ, **ENVIRONMENT, **settings, "AWS_ENDPOINT_URL": endpoint, "AWS_MAX_ATTEMPTS": "1"}
        _terraform(directory, environment, "init", "-backend=false", "-input=false")
        lines = _terraform(directory, environment, "test", "-verbose", "-json")
    messages = [json.loads(line) for line in lines.splitlines()]
    warnings = [one["diagnostic"]["detail"] for one in messages if one["type"] == "diagnostic"]
    assert not warnings, warnings  # a name above that is not in the configuration any more
    return {one["@testrun"]: _deployment(one["test_state"]) for one in messages if one["type"] == "test_state"}


def _terraform(directory: Path, environment: dict[str, str], *arguments: str) -> str:
    argv = ["terraform", *arguments]
    done = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"@')]
        found = [one["diagnostic"] for one in told if one["type"] == "diagnostic"]
        errors = [f"{one['summary']}: {one['detail']} {one.get('address')} {one.get('range')}" for one in found]
        raise AssertionError("\n".join([" ".join(argv), *errors, done.stderr]))
    return done.stdout


def _test_file(directory: Path) -> Document:
    resources, data = _declared(directory)
    answers = ANSWERS | {one: {"account_id": ACCOUNT} for one in data if ".aws_caller_identity." in one}
    names = (
        {one: {"arn": f"arn:aws:iam::{ACCOUNT}:policy/unnamed"} for one in resources}
        | NAMES
        | {one: {"arn": f"{ROLE}/{name}", "id": name} for one, name in ROLES.items()}
    )
    skips = ("credentials_validation", "requesting_account_id", "metadata_api_check", "region_validation")
    provider = {"region": REGION, "access_key": "test", "secret_key": "test", **{f"skip_{one}": True for one in skips}}
    options = {"kms_key_arn": KEY, "discard_runs": True}
    return {
        "provider": {"aws": provider},
        "override_data": [{"target": one, "values": values} for one, values in answers.items()],
        "override_resource": [{"target": one, "values": values} for one, values in names.items()],
        "run": {name: {"command": "apply", "variables": {**options, **own}} for name, own in VARIABLES.items()},
    }


def _declared(directory: Path) -> tuple[list[str], list[str]]:
    """Return the addresses of all resources and of all data sources of a configuration."""
    found: dict[str, list[str]] = {"resource": [], "data": []}
    for file in [*directory.glob("*.tf"), *directory.glob("modules/*/*.tf")]:
        module = file.parent.name if file.parent != directory else ""
        index = "[0]" if module in {"custom", "studio"} else ""
        for kind, *names in re.findall(r'^(resource|data) "(aws_\w+)" "(\w+)"', file.read_text(), re.MULTILINE):
            parts = [f"module.{module}{index}" if module else "", "data" if kind == "data" else "", *names]
            found[kind].append(".".join(filter(None, parts)))
    return found["resource"], found["data"]


def _deployment(state: Document) -> Deployment:
    resources = {one["address"]: one for one in _all(state["root_module"])}
    of_type = {kind: [one for one in resources.values() if one["type"] == kind] for kind in _KINDS}
    roles = {
        one["values"]["name"]: Role(json.loads(one["values"]["assume_role_policy"])) for one in of_type["aws_iam_role"]
    }
    for one in of_type["aws_iam_role_policy"]:
        values = one["values"]
        roles[values["role"]].policies[values["name"]] = json.loads(values["policy"])
    for one in of_type["aws_iam_role_policy_attachment"]:
        # A policy of one's own: it has the same place in its module and the same key.
        own = resources[one["address"].replace("_role_policy_attachment", "_policy")]["values"]
        roles[one["values"]["role"]].policies[own["name"]] = json.loads(own["policy"])
    return Deployment(roles, json.loads(resources["module.storage.aws_s3_bucket_policy.platform"]["values"]["policy"]))


_KINDS = ("aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment")


def _all(module: Document) -> list[Document]:
    own: list[Document] = module.get("resources", [])
    return own + [one for child in module.get("child_modules", []) for one in _all(child)]
