from __future__ import annotations

from datetime import datetime

import pytest

from yolops.cli.wording import brief


@pytest.mark.parametrize(("moment", "said"), [("2030-01-02 03:04", "01-02 03:04"), ("2029-12-31 23:59", "2029-12-31")])
def test_a_moment_of_this_year_has_its_time_and_any_other_its_year(moment: str, said: str) -> None:
    assert brief(datetime.fromisoformat(moment), now=datetime.fromisoformat("2030-06-01 12:00")) == said
