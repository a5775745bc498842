"""What a benchmark says: a value with its spread, its target, and the same of others."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Value:
    """A median of ``count`` samples, and the quartiles around it."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, samples: Sequence[float], scale: float = 1.0) -> Value:
        """The samples times ``scale``. Raises StatisticsError when there are none."""
        scaled = [sample * scale for sample in samples]
        median = statistics.median(scaled)
        if len(scaled) == 1:
            return cls(median, median, median, 1)
        low, _, high = statistics.quantiles(scaled, n=4, method="inclusive")
        return cls(median, low, high, len(scaled))


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no value."""

    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """What a value should reach: at most ``limit``, or at least."""

    limit: float
    is_floor: bool = False

    def is_met(self, value: Value) -> bool:
        """Whether the median reaches it."""
        return value.median >= self.limit if self.is_floor else value.median <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.is_floor else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. ``value`` is this package's, ``peers`` the others' on the same work, in the same unit."""

    name: str
    value: Value
    unit: str
    target: Target | None = None
    peers: Mapping[str, Value | Missing] = field(default_factory=dict)
    note: str = ""
