"""Limits that a platform shows by its answers: points in a leaky bucket, and how many requests at once it can bear."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from msgspec import Struct

from inventory_pipeline.core.errors import PlatformTooSlow

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

# Where an answer that says "throttled" does not say how full the bucket is.
_BLIND_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)


class Width:
    """How many requests may be under way at once: a quarter, down to one, where the platform does not answer in time.

    `now` is the present width, `most` the one it began with.
    """

    def __init__(self, most: int) -> None:
        self.most = self.now = most
        self._under_way = 0
        self._changed = asyncio.Condition()

    async def run(self, request: Callable[[], Awaitable[Result]]) -> Result:
        """What `request` returns, sent when there is room. Where it raises PlatformTooSlow, fewer requests at once are sent from
        then on and it is sent again, until there is none beside it."""
        while True:
            async with self._place() as sent_with:
                try:
                    return await request()
                except PlatformTooSlow as error:
                    if not self._lower(sent_with):
                        cure = "give the store a longer timeout, a smaller per_page or fewer connections"
                        raise PlatformTooSlow(f"{error}, or {cure}") from None
            logger.warning("The platform does not answer in time; from now on %d requests at once are sent", self.now)

    def notes(self, cure: str) -> tuple[str, ...]:
        """What a person is told where fewer were sent; `cure` is what the platform's owner can do besides."""
        if self.now == self.most:
            return ()
        told = f"the shop does not answer in time where {self.most} requests are sent at once; it was read with {self.now}"
        return (f"{told}; set connections={self.now}, or {cure}",)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[int]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._under_way < self.now)
            self._under_way += 1
        try:
            yield self.now
        finally:
            async with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _lower(self, sent_with: int) -> bool:
        """Whether another try may help: there were others under way, and from now on there are fewer.

        Requests that failed together lower it once. A quarter, since each try may take minutes before it is given up.
        """
        if self.now == sent_with and self._under_way > 1:
            self.now = max(1, self.now // 4)
        return self.now < sent_with


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
