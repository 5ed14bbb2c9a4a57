"""Files that appear whole: whoever reads meanwhile sees the former content or the new one, whatever dies when."""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Hand out the path of a file beside `target`, which takes its place when the block ends without an error.

    Raises:
        OSError: it cannot be written.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        yield draft
        draft.replace(target)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
