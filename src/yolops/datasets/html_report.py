"""The report of a check as one page for a browser: no script, nothing from elsewhere, pictures of what is worst."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from PIL import ImageDraw

from yolops.datasets.codes import CODES
from yolops.datasets.description import label_of
from yolops.datasets.shapes import shapes_of
from yolops.datasets.sheet import shown
from yolops.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from yolops.datasets.description import Dataset
    from yolops.datasets.report import Report
    from yolops.findings import Finding

# What a person looks through, and what a browser opens at once: about 1 MB.
MOST_PICTURES = 60
MOST_PER_CODE = 6
MOST_ROWS = 2000
PICTURE_PIXELS = 320
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { text-align: left; padding: .2rem .8rem .2rem 0; }
td { border-top: 1px solid #ddd; vertical-align: top; } td.n { text-align: right; }
td:first-child { white-space: nowrap; }
h1 { font-size: 1.5rem; } h1, p, td { overflow-wrap: anywhere; }
.error { color: #b00020; } .warning { color: #8a5a00; } .info { color: #00588a; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; width: 20rem; }
figcaption { font-size: 13px; overflow-wrap: anywhere; } img { max-width: 100%; }
"""


def html_page(report: Report, dataset: Dataset) -> str:
    """Return the page of a report.

    Args:
        report: what `check` returned.
        dataset: the dataset that was checked; some of its images are opened again, none that Pillow finds too large.
    """
    ranked = sorted(report.findings, key=lambda item: list(Severity).index(item.severity))
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        # Even if a text of the dataset were not escaped, nothing would run and nothing be fetched.
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{escape(report.source.parent.name)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(str(report.source))}</h1>",
        f"<p>Fingerprint {report.fingerprint or 'not known: no image was read whole'}</p>",
        _splits(report),
        *(_found(report, ranked, dataset) if ranked else ["<p>Nothing was found.</p>"]),
        "</body></html>",
    ]
    return "\n".join(parts)


def _found(report: Report, ranked: Sequence[Finding], dataset: Dataset) -> Iterator[str]:
    yield _counts(report)
    if pictures := list(_pictures(ranked, dataset)):
        yield from ("<h2>Pictures</h2>", '<div class="pictures">', *pictures, "</div>")
    yield from ("<h2>Findings</h2>", _findings(ranked))


def _splits(report: Report) -> str:
    rows: Iterable[list[str | int]] = (
        [split, counts.images, counts.labelled, counts.background, counts.boxes, *counts.per_class]
        for split, counts in report.splits.items()
    )
    return _table(["", "images", "labelled", "background", "boxes", *report.names], rows)


def _counts(report: Report) -> str:
    rows = ([code, CODES[code].severity.value, count, CODES[code].meaning] for code, count in report.worst_first())
    return _table(["finding", "severity", "how many", "what it is"], rows)


def _findings(ranked: Sequence[Finding]) -> str:
    rows = ([item.severity.value, item.where, item.what, item.fix] for item in ranked[:MOST_ROWS])
    rest = f"<p>and {len(ranked) - MOST_ROWS} more</p>" if len(ranked) > MOST_ROWS else ""
    return _table(["", "where", "what", "what to do"], rows) + rest


def _table(head: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    lines = ["<table><tr>", *(f"<th>{escape(cell)}</th>" for cell in head), "</tr>"]
    for row in rows:
        lines.append("<tr>")
        for cell in row:
            kind = "n" if isinstance(cell, int) else cell if cell in set(Severity) else ""
            lines.append(f'<td class="{kind}">{escape(str(cell))}</td>')
        lines.append("</tr>")
    return "".join([*lines, "</table>"])


def _pictures(ranked: Sequence[Finding], dataset: Dataset) -> Iterator[str]:
    chosen: list[tuple[str, str, Finding]] = []
    per_code: dict[str, int] = {}
    for item in ranked:
        path, _, line = item.where.rpartition(":")
        if not line.isdecimal():
            path, line = item.where, ""
        if per_code.get(item.code, 0) < MOST_PER_CODE:
            per_code[item.code] = per_code.get(item.code, 0) + 1
            chosen.append((path, line, item))
    images = _images_of({path for path, _, _ in chosen}, dataset)
    count = 0
    for path, line, item in chosen:
        picture = _picture(images[path], line) if path in images and count < MOST_PICTURES else b""
        if picture:
            count += 1
            data = base64.b64encode(picture).decode()
            said = f'<b class="{item.severity.value}">{item.code}</b> {escape(item.where)}: {escape(item.what)}'
            yield f'<figure><img alt="" src="data:image/jpeg;base64,{data}"><figcaption>{said}</figcaption></figure>'


def _images_of(paths: set[str], dataset: Dataset) -> dict[str, str]:
    found = {}
    for members in dataset.splits.values():
        for image in members.names:
            for path in (image, label_of(image)):
                if path in paths:
                    found[path] = image
    return found


def _picture(path: str, line: str) -> bytes:
    """Return a small JPEG of an image with its objects, that of the finding in red; nothing if it cannot be shown."""
    try:
        small, _ = shown(path, PICTURE_PIXELS)
        pen = ImageDraw.Draw(small)
        for shape in shapes_of(path):
            marked = str(shape.line) == line
            shape.draw(pen, small.size, (230, 0, 40) if marked else (0, 220, 120), 3 if marked else 1)
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=75)
    except Exception:  # noqa: BLE001 - the picture of a damaged image is missing, and that is no news
        return b""
    return buffer.getvalue()
