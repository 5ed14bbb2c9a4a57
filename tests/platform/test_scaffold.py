"""What a person may answer to `yolops init`, and how the caller's own address is found out."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator

import pytest

from yolops.errors import YolopsError
from yolops.platform.outputs import Mode
from yolops.platform.scaffold import Choices, own_address


class AddressService(http.server.BaseHTTPRequestHandler):
    """Answers with what stands in the path, or with one byte after another for longer than anybody waits."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        for letter in self.path[1:].replace("endless", "7" * 64):
            self.wfile.write(letter.encode())
            self.wfile.flush()
            time.sleep(0.3 if "endless" in self.path else 0)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), AddressService) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_own_address_is_the_range_of_that_one_address(service: str) -> None:
    assert own_address(f"{service}/203.0.113.7") == "203.0.113.7/32"


def test_an_answer_that_is_no_address_is_none(service: str) -> None:
    assert own_address(f"{service}/sign-in-first") == ""


def test_where_nothing_answers_in_time_the_address_stays_unknown(service: str) -> None:
    started = time.monotonic()
    assert own_address(f"{service}/endless", patience_s=0.5) == ""
    assert own_address("http://127.0.0.1:9/", patience_s=0.5) == ""
    assert time.monotonic() - started < 10, "as much as is read takes twice as long"


@pytest.mark.parametrize(
    ("name", "answer", "becomes"),
    [
        ("mode", "Custom", Mode.CUSTOM),
        ("project", " cells ", "cells"),
        ("allowed_cidrs", "203.0.113.7", ("203.0.113.7/32",)),
        ("allowed_cidrs", "203.0.113.7/32, 2001:DB8::/48", ("203.0.113.7/32", "2001:db8::/48")),
        ("allowed_cidrs", "", ()),
    ],
)
def test_an_answer_becomes_a_choice(name: str, answer: str, becomes: object) -> None:
    assert getattr(Choices().answered(name, answer), name) == becomes


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("mode", "sagemaker", '"sagemaker" is no mode in AWS'),
        ("mode", "local", "local is no mode in AWS"),
        ("project", "my--cells", '"my--cells" is not a name'),
        ("project", "aws-cells", '"aws-cells" is not a name'),
        ("region", "Frankfurt", '"Frankfurt" is no region of AWS'),
        ("region", "eu-central-1a", "is no region"),
        ("allowed_cidrs", "me", "me: no range of addresses"),
        ("allowed_cidrs", "0.0.0.0/0", r"0\.0\.0\.0/0: is open to the world"),
        ("allowed_cidrs", "::/0", "::/0: is open to the world"),
        ("allowed_cidrs", "128.0.0.0/1", "is open to the world"),
    ],
)
def test_an_answer_that_cannot_be_says_what_is_wrong(name: str, answer: str, says: str) -> None:
    with pytest.raises(YolopsError, match=says):
        Choices().answered(name, answer)
