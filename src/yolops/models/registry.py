"""Questions about registered models."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from yolops.tracking.names import quoted
from yolops.tracking.rest import NotFoundError, search_all

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.tracking.rest import MlflowRest


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model.

    Attributes:
        name: the model's name.
        version: its number.
        aliases: such as `champion`.
        run_id: the run that trained it.
        created: when it was registered.
        tags: its metrics, as text.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    run_id: str
    created: datetime
    tags: Mapping[str, str]

    @property
    def uri(self) -> str:
        """What `mlflow.pyfunc.load_model` takes."""
        alias = min(self.aliases, key=lambda name: (name != "champion", name), default="")
        return f"models:/{self.name}@{alias}" if alias else f"models:/{self.name}/{self.version}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for `--json`."""
        return asdict(self) | {"uri": self.uri}


@dataclass(frozen=True)
class RegisteredModel:
    """One registered model.

    Attributes:
        name: its name.
        latest: the number of its latest version, 0 where it has none.
        aliases: which version each alias names.
        updated: when something last changed.
    """

    name: str
    latest: int
    aliases: Mapping[str, int]
    updated: datetime


def list_models(rest: MlflowRest) -> list[RegisteredModel]:
    """Return every registered model, by name."""
    found = search_all(rest.get, "registered-models/search")
    return sorted(map(_model, found), key=lambda model: model.name)


def list_versions(rest: MlflowRest, name: str) -> list[ModelVersion]:
    """Return every version of a model, the newest first.

    Raises:
        NotFoundError: there is no such model.
    """
    model = rest.get("registered-models/get", name=name)["registered_model"]
    aliases = _model(model).aliases
    found = search_all(rest.get, "model-versions/search", filter=f"name={quoted(name)}")
    versions = [_version(item, aliases) for item in found]
    return sorted(versions, key=lambda version: version.version, reverse=True)


def version_of_run(rest: MlflowRest, name: str, run_id: str) -> ModelVersion:
    """Return the newest version of a model that a run has registered.

    Raises:
        NotFoundError: there is no such model, or none of its versions is of that run.
    """
    for version in list_versions(rest, name):
        if version.run_id == run_id:
            return version
    raise NotFoundError(f"{name}: has no version of the run {run_id}", f"yolops models show {name}")


def _model(item: Mapping[str, Any]) -> RegisteredModel:
    return RegisteredModel(
        name=item["name"],
        latest=max((int(version["version"]) for version in item.get("latest_versions", [])), default=0),
        aliases={entry["alias"]: int(entry["version"]) for entry in item.get("aliases", [])},
        updated=datetime.fromtimestamp(int(item["last_updated_timestamp"]) / 1000, UTC),
    )


def _version(item: Mapping[str, Any], aliases: Mapping[str, int]) -> ModelVersion:
    number = int(item["version"])
    return ModelVersion(
        name=item["name"],
        version=number,
        aliases=tuple(alias for alias, version in aliases.items() if version == number),
        run_id=item.get("run_id", ""),
        created=datetime.fromtimestamp(int(item["creation_timestamp"]) / 1000, UTC),
        tags={tag["key"]: tag["value"] for tag in item.get("tags", [])},
    )
