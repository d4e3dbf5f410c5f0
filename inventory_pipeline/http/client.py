"""The one HTTP client. Retries, paces, bounds and reports every request, so that no connector has to."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx
import stamina
from aiohttp.abc import AbstractResolver

from inventory_pipeline.core.addresses import AddressPolicy
from inventory_pipeline.core.errors import SyncError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.http.body import ACCEPTED, BODY_LIMIT, MIN_BYTES_PER_SECOND, RATE_WINDOW, RateFloor
from inventory_pipeline.http.exchange import Exchange, logger
from inventory_pipeline.http.pace import Pace
from inventory_pipeline.http.reply import Reply
from inventory_pipeline.http.retry import RetryPolicy, Trouble, wait_of
from inventory_pipeline.http.streamed import StreamedReply
from inventory_pipeline.http.transport import AiohttpTransport
from inventory_pipeline.http.wire import Params, Question, Receive, Result, Wire

# httpx and httpcore write whole addresses at INFO and below, with the signatures in them.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

HEADERS = {"User-Agent": "inventory_pipeline", "Accept": "application/json, */*;q=0.5", "Accept-Encoding": ACCEPTED}


class HttpClient:
    """Asynchronous; one for one read of one store; an async context manager, to be entered in the loop that uses it.

    Connection failures, time-outs, bodies that break off, 5xx, 408 and 429 are tried again as `retry` allows, then
    raised: PlatformUnavailable, IncompleteRead, RateLimited. A body that comes too slowly is PlatformUnavailable at once.
    What a person must mend is StoreMisconfigured at once: TLS, an address that cannot be used or may not be connected to, a
    redirect to another host, a body that is too long or in an encoding never asked for. Every other status is returned.

    `timeout` bounds each wait for bytes, `deadline` a whole exchange with its body, `per_second` the rate, `connections`
    the requests in flight. A body must bring `min_bytes_per_second` over each `rate_window` seconds of waiting for it.
    `verify` may be a file of certificates to trust. `policy` says which addresses may be connected to: public ones over
    https, unless given; `resolver` looks names up, as the system does unless given.
    """

    def __init__(
        self,
        *,
        auth: httpx.Auth | None = None,
        connections: int = 8,
        per_second: float | None = None,
        timeout: float = 30.0,
        deadline: float = 120.0,
        min_bytes_per_second: float = MIN_BYTES_PER_SECOND,
        rate_window: float = RATE_WINDOW,
        retry: RetryPolicy | None = None,
        verify: bool | str = True,
        policy: AddressPolicy | None = None,
        resolver: AbstractResolver | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.connections = connections
        self._per_second = per_second
        self._retry = retry or RetryPolicy()
        self._verify = verify
        self._policy = policy or AddressPolicy()
        self._resolver = resolver
        self._on_exchange = on_exchange
        self._floor = RateFloor(min_bytes_per_second, rate_window)
        self._wire = Wire(auth, timeout, deadline)

    @property
    def calls(self) -> int:
        """HTTP requests sent, retries and redirects included."""
        return self._wire.calls

    async def __aenter__(self) -> Self:
        self._pace = Pace(self._per_second)
        self._free = asyncio.Semaphore(self.connections)
        transport = AiohttpTransport(
            verify=self._verify,
            connections=self.connections,
            timeout=self._wire.timeout,
            policy=self._policy,
            floor=self._floor,
            resolver=self._resolver,
        )
        self._wire.client = httpx.AsyncClient(headers=HEADERS, transport=transport)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._wire.client.aclose()

    async def get(
        self, url: str, *, params: Params | None = None, headers: Mapping[str, str] | None = None, limit: int = BODY_LIMIT
    ) -> Reply:
        """The answer, read whole. `limit` bounds its decoded body in bytes."""
        return await self._whole(Question("GET", url, params, headers, limit=limit))

    async def post(
        self,
        url: str,
        *,
        json: Any = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = BODY_LIMIT,
    ) -> Reply:
        """As `get`. Only for questions, such as GraphQL's: it is tried again like any other."""
        return await self._whole(Question("POST", url, params, headers, json, limit))

    @asynccontextmanager
    async def stream(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = 900.0,
    ) -> AsyncIterator[StreamedReply]:
        """An answer to be read while it comes, within `deadline` seconds. Only its beginning is tried again."""

        async def unread(response: httpx.Response) -> httpx.Response:
            return response

        response = await self._ask(Question("GET", url, params, headers, limit=None), unread)
        try:
            yield StreamedReply(response, deadline)
        finally:
            await response.aclose()

    async def _whole(self, question: Question) -> Reply:
        async def read(response: httpx.Response) -> Reply:
            return Reply(response.status_code, response.headers, await response.aread(), question.address)

        return await self._ask(question, read)

    async def _ask(self, question: Question, receive: Receive[Result]) -> Result:
        begun = time.monotonic()
        try:
            async for attempt in stamina.retry_context(on=wait_of, attempts=self._retry.attempts, timeout=None):
                with attempt:
                    return await self._attempt(question, receive, attempt.num, begun)
        except Trouble as trouble:
            # Not chained: Dagster shows the innermost cause, which should be the sentence meant for people.
            raise trouble.error from None
        raise AssertionError("a retry loop ends by returning or raising")

    async def _attempt(self, question: Question, receive: Receive[Result], number: int, begun: float) -> Result:
        await self._pace.turn()
        async with self._free:
            started = time.monotonic()
            status, wait, error = None, 0.0, "cancelled"
            try:
                status, result = await self._wire.ask(question, receive)
                error = ""
                return result
            except Trouble as trouble:
                trouble.decide(self._retry, number, time.monotonic() - begun)
                status, wait, error = trouble.status, trouble.wait or 0.0, str(trouble.error)
                raise
            except SyncError as fault:
                error = str(fault)
                raise
            finally:
                milliseconds = round((time.monotonic() - started) * 1000)
                self._report(question, status, milliseconds, number, wait, error)

    def _report(self, question: Question, status: int | None, milliseconds: int, number: int, wait: float, error: str) -> None:
        if self._on_exchange is None and not logger.isEnabledFor(logging.DEBUG):
            return
        exchange = Exchange(question.method, redact(question.address), status, milliseconds, number, wait, error)
        logger.debug("%s", exchange)
        if self._on_exchange is not None:
            self._on_exchange(exchange)
