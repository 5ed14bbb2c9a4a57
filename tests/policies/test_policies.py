"""Each role may do what its code needs, and nothing beside; and these tests would see a policy that grants more."""

from __future__ import annotations

import re

import pytest

from tests.policies.mutants import Mutant, widened
from tests.policies.needs import DATASET, NEEDS
from tests.policies.negatives import refused, strangers
from tests.policies.rendering import EC2, PROJECT, Deployment, Role
from tests.policies.rules import broken
from tests.policies.simulator import Document, Request, Simulator, listed, matches


def short(name: str) -> str:
    return name.removeprefix(f"{PROJECT}-")


EVERY_ROLE = pytest.mark.parametrize(("deployment", "name"), NEEDS, ids=short)
WHOLE_TABLES = pytest.mark.parametrize(("deployment", "name"), [one for one in NEEDS if NEEDS[one].complete], ids=short)
ROLE_NAMES = pytest.mark.parametrize("name", sorted({name for _, name in NEEDS}), ids=short)

# What a role may do beside what it needs: role, action and resource as patterns, and why it cannot be narrower.
ON_PURPOSE = [
    (f"{PROJECT}-mlflow-server", "ssm:*", f"{EC2}:instance/*", "a heartbeat; the role is made before its server"),
]
# Mutants that no request can tell from the policy itself: role and mutant as patterns, and why.
EQUIVALENT = [
    ("training/Metrics", r"Action (cloudwatch:(Put)?)?\*|NotAction", "no other action knows the namespace of metrics"),
    ("training/KeyForDisks", r"Action kms:Create\*", "no other action that creates knows for whom a grant is"),
    (
        "server/ListVersionsOfArtifacts",
        r"Action (s3:(List)?)?\*|NotAction",
        "only listing objects knows a prefix as well, and that is granted there",
    ),
    (
        "certificate/Record",
        r"Action (route53:(Change)?)?\*|NotAction",
        "no other action knows of records, and each must for the conditions to hold",
    ),
    ("certificate/Record", r"ForAllValues:StringEqualsIfExists .*", "the condition on Null wants each to be there"),
    (
        "certificate/Published",
        r"NotAction|NotResource|Resource .*",
        "a change can only be got, and nothing else is got so",
    ),
    ("studio-user/PassTrainingRole", r"Action (iam:(Pass)?)?\*|NotAction", "no other action knows to whom a role goes"),
]


@pytest.fixture(scope="session")
def negatives(
    simulator: Simulator, deployments: dict[str, Deployment], actions: dict[str, list[str]]
) -> dict[tuple[str, str], list[Request]]:
    """What each role must be refused."""
    found = {}
    for (deployment, name), needs in NEEDS.items():
        role = deployments[deployment].roles[name]
        granted = {action for one in _statements(role) for action in listed(one["Action"])}
        excused = [(action, resource) for who, action, resource, _ in ON_PURPOSE if who == name]
        found[deployment, name] = [
            one
            for one in refused(needs, granted, actions)
            if not any(matches(action, one.action) and matches(resource, one.resource) for action, resource in excused)
        ]
    return found


def _statements(role: Role) -> list[Document]:
    return [one for policy in role.policies.values() for one in policy["Statement"]]


def test_every_role_of_the_platform_is_in_the_table(deployments: dict[str, Deployment]) -> None:
    assert {(name, role) for name, one in deployments.items() for role in one.roles} >= set(NEEDS)
    without = {role for one in deployments.values() for role in one.roles} - {role for _, role in NEEDS}
    assert not without, f"say in needs.py what {without} must be able to do"


@EVERY_ROLE
def test_what_the_code_calls_is_allowed(
    deployment: str, name: str, deployments: dict[str, Deployment], simulator: Simulator
) -> None:
    calls = NEEDS[deployment, name].calls
    words = simulator.ask(deployments[deployment].roles[name].policies, calls)
    assert not [f"{word}: {call}" for word, call in zip(words, calls, strict=True) if word != "allowed"]


@EVERY_ROLE
def test_everything_beside_is_refused(
    deployment: str,
    name: str,
    deployments: dict[str, Deployment],
    simulator: Simulator,
    negatives: dict[tuple[str, str], list[Request]],
) -> None:
    asked = negatives[deployment, name]
    words = simulator.ask(deployments[deployment].roles[name].policies, asked)
    assert len(asked) > 500
    assert not [f"{word}: {one}" for word, one in zip(words, asked, strict=True) if not word.startswith("denied")]


