"""Limits that a platform shows by its answers: points in a leaky bucket."""

import asyncio
from collections.abc import Callable

from msgspec import Struct

# Where an answer that says "throttled" does not say how full the bucket is.
_BLIND_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)


class ThrottleStatus(Struct, rename="camel", gc=False):
    """A bucket of query cost, in points; `restore_rate` is points per second."""

    maximum_available: float
    currently_available: float
    restore_rate: float


class Cost(Struct, rename="camel", gc=False):
    """What an answer says of its own cost in `extensions.cost`."""

    requested_query_cost: float = 0
    throttle_status: ThrottleStatus | None = None


class CostBudget:
    """What is left in the bucket, and what each operation was charged: to wait before a request rather than be refused.

    A query is charged its requested cost and paid back what it did not use.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or asyncio.get_running_loop().time
        self._bucket: ThrottleStatus | None = None
        self._told_at = 0.0
        self._charged: dict[str, float] = {}

    def note(self, operation: str, cost: Cost | None) -> None:
        """Remembers what an answer says about itself and the bucket."""
        if cost is None:
            return
        if cost.requested_query_cost:
            self._charged[operation] = cost.requested_query_cost
        if cost.throttle_status is not None:
            self._bucket, self._told_at = cost.throttle_status, self._clock()

    def wait_for(self, operation: str) -> float:
        """Seconds until the bucket holds what `operation` was charged last time; 0 where nothing is known."""
        bucket = self._bucket
        if bucket is None or bucket.restore_rate <= 0:
            return 0.0
        restored = bucket.restore_rate * (self._clock() - self._told_at)
        available = min(bucket.maximum_available, bucket.currently_available + restored)
        return max(0.0, (self._charged.get(operation, 0.0) - available) / bucket.restore_rate)

    def wait_after_refusal(self, operation: str, attempt: int) -> float:
        """As `wait_for`, for a query that was refused `attempt` times (1 is the first): never 0."""
        if self._bucket is None:
            return max(self.wait_for(operation), _BLIND_WAITS[min(attempt, len(_BLIND_WAITS)) - 1])
        return max(self.wait_for(operation), 0.1)

    def never_fits(self, operation: str) -> bool:
        """Whether the operation costs more than a full bucket."""
        return self._bucket is not None and self._charged.get(operation, 0.0) > self._bucket.maximum_available
