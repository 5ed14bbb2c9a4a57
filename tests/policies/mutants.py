"""Policies made wider in one place, as a careless hand would: each must let at least one negative through."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.policies.rendering import PROJECT
from tests.policies.simulator import Document, Request, listed, matches


@dataclass(frozen=True)
class Mutant:
    """A policy in which one statement is wider; `statement` is None where a Deny was taken away."""

    name: str
    policy: str
    document: Document
    statement: Document | None

    def may_grant(self, request: Request) -> bool:
        """Return whether its statement could be what allows a request; conditions are for the simulator to judge."""
        if self.statement is None:
            return True
        named = {"Action": request.action, "Resource": request.resource}
        return all(
            any(matches(one, text) for one in listed(self.statement[element]))
            if element in self.statement
            else not any(matches(one, text) for one in listed(self.statement.get(f"Not{element}", [])))
            for element, text in named.items()
        )


def widened(name: str, policy: Document) -> Iterator[Mutant]:
    """Yield every mutant of a policy."""
    for place, statement in enumerate(policy["Statement"]):
        title = f"{name}/{statement.get('Sid', place)}"
        if statement["Effect"] == "Deny":
            rest = [one for one in policy["Statement"] if one is not statement]
            yield Mutant(f"{title}: no Deny", name, {**policy, "Statement": rest}, None)
            continue
        changes = [*_actions(statement), *_resources(statement), *_conditions(statement), *_principals(statement)]
        for what, change in changes:
            wider = {key: value for key, value in (copy.deepcopy(statement) | change).items() if value is not None}
            statements = [wider if one is statement else one for one in policy["Statement"]]
            yield Mutant(f"{title}: {what}", name, {**policy, "Statement": statements}, wider)


def _actions(statement: Document) -> Iterator[tuple[str, Document]]:
    if "Principal" in statement:  # one of the three ways to assume a role
        yield "Action sts:*", {"Action": "sts:*"}
        return
    actions = listed(statement["Action"])
    verbs = {re.match(r"[\w-]+:([A-Z][a-z]+|[A-Z]+(?![a-z]))", one) for one in actions}
    for glob in sorted({f"{one.split(':')[0]}:*" for one in actions} | {f"{verb.group()}*" for verb in verbs if verb}):
        yield f"Action {glob}", {"Action": [*actions, glob]}
    yield "Action *", {"Action": "*"}
    yield "NotAction", {"Action": None, "NotAction": "s3:DeleteBucket"}


def _resources(statement: Document) -> Iterator[tuple[str, Document]]:
    resources = [one for one in listed(statement.get("Resource", [])) if one != "*"]
    if resources:
        yield "NotResource", {"Resource": None, "NotResource": "arn:aws:s3:::nothing"}
    for one in resources:
        for wider in _wider(one) - {one}:
            yield f"Resource {one} -> {wider}", {"Resource": [*resources, wider]}


def _wider(arn: str) -> set[str]:
    head, service, region, account, name = re.fullmatch(r"(arn:aws):([^:]+):([^:]*):([^:]*):(.+)", arn).groups()  # type: ignore[union-attr]
    own = ":".join((head, service, region, account))
    kind, rest = re.fullmatch(r"([\w-]+[/:])?(.+)", name if service != "s3" else f"/{name}").groups()  # type: ignore[union-attr]
    kind, rest = (kind or "", rest) if service != "s3" else ("", name)
    # An ID is not cut into pieces, a name is.
    cuts = re.finditer(r"(?<=.)[/:-]" if PROJECT in rest else r"(?<=.)[/:]", rest)
    return {
        "*",
        f"{own}:{kind}*",
        ":".join((head, service, region, "*" if account else "", name)),
        ":".join((head, service, "*" if region else "", account, name)),
        *(f"{own}:{kind}{rest[: cut.start()]}*" for cut in cuts if rest[cut.start() - 1] != "*"),
    }


def _conditions(statement: Document) -> Iterator[tuple[str, Document]]:
    conditions: dict[str, dict[str, Any]] = statement.get("Condition", {})
    for operator, keys in conditions.items():
        for key, values in keys.items():
            others = {one: dict(pairs) for one, pairs in conditions.items()}
            del others[operator][key]
            left = {one: pairs for one, pairs in others.items() if pairs}
            yield f"no condition on {key}", {"Condition": left or None}
            if operator != "Null":
                yield f"{operator}IfExists {key}", {"Condition": {**left, f"{operator}IfExists": {key: values}}}
            if "String" in operator:
                like = operator.replace("StringEquals", "StringLike")
                yield f"any {key}", {"Condition": {**left, like: {key: "*"}}}
                for one in [one for one in listed(values) if "/" in one or ":" in one]:
                    shorter = re.split(r"[/:][^/:]*$", one)[0] + "*"
                    yield f"{key} {shorter}", {"Condition": {**left, like: {key: [*listed(values), shorter]}}}


def _principals(statement: Document) -> Iterator[tuple[str, Document]]:
    if "Principal" in statement:
        yield "Principal *", {"Principal": "*"}
        for service in ("ec2", "lambda"):
            own = statement["Principal"].get("Service")  # a service makes no claims, which others are held to
            if own and own != f"{service}.amazonaws.com":
                yield f"Principal {service}", {"Principal": {"Service": [own, f"{service}.amazonaws.com"]}}