@EVERY_ROLE
def test_only_its_own_service_can_be_the_role(
    deployment: str, name: str, deployments: dict[str, Deployment], simulator: Simulator
) -> None:
    trust = deployments[deployment].roles[name].trust
    needs = NEEDS[deployment, name]
    assert set(simulator.ask({}, needs.trusted, resource_policy=trust)) == {"allowed"}
    others = strangers(needs)
    words = simulator.ask({}, others, resource_policy=trust)
    assert not [f"{word}: {one}" for word, one in zip(words, others, strict=True) if not word.startswith("denied")]


@WHOLE_TABLES
def test_every_grant_is_needed(deployment: str, name: str, deployments: dict[str, Deployment]) -> None:
    needs = NEEDS[deployment, name]
    idle = []
    for place, one in enumerate(_statements(deployments[deployment].roles[name])):
        resources = listed(one["Resource"])
        used = [call for call in needs.calls if any(matches(resource, call.resource) for resource in resources)]
        actions = {call.action for call in used}
        where = one.get("Sid", place)
        idle += [f"{where}: {action}" for action in listed(one["Action"]) if action not in actions]
        idle += [f"{where}: {place}" for place in resources if not any(matches(place, call.resource) for call in used)]
    assert not idle


@EVERY_ROLE
def test_policies_keep_to_the_rules(
    deployment: str, name: str, deployments: dict[str, Deployment], actions: dict[str, list[str]]
) -> None:
    assert not broken(deployments[deployment].roles[name].policies, actions)


@ROLE_NAMES
def test_a_wider_policy_is_noticed(
    name: str,
    deployments: dict[str, Deployment],
    simulator: Simulator,
    actions: dict[str, list[str]],
    negatives: dict[tuple[str, str], list[Request]],
) -> None:
    seen: set[str] = set()
    survivors: list[str] = []
    for deployment in [one for one, role in NEEDS if role == name]:
        role, needs = deployments[deployment].roles[name], NEEDS[deployment, name]
        known = set(broken(role.policies, actions))
        for mutant in [one for where, policy in role.policies.items() for one in widened(where, policy)]:
            if f"{mutant.name} {mutant.statement}" in seen:
                continue  # the same statement in another deployment
            seen.add(f"{mutant.name} {mutant.statement}")
            # Where needs are not complete, the rules stand in for the negatives that are lacking.
            if not needs.complete and set(broken({mutant.policy: mutant.document}, actions)) - known:
                continue
            if not _is_refused(mutant, role, negatives[deployment, name], simulator):
                survivors.append(mutant.name)
        others = strangers(needs)
        survivors += [
            mutant.name
            for mutant in widened("trust", role.trust)
            if "allowed" not in simulator.ask({}, others, resource_policy=mutant.document, first=True)
        ]
    print(f"{len(seen)} mutants of {name}; not noticed:", *survivors, sep="\n  ")
    explained = [re.compile(f"{who}: ({what})") for who, what, _ in EQUIVALENT]
    assert not [one for one in survivors if not any(pattern.fullmatch(one) for pattern in explained)]


def _is_refused(mutant: Mutant, role: Role, asked: list[Request], simulator: Simulator) -> bool:
    """Return whether one of the requests that a role must be refused shows that a policy is a mutant."""
    candidates = [one for one in asked if mutant.may_grant(one)]
    if mutant.statement is None:
        policies = {**role.policies, mutant.policy: mutant.document}
    else:
        # All else that allows was asked before, and refused every one of these requests.
        denials = [one for one in _statements(role) if one["Effect"] == "Deny"]
        policies = {"mutant": {"Version": "2012-10-17", "Statement": [mutant.statement, *denials]}}
        conditional = "Condition" in mutant.statement
        candidates.sort(key=lambda one: bool(one.context) != conditional)  # the likeliest first
    if ": Action " in mutant.name and not candidates:
        return True  # no other action has such a name and acts on such a thing: it is not wider
    return bool(candidates) and "allowed" in simulator.ask(policies, candidates, first=True)


def test_the_bucket_refuses_calls_without_tls(deployments: dict[str, Deployment], simulator: Simulator) -> None:
    for deployment in deployments.values():
        policies = deployment.roles[f"{PROJECT}-training"].policies
        requests = [Request("s3:GetObject", DATASET, {"aws:SecureTransport": tls}) for tls in ("true", "false")]
        assert simulator.ask(policies, requests, resource_policy=deployment.bucket_policy) == ["allowed", "denied"]
