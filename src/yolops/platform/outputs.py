"""The one value that describes a platform: the same fields in every mode."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Mode(StrEnum):
    """Where a platform runs: `external` is an MLflow server that somebody else looks after."""

    LOCAL = "local"
    EXTERNAL = "external"
    CUSTOM = "custom"
    STUDIO = "studio"


@dataclass(frozen=True)
class Outputs:
    """What anything that talks to a platform needs to know of it.

    Attributes:
        mode: where it runs.
        tracking_uri: what `MLFLOW_TRACKING_URI` must be to reach its MLflow.
        artifact_uri: where the artifacts of its runs are kept.
        ui_url: the address of the MLflow UI for a browser.
    """

    mode: Mode
    tracking_uri: str
    artifact_uri: str
    ui_url: str

    def page(self, path: str = "experiments") -> str:
        """Return the address of a page of the UI, such as `experiments/1`, as MLflow shows it to people who train."""
        return f"{self.ui_url}/#/{path}?workflowType=machine_learning"

    def as_dict(self) -> dict[str, str]:
        """Return the fields as plain strings, for `--json`."""
        return {name: str(value) for name, value in asdict(self).items()}
