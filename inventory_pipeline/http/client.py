"""The one HTTP client. It retries, limits, bounds and logs every request, so that no connector has to."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import httpx
import stamina
from aiohttp.abc import AbstractResolver

from inventory_pipeline.core.addresses import AddressPolicy
from inventory_pipeline.core.errors import IncompleteRead, PlatformTooSlow, StoreMisconfigured, SyncError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import host_of
from inventory_pipeline.http.body import (
    ACCEPTED,
    BODY_LIMIT,
    MIN_BYTES_PER_SECOND,
    RATE_WINDOW,
    MinimumRate,
    Truncated,
    read_beginning,
)
from inventory_pipeline.http.response import Response, StreamedResponse, host_and_path
from inventory_pipeline.http.retry import (
    RetryableError,
    RetryPolicy,
    is_retryable,
    retry_wait,
    status_error,
    transport_error,
)
from inventory_pipeline.http.transport import LIMIT, AiohttpTransport

logger = logging.getLogger("inventory_pipeline.http")
# httpx and httpcore write whole URLs at INFO and below, with the signatures in them.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

HEADERS = {"User-Agent": "inventory_pipeline", "Accept": "application/json, */*;q=0.5", "Accept-Encoding": ACCEPTED}
MOST_REDIRECTS = 5
_REDIRECT_STATUSES = {301, 302, 303, 307, 308}
# Of the body of a 429 or 5xx only the title is wanted.
_ERROR_BODY = 64 * 1024

Params = Mapping[str, str | int]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Request:
    """A request before it is signed: so each attempt is signed anew, and no signature is ever logged.

    `limit` bounds the decoded body of its response in bytes; None where the body is read while it comes.
    """

    method: str
    url: str
    params: Params | None = None
    headers: Mapping[str, str] | None = None
    json: Any = None
    limit: int | None = BODY_LIMIT

    @cached_property
    def full_url(self) -> str:
        # Not httpx's `params=`, which would drop the query that the url has (`?rest_route=…`).
        return f"{self.url}{'&' if '?' in self.url else '?'}{urlencode(self.params)}" if self.params else self.url


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One attempt of a request: what `--verbose` shows and the log file keeps. `url` is redacted.

    `status` is None where no response came; `wait` is the seconds until the next attempt (0: there is none).
    """

    method: str
    url: str
    status: int | None
    milliseconds: int
    attempt: int = 1
    wait: float = 0.0
    error: str = ""

    def __str__(self) -> str:
        text = f"{self.method} {self.url} {self.status or 'no answer'} in {self.milliseconds} ms, attempt {self.attempt}"
        if self.error:
            text += f": {self.error}"
        return f"{text}; next in {self.wait:.1f} s" if self.wait else text


# In the memo of a read: how many requests at once the platform bore, where that is fewer than wanted.
BEARS = "connections"


