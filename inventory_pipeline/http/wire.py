"""One attempt over the network: signed, redirected, bounded in time, every failure given its transport_error."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from inventory_pipeline.core.errors import IncompleteRead, PlatformUnavailable, StoreMisconfigured, SyncError
from inventory_pipeline.http.body import BODY_LIMIT, Truncated, read_beginning
from inventory_pipeline.http.network import transport_error
from inventory_pipeline.http.redirects import MOST_REDIRECTS, redirect_target
from inventory_pipeline.http.reply import Response, host_and_path
from inventory_pipeline.http.retry import RetryableError, is_retryable, status_error
from inventory_pipeline.http.transport import LIMIT

# Of an answer that is refused only its title is wanted.
_REFUSAL_LIMIT = 64 * 1024

Params = Mapping[str, str | int]
Result = TypeVar("Result")
Receive = Callable[[httpx.Response], Awaitable[Result]]


@dataclass(frozen=True)
class Request:
    """What is asked: kept unsigned, so that each attempt is signed anew and no signature is ever logged.

    `limit` bounds the answer's decoded body in bytes; None for one that is read while it comes.
    """

    method: str
    url: str
    params: Params | None = None
    headers: Mapping[str, str] | None = None
    json: Any = None
    limit: int | None = BODY_LIMIT

    @cached_property
    def address(self) -> str:
        # Not httpx's `params=`, which would drop the query that the url has (`?rest_route=…`).
        return f"{self.url}{'&' if '?' in self.url else '?'}{urlencode(self.params)}" if self.params else self.url


@dataclass(slots=True)
class Wire:
    """`timeout` is the client's own; `deadline` bounds the whole exchange. `calls` counts the requests sent."""

    auth: httpx.Auth | None
    timeout: float
    deadline: float
    calls: int = 0
    client: httpx.AsyncClient = field(init=False)

    async def send(self, request: Request, receive: Receive[Result]) -> tuple[int, Result]:
        """Status, and what `receive` makes of the answer. Raises RetryableError where a retry may help, else SyncError."""
        where = host_and_path(request.url)
        try:
            async with asyncio.timeout(self.deadline):
                response = await self._followed(request)
                try:
                    await _raise_refusal(response, where)
                    return response.status_code, await receive(response)
                except BaseException:
                    await response.aclose()
                    raise
        except TimeoutError:
            error: SyncError = PlatformUnavailable(f"{where} has not answered whole within {self.deadline:g} s")
        except Truncated as truncated:
            error = IncompleteRead(f"{where} answers with {truncated}")
        except (httpx.TransportError, httpx.InvalidURL) as failure:
            error = transport_error(failure, request.url, self.timeout)
        if isinstance(error, StoreMisconfigured):
            raise error
        raise RetryableError(error)

    async def _followed(self, request: Request) -> httpx.Response:
        """The answer after redirects, its body still unread."""
        address: str | None = request.address
        for _ in range(MOST_REDIRECTS + 1):
            built = self.client.build_request(
                request.method,
                address or "",
                headers=request.headers,
                json=request.json,
                extensions={LIMIT: request.limit},
            )
            self.calls += 1
            response = await self.client.send(built, auth=self.auth, stream=True)
            address = redirect_target(response)
            if address is None:
                return response
            await response.aclose()
        raise StoreMisconfigured(f"{host_and_path(request.url)} sends around in circles; correct the store's address")


async def _raise_refusal(response: httpx.Response, where: str) -> None:
    if is_retryable(response.status_code):
        body = await read_beginning(response, _REFUSAL_LIMIT)
        summary = Response(response.status_code, response.headers, body, where).summary
        raise status_error(response.status_code, summary, where, response.headers)
