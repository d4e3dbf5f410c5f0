"""Authentication as httpx.Auth objects. Basic is httpx's own."""

from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from oauthlib.common import generate_nonce, generate_timestamp
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, Client
from oauthlib.oauth1.rfc5849 import signature


class OAuth1(httpx.Auth):
    """OAuth 1.0a, one-legged, HMAC-SHA256, in the query (RFC 5849, 3.5.3): some hosts drop the Authorization header.

    Each request gets a nonce and time of its own, so each attempt must start from the unsigned request.
    """

    def __init__(self, key: str, secret: str) -> None:
        self._client = Client(key, client_secret=secret)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        base, _, query = str(request.url).partition("?")
        given = parse_qsl(query, keep_blank_values=True)
        if "oauth_" in query:  # a redirect echoes the signature of the request before
            given = [(name, value) for name, value in given if not name.startswith("oauth_")]
            query = urlencode(given)
        proof = [
            ("oauth_consumer_key", self._client.client_key),
            ("oauth_nonce", generate_nonce()),
            ("oauth_signature_method", SIGNATURE_HMAC_SHA256),
            ("oauth_timestamp", generate_timestamp()),
            ("oauth_version", "1.0"),
        ]
        # Not the library's own `sign`, which parses and writes the URL several times.
        method: Any = request.method
        params: Any = given + proof
        signed = signature.signature_base_string(method, signature.base_string_uri(base), signature.normalize_parameters(params))
        proof.append(("oauth_signature", signature.sign_hmac_sha256_with_client(signed, self._client)))
        request.url = httpx.URL(f"{base}?{query}&{urlencode(proof)}" if query else f"{base}?{urlencode(proof)}")
        yield request


class AppendedQuery(httpx.Auth):
    """A secret that is appended to the query. The rest of the URL stays as it is: it may be more than names with values."""

    def __init__(self, query: str) -> None:
        self._query = query.replace("#", "%23").encode()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        asked = request.url.query
        if not asked.endswith(self._query):  # a redirect echoes it
            request.url = request.url.copy_with(query=asked + b"&" + self._query if asked else self._query)
        yield request


class QueryCredentials(AppendedQuery):
    """Credentials as query parameters, for https hosts that drop the Authorization header."""

    def __init__(self, /, **params: str) -> None:
        super().__init__(urlencode(params))
