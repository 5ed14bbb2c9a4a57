"""The page of a report: whole in one file, and nothing that a dataset holds can run in it."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

from PIL import Image

from tests.datasets.dataset_builder import Builder
from tests.datasets.defects import bomb
from tests.datasets.scenes import encoded, scene
from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.html_report import MOST_PICTURES, PICTURE_PIXELS, html_page

EVIL = "<script>alert(1)</script>"


class Tags(HTMLParser):
    """Collects the tags and the addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action"}]
        assert not [name for name, _ in attrs if name.startswith("on")]


def page_of(builder: Builder) -> str:
    dataset = read_dataset(builder.yaml)
    return html_page(check(dataset), dataset)


def pictures(page: str) -> list[Image.Image]:
    found = re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_a_finding_is_shown_with_its_picture_and_the_box_in_red(builder: Builder) -> None:
    builder.add("train/c.jpg", image=encoded(scene(1, size=(800, 600))), labels="9 0.5 0.5 0.5 0.5\n")
    page = page_of(builder)
    (picture,) = pictures(page)
    assert picture.size == (PICTURE_PIXELS, 240)
    red, green, blue = picture.convert("RGB").getpixel((160, 60))
    assert red > 150 > max(green, blue)
    assert "class 9 is not one of 0 to 1" in page


def test_names_of_a_dataset_run_nothing_in_the_page(builder: Builder) -> None:
    builder.yaml.write_text(f'train: images/train\nval: images/val\nnames: ["{EVIL}", dog]\n')
    builder.add('train/"><img src=x onerror=alert(1)>.jpg', image=encoded(scene(1)), labels="9 0.5 0.5 0.5 0.5\n")
    page = page_of(builder)
    assert EVIL not in page
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.tags
    assert all(address.startswith("data:image/jpeg;base64,") for address in tags.addresses)


def test_many_findings_make_a_page_of_bounded_size(builder: Builder) -> None:
    for number in range(200):
        builder.add(f"train/{number}.jpg", image=encoded(scene(number)), labels=f"{number + 2} 0.5 0.5 0.5 0.5\n")
    page = page_of(builder)
    assert 0 < len(pictures(page)) <= MOST_PICTURES
    assert len(page) < 2_000_000


def test_a_page_has_no_heading_over_nothing(builder: Builder) -> None:
    page = page_of(builder)
    assert "Nothing was found." in page
    assert "<h2>" not in page
    builder.label("train/gone.png", "0 0.5 0.5 0.5 0.5\n")
    page = page_of(builder)
    assert "<h2>Findings</h2>" in page
    assert "<h2>Pictures</h2>" not in page


def test_what_cannot_be_shown_is_left_out(builder: Builder) -> None:
    builder.add("train/bomb.png", image=bomb(30_000))
    builder.add("train/damaged.jpg", image=b"no image")
    assert pictures(page_of(builder)) == []
