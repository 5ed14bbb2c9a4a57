"""Fetches the other files of the server from its bucket, and takes them only if they are those that Terraform named.

EC2 takes 16 KB of user data, and the server is more than that. The user data says which object it is and what its
content hashes to, so that nobody who can write to the bucket can change what a server runs.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import time
from pathlib import Path

from yolops_server import boot_report
from yolops_server.instance import request
from yolops_server.settings import Settings, read_settings

# The fixed address is attached seconds after the instance has started: until then nothing can be fetched.
PATIENCE_S, PAUSE_S = 600.0, 1.0


def unpacked(packed: bytes, sha256: str) -> dict[str, str]:
    """Return files by path.

    Args:
        packed: a JSON object of them, compressed with gzip.
        sha256: what the object must hash to before it was compressed.

    Raises:
        ValueError: it is something else.
    """
    text = gzip.decompress(packed)
    if hashlib.sha256(text).hexdigest() != sha256:
        raise ValueError("the files of the server are not those that Terraform named")
    files: dict[str, str] = json.loads(text)
    return files


def fetch(settings: Settings) -> bytes:
    """Return the object with the files, as soon as it can be had.

    Raises:
        OSError: it could not be had in time.
    """
    url = f"https://{settings.bucket}.s3.{settings.region}.amazonaws.com/{settings.files_key}"
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return request((settings.region, "s3"), "GET", url)
        except (OSError, LookupError):
            if time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_S)


def main() -> None:
    """Write the files; those with a shebang can be run."""
    settings = read_settings()
    try:
        files = unpacked(fetch(settings), settings.files_sha256)
    except (OSError, ValueError, LookupError) as error:
        boot_report.send(settings, "failed", str(error))
        sys.exit(str(error))
    for path, content in files.items():
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
        target.chmod(0o755 if content.startswith("#!") else 0o644)


if __name__ == "__main__":
    main()
