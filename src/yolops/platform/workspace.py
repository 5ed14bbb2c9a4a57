"""The directory a person works in, and where in it yolops keeps its own things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.platform.outputs import Mode

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = "terraform.tfvars"


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

    @property
    def settings(self) -> Path:
        """The one file of settings; absent in local mode."""
        return self.root / SETTINGS

    def mode(self) -> Mode:
        """Return where the platform of this workspace runs: `local` where there are no settings.

        Raises:
            YolopsError: there are settings, which only the modes in AWS have.
        """
        if self.settings.exists():
            raise YolopsError(
                f"{self.settings}: the modes in AWS arrive with `yolops init` in a later release",
                f"for local mode, use a workspace without {SETTINGS} (--workspace DIRECTORY)",
            )
        return Mode.LOCAL

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
