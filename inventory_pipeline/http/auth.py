"""Ways of proving who asks, as httpx.Auth. Basic is httpx's own."""

import logging
from collections.abc import Generator
from typing import Any

import httpx
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, SIGNATURE_TYPE_QUERY, Client

# It writes the key and the signature of every request at DEBUG.
logging.getLogger("oauthlib").setLevel(logging.WARNING)


class OAuth1(httpx.Auth):
    """OAuth 1.0a, one-legged, HMAC-SHA256, in the query (RFC 5849, 3.5.3): some hosts drop the Authorization header.

    Every request gets its own nonce and time, so a question must be put unsigned for each attempt.
    """

    def __init__(self, key: str, secret: str) -> None:
        self._client = Client(
            key, client_secret=secret, signature_method=SIGNATURE_HMAC_SHA256, signature_type=SIGNATURE_TYPE_QUERY
        )

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if b"oauth_" in request.url.query:  # a redirect echoes the signature of the request before
            for name in [name for name in request.url.params if name.startswith("oauth_")]:
                request.url = request.url.copy_remove_param(name)
        method: Any = request.method
        url, _, _ = self._client.sign(str(request.url), method)
        request.url = httpx.URL(url)
        yield request


class QueryCredentials(httpx.Auth):
    """Credentials as query parameters, for https hosts that drop the Authorization header."""

    def __init__(self, **params: str) -> None:
        self._params = params

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.url = request.url.copy_merge_params(self._params)
        yield request
