"""What an instance is told about itself by 169.254.169.254: built from what simulated EC2 and IAM hold of it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.environment import TEST_CREDENTIAL
from yolops.rehearsal.virtual_network import Interface

if TYPE_CHECKING:
    from collections.abc import Mapping

CREDENTIALS_LAST = timedelta(hours=6)
PARTITION = "aws"


def instance_at(address: str) -> Any | None:
    """Return the instance with a private address that is not terminated; None if there is none."""
    for backend in backends_of(ec2_backends):
        for reservation in list(backend.reservations.values()):
            for instance in reservation.instances:
                if instance.state != "terminated" and instance.private_ip == address:
                    return instance
    return None


def user_data(instance: Any) -> bytes:
    """Return the user data of an instance, as its creator gave it."""
    return base64.b64decode(str(instance.user_data or ""))


def metadata(instance: Any) -> dict[str, str]:
    """Return the metadata of an instance, by path."""
    address = str(instance.private_ip)
    interface = Interface(address, str(instance.private_dns_name))
    subnet = instance.ec2_backend.get_subnet(instance.subnet_id)
    vpc = instance.ec2_backend.get_vpc(instance.vpc_id)
    network = {
        "device-number": "0",
        "interface-id": str(instance.nics[0].id),
        "local-ipv4s": address,
        "mac": interface.mac,
        "owner-id": str(instance.owner_id),
        "subnet-id": str(instance.subnet_id),
        "subnet-ipv4-cidr-block": str(subnet.cidr_block),
        "vpc-id": str(instance.vpc_id),
        "vpc-ipv4-cidr-block": str(vpc.cidr_block),
        "vpc-ipv4-cidr-blocks": str(vpc.cidr_block),
    }
    return {
        "ami-id": str(instance.image_id),
        "ami-launch-index": str(instance.ami_launch_index),
        "hostname": interface.host,
        "instance-id": str(instance.id),
        "instance-type": str(instance.instance_type),
        "local-hostname": interface.host,
        "local-ipv4": address,
        "mac": interface.mac,
        "placement/availability-zone": str(instance.availability_zone),
        "placement/region": str(instance.region_name),
        "security-groups": "\n".join(str(group.name) for group in instance.security_groups),
        "services/domain": "amazonaws.com",
        "services/partition": PARTITION,
        **({"public-ipv4": str(instance.public_ip)} if instance.public_ip else {}),
        **{f"network/interfaces/macs/{interface.mac}/{name}": value for name, value in network.items()},
        **_role(instance),
    }


def identity_document(instance: Any) -> str:
    """Return the identity document of an instance, without the signature that AWS gives it."""
    return json.dumps(
        {
            "accountId": str(instance.owner_id),
            "architecture": str(instance.architecture),
            "availabilityZone": str(instance.availability_zone),
            "imageId": str(instance.image_id),
            "instanceId": str(instance.id),
            "instanceType": str(instance.instance_type),
            "pendingTime": instance.launch_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "privateIp": str(instance.private_ip),
            "region": str(instance.region_name),
            "version": "2017-09-30",
        }
    )


def find(tree: Mapping[str, str], path: str) -> str | None:
    """Return what is at a path: a value, or the names below it; None if there is nothing.

    Args:
        tree: values by path.
        path: without a slash in front.
    """
    if path in tree:
        return tree[path]
    above = path if path == "" or path.endswith("/") else f"{path}/"
    below = set()
    for name in tree:
        if name.startswith(above):
            child, slash, _ = name[len(above) :].partition("/")
            below.add(child + slash)
    return "\n".join(sorted(below)) if below else None


def _role(instance: Any) -> dict[str, str]:
    """Return the credentials of the role of an instance, which moto takes for its account's like any other."""
    given = instance.iam_instance_profile
    if not given:
        return {}
    # moto keeps a name, an answer of the API, or the profile itself, depending on the call.
    named = {given} if isinstance(given, str) else set(given.values() if isinstance(given, dict) else [given.arn])
    for backend in backends_of(iam_backends):
        for profile in list(backend.instance_profiles.values()):
            if {profile.arn, profile.name} & named and profile.roles:
                return _credentials(profile)
    return {}


def _credentials(profile: Any) -> dict[str, str]:
    now, form = datetime.now(UTC), "%Y-%m-%dT%H:%M:%SZ"
    about = {"Code": "Success", "LastUpdated": now.strftime(form)}
    profile_of = {"InstanceProfileArn": profile.arn, "InstanceProfileId": profile.id}
    credentials = {
        "Type": "AWS-HMAC",
        "AccessKeyId": TEST_CREDENTIAL,
        "SecretAccessKey": TEST_CREDENTIAL,
        "Token": TEST_CREDENTIAL,
        "Expiration": (now + CREDENTIALS_LAST).strftime(form),
    }
    return {
        "iam/info": json.dumps(about | profile_of),
        f"iam/security-credentials/{profile.roles[0].name}": json.dumps(about | credentials),
    }
