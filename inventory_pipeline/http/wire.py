"""One attempt over the network: signed, redirected, bounded in time, every failure given its meaning."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from inventory_pipeline.core.errors import IncompleteRead, PlatformUnavailable, StoreMisconfigured, SyncError
from inventory_pipeline.http.body import BODY_LIMIT, Truncated, read_beginning
from inventory_pipeline.http.network import meaning
from inventory_pipeline.http.redirects import MOST_REDIRECTS, next_address
from inventory_pipeline.http.reply import Reply, place
from inventory_pipeline.http.retry import Trouble, is_refusal, refusal
from inventory_pipeline.http.transport import LIMIT

# Of an answer that is refused only its title is wanted.
_REFUSAL_LIMIT = 64 * 1024

Params = Mapping[str, str | int]
Result = TypeVar("Result")
Receive = Callable[[httpx.Response], Awaitable[Result]]


@dataclass(frozen=True)
class Question:
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

    async def ask(self, question: Question, receive: Receive[Result]) -> tuple[int, Result]:
        """Status, and what `receive` makes of the answer. Raises Trouble where another attempt may help, else SyncError."""
        where = place(question.url)
        try:
            async with asyncio.timeout(self.deadline):
                response = await self._followed(question)
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
            error = meaning(failure, question.url, self.timeout)
        if isinstance(error, StoreMisconfigured):
            raise error
        raise Trouble(error)

    async def _followed(self, question: Question) -> httpx.Response:
        """The answer after redirects, its body still unread."""
        address: str | None = question.address
        for _ in range(MOST_REDIRECTS + 1):
            request = self.client.build_request(
                question.method,
                address or "",
                headers=question.headers,
                json=question.json,
                extensions={LIMIT: question.limit},
            )
            self.calls += 1
            response = await self.client.send(request, auth=self.auth, stream=True)
            address = next_address(response)
            if address is None:
                return response
            await response.aclose()
        raise StoreMisconfigured(f"{place(question.url)} sends around in circles; correct the store's address")


async def _raise_refusal(response: httpx.Response, where: str) -> None:
    if is_refusal(response.status_code):
        body = await read_beginning(response, _REFUSAL_LIMIT)
        summary = Reply(response.status_code, response.headers, body, where).summary
        raise refusal(response.status_code, summary, where, response.headers)
