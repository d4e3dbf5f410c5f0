"""A plain client for the demo's servers: http.client for the wire, oauthlib for the signatures, nothing of the project's own."""

import gzip
import http.client
import json
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, SIGNATURE_TYPE_AUTH_HEADER, Client

V3 = "/wp-json/wc/v3"
Method = Literal["GET", "HEAD", "PUT"]


class Server(Protocol):
    @property
    def url(self) -> str: ...


class Store(Server, Protocol):
    key: str
    secret: str


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(server: Server, target: str, headers: dict[str, str] | None = None, *, method: Method = "GET") -> Reply:
    """One request as it stands, on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    try:
        connection.request(method, target, headers=headers or {})
        response = connection.getresponse()
        body = response.read()
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, body)
    finally:
        connection.close()


def signed(
    store: Store,
    target: str,
    *,
    method: Method = "GET",
    key: str | None = None,
    secret: str | None = None,
    signature: str = SIGNATURE_HMAC_SHA256,
    where: str = SIGNATURE_TYPE_AUTH_HEADER,
    **more: str,
) -> tuple[str, dict[str, str]]:
    """The target and headers of a request signed by oauthlib."""
    client = Client(key or store.key, secret or store.secret, signature_method=signature, signature_type=where, **more)
    url, headers, _ = client.sign(store.url + target, method)
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path, headers


def get(store: Store, target: str, **options: Any) -> Reply:
    """A signed request."""
    method = options.get("method", "GET")
    return send(store, *signed(store, target, **options), method=method)


def listed(store: Store, target: str, pages: int) -> list[dict[str, Any]]:
    """The items of so many pages; `target` ends where `&page=` follows."""
    return [item for page in range(1, pages + 1) for item in get(store, f"{target}&page={page}").json]
