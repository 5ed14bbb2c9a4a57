"""The page of a dataset's check, as a browser lays it out."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from tests.datasets.dataset_builder import Builder
from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.html_report import html_page

LINES = """cells => cells.map(cell => {
  const text = document.createRange();
  text.selectNodeContents(cell);
  return new Set([...text.getClientRects()].map(one => Math.round(one.top))).size;
})"""


def test_no_severity_or_code_is_cut_in_two_and_nothing_is_wider_than_the_window(page: Page, tmp_path: Path) -> None:
    builder = Builder(tmp_path / ("a-directory-with-a-long-name" * 3))
    for number in range(3):
        builder.add(f"train/{number}.png", labels=f"{number + 2} 0.5 0.5 0.5 0.5\n")
    dataset = read_dataset(builder.yaml)
    file = tmp_path / "report.html"
    file.write_text(html_page(check(dataset), dataset), encoding="utf-8")
    page.set_viewport_size({"width": 1000, "height": 900})
    page.goto(file.as_uri())
    lines = page.locator("td:first-child").evaluate_all(LINES)
    assert len(lines) > 3
    assert set(lines) == {1}
    assert page.evaluate("document.documentElement.scrollWidth") <= 1000
