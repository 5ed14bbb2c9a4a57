"""The directory a person works in, and where in it yolops keeps its own things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.platform.outputs import Mode

if TYPE_CHECKING:
    from pathlib import Path

    from yolops.platform.settings import Settings

SETTINGS = "terraform.tfvars"
CONFIGURATION = "terraform"
MAIN = "main.tf"


@dataclass(frozen=True)
class Workspace:
    """A directory with a person's settings (`terraform.tfvars`, absent in local mode) and our state (`.yolops/`).

    Attributes:
        root: the absolute path of the directory; it need not exist yet.
    """

    root: Path

    @property
    def state(self) -> Path:
        """Where yolops keeps what it must remember."""
        return self.root / ".yolops"

    def simulated(self) -> Path:
        """Where yolops keeps what it must remember of the simulated AWS, apart from what is real."""
        return self.state / "rehearsal"

    @property
    def configuration(self) -> Path:
        """Where the Terraform configuration is, or would be: `terraform/`, or here if this is such a directory."""
        return self.root if (self.root / MAIN).is_file() else self.root / CONFIGURATION

    @property
    def settings_file(self) -> Path:
        """The one file of settings, beside `main.tf`; absent in local mode."""
        return self.configuration / SETTINGS

    def mode(self) -> Mode:
        """Return where the platform of this workspace runs: `local` where there are no settings.

        Raises:
            YolopsError: the settings are not valid, or lie where nothing reads them.
        """
        settings = self.settings()
        return Mode.LOCAL if settings is None else settings.mode

    def settings(self) -> Settings | None:
        """Return what was decided about the platform in AWS; None in local mode.

        Raises:
            YolopsError: the settings are not valid, or lie where nothing reads them.
        """
        from yolops.platform.settings import read_settings

        stray = self.root / SETTINGS
        if stray.is_file() and stray != self.settings_file:
            raise YolopsError(
                f"{stray}: there is no {MAIN} beside it, so Terraform would not read it",
                f"move it to {self.settings_file}; `yolops init` writes the configuration there",
            )
        return read_settings(self.settings_file) if self.settings_file.is_file() else None

    def create_state(self) -> Path:
        """Make the state directory, with a `.gitignore` that keeps it out of version control, and return it.

        Raises:
            YolopsError: the directory cannot be written.
        """
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            ignore = self.state / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise YolopsError(
                f"{self.state}: cannot be written ({error.strerror})",
                "give another directory with --workspace, or make this one writable",
            ) from error
        return self.state
