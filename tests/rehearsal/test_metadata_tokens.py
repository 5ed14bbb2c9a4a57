"""The tokens of the metadata service: instances boot side by side and ask for theirs at the same time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from yolops.rehearsal.metadata_service import Tokens

INSTANCES, EACH = 8, 200


@pytest.fixture
def busy() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("busy")
def test_instances_that_ask_at_the_same_time_each_get_tokens_that_hold() -> None:
    tokens = Tokens()

    def ask(number: int) -> bool:
        address = f"10.0.0.{number}"
        given = [tokens.give(address, 60) for _ in range(EACH)]
        return all(tokens.holds(token, address) for token in given)

    with ThreadPoolExecutor(INSTANCES) as pool:
        assert all(pool.map(ask, range(INSTANCES)))


def test_a_token_is_for_one_address_and_some_time() -> None:
    tokens = Tokens()
    token = tokens.give("10.0.0.1", 60)
    assert tokens.holds(token, "10.0.0.1")
    assert not tokens.holds(token, "10.0.0.2")
    assert not tokens.holds(tokens.give("10.0.0.1", 0), "10.0.0.1")
