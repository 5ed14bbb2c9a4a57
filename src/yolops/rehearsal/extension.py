"""Puts into moto what it lacks. moto serves every method it finds on its response classes, so that is where it goes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import flask
from moto.autoscaling.responses import AutoScalingResponse
from moto.budgets.responses import BudgetsResponse
from moto.cloudtrail.models import CloudTrailBackend
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
from moto.ec2.models.instances import Instance
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.subnets import Subnet
from moto.ecr.models import ECRBackend
from moto.moto_server.werkzeug_app import create_backend_app
from moto.rds.models import DBParameterGroup
from moto.rds.responses import RDSResponse
from moto.s3.models import FakeBucket, FakeDeleteMarker
from moto.s3.utils import _VersionedKeyStore
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse
from moto.servicequotas.responses import ServiceQuotasResponse
from werkzeug.exceptions import MethodNotAllowed, NotFound

from yolops.rehearsal import (
    addresses,
    autoscaling,
    budgets,
    corrections,
    domains,
    jobs,
    maintenance,
    mlflow,
    quotas,
    resources,
    spaces,
    tags,
    training_jobs,
    tuning_jobs,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops.rehearsal.mlflow import ManagedMlflow
    from yolops.rehearsal.resources import Kind


def install(managed: ManagedMlflow) -> None:
    """Extend moto in this process; to be called once, before it serves.

    Args:
        managed: what answers for managed MLflow.
    """
    _install_sagemaker(managed)
    _install_tags()
    allocate = ElasticAddressBackend.allocate_address

    def allocate_address(self: Any, domain: str, address: str | None = None, **rest: Any) -> Any:
        return allocate(self, domain, address or addresses.new_address(), **rest)

    _put(ElasticAddressBackend, "allocate_address", allocate_address)
    _install_corrections()
    _put(AutoScalingResponse, "start_instance_refresh", _method(autoscaling.start_instance_refresh))
    for answer in (maintenance.describe_pending_maintenance_actions, maintenance.describe_db_major_engine_versions):
        _put(RDSResponse, answer.__name__, answer)
    _put(ServiceQuotasResponse, "list_service_quotas", quotas.list_service_quotas)
    for operation in (
        budgets.create_budget,
        budgets.update_budget,
        budgets.describe_subscribers_for_notification,
        budgets.list_tags_for_resource,
        budgets.tag_resource,
        budgets.untag_resource,
    ):
        _put(BudgetsResponse, operation.__name__, operation)


def _install_corrections() -> None:
    _put(SecurityGroupRule, "description", property(corrections.rule_description))
    _put(DBParameterGroup, "update_parameters", corrections.update_parameters)
    _put(Subnet, "get_available_subnet_ip", corrections.free_address)
    _put(FakeDeleteMarker, "dispose", corrections.dispose)
    for names, listing in (
        (("lists", "iterlists"), corrections.versions_of_keys),
        (("items", "iteritems"), corrections.newest_of_keys),
        (("values", "itervalues"), corrections.newest_versions),
    ):
        for name in names:
            _put(_VersionedKeyStore, name, listing)
    for owner, name, correct in (
        (LaunchTemplate, "create_version", corrections.create_version),
        (FakeBucket, "get_permission", corrections.bucket_permission),
        (EC2Backend, "iter_tagged_resources", corrections.tagged_machines),
        (EC2Backend, "revoke_security_group_egress", corrections.revoke_rules),
        (EC2Backend, "revoke_security_group_ingress", corrections.revoke_rules),
        (Instance, "reboot", corrections.reboot),
        (CloudTrailBackend, "delete_trail", corrections.delete_trail),
        (ECRBackend, "describe_images", corrections.describe_images),
    ):
        _put(owner, name, correct(getattr(owner, name)))


def create_app(service: Any) -> flask.Flask:
    """Return moto's application for a service; an address it has no answer for is something it lacks."""
    app: flask.Flask = create_backend_app(service)

    def refuse_unknown_address() -> None:
        if isinstance(flask.request.routing_exception, NotFound | MethodNotAllowed):
            raise NotImplementedError(f"{service} has no address {flask.request.method} {flask.request.path}")

    app.before_request(refuse_unknown_address)
    return app


def _install_sagemaker(managed: ManagedMlflow) -> None:
    for kind, noun in (
        (domains.USER_PROFILE, "user_profile"),
        (spaces.SPACE, "space"),
        (spaces.APP, "app"),
        (spaces.LIFECYCLE_CONFIG, "studio_lifecycle_config"),
        (domains.DOMAIN, "domain"),
        (mlflow.TRACKING_SERVER, "mlflow_tracking_server"),
        (mlflow.APP, "mlflow_app"),
        (training_jobs.TRAINING_JOB, "training_job"),
        (tuning_jobs.TUNING_JOB, "hyper_parameter_tuning_job"),
    ):
        _install_kind(kind, noun)
    server, app = mlflow.TRACKING_SERVER, mlflow.APP
    own: dict[str, Callable[[SageMakerResponse], Any]] = {
        "update_domain": domains.update_domain,
        "delete_domain": domains.delete_domain,
        "describe_mlflow_tracking_server": managed.describe_server,
        "list_mlflow_tracking_servers": managed.list_servers,
        "update_mlflow_tracking_server": managed.update_server,
        "start_mlflow_tracking_server": partial(managed.move_server, status="Starting"),
        "stop_mlflow_tracking_server": partial(managed.move_server, status="Stopping"),
        "delete_mlflow_tracking_server": partial(managed.move_server, status=mlflow.DELETING),
        "create_presigned_mlflow_tracking_server_url": partial(managed.presign, kind=server),
        "create_mlflow_app": managed.create_app,
        "delete_mlflow_app": managed.delete_app,
        "create_presigned_mlflow_app_url": partial(managed.presign, kind=app),
        "create_training_job": training_jobs.create_job,
        "list_training_jobs": partial(jobs.list_jobs, kind=training_jobs.TRAINING_JOB),
        "stop_training_job": training_jobs.stop_job,
        "create_hyper_parameter_tuning_job": tuning_jobs.create_job,
        "list_hyper_parameter_tuning_jobs": partial(jobs.list_jobs, kind=tuning_jobs.TUNING_JOB),
        "list_training_jobs_for_hyper_parameter_tuning_job": tuning_jobs.list_training_jobs,
        "stop_hyper_parameter_tuning_job": tuning_jobs.stop_job,
    }
    for name, operation in own.items():
        _put(SageMakerResponse, name, _method(operation))


def _install_kind(kind: Kind, noun: str) -> None:
    verbs = {
        f"create_{noun}": resources.create,
        f"describe_{noun}": resources.describe,
        f"list_{noun}s": resources.list_all,
        f"update_{noun}": resources.update,
        f"delete_{noun}": resources.delete,
    }
    for name, operation in verbs.items():
        _put(SageMakerResponse, name, _method(partial(operation, kind=kind)))


def _install_tags() -> None:
    _put(SageMakerModelBackend, "_get_resource_from_arn", tags.finder(SageMakerModelBackend._get_resource_from_arn))
    _put(SageMakerModelBackend, "add_tags", tags.add_tags)
    _put(SageMakerModelBackend, "iter_tagged_resources", tags.tagged(SageMakerModelBackend.iter_tagged_resources))


def _method(operation: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return an operation as a plain function: moto looks for nothing else."""

    def method(call: Any) -> Any:
        return operation(call)

    return method


def _put(owner: type, name: str, member: object) -> None:
    setattr(owner, name, member)
