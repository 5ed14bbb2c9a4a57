"""The metrics of a training job: what the regular expressions of its MetricDefinitions find in its log."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class JobMetrics:
    """The latest value of each metric.

    Args:
        definitions: MetricDefinitions as CreateTrainingJob takes them; the first group of each expression is a number.
    """

    def __init__(self, definitions: Sequence[dict[str, str]]) -> None:
        self._patterns = [(one["Name"], re.compile(one["Regex"])) for one in definitions]
        self._latest: dict[str, tuple[float, datetime]] = {}

    def read(self, line: str) -> None:
        """Take note of what one line of the log says."""
        for name, pattern in self._patterns:
            if found := pattern.search(line):
                try:
                    self._latest[name] = float(found[1]), datetime.now(UTC)
                except (ValueError, IndexError):
                    continue

    def final(self) -> list[dict[str, Any]]:
        """Return FinalMetricDataList of DescribeTrainingJob."""
        return [{"MetricName": name, "Value": value, "Timestamp": time} for name, (value, time) in self._latest.items()]
