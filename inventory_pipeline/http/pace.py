"""At most so many requests a second, however many tasks ask."""

import asyncio


class RateLimiter:
    """Hands out turns evenly spaced, without a burst at the start. `per_second` None: every turn is now."""

    def __init__(self, per_second: float | None) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        if not self._gap:
            return
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next)
        self._next = turn + self._gap
        await asyncio.sleep(turn - now)
