"""Shopify's two ways of proving who asks: a token that somebody made, or one fetched with an app's own credentials.

The grant's form is from shopify.dev "Using the client credentials grant": its tokens hold for a day. Not proved against a
live shop; so a missing `expires_in`, and one given as text, are as good as a number.
"""

import time
from collections.abc import AsyncGenerator, Callable, Generator

import httpx
import msgspec

from inventory_pipeline.core.errors import CredentialsRejected, IncompleteRead, StoreMisconfigured
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.redirects import redirect_target
from inventory_pipeline.http.reply import host_and_path
from inventory_pipeline.http.retry import is_retryable, status_error

HEADER = "X-Shopify-Access-Token"
TOKEN_PATH = "/admin/oauth/access_token"
# Renewed so long before its end (or at half of a shorter life), so that no request meets it.
RENEW_BEFORE = 300.0


class Grant(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None

    @property
    def seconds(self) -> float | None:
        try:
            return float(self.expires_in) if self.expires_in is not None else None
        except ValueError:
            return None


class Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class StaticToken(httpx.Auth):
    """A token that holds until somebody takes it back."""

    calls = 0

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[HEADER] = self._token
        yield request


class ClientCredentials(httpx.Auth):
    """Fetches a token before the first request, before its end, and once more where the shop refuses it.

    Within a request it raises CredentialsRejected or StoreMisconfigured where no token is to be had. `calls` counts the
    requests for tokens.
    """

    def __init__(self, shop: str, client_id: str, client_secret: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.calls = 0
        self._url = shop + TOKEN_PATH
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._clock = clock
        self._token: str | None = None
        self._renew_at: float | None = None

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        fetched = False
        if self._token is None or (self._renew_at is not None and self._clock() >= self._renew_at):
            fetched = True
            self._take(await _read((yield self._question(request))))
        request.headers[HEADER] = self._token or ""
        response = yield request
        if response.status_code == 401 and not fetched:
            self._take(await _read((yield self._question(request))))
            request.headers[HEADER] = self._token or ""
            yield request

    def _question(self, request: httpx.Request) -> httpx.Request:
        self.calls += 1
        headers = {"Accept": "application/json", "User-Agent": request.headers["User-Agent"]}
        return httpx.Request("POST", self._url, data=self._form, headers=headers)

    def _take(self, response: httpx.Response) -> None:
        grant = _grant(response)
        redact.add(grant.access_token)
        self._token, self._renew_at = grant.access_token, None
        if (seconds := grant.seconds) is not None:
            self._renew_at = self._clock() + max(seconds - RENEW_BEFORE, seconds / 2)


async def _read(response: httpx.Response) -> httpx.Response:
    await response.aread()
    return response


def _grant(response: httpx.Response) -> Grant:
    status, where = response.status_code, host_and_path(str(response.url))
    if is_retryable(status):
        raise status_error(status, str(status), where, response.headers)
    redirect_target(response)  # raises where it sends on: the secret goes to the store's address and nowhere else
    if status == 404:
        raise StoreMisconfigured(f"{where} answers {status}: the store's address must be https://NAME.myshopify.com")
    if status != 200:
        raise CredentialsRejected(
            f"Shopify gives no token for client_id and client_secret ({status}{_reason(response.content)}); correct them, and see"
            " that the app is installed in this shop and owned by the shop's own organization"
        )
    try:
        return msgspec.json.decode(response.content, type=Grant)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise IncompleteRead(f"{where} answers 200 without an access token") from None


def _reason(body: bytes) -> str:
    try:
        told = msgspec.json.decode(body, type=Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f": {one_line(redact(told.error_description or told.error), 120)}"
