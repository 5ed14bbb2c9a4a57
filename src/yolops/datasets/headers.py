"""The size of an image from its first bytes, and stray markers in a JPEG: what most files need, without Pillow.

Whatever is unusual in any way answers `None`, and Pillow is asked.
"""

from __future__ import annotations

import re
import struct

import numpy as np

# Enough for the tables in front of the size in all but photographs with a preview inside.
HEAD_BYTES = 4096
END_OF_JPEG = b"\xff\xd9"
END_OF_PNG = b"IEND\xaeB`\x82"
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
# Start of frame: baseline, extended, progressive. The rest (lossless, arithmetic) is unusual.
_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
_START_OF_SCAN, _EXIF = 0xDA, 0xE1
# What may stand between two scans of a progressive JPEG: tables, comments, application data.
_BETWEEN_SCANS = frozenset((0xC4, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)))
_RESTART = 0xD0
_MARKER = re.compile(rb"\xff+([^\x00\xff])")


def plain_size(head: bytes) -> tuple[str, int, int] | None:
    """Return format, width and height of a JPEG or PNG with nothing unusual in its header.

    Args:
        head: the first `HEAD_BYTES` of the file, or all of it.

    Returns:
        None for other formats, EXIF data, CMYK, alpha, 16 bits, animations, and where the size lies further behind.
    """
    if head[:2] == b"\xff\xd8":
        return _plain_jpeg(head)
    if head[:16] == _PNG and len(head) > 41 and head[24:26] in (b"\x08\x00", b"\x08\x02"):
        # A gray or RGB PNG whose second chunk is the pixels: no transparency, animation or EXIF can have come before.
        width, height = struct.unpack_from(">II", head, 16)
        return ("PNG", width, height) if head[37:41] == b"IDAT" else None
    return None


def stray_marker(content: bytes) -> int | None:
    """Return where in the compressed data of a JPEG a marker stands that cannot be there.

    Within a scan 0xFF is followed by 0, or by the next of eight restart markers if there are any (ITU-T T.81, B.1.1.5
    and B.2.1). libjpeg shows what is behind a stray one wrongly and tells nobody that Pillow would ask. Damage that
    keeps to this, such as a block of zeros, is not seen.
    """
    scan = _first_scan(content)
    if scan is None:
        return None
    start, restarts, several = scan
    # The scan's own marker and the end: nothing else in most files, as one look at all of them shows.
    letters = np.frombuffer(content, np.uint8, offset=start)
    marks = (letters[:-1] == 0xFF) & (letters[1:] != 0)
    if np.count_nonzero(marks) == 2 and content.endswith(END_OF_JPEG):
        return None
    position, expected = start, 0
    while match := _MARKER.search(content, position):
        marker = match[1][0]
        if marker == END_OF_JPEG[1]:
            # Another image may follow, as in the files of cameras with two lenses.
            follows = content[match.end() : match.end() + 2]
            return None if follows in (b"", b"\xff\xd8") else match.start()
        if marker == _START_OF_SCAN or (several and marker in _BETWEEN_SCANS):
            if match.start() != start and not several:
                return match.start()
            position = match.end() + int.from_bytes(content[match.end() : match.end() + 2], "big")
            expected = 0
        elif restarts and marker == _RESTART + expected:
            position, expected = match.end(), (expected + 1) % 8
        else:
            return match.start()
    return None  # without an end it is truncated, which decoding says


def _plain_jpeg(head: bytes) -> tuple[str, int, int] | None:
    position = 2
    while position + 9 < len(head):
        if head[position] != 0xFF:
            return None
        marker = head[position + 1]
        if marker in _FRAMES:
            depth, height, width, colours = struct.unpack_from(">BHHB", head, position + 4)
            return ("JPEG", width, height) if depth == 8 and colours in (1, 3) and height else None
        if marker == _EXIF or not 0xC4 <= marker <= 0xFE:
            return None
        position += 2 + struct.unpack_from(">H", head, position + 2)[0]
    return None


def _first_scan(content: bytes) -> tuple[int, bool, bool] | None:
    """Return where the first scan begins, whether it has restart markers, and whether others may follow."""
    position, colours, progressive, restarts = 2, 0, False, False
    while position + 10 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == _START_OF_SCAN:
            return position, restarts, progressive or content[position + 4] < colours
        if marker in _FRAMES:
            colours, progressive = content[position + 9], marker == 0xC2
        if marker == 0xDD:
            restarts = content[position + 4 : position + 6] != b"\0\0"
        position += 2 + struct.unpack_from(">H", content, position + 2)[0]
    return None
