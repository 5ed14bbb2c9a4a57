"""What could stop a training job is found before it is submitted, each by its own name and with what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.datasets.dataset_builder import Builder
from tests.datasets.versions.memory_store import MemoryStore
from tests.diagnosis.cloud import codes
from tests.fake_aws import FakeAws
from tests.training.submission.jobs import PLATFORM, STUDIO, job
from yolops.aws import AwsError
from yolops.datasets.description import read_dataset
from yolops.datasets.versions.push import push
from yolops.diagnosis.check import Skip
from yolops.diagnosis.training_job import Planned, dataset, image, price, quota, role, way_to_mlflow
from yolops.platform.outputs import Outputs
from yolops.training.submission.spec import Machine

M5 = Machine("ml.m5.xlarge")
ON_DEMAND, ON_SPOT = "ml.m5.xlarge for training job usage", "ml.m5.xlarge for spot training job usage"
SERVER = {"FromPort": 5000, "ToPort": 5000, "UserIdGroupPairs": [{"GroupId": "sg-1"}]}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}
INTERNET = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}


def planned(machine: Machine = M5, outputs: Outputs = PLATFORM, **answers: Any) -> Planned:
    aws: Any = FakeAws(**answers)
    return Planned(job(machine, outputs), outputs, aws, aws, MemoryStore())


def quotas(on_demand: int, on_spot: int) -> dict[str, Any]:
    values = {ON_DEMAND: on_demand, ON_SPOT: on_spot}
    return {"Quotas": [{"QuotaName": name, "Value": value} for name, value in values.items()]}


def network(*services: str, **route: str) -> dict[str, Any]:
    tables = [{"Associations": [{"Main": True}], "Routes": [route] if route else []}]
    return {
        "describe_vpc_endpoints": {"VpcEndpoints": [{"ServiceName": service} for service in services]},
        "describe_route_tables": {"RouteTables": tables},
        "describe_security_groups": {"SecurityGroups": [{"IpPermissions": [SERVER]}]},
    }


def test_a_quota_of_none_is_named_and_the_other_market_is_proposed_only_where_it_has_one() -> None:
    assert codes(quota(planned(list_service_quotas=quotas(1, 0)))) == []
    spot = replace(M5, spot=True)
    [finding] = quota(planned(spot, list_service_quotas=quotas(1, 0))).findings
    assert (finding.code, ON_SPOT in finding.what, "leave --spot out" in finding.fix) == ("quota-none", True, True)
    [finding] = quota(planned(spot, list_service_quotas=quotas(0, 0))).findings
    assert "take another --instance-type" in finding.fix
    with pytest.raises(Skip, match="lists no quota"):
        quota(planned(list_service_quotas={"Quotas": []}))


def test_a_search_needs_the_quota_for_all_that_run_side_by_side_and_costs_what_all_of_its_jobs_may() -> None:
    search = replace(planned(list_service_quotas=quotas(2, 0)), jobs=20, at_once=3)
    [finding] = quota(search).findings
    assert (finding.code, "3 jobs would run side by side" in finding.what) == ("quota-small", True)
    assert finding.fix.startswith("--parallel 2,")
    assert codes(quota(replace(search, at_once=2))) == []
    priced = replace(planned(replace(M5, max_run_s=3600), get_products=listed("0.25")), jobs=20)
    assert price(priced).found == "0.250 USD an hour, 5.00 USD at most in 20 jobs of 1 h"


def test_an_image_is_looked_up_where_it_is_kept() -> None:
    found = planned(describe_images={"imageDetails": [{}]})
    assert codes(image(found)) == []
    assert found.aws.asked == {  # type: ignore[attr-defined] # the fake's
        "registryId": "763104351884",
        "repositoryName": "pytorch-training",
        "imageIds": [{"imageTag": "2.9.0-cpu-py312-ubuntu22.04-sagemaker"}],
    }


@pytest.mark.parametrize(
    ("named", "answer", "code"),
    [
        ("v9", AwsError("no", "", "ImageNotFoundException"), "image-absent"),
        ("v9", AwsError("no", "", "RepositoryNotFoundException"), "image-absent"),
        ("docker.io/library/python:3", {}, "image-elsewhere"),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/cells:1", {}, "image-region"),
    ],
)
def test_an_image_that_sagemaker_could_not_pull_is_an_error(named: str, answer: Any, code: str) -> None:
    assert codes(image(planned(replace(M5, image=named), describe_images=answer))) == [("error", code)]


def test_a_role_is_there_and_sagemaker_may_take_it() -> None:
    for service, expected in (("sagemaker", []), ("ec2", [("error", "role-not-trusted")])):
        trust = {"Statement": [{"Principal": {"Service": f"{service}.amazonaws.com"}}]}
        assert codes(role(planned(get_role={"Role": {"AssumeRolePolicyDocument": trust}}))) == expected


def test_a_dataset_that_is_not_in_the_bucket_yet_is_pushed_first_beside_other_versions_too(
    tmp_path: Path,
) -> None:
    look = planned()
    assert dataset(look).found == "is pushed first"
    push(look.datasets, "bccd", read_dataset(Builder(tmp_path / "data").root))
    assert dataset(look).found == "is pushed first"


def test_a_version_that_nobody_pushes_again_must_be_whole(tmp_path: Path) -> None:
    store = MemoryStore()
    version = push(store, "bccd", read_dataset(Builder(tmp_path / "data").root)).version
    look = replace(planned(), spec=job(version=version), datasets=store, is_pushed=False)
    assert (codes(dataset(look)), dataset(look).found) == ([], f"bccd@{version[:12]}")
    store.delete([next(key for key in store.objects if key.endswith(".tar"))])
    assert codes(dataset(look)) == [("error", "dataset-not-whole")]
    assert dataset(replace(look, is_pushed=True)).found == "has lost objects, and is pushed again first"
    store.delete([next(key for key in store.objects if "/index/" in key)])
    assert codes(dataset(look)) == [("error", "dataset-not-whole")]


S3, SECRETS = "com.amazonaws.eu-central-1.s3", "com.amazonaws.eu-central-1.secretsmanager"
MLFLOW = "aws.sagemaker.eu-central-1.mlflow"


@pytest.mark.parametrize(
    ("outputs", "services", "route", "missing"),
    [
        (PLATFORM, (S3, SECRETS), {}, []),
        (PLATFORM, (S3,), {}, [SECRETS]),
        (PLATFORM, (), {}, [S3, SECRETS]),
        (PLATFORM, (), NAT, []),
        (PLATFORM, (), INTERNET, [S3, SECRETS]),
        (STUDIO, (S3, MLFLOW), {}, []),
        (STUDIO, (S3, "aws.sagemaker.eu-central-1.experiments"), {}, [MLFLOW]),
    ],
)
def test_a_job_has_a_way_to_everything_it_asks(
    outputs: Outputs, services: tuple[str, ...], route: dict[str, str], missing: list[str]
) -> None:
    found = way_to_mlflow(planned(outputs=outputs, **network(*services, **route))).findings
    assert [finding.code for finding in found] == ["no-way"] * len(missing)
    assert [service for service in missing if not any(service in finding.what for finding in found)] == []


def test_a_server_that_lets_no_jobs_in_is_an_error() -> None:
    closed = network(S3, SECRETS) | {"describe_security_groups": {"SecurityGroups": []}}
    assert codes(way_to_mlflow(planned(**closed))) == [("error", "server-closed")]


def listed(dollars: str) -> dict[str, Any]:
    dimension = f'{{"unit": "Hrs", "pricePerUnit": {{"USD": "{dollars}"}}}}'
    return {"PriceList": [f'{{"terms": {{"OnDemand": {{"o": {{"priceDimensions": {{"d": {dimension}}}}}}}}}}}']}


def test_the_price_is_that_of_an_hour_and_of_all_the_time_the_job_may_take() -> None:
    on_demand = replace(M5, max_run_s=7200)
    assert price(planned(on_demand, get_products=listed("0.25"))).found == "0.250 USD an hour, 0.50 USD at most in 2 h"
    spot = price(planned(replace(on_demand, spot=True), get_products=listed("0.25"))).found
    assert spot.endswith("; spot takes up to 90 % off")
    assert codes(price(planned(get_products={"PriceList": []}))) == [("warning", "price-unknown")]


@pytest.mark.parametrize("check", [quota, image, role, way_to_mlflow, price])
def test_what_may_not_be_looked_at_is_no_finding_of_the_check(check: Callable[[Planned], Any]) -> None:
    operations = ("list_service_quotas", "describe_images", "get_role", "get_products", *network())
    denied = AwsError("not allowed", "", "AccessDeniedException")
    with pytest.raises(AwsError, match="not allowed"):  # `run` makes information of it
        check(planned(**dict.fromkeys(operations, denied)))
