"""What only studio mode has: the domain, its people, what runs for them and costs money, managed MLflow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from yolops.diagnosis.account import Cloud
from yolops.diagnosis.check import Check, Notes, Seen
from yolops.diagnosis.mlflow_server import STATE
from yolops.platform.outputs import Mode

IN_SERVICE = "InService"
# Apps of these types cost nothing by themselves.
FREE = {"JupyterServer", "Canvas"}
IDLE = timedelta(hours=2)


class Studio(Cloud):
    """A platform in studio mode."""

    mode = Mode.STUDIO


def domain(studio: Studio) -> Seen:
    """The Studio domain is in service."""
    found = studio.aws.call("sagemaker", "describe_domain", DomainId=studio.outputs.studio_domain_id)
    notes = Notes(studio.outputs.studio_domain_id)
    if found["Status"] != IN_SERVICE:
        why = f": {found['FailureReason']}" if found.get("FailureReason") else ""
        notes.error("domain-not-in-service", f"is {found['Status']}{why}", "see the SageMaker console, then yolops up")
    return notes.seen(f"{found['DomainName']} ({studio.outputs.studio_domain_id})")


def people(studio: Studio) -> Seen:
    """Every user profile of the domain is in service."""
    found = _all(studio, "list_user_profiles", "UserProfiles")
    notes = Notes("user profiles")
    for profile in found:
        if profile["Status"] != IN_SERVICE:
            notes.error("profile-not-in-service", f"{profile['UserProfileName']} is {profile['Status']}", "yolops up")
    if not found:
        notes.warning("no-profile", "nobody can open Studio", "name users in terraform.tfvars, then yolops up")
    return notes.seen(", ".join(str(profile["UserProfileName"]) for profile in found))


def apps(studio: Studio) -> Seen:
    """No app runs that nobody uses and that costs money."""
    running = [
        app for app in _all(studio, "list_apps", "Apps") if app["Status"] == IN_SERVICE and app["AppType"] not in FREE
    ]
    notes = Notes("apps")
    for app in running:
        owner = app.get("SpaceName") or app.get("UserProfileName") or ""
        idle = datetime.now(UTC) - _last_used(studio, app)
        if idle > IDLE:
            what = f"{app['AppType']} of {owner} runs and has been idle for {idle.total_seconds() / 3600:.0f} hours"
            fix = "stop its space in Studio; idle shutdown does that for apps with a lifecycle configuration"
            notes.warning("app-idle", what, fix)
    return notes.seen(f"{len(running)} running" if running else "none runs")


def _last_used(studio: Studio, app: dict[str, Any]) -> datetime:
    names = {"DomainId", "UserProfileName", "SpaceName", "AppType", "AppName"}
    asked = {name: app[name] for name in names if app.get(name)}
    found = studio.aws.call("sagemaker", "describe_app", **asked)
    used = found.get("LastUserActivityTimestamp") or found.get("CreationTime") or datetime.now(UTC)
    return used if used.tzinfo else used.replace(tzinfo=UTC)


def managed(studio: Studio) -> Seen:
    """Managed MLflow is of a version that the client fits, and has no failure."""
    arn = studio.outputs.tracking_uri
    kind, _, name = arn.split(":", 5)[5].partition("/")
    notes = Notes(name)
    if kind == "mlflow-app":
        found = studio.aws.call("sagemaker", "describe_mlflow_app", Arn=arn)
        status, about = found["Status"], "app, which costs nothing by the hour"
    else:
        found = studio.aws.call("sagemaker", "describe_mlflow_tracking_server", TrackingServerName=name)
        status, about = found["TrackingServerStatus"], f"tracking server, {found.get('TrackingServerSize', 'Small')}"
    if status.endswith("Failed"):
        notes.error("mlflow-failed", f"is {status}", "see why in the SageMaker console, then yolops up")
    elif status in {"Stopped", "Stopping"}:
        notes.error("mlflow-stopped", f"is {status}", "start it in the SageMaker console")
    return notes.seen(f"{about}, MLflow {found.get('MlflowVersion', 'of a version that AWS does not tell')}, {status}")


def _all(studio: Studio, operation: str, field: str) -> list[dict[str, Any]]:
    asked = {"DomainIdEquals": studio.outputs.studio_domain_id}
    return [item for page in studio.aws.pages("sagemaker", operation, **asked) for item in page[field]]


CHECKS = (
    Check("Studio domain", domain, needs=(STATE,), actions=("sagemaker:DescribeDomain",)),
    Check("user profiles", people, needs=(STATE,), actions=("sagemaker:ListUserProfiles",)),
    Check("Studio apps", apps, patience_s=30, needs=(STATE,), actions=("sagemaker:ListApps", "sagemaker:DescribeApp")),
    Check(
        "managed MLflow",
        managed,
        needs=(STATE,),
        actions=("sagemaker:DescribeMlflowApp", "sagemaker:DescribeMlflowTrackingServer"),
    ),
)
