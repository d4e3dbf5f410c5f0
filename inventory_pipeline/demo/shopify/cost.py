"""What a query costs in Shopify's points, and the leaky bucket that the points come from."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from inventory_pipeline.demo.graphql import Field, GraphqlError

MOST_FOR_ONE = 1000
MUTATION = 10


def cost_of(kind: str, selections: Sequence[Field]) -> int:
    """An object is a point, a connection two and what its page might hold, a mutation ten."""
    return MUTATION if kind == "mutation" else sum(map(_cost, selections))


def _cost(field: Field) -> int:
    if not field.selections:
        return 0
    first = field.arguments.get("first")
    if not isinstance(first, int):
        return 1 + sum(map(_cost, field.selections))
    return 2 + first * sum(_cost(inner) for inner in field.selections if inner.name != "pageInfo")


def used_by(data: Any) -> int:
    """What an answer did cost: its objects. Never more than was charged, for a page may be half empty."""
    if isinstance(data, dict):
        return 1 + sum(map(used_by, data.values()))
    return sum(map(used_by, data)) if isinstance(data, list) else 0


class Bucket:
    """Points that come back with time. `clock` gives seconds."""

    def __init__(self, maximum: float = 2000.0, restore: float = 100.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.maximum, self.restore = maximum, restore
        self._clock = clock
        self._level, self._at = maximum, clock()
        self._lock = threading.Lock()

    def take(self, points: float) -> None:
        """Raises GraphqlError: THROTTLED where too few are left, MAX_COST_EXCEEDED where no query may cost so much."""
        if points > MOST_FOR_ONE:
            raise GraphqlError(f"Query cost is {points:g}, which exceeds the single query max cost limit", "MAX_COST_EXCEEDED")
        with self._lock:
            self._refill()
            if points > self._level:
                raise GraphqlError("Throttled", "THROTTLED")
            self._level -= points

    def give_back(self, points: float) -> None:
        with self._lock:
            self._level = min(self.maximum, self._level + points)

    def drain(self) -> None:
        """As if another app had used it all."""
        with self._lock:
            self._level, self._at = 0.0, self._clock()

    def told(self, requested: float, actual: float | None) -> dict[str, Any]:
        """`extensions.cost` of an answer; a throttled query has no actual cost."""
        with self._lock:
            self._refill()
            status = {"maximumAvailable": self.maximum, "currentlyAvailable": int(self._level), "restoreRate": self.restore}
        return {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}

    def _refill(self) -> None:
        now = self._clock()
        self._level = min(self.maximum, self._level + (now - self._at) * self.restore)
        self._at = now
