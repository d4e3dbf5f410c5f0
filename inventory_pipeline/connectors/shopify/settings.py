"""A Shopify store's settings and credentials, read once and checked before any request."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import msgspec

from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.connectors.shopify.queries import DEFAULT_VERSION, VERSIONS
from inventory_pipeline.connectors.store_settings import check_names, choice, number
from inventory_pipeline.connectors.toolkit.tokens import FetchedToken, Grant, HeaderToken
from inventory_pipeline.core.errors import CredentialsMissing, CredentialsRejected, IncompleteRead, StoreMisconfigured, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import host_of
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.response import host_and_path

SETTINGS: Mapping[str, str] = {
    "api_version": f"version of the Admin API: {', '.join(VERSIONS)} ({DEFAULT_VERSION})",
    "read": "bulk (one bulk operation), paged (page by page) or auto: paged for small shops (auto)",
    "bulk_wait": "seconds to wait for a bulk operation, its turn included, 10 to 36000 (3600)",
    "bulk_poll": "seconds before the first look at a bulk operation, later ones come more slowly, 0.01 to 60 (1)",
}
TOKEN, CLIENT_ID, CLIENT_SECRET = "access_token", "client_id", "client_secret"
HEADER = "X-Shopify-Access-Token"
TOKEN_PATH = "/admin/oauth/access_token"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_NAME = re.compile(r"admin\.shopify\.com/store/([a-z0-9-]+)|([a-z0-9-]+)\.myshopify\.com")


@dataclass(frozen=True, slots=True)
class ShopifySettings:
    """`shop` is scheme and host of the shop; `bulk_wait` and `bulk_poll` are seconds."""

    shop: str
    api_version: str
    read: str
    bulk_wait: float
    bulk_poll: float

    @classmethod
    def of(cls, context: ConnectorContext) -> "ShopifySettings":
        """Raises UsageError naming the setting that cannot be used."""
        settings = context.store.settings
        return cls(
            shop=_shop(context.store.url),
            api_version=choice(settings, "api_version", DEFAULT_VERSION, VERSIONS),
            read=choice(settings, "read", "auto", ("auto", "bulk", "paged")),
            bulk_wait=number(settings, "bulk_wait", 3600.0, 10, 36_000),
            bulk_poll=number(settings, "bulk_poll", 1.0, 0.01, 60),
        )

    @property
    def is_plain(self) -> bool:
        """Whether the shop is the demo's, on this machine and without TLS."""
        return self.shop.startswith("http://")


def auth_of(shop: str, credentials: Mapping[str, str]) -> "HeaderToken | ClientCredentials":
    """The pair of client_id and client_secret where the store has it, else the token. Raises CredentialsMissing for neither."""
    check_names("credential", credentials, (TOKEN, CLIENT_ID, CLIENT_SECRET))
    identity, secret, token = (credentials.get(name, "") for name in (CLIENT_ID, CLIENT_SECRET, TOKEN))
    if identity and secret:
        return ClientCredentials(shop, identity, secret)
    if token and not identity and not secret:
        return HeaderToken(HEADER, token)
    raise CredentialsMissing(
        f"Shopify needs the credentials {CLIENT_ID} and {CLIENT_SECRET}, or {TOKEN} alone: give the store {TOKEN}=secret:NAME"
    )


def _shop(url: str) -> str:
    """Another address of the same shop is told the right one and not replaced by it: credentials belong to a host."""
    parts = urlsplit(url.strip())
    host = parts.hostname or ""
    is_shopifys_own = f".{host}".endswith(".shopify.com")  # the admin's, which serves every shop
    if not host or is_shopifys_own or (parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK)):
        found = _NAME.search(url.lower())
        name = (found[1] or found[2]) if found else "NAME"
        raise UsageError(f"address {url!r:.80} must be the shop's own and begin with https://, like https://{name}.myshopify.com")
    return host_of(url)


class _TokenAnswer(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None

    @property
    def seconds(self) -> float | None:
        """A missing `expires_in`, and one given as text, are as good as a number: no live shop has been met."""
        try:
            return float(self.expires_in) if self.expires_in is not None else None
        except ValueError:
            return None


class _TokenError(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class ClientCredentials(FetchedToken):
    """Tokens for an app's own client_id and client_secret.

    The form is from shopify.dev "Using the client credentials grant": its tokens hold for a day. Raises, within a request,
    CredentialsRejected or StoreMisconfigured where no token is to be had.
    """

    def __init__(self, shop: str, client_id: str, client_secret: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(HEADER, clock)
        self._url = shop + TOKEN_PATH
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}

    def token_request(self, user_agent: str) -> httpx.Request:
        headers = {"Accept": "application/json", "User-Agent": user_agent}
        return httpx.Request("POST", self._url, data=self._form, headers=headers)

    def grant_of(self, response: httpx.Response) -> Grant:
        status, where = response.status_code, host_and_path(str(response.url))
        if status == 404:
            raise StoreMisconfigured(f"{where} answers {status}: the store's address must be https://NAME.myshopify.com")
        if status != 200:
            raise CredentialsRejected(
                f"Shopify gives no token for client_id and client_secret ({status}{_reason(response.content)}); correct them,"
                " and see that the app is installed in this shop and owned by the shop's own organization"
            )
        try:
            answer = msgspec.json.decode(response.content, type=_TokenAnswer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise IncompleteRead(f"{where} answers 200 without an access token") from None
        return Grant(answer.access_token, answer.seconds)


def _reason(body: bytes) -> str:
    try:
        told = msgspec.json.decode(body, type=_TokenError)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f": {one_line(redact(told.error_description or told.error), 120)}"
