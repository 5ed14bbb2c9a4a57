"""Where the archive of a version of a Roboflow project is, asked of Roboflow's REST API.

Not by its package (docs/explanation/decisions/0036-roboflow-over-rest.md). The API is documented under
https://docs.roboflow.com/reference/platform/rest-api; it takes the key in the address only, so no message has one.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from yolops.datasets.fetching.download import check_address, get_json
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable

# A workspace is on one of its two platforms.
APIS = {"us": "https://api.roboflow.com", "eu": "https://api.roboflow.eu"}
PREFIX = "roboflow:"
# The variables of its own package.
KEY, REGION = "ROBOFLOW_API_KEY", "ROBOFLOW_REGION"
# The YOLO format of ultralytics; all its later versions read it.
FORMAT = "yolov8"
# An export is made when it is asked for the first time. One of 100,000 images takes minutes.
PATIENCE_S, PAUSE_S = 1800.0, 3.0
_PROJECT = re.compile(r"roboflow:([\w-]+)/([\w-]+)/(\d+)", re.ASCII)
_NOT_READY = 202


def api_of(region: str) -> str:
    """Return where Roboflow is asked.

    Args:
        region: `us` or `eu`; empty for `us`.

    Raises:
        YolopsError: there is no such region.
    """
    if found := APIS.get(region.strip().lower() or "us"):
        return found
    raise YolopsError(f"{REGION}={region}: no region of Roboflow", f"set it to {' or '.join(APIS)}")


def archive_of(
    source: str,
    key: str,
    *,
    api: str = APIS["us"],
    say: Callable[[str], None] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """Return the address of the archive of a version, which holds a key and must not be shown.

    Args:
        source: `roboflow:WORKSPACE/PROJECT/VERSION`.
        key: the key of the workspace.
        api: where Roboflow is asked.
        say: called with how far the export is.
        wait: what waits between two questions.

    Raises:
        YolopsError: the source is written wrongly, there is no key, Roboflow refuses, or it takes too long.
    """
    match = _PROJECT.fullmatch(source)
    if not match:
        raise YolopsError(f"{source}: names no version of a project", "give roboflow:WORKSPACE/PROJECT/VERSION")
    if not key:
        where = "it is under Settings, API Keys, in Roboflow"
        raise YolopsError(f"{source}: Roboflow wants a key", f"set {KEY} in the environment; {where}")
    workspace, project, version = match.groups()
    url = f"{api}/{workspace}/{project}/{version}/{FORMAT}?api_key={quote(key, safe='')}&nocache=true"
    for _ in range(int(PATIENCE_S / PAUSE_S)):
        status, value = get_json(url)
        if status != _NOT_READY:
            return _link(source, value)
        if say and isinstance(value, dict) and isinstance(share := value.get("progress"), int | float):
            say(f"Roboflow makes the archive: {share:.0%}")
        wait(PAUSE_S)
    raise YolopsError(f"{source}: Roboflow still makes the archive", "try again later")


def _link(source: str, value: object) -> str:
    match value:
        case {"export": {"link": str(link)}}:
            check_address(link)
            return link
    raise YolopsError(f"{source}: Roboflow's answer holds no archive", "export the version once in its web page")
