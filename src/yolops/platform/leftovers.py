"""Proof by listing that nothing of a project is left in AWS, or what is, where, and the command that removes it.

The tagging service is asked last: it knows every kind of resource, but forgets deleted ones only after a while. What is
listed by its own service is believed instead, also what never carries our tags: network interfaces and firewalls that
SageMaker makes, log groups that services make, snapshots.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.aws import AwsError, absent_ok
from yolops.findings import Finding, Severity, counted
from yolops.platform.listings import (
    EC2,
    HARMLESS,
    KEPT,
    LISTED_SAGEMAKER,
    LISTED_SERVICES,
    LISTINGS,
    PARAMETERS,
    REMOVE,
    TAGS,
    Listing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from yolops.aws import Aws

# Counting goes on for minutes in a bucket of millions, and the order of magnitude is what matters.
MOST_COUNTED = 100_000
CODE = "left-over"


@dataclass(frozen=True)
class Scope:
    """What belongs to a project beside its tags; known from the outputs before it is destroyed.

    Attributes:
        project: its name.
        bucket: its bucket.
        domain_id: its Studio domain.
        kept: what was left on purpose, by name.
    """

    project: str
    bucket: str = ""
    domain_id: str = ""
    kept: frozenset[str] = frozenset()

    def owns(self, name: str, tags: Mapping[str, str]) -> bool:
        """Return whether something is the project's: by its tag, or without one by its name."""
        if "Project" in tags:
            return tags["Project"] == self.project
        parts = name.replace(":", "/").split("/")
        studio = bool(self.domain_id) and self.domain_id in str(tags.get("ManagedByAmazonSageMakerResource", ""))
        return studio or any(part == self.project or part.startswith(f"{self.project}-") for part in parts)


def find_leftovers(aws: Aws, scope: Scope, tell: Callable[[str], object] = lambda _: None) -> list[Finding]:
    """Return what is left of a project; what stays on purpose is only for information.

    Args:
        aws: the region.
        scope: what belongs to the project.
        tell: is called with what is being listed.
    """
    search = _Search(aws, scope)
    steps: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("EC2", search.network),
        ("buckets", search.buckets),
        *((listing.kind, lambda listing=listing: search.listed(listing)) for listing in LISTINGS),
        ("budgets", search.budgets),
        ("Studio", search.studio),
        ("tags", search.tagged),
    ]
    found: dict[tuple[str, str], Finding] = {}
    for what, step in steps:
        tell(what)
        try:
            for finding in step():
                found.setdefault((finding.where, finding.what), finding)
        except AwsError as error:
            hint = "look there yourself, or ask for the permission"
            finding = Finding(Severity.WARNING, "not-listed", what, f"could not be looked at: {error.message}", hint)
            found[what, ""] = finding
    return list(found.values())


def count_objects(aws: Aws, bucket: str) -> tuple[int, int]:
    """Return how many versions of objects a bucket holds, up to `MOST_COUNTED`, and their bytes together."""
    objects = size = 0
    for page in aws.pages("s3", "list_object_versions", Bucket=bucket):
        versions = page.get("Versions", [])
        objects += len(versions) + len(page.get("DeleteMarkers", []))
        size += sum(version["Size"] for version in versions)
        if objects >= MOST_COUNTED:
            break
    return objects, size


