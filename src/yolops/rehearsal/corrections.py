"""What moto 5.2.5 gets wrong, so that a plan would never be empty or a bucket never open; one function for each."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from moto.core.types import Base64EncodedString
from moto.ec2.exceptions import InvalidRequest, InvalidSecurityGroupRuleIdNotFoundError
from moto.iam.access_control import IAMPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from moto.cloudtrail.models import CloudTrailBackend
    from moto.core.resource_tagging import TaggedResource
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance
    from moto.ec2.models.launch_templates import LaunchTemplate
    from moto.ec2.models.security_groups import SecurityGroupRule
    from moto.ec2.models.subnets import Subnet
    from moto.ecr.models import ECRBackend
    from moto.rds.models import DBParameterGroup
    from moto.s3.models import FakeBucket, FakeDeleteMarker
    from moto.s3.utils import _VersionedKeyStore

# The first addresses of a subnet belong to AWS, and so does the last:
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
RESERVED = 4


def rule_description(rule: SecurityGroupRule) -> str | None:
    """Return what a firewall rule is for; moto forgets it where the rule names a group or a prefix list."""
    for peer in (rule.ip_range, rule.source_group, rule.prefix_list_id):
        if isinstance(peer, dict) and peer.get("Description"):
            return str(peer["Description"])
    return None


def revoke_rules(moto: Callable[..., None]) -> Callable[..., None]:
    """Return how firewall rules are revoked: one that its ID no longer names has an error of its own in AWS.

    Terraform takes that as done, and moto's as a failure: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """

    def revoke(self: EC2Backend, group_name_or_id: str, **rest: Any) -> None:
        group = self.get_security_group_by_name_or_id(group_name_or_id)
        known = {rule.id for rule in (*group.ingress_rules, *group.egress_rules)} if group else set()
        for rule_id in rest.get("security_rule_ids") or ():
            if group and rule_id not in known:
                raise InvalidSecurityGroupRuleIdNotFoundError(rule_id)
        moto(self, group_name_or_id=group_name_or_id, **rest)

    return revoke


def update_parameters(self: DBParameterGroup, new_parameters: Iterable[dict[str, Any]]) -> None:
    """Set parameters of a database; Terraform keeps only those that are said to come from a user."""
    for parameter in new_parameters:
        self.parameters[parameter["ParameterName"]].update(parameter, Source="user")


def versions_of_keys(self: _VersionedKeyStore) -> Iterator[tuple[str, list[Any]]]:
    """Yield the keys of a bucket and their versions; moto looks each up again, when another request has deleted it."""
    for key, versions in self._self_iterable().items():
        if kept := list(versions):
            yield key, kept


def newest_of_keys(self: _VersionedKeyStore) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a bucket and the newest version of each, likewise."""
    for key, versions in versions_of_keys(self):
        yield key, versions[-1]


def newest_versions(self: _VersionedKeyStore) -> Iterator[Any]:
    """Yield the newest version of each key of a bucket, likewise."""
    for _, newest in newest_of_keys(self):
        yield newest


def dispose(self: FakeDeleteMarker) -> None:
    """Do nothing: a delete marker holds no content; moto asks for it where versioning was suspended."""


def create_version(moto: Callable[..., Any]) -> Callable[..., Any]:
    """Return how a version of a launch template is made.

    The tags of the template itself are no part of it, and instances can be started with the user data of a later one.
    """

    def create(self: LaunchTemplate, data: dict[str, Any], description: str) -> Any:
        data = dict(data)
        if "TagSpecifications" in data:
            tags = data["TagSpecifications"] or []
            data["TagSpecifications"] = [item for item in tags if item["ResourceType"] != "launch-template"]
        if isinstance(data.get("UserData"), str):
            data["UserData"] = Base64EncodedString(data["UserData"])
        return moto(self, data, description)

    return create


def bucket_permission(moto: Callable[..., Any]) -> Callable[..., Any]:
    """Return how a bucket's policy is asked: loopback stands for TLS, for which moto refuses everything."""

    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        if self.policy is None:
            return moto(self, action, resource)
        policy = json.loads(self.policy)
        statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
        kept = [item for item in statements if not _demands_tls(item)]
        return IAMPolicy(json.dumps(policy | {"Statement": kept})).is_action_permitted(action, resource)

    return get_permission


def _demands_tls(statement: dict[str, Any]) -> bool:
    return statement["Effect"] == "Deny" and "aws:SecureTransport" in statement.get("Condition", {}).get("Bool", {})


def tagged_machines(moto: Callable[..., Iterator[TaggedResource]]) -> Callable[..., Iterator[TaggedResource]]:
    """Return how what has tags is listed in EC2: a terminated instance is gone, though it can still be described."""

    def iter_tagged_resources(self: EC2Backend) -> Iterator[TaggedResource]:
        instances = (instance for reservation in self.reservations.values() for instance in reservation.instances)
        gone = {instance.id for instance in instances if instance.state == "terminated"}
        return (item for item in moto(self) if item.arn.rpartition("/")[2] not in gone)

    return iter_tagged_resources


def free_address(self: Subnet, instance: object) -> str:
    """Return a free address of a subnet, which an instance has from now on.

    moto counts on from the last one, leaves addresses to what was terminated, and begins anew, with those that AWS
    keeps for itself, when it was stopped meanwhile.
    """
    for number in range(RESERVED, self.cidr.num_addresses - 1):
        address = self.cidr[number]
        owner = self._subnet_ips.get(str(address))
        free = owner is None or getattr(owner, "state", "") == "terminated"
        if free and address not in self._reserved_ips:
            self._subnet_ips[str(address)] = instance
            return str(address)
    raise InvalidRequest


def reboot(moto: Callable[..., None]) -> Callable[..., None]:
    """Return how an instance is rebooted: that it was is counted, of which moto takes no note."""

    def count(self: Instance) -> None:
        moto(self)
        self.boots = getattr(self, "boots", 0) + 1

    return count


def delete_trail(moto: Callable[..., None]) -> Callable[..., None]:
    """Return how a trail is deleted: by its ARN as well, of which moto says nothing and deletes nothing."""

    def delete(self: CloudTrailBackend, name: str) -> None:
        moto(self, name.rpartition("/")[2])

    return delete


def describe_images(moto: Callable[..., Any]) -> Callable[..., Any]:
    """Return how images are looked up: what AWS keeps in accounts of its own is there for everybody."""

    def describe(self: ECRBackend, name: str, registry: str | None = None, images: Any = None) -> Any:
        if registry and registry != self.account_id:
            tags = [image.get("imageTag", "") for image in images or []]
            return [SimpleNamespace(registry_id=registry, repository_name=name, image_tags=[tag]) for tag in tags]
        return moto(self, name, registry, images)

    return describe
