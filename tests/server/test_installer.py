"""The installer of the server's packages comes from the index that the machine is set to, and only by its hash."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

from yolops_server.installer import link_to, program

PAGE = """<a href="../../packages/uv-0.13.8.whl#sha256=0a">uv-0.13.8.whl</a>
<a href="../../packages/uv-0.13.9.whl?a=1&amp;b=2#sha256=0b" data-requires-python="&gt;=3.8">uv-0.13.9.whl</a>"""


def wheel() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("uv-0.13.9.dist-info/METADATA", "Name: uv")
        archive.writestr("uv-0.13.9.data/scripts/uv", b"the program")
    return packed.getvalue()


def test_it_is_found_on_the_page_of_an_index_by_its_hash() -> None:
    address = "https://index.example.com/simple/uv/"
    assert link_to(PAGE, address, "0b") == "https://index.example.com/packages/uv-0.13.9.whl?a=1&b=2"
    with pytest.raises(LookupError, match="has no file with the hash 0c"):
        link_to(PAGE, address, "0c")


def test_another_wheel_than_the_named_one_is_refused() -> None:
    assert program(wheel(), hashlib.sha256(wheel()).hexdigest()) == b"the program"
    with pytest.raises(ValueError, match="not the one that the requirements name"):
        program(wheel(), hashlib.sha256(b"another").hexdigest())