class HttpClient:
    """Asynchronous; one for each read of one store; an async context manager, to be entered in the loop that uses it.

    Connection failures, time-outs, bodies that break off, 5xx, 408 and 429 are retried as `retry` allows, then raised:
    PlatformUnavailable, PlatformTooSlow for a time-out, IncompleteRead, RateLimited. A body that comes too slowly is
    PlatformUnavailable at once. What a person must change is StoreMisconfigured at once: TLS, a URL that cannot be used or
    may not be connected to, a redirect to another host, a body that is too long or in an encoding that was not asked for.
    Every other status is returned.

    `timeout` bounds each wait for bytes, `deadline` an attempt with its body, both in seconds; `per_second` the requests
    sent in a second, `connections` those in flight: fewer from each time-out and 5xx on, which `memo` tells the next read, that
    begins with one more than it was `remembered`. A body must bring `min_bytes_per_second` over each `rate_window`
    seconds of waiting for it. `verify` may be a file of certificates to trust. `policy` says which addresses may be
    connected to: public ones over https, unless given; `resolver` looks names up, the system does unless given.
    `on_request` is called with the record of each attempt.
    """

    def __init__(
        self,
        *,
        auth: httpx.Auth | None = None,
        connections: int = 8,
        remembered: int | None = None,
        per_second: float | None = None,
        timeout: float = 30.0,
        deadline: float = 120.0,
        min_bytes_per_second: float = MIN_BYTES_PER_SECOND,
        rate_window: float = RATE_WINDOW,
        retry: RetryPolicy | None = None,
        verify: bool | str = True,
        policy: AddressPolicy | None = None,
        resolver: AbstractResolver | None = None,
        on_request: Callable[[RequestRecord], None] | None = None,
    ) -> None:
        self.connections = connections if remembered is None else min(connections, remembered + 1)
        self._wanted = connections
        self.in_flight = InFlight(self.connections)
        self.calls = 0  # requests sent, retries and redirects included
        self._auth = auth
        self._per_second = per_second
        self._timeout = timeout
        self._deadline = deadline
        self._minimum_rate = MinimumRate(min_bytes_per_second, rate_window)
        self._retry = retry or RetryPolicy()
        self._verify = verify
        self._policy = policy or AddressPolicy()
        self._resolver = resolver
        self._on_request = on_request

    async def __aenter__(self) -> Self:
        self._limiter = RateLimiter(self._per_second)
        transport = AiohttpTransport(
            verify=self._verify,
            connections=self.connections,
            timeout=self._timeout,
            policy=self._policy,
            minimum_rate=self._minimum_rate,
            resolver=self._resolver,
        )
        self._client = httpx.AsyncClient(headers=HEADERS, transport=transport)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.aclose()

    @property
    def memo(self) -> dict[str, str]:
        """How many requests at once the platform bore, for the memo of a read; empty where that is as many as may be."""
        return {BEARS: str(self.in_flight.now)} if self.in_flight.now < self._wanted else {}

    def notes(self, cure: str) -> tuple[str, ...]:
        """What a person is told where the platform bore fewer; `cure` is what the platform's owner can do besides."""
        if not self.memo:
            return ()
        told = f"the shop fails where {self._wanted} requests are sent at once; it was read with {self.in_flight.now}"
        return (f"{told}; set connections={self.in_flight.now}, or {cure}",)

    async def get(
        self, url: str, *, params: Params | None = None, headers: Mapping[str, str] | None = None, limit: int = BODY_LIMIT
    ) -> Response:
        """The response, its body read. `limit` bounds the decoded body in bytes."""
        return await self._read(Request("GET", url, params, headers, limit=limit))

    async def post(
        self,
        url: str,
        *,
        json: Any = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = BODY_LIMIT,
    ) -> Response:
        """As `get`. Only for requests that change nothing, such as GraphQL queries: they are retried like any other."""
        return await self._read(Request("POST", url, params, headers, json, limit))

    @asynccontextmanager
    async def stream(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = 900.0,
    ) -> AsyncIterator[StreamedResponse]:
        """A response whose body is read while it comes, within `deadline` seconds. Only its beginning is retried."""
        response = await self._send(Request("GET", url, params, headers, limit=None), read_body=False)
        try:
            yield StreamedResponse(response, deadline)
        finally:
            await response.aclose()

    async def _read(self, request: Request) -> Response:
        response = await self._send(request, read_body=True)
        return Response(response.status_code, response.headers, response.content, request.full_url)

    async def _send(self, request: Request, *, read_body: bool) -> httpx.Response:
        """Attempts the request until one succeeds or the policy gives up. Raises the SyncError of the last attempt."""
        begun = time.monotonic()
        try:
            async for attempt in stamina.retry_context(on=retry_wait, attempts=self._retry.attempts, timeout=None):
                with attempt:
                    return await self._attempt(request, read_body, attempt.num, begun)
        except RetryableError as failed:
            # Not chained: Dagster shows the innermost cause, which should be the sentence meant for people.
            raise failed.error from None
        raise AssertionError("a retry loop ends by returning or raising")

    async def _attempt(self, request: Request, read_body: bool, number: int, begun: float) -> httpx.Response:
        """One attempt, once the limits let it start; recorded however it ends. Raises RetryableError or SyncError."""
        await self._limiter.wait()
        async with self.in_flight.place() as sent_with:
            started = time.monotonic()
            status, wait, error = None, 0.0, "cancelled"
            try:
                response = await self._exchange(request, read_body)
                status, error = response.status_code, ""
                return response
            except RetryableError as failed:
                failed.decide(self._retry, number, time.monotonic() - begun)
                if isinstance(failed.error, PlatformTooSlow) or (failed.status or 0) >= 500:
                    self.in_flight.halve(sent_with)
                status, wait, error = failed.status, failed.wait or 0.0, str(failed.error)
                raise
            except SyncError as failed:
                error = str(failed)
                raise
            finally:
                if self._on_request is not None or logger.isEnabledFor(logging.DEBUG):
                    milliseconds = round((time.monotonic() - started) * 1000)
                    url = redact(request.full_url)
                    self._log(RequestRecord(request.method, url, status, milliseconds, number, wait, error))

    def _log(self, record: RequestRecord) -> None:
        logger.debug("%s", record)
        if self._on_request is not None:
            self._on_request(record)

    async def _exchange(self, request: Request, read_body: bool) -> httpx.Response:
        """The response after redirects, its body read where asked. Raises RetryableError where another attempt may help,
        else SyncError; both for a status that says so and for a request that gets no whole response."""
        where = host_and_path(request.url)
        try:
            async with asyncio.timeout(self._deadline):
                response = await self._follow_redirects(request)
                try:
                    if is_retryable(response.status_code):
                        body = await read_beginning(response, _ERROR_BODY)
                        summary = Response(response.status_code, response.headers, body, where).summary
                        raise status_error(response.status_code, summary, where, response.headers)
                    if read_body:
                        await response.aread()
                    return response
                except BaseException:
                    await response.aclose()
                    raise
        except TimeoutError:
            error: SyncError = PlatformTooSlow(f"{where} has not answered whole within {self._deadline:g} s")
        except Truncated as truncated:
            error = IncompleteRead(f"{where} answers with {truncated}")
        except (httpx.TransportError, httpx.InvalidURL) as failure:
            error = transport_error(failure, request.url, self._timeout)
        if isinstance(error, StoreMisconfigured):
            raise error
        raise RetryableError(error)

    async def _follow_redirects(self, request: Request) -> httpx.Response:
        """The first response that is no redirect, its body unread. Raises StoreMisconfigured as `redirect_target` does."""
        url: str | None = request.full_url
        for _ in range(MOST_REDIRECTS + 1):
            limit = {LIMIT: request.limit}
            built = self._client.build_request(
                request.method, url or "", headers=request.headers, json=request.json, extensions=limit
            )
            self.calls += 1
            response = await self._client.send(built, auth=self._auth, stream=True)
            url = redirect_target(response)
            if url is None:
                return response
            await response.aclose()
        raise StoreMisconfigured(f"{host_and_path(request.url)} sends around in circles; correct the store's address")


