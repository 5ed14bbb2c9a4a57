"""Download a file over https: streamed, bounded, gone on with after an interruption, and compared with its hash.

An address may carry a key behind its `?`, so no message repeats that part of one.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import shutil
import time
import urllib.request
from http.client import HTTPException
from typing import IO, TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from yolops import __version__
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_CHUNK = 1024 * 1024
# More than any archive of images that a person fetches to one machine; the disk is the bound that is met before.
MOST_BYTES = 2 * 1024**4
MOST_ANSWER = 4 * 1024**2
MOST_REDIRECTS = 5
PATIENCE_S = 60.0
ATTEMPTS = 5
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_OK, _PARTIAL = 200, 206


def download(
    url: str,
    target: Path,
    *,
    most: int = MOST_BYTES,
    progress: Callable[[int, int], None] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Download a file.

    After an interruption only the rest is asked for, if the server says by an ETag or a date that the file is the same;
    otherwise it starts again.

    Args:
        url: an address of https, or of http on this machine.
        target: the file to write; nothing may be there.
        most: the most bytes that it may have.
        progress: called with how many bytes are there, and of how many.
        wait: what waits between attempts.

    Raises:
        YolopsError: the address or where it leads is refused, the server refuses, the file is too large for `most` or
            the disk, or the connection ended early again and again.
    """
    check_address(url)
    with target.open("xb") as file:
        same = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _go_on(url, file, same, most, progress)
            except _Cut as cut:
                if attempt == ATTEMPTS:
                    raise YolopsError(f"{shown(url)}: {cut}, {ATTEMPTS} times", "try again later") from cut
                same = cut.same
                wait(2.0**attempt)
            else:
                return


def get_json(url: str) -> tuple[int, Any]:
    """Return the status of an answer and what it says, a small JSON document.

    Raises:
        YolopsError: the address is refused, the server refuses, or the answer is none.
    """
    check_address(url)
    try:
        with _opened(url, {}) as answer:
            return answer.status, json.loads(answer.read(MOST_ANSWER))
    except HTTPError as error:
        error.close()
        raise _refused(url, error.code) from None  # its text has the whole address
    except (OSError, HTTPException, ValueError) as error:
        raise YolopsError(f"{shown(url)}: no answer ({_reason(error)})", "check the network, then try again") from None


def check_address(url: str, before: str = "") -> None:
    """Refuse an address that is neither https nor http on this machine.

    Args:
        url: the address.
        before: the address that led to it; what was safe stays safe.

    Raises:
        YolopsError: it is refused.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise YolopsError("not an address", "give https://...") from error
    if parts.username or parts.password:
        raise YolopsError(f"https://{host}: the address holds a login", "take it out; others can read what you type")
    if parts.scheme == "https" and host:
        return
    if parts.scheme == "http" and _is_here(host) and not before.startswith("https:"):
        return
    led = f", where {shown(before)} leads" if before else ""
    raise YolopsError(f"{shown(url)}: not https{led}", "give an address that begins with https://")


def check_hash(path: Path, sha256: str) -> None:
    """Compare a file with a SHA-256 in hexadecimal digits.

    Raises:
        YolopsError: it is another file.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.strip().lower():
        raise YolopsError(f"{path}: its SHA-256 is {found}, not {sha256}", "see that both are of the same version")


def shown(url: str) -> str:
    """Return an address without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


class _Cut(Exception):
    """The connection ended early; `same` is what tells that the file is the same when it goes on."""

    def __init__(self, what: str, same: str) -> None:
        super().__init__(what)
        self.same = same


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows few redirects, and each only to where one may go."""

    max_redirections = MOST_REDIRECTS

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        check_address(newurl, before=req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opened(url: str, headers: Mapping[str, str]) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": f"yolops/{__version__}", **headers})  # noqa: S310 - checked
    return urllib.request.build_opener(_Redirects).open(request, timeout=PATIENCE_S)


def _go_on(url: str, file: IO[bytes], same: str, most: int, progress: Callable[[int, int], None] | None) -> None:
    done = file.tell()
    wanted = {"Range": f"bytes={done}-", "If-Range": same} if done and same else {}
    try:
        with _opened(url, {"Accept-Encoding": "identity", **wanted}) as answer:
            if answer.status != _PARTIAL or not answer.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
                if answer.status != _OK:
                    raise _refused(url, answer.status)
                file.seek(0)
                file.truncate()
                done = 0
            same = _mark(answer.headers)
            length = answer.headers.get("Content-Length", "")
            total = done + int(length) if length.isdecimal() else 0
            _check_size(url, total, done, most, file)
            while content := answer.read(_CHUNK):
                done += file.write(content)
                _check_size(url, done, done, most, file)
                if progress:
                    progress(done, max(total, done))
            if done < total:
                raise _Cut(f"ended after {done:,} of {total:,} bytes", same)
    except HTTPError as error:
        error.close()
        if error.code in _PASSING:
            raise _Cut(f"answers {error.code}", same) from None
        raise _refused(url, error.code) from None
    except (OSError, HTTPException) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise _Cut(f"the connection failed ({_reason(error)})", same) from None


def _mark(headers: Any) -> str:
    """Return a strong ETag, or the date of the last change: what `If-Range` takes (RFC 9110, 13.1.5)."""
    tag = str(headers.get("ETag", ""))
    return tag if tag.startswith('"') else "" if tag else str(headers.get("Last-Modified", ""))


def _check_size(url: str, size: int, done: int, most: int, file: IO[bytes]) -> None:
    if size > most:
        raise YolopsError(f"{shown(url)}: more than {most:,} bytes", "fetch a smaller part of it")
    free = shutil.disk_usage(file.name).free
    if size - done > free:
        raise YolopsError(
            f"{shown(url)}: {size:,} bytes do not fit, {free:,} are free", "free some, or give another disk"
        )


def _refused(url: str, status: int) -> YolopsError:
    return YolopsError(f"{shown(url)}: the server answers {status}", "check the address, and whether it needs a login")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return f"{type(reason).__name__}: {str(reason)[:100]}" if not isinstance(reason, str) else reason[:100]


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
