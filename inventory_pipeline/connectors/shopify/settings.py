"""A Shopify store's settings and credentials, read once and checked before any request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.connectors.shopify.auth import ClientCredentials, StaticToken
from inventory_pipeline.connectors.shopify.queries import DEFAULT_VERSION, VERSIONS
from inventory_pipeline.connectors.store_settings import check_names, choice, number
from inventory_pipeline.core.errors import CredentialsMissing, UsageError
from inventory_pipeline.core.stores import host_of

SETTINGS: Mapping[str, str] = {
    "api_version": f"version of the Admin API: {', '.join(VERSIONS)} ({DEFAULT_VERSION})",
    "read": "bulk (one bulk operation), paged (page by page) or auto: paged for small shops (auto)",
    "bulk_wait": "seconds to wait for a bulk operation, its turn included, 10 to 36000 (3600)",
    "bulk_poll": "seconds before the first look at a bulk operation, later ones come more slowly, 0.01 to 60 (1)",
}
TOKEN, CLIENT_ID, CLIENT_SECRET = "access_token", "client_id", "client_secret"
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


def auth_of(shop: str, credentials: Mapping[str, str]) -> StaticToken | ClientCredentials:
    """The pair of client_id and client_secret where the store has it, else the token. Raises CredentialsMissing for neither."""
    check_names("credential", credentials, (TOKEN, CLIENT_ID, CLIENT_SECRET))
    identity, secret, token = (credentials.get(name, "") for name in (CLIENT_ID, CLIENT_SECRET, TOKEN))
    if identity and secret:
        return ClientCredentials(shop, identity, secret)
    if token and not identity and not secret:
        return StaticToken(token)
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