class InFlight:
    """At most `now` requests at once: half as many, down to one, from each time on that the platform fails under several.

    A shop with five PHP workers answers eight requests at once with time-outs or 502.
    """

    def __init__(self, most: int) -> None:
        self.now = most
        self._under_way = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[int]:
        """Waits until there is room. Yields how many there may be at once."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._under_way < self.now)
            self._under_way += 1
        try:
            yield self.now
        finally:
            async with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def halve(self, sent_with: int) -> None:
        """Requests that failed together, sent while there were `sent_with` at once, lower it once."""
        if self.now == sent_with and self._under_way > 1:
            self.now = max(1, self.now // 2)
            logger.warning("The platform fails under %d requests at once; from now on %d are sent", sent_with, self.now)


class RateLimiter:
    """Lets requests start evenly spaced, `per_second` of them, however many tasks wait. None: no limit.

    There is no burst at the start.
    """

    def __init__(self, per_second: float | None) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        if not self._gap:
            return
        now = asyncio.get_running_loop().time()
        start = max(now, self._next)
        self._next = start + self._gap
        await asyncio.sleep(start - now)


def redirect_target(response: httpx.Response) -> str | None:
    """The URL that the response redirects to; None where it is no redirect.

    Credentials go to the same scheme, host and port only: raises StoreMisconfigured naming another one, or for a POST.
    """
    location = response.headers.get("location")
    if response.status_code not in _REDIRECT_STATUSES or not location:
        return None
    here, there = str(response.url), str(response.url.join(location))
    where = host_and_path(here)
    if host_of(there) != host_of(here):
        target = redact(there.partition("?")[0])
        raise StoreMisconfigured(f"{where} sends on to {target:.200}; if that is the shop, make it the store's address")
    if response.request.method != "GET":
        method = response.request.method
        raise StoreMisconfigured(f"{where} sends a {method} on to {host_and_path(there)}; correct the address")
    return there


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
