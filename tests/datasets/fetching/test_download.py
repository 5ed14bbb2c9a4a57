"""A download ends with the whole file, or with an error that names no secret."""

from __future__ import annotations

import random
import socket
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.datasets.dataset_builder import Builder
from tests.datasets.fetching.server import content, led_to, rest_of, serving
from tests.datasets.fetching.test_get import packed
from yolops.datasets.fetching.download import check_address, download
from yolops.datasets.fetching.get import get
from yolops.errors import YolopsError

BODY = random.Random(1).randbytes(3_000_000)


def fetch(url: str, target: Path, **options: int) -> bytes:
    download(url, target, wait=lambda _: None, **options)
    return target.read_bytes()


def test_a_file_is_streamed_and_progress_is_said(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    with serving(content(BODY)) as server:
        download(f"{server.url}/a.zip", tmp_path / "a", progress=lambda done, total: said.append((done, total)))
    assert (tmp_path / "a").read_bytes() == BODY
    assert said[-1] == (len(BODY), len(BODY))
    assert len(said) > 2


def test_after_an_interruption_only_the_rest_is_fetched(tmp_path: Path) -> None:
    with serving(content(BODY, cut_after=2_000_000, ETag='"v1"'), rest_of(BODY, '"v1"')) as server:
        assert fetch(f"{server.url}/a.zip", tmp_path / "a") == BODY
        (_, first), (_, second) = server.asked
    assert "Range" not in first
    assert (second["Range"], second["If-Range"]) == ("bytes=2000000-", '"v1"')


@pytest.mark.parametrize("tag", ['"v1"', 'W/"v1"', None])
def test_a_file_that_may_have_changed_in_between_is_fetched_anew(tmp_path: Path, tag: str | None) -> None:
    old = bytes(len(BODY))
    with serving(content(old, cut_after=2_000_000, **({"ETag": tag} if tag else {})), rest_of(BODY, '"v2"')) as server:
        assert fetch(f"{server.url}/a.zip", tmp_path / "a") == BODY


def test_a_server_that_is_busy_is_asked_again_and_one_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with serving(content(b"", status=503), content(BODY)) as server:
        assert fetch(f"{server.url}/a.zip", tmp_path / "a") == BODY
    with serving(content(BODY, cut_after=10)) as server:
        with pytest.raises(YolopsError, match="ended after 10 of 3,000,000 bytes, 5 times"):
            fetch(f"{server.url}/a.zip", tmp_path / "b")
        assert len(server.asked) == 5
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(YolopsError, match="the connection failed"):
            fetch(f"http://127.0.0.1:{nobody.getsockname()[1]}/a.zip", tmp_path / "c")


def test_a_refusal_is_said_at_once_without_what_is_secret_in_the_address(tmp_path: Path) -> None:
    with serving(content(b"", status=404)) as server:
        with pytest.raises(YolopsError, match="answers 404") as caught:
            fetch(f"{server.url}/a.zip?key=geheim", tmp_path / "a")
        assert len(server.asked) == 1
    assert "geheim" not in f"{caught.value}{caught.value.hint}{caught.value.__cause__}"


@pytest.mark.parametrize("promised", [True, False])
def test_more_than_the_limit_is_not_fetched(tmp_path: Path, promised: bool) -> None:
    def unsaid(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(BODY)

    answer = content(BODY) if promised else unsaid
    with serving(answer) as server, pytest.raises(YolopsError, match="more than 1,000,000 bytes"):
        fetch(f"{server.url}/a.zip", tmp_path / "a", most=1_000_000)
    assert (tmp_path / "a").stat().st_size < 2_500_000


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.zip",
        "ftp://example.com/a.zip",
        "file:///etc/passwd",
        "https://name:word@example.com/a.zip",
        "https:///a.zip",
        "http://localhost.example.com/a.zip",
        "http://127.0.0.1.example.com/a",
        "https://[::1/a",
        "https://example.com:x/a",
    ],
)
def test_an_address_that_is_not_safe_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(YolopsError) as caught:
        download(url, tmp_path / "a")
    assert "word" not in str(caught.value)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "url", ["http://example.com/a", "file:///etc/passwd", "ftp://127.0.0.1/a", "http://10.0.0.1/a"]
)
def test_where_an_address_leads_is_looked_at_too(tmp_path: Path, url: str) -> None:
    with serving(led_to(url)) as server, pytest.raises(YolopsError, match=r"leads|answers 302"):
        fetch(f"{server.url}/a.zip", tmp_path / "a")
    with pytest.raises(YolopsError, match="not https"):
        check_address("http://127.0.0.1/a", before="https://example.com/a")


def test_few_redirects_are_followed_and_a_circle_is_left(tmp_path: Path) -> None:
    with serving(content(BODY)) as there, serving(led_to(f"{there.url}/b.zip")) as server:
        assert fetch(f"{server.url}/a.zip", tmp_path / "a") == BODY
    with serving(led_to("/again")) as server:
        with pytest.raises(YolopsError, match="answers 302"):
            fetch(f"{server.url}/a.zip", tmp_path / "b")
        assert len(server.asked) <= 6


def test_a_dataset_comes_from_an_address_and_nothing_else_stays(builder: Builder, tmp_path: Path) -> None:
    archive = packed(builder.root, "zip")
    with serving(content(archive)) as server:
        assert get(f"{server.url}/a.zip?key=geheim", tmp_path / "new").images == {"train": 1, "val": 1}
        with pytest.raises(YolopsError, match="SHA-256") as caught:
            get(f"{server.url}/a.zip?key=geheim", tmp_path / "other", sha256="0" * 64)
    with serving(content(b"hello")) as server, pytest.raises(YolopsError, match="neither zip nor tar") as other:
        get(f"{server.url}/a.zip?key=geheim", tmp_path / "other")
    for error in (caught.value, other.value):
        assert "/a.zip: " in error.message
        assert "geheim" not in error.message
        assert "partial" not in error.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "new"]
