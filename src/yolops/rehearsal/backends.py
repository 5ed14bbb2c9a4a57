"""What moto holds of a service, over all accounts and regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.core.base_backend import BackendDict


def backends_of(dictionary: BackendDict) -> Iterator[Any]:
    """Yield what moto holds of a service, for each account and region that was used."""
    for regions in list(dictionary.values()):
        yield from list(regions.values())