class _Search:
    """The questions, one method for each way to ask."""

    def __init__(self, aws: Aws, scope: Scope) -> None:
        self._aws = aws
        self._scope = scope

    def network(self) -> Iterator[Finding]:
        """Look for everything of EC2 that has our tag, and what SageMaker leaves in our network without one."""
        ours = [{"Name": "tag:Project", "Values": [self._scope.project]}]
        for kind, (operation, path) in EC2.items():
            for name in self._items("ec2", operation, path, Filters=ours):
                yield self._finding(kind, name, {})
        vpcs = set(self._items("ec2", "describe_vpcs", "Vpcs[].VpcId", Filters=ours))
        for interface in self._items("ec2", "describe_network_interfaces", "NetworkInterfaces"):
            if interface.get("VpcId") in vpcs or self._is_studio(str(interface.get("Description"))):
                yield self._finding("network interface", interface["NetworkInterfaceId"], {})
        for group in self._items("ec2", "describe_security_groups", "SecurityGroups[?GroupName!='default']"):
            if group.get("VpcId") in vpcs or self._is_studio(group["GroupName"]):
                yield self._finding("security group", group["GroupId"], {})

    def buckets(self) -> Iterator[Finding]:
        """Look for buckets, and count what is in them."""
        for bucket in self._items("s3", "list_buckets", "Buckets"):
            name = bucket["Name"]
            if name != self._scope.bucket and not self._scope.owns(name, {}):
                continue
            if name == self._scope.bucket or self._scope.owns(name, self._bucket_tags(name)):
                objects, size = count_objects(self._aws, name)
                what = f"with {counted(objects, 'version')} of objects, {size / 1e6:.1f} MB"
                yield self._finding("bucket", name, {}, what)

    def listed(self, listing: Listing) -> Iterator[Finding]:
        """Look for one kind in the list of its service."""
        import jmespath

        parameters = PARAMETERS.get(listing.kind, {})
        for item in self._items(listing.service, listing.operation, listing.items, **parameters):
            fields = item if isinstance(item, dict) else {}
            name = str(fields[listing.name]) if listing.name else str(item)
            tags = _tags(fields)
            if self._scope.owns(name, tags) and listing.kind in TAGS:
                tags = self._asked_tags(listing, fields)
            if self._scope.owns(name, tags):
                kept = listing.kind in KEPT and bool(jmespath.search(KEPT[listing.kind], fields))
                yield self._finding(listing.kind, name, fields, kept=kept)

    def budgets(self) -> Iterator[Finding]:
        """Look for budgets, which belong to the account."""
        account = self._aws.account()
        for budget in self._items("budgets", "describe_budgets", "Budgets", AccountId=account):
            if self._scope.owns(budget["BudgetName"], {}):
                yield self._finding("budget", budget["BudgetName"], {"account": account})

    def studio(self) -> Iterator[Finding]:
        """Look for what keeps a domain of ours from being deleted."""
        domains = {item["DomainId"] for item in self._items("sagemaker", "list_domains", "Domains")}
        if self._scope.domain_id not in domains:
            return
        domain = {"DomainIdEquals": self._scope.domain_id}
        for app in self._items("sagemaker", "list_apps", "Apps[?Status!='Deleted']", **domain):
            yield self._finding("Studio app", app["AppName"], app)
        for space in self._items("sagemaker", "list_spaces", "Spaces", **domain):
            yield self._finding("Studio space", space["SpaceName"], space)

    def tagged(self) -> Iterator[Finding]:
        """Look for every other kind that has our tag; AWS may still name what is gone."""
        filters = [{"Key": "Project", "Values": [self._scope.project]}]
        path = "ResourceTagMappingList[].ResourceARN"
        for arn in self._items("resourcegroupstaggingapi", "get_resources", path, TagFilters=filters):
            service, rest = arn.split(":")[2], arn.split(":", 5)[5]
            kind = f"{service}:{rest.split('/')[0].split(':')[0]}"
            if service in LISTED_SERVICES or kind in (*HARMLESS, *LISTED_SAGEMAKER):
                continue
            what = f"{kind} {rest} still has the tag; AWS may name what is gone for a while"
            yield Finding(Severity.WARNING, CODE, arn, what, "look for it in the console of its service")

    def _items(self, service: str, operation: str, path: str, **parameters: Any) -> Iterator[Any]:
        import jmespath

        for page in self._aws.pages(service, operation, **parameters):
            yield from jmespath.search(path, page) or []

    def _bucket_tags(self, bucket: str) -> dict[str, str]:
        with absent_ok():
            return _tags(self._aws.call("s3", "get_bucket_tagging", Bucket=bucket))
        return {}

    def _asked_tags(self, listing: Listing, fields: Mapping[str, Any]) -> dict[str, str]:
        operation, parameter, name = TAGS[listing.kind]
        return _tags(self._aws.call(listing.service, operation, **{parameter: fields[name]}))

    def _is_studio(self, text: str) -> bool:
        return bool(self._scope.domain_id) and self._scope.domain_id in text

    def _finding(
        self, kind: str, name: str, fields: Mapping[str, Any], what: str = "", *, kept: bool = False
    ) -> Finding:
        template = REMOVE.get(kind, "")
        command = template.format_map(defaultdict(str, {**fields, "name": name}))
        fix = f"aws {command} --region {self._aws.region}" if command else "remove it in the console"
        if kind == "bucket":  # `aws s3 rb --force` leaves former versions, and then fails
            fix = f"empty it in the console of S3, which takes former versions too, then: {fix}"
        said = " ".join(part for part in (kind, name, what) if part)
        if kept or name in self._scope.kept:
            return Finding(Severity.INFO, "kept", self._aws.region, f"{said}: kept on purpose", fix)
        return Finding(Severity.ERROR, CODE, self._aws.region, f"{said} is left", fix)


def _tags(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return tags however a service spells them."""
    for name in ("Tags", "TagSet", "TagList", "tags"):
        value = fields.get(name)
        if isinstance(value, dict):
            return {str(key): str(item) for key, item in value.items()}
        if isinstance(value, list):
            return {str(tag.get("Key", tag.get("key"))): str(tag.get("Value", tag.get("value"))) for tag in value}
    return {}
