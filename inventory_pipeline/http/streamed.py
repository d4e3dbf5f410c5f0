"""An answer whose body is read while it comes: for files that should not be in memory whole."""

import time
from collections.abc import AsyncIterator

import httpx

from inventory_pipeline.core.errors import IncompleteRead, PlatformUnavailable
from inventory_pipeline.http.body import Truncated
from inventory_pipeline.http.reply import place


class StreamedReply:
    """Status and headers of an answer; iterating gives its decoded bytes, once.

    Raises IncompleteRead where the body breaks off, PlatformUnavailable where it has not ended after `deadline` seconds or
    comes too slowly, StoreMisconfigured for an encoding that was not asked for.
    """

    def __init__(self, response: httpx.Response, deadline: float) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        where = place(str(self._response.url))
        until = time.monotonic() + self._deadline
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
                if time.monotonic() > until:
                    raise PlatformUnavailable(f"{where} has not ended after {self._deadline:g} s")
        except httpx.TimeoutException:
            raise PlatformUnavailable(f"{where} stopped sending before its end") from None
        except Truncated as truncated:
            raise IncompleteRead(f"{where} answers with {truncated}") from None
