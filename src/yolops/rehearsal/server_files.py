"""The server of custom mode, taken out of the user data of its instance: the files that an instance would write."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LIBRARY, SETTINGS = "/opt/mlflow/lib/", "/etc/mlflow/server.json"
OBJECT = "files_key"
HEAD = "#cloud-config"
ZIPPED = b"\x1f\x8b"


def written_files(user_data: bytes) -> dict[str, str]:
    """Return the files that cloud-init would write, by path; none if the user data is something else."""
    text = gzip.decompress(user_data) if user_data.startswith(ZIPPED) else user_data
    if not text.startswith(HEAD.encode()):
        return {}
    config = yaml.safe_load(text)
    files = config.get("write_files") if isinstance(config, dict) else None
    return {str(file["path"]): _content(file) for file in files or []}


def _content(file: dict[str, Any]) -> str:
    content = str(file.get("content", ""))
    return gzip.decompress(base64.b64decode(content)).decode() if file.get("encoding") == "gz+b64" else content


def place_of_the_rest(files: Mapping[str, str]) -> tuple[str, str] | None:
    """Return bucket and key of the files that the user data only names; None where it brings all of them."""
    settings = json.loads(files[SETTINGS])
    return (settings["bucket"], settings[OBJECT]) if settings.get(OBJECT) else None


def packed_files(packed: bytes) -> dict[str, str]:
    """Return the files of such an object, by path."""
    files: dict[str, str] = json.loads(gzip.decompress(packed))
    return files


def lay_out_server(files: Mapping[str, str], directory: Path, changes: Mapping[str, Any]) -> None:
    """Write the server's library and its settings into a directory.

    Args:
        files: those of the user data.
        directory: where they go: the library into `lib`, the settings into `server.json`.
        changes: settings that are others on this machine.
    """
    for path, content in files.items():
        if path.startswith(LIBRARY):
            target = directory / "lib" / path.removeprefix(LIBRARY)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
    own = dict.fromkeys(("run", "tls", "cache"), str(directory))
    settings = {**json.loads(files[SETTINGS]), **own, "workers": 1, **changes}
    (directory / "server.json").write_text(json.dumps(settings), encoding="utf-8")
