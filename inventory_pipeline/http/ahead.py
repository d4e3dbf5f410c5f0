"""Several requests at once, their results in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

Result = TypeVar("Result")


async def in_order(jobs: Iterable[Callable[[], Awaitable[Result]]], width: int) -> AsyncGenerator[Result]:
    """Runs at most `width` jobs at once and yields their results in the order of the jobs.

    At most `width` results wait to be taken, so a slow reader bounds the memory. The first job that fails ends it: the
    others are cancelled, as they are when the reader stops.
    """
    pending: deque[asyncio.Future[Result]] = deque()
    try:
        for job in jobs:
            pending.append(asyncio.ensure_future(job()))
            if len(pending) >= width:
                yield await pending.popleft()
        while pending:
            yield await pending.popleft()
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
