"""Tokens as httpx.Auth: one that somebody made, and one that is fetched and renewed while a sync goes on."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass

import httpx

from inventory_pipeline.core.redaction import redact
from inventory_pipeline.http.client import redirect_target
from inventory_pipeline.http.response import host_and_path
from inventory_pipeline.http.retry import is_retryable, status_error

# Renewed so many seconds before its end (or at half of a shorter life), so that no request meets it.
RENEW_BEFORE = 300.0


class HeaderToken(httpx.Auth):
    """A token in a header. It does not expire; somebody may revoke it."""

    calls = 0

    def __init__(self, header: str, token: str) -> None:
        self._header = header
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._header] = self._token
        yield request


@dataclass(frozen=True, slots=True)
class Grant:
    """A fetched token: the header's value, and for how many seconds it is valid (None where the platform does not say).

    `secrets` are the parts of the value that must be redacted, where the value is more than a token.
    """

    token: str
    seconds: float | None = None
    secrets: tuple[str, ...] = ()


class FetchedToken(httpx.Auth):
    """Fetches a token before the first request, before its end, and once more where the platform refuses it (401).

    A platform says in its own class how a token is requested and what the answer means. `calls` counts these requests.
    """

    def __init__(self, header: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.calls = 0
        self.header = header
        self._clock = clock
        self._token = ""
        self._renew_at: float | None = None
        self._fetching = asyncio.Lock()  # requests that find no token wait for one and do not each fetch their own

    def token_request(self, user_agent: str) -> httpx.Request:
        """The request for a token."""
        raise NotImplementedError

    def grant_of(self, response: httpx.Response) -> Grant:
        """The token of an answer that is neither 5xx, 429 nor a redirect. Raises SyncErrors."""
        raise NotImplementedError

    def forget(self, token: str) -> None:
        """Drops `token`, because the platform refused it by something else than a 401. The next request fetches another one."""
        if token == self._token:
            self._token = ""

    @property
    def token(self) -> str:
        """The present token, "" before the first one."""
        return self._token

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        fetched = False
        async with self._fetching:
            if not self._token or (self._renew_at is not None and self._clock() >= self._renew_at):
                fetched = True
                self._take(await _read((yield self._fetch(request))))
        request.headers[self.header] = self._token
        response = yield request
        if response.status_code == 401 and not fetched:
            self._take(await _read((yield self._fetch(request))))
            request.headers[self.header] = self._token
            yield request

    def _fetch(self, request: httpx.Request) -> httpx.Request:
        self.calls += 1
        return self.token_request(request.headers["User-Agent"])

    def _take(self, response: httpx.Response) -> None:
        status = response.status_code
        if is_retryable(status):
            raise status_error(status, str(status), host_and_path(str(response.url)), response.headers)
        redirect_target(response)  # raises where it sends on: the secret goes to the store's address and nowhere else
        grant = self.grant_of(response)
        redact.add(grant.token, *grant.secrets)
        self._token, self._renew_at = grant.token, None
        if grant.seconds is not None:
            self._renew_at = self._clock() + max(grant.seconds - RENEW_BEFORE, grant.seconds / 2)


async def _read(response: httpx.Response) -> httpx.Response:
    await response.aread()
    return response
