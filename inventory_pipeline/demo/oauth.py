"""OAuth 1.0a (RFC 5849) as a WooCommerce site verifies it over plain http: one-legged, in the query or the header.

The order of the checks and their messages are those of WooCommerce's `class-wc-rest-authentication.php`.
"""

import base64
import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, quote, unquote

from inventory_pipeline.demo.messages import Request

NAMES = ("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")
METHODS = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}
AUTHENTICATION_ERROR = "woocommerce_rest_authentication_error"
WINDOW = 15 * 60  # seconds a timestamp may be off, and a nonce is remembered
_IN_HEADER = re.compile(r'(oauth_[a-z_]+)="([^"]*)"')


class OAuthRefused(Exception):
    """The request tried OAuth and failed: `code` and `message` are what the site answers."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class OAuthVerifier:
    """Verifies requests against the known keys, and remembers nonces."""

    def __init__(self, secrets: Mapping[str, str], clock: Callable[[], float] = time.time) -> None:
        """`secrets` maps each consumer key to its secret; `clock` gives seconds since 1970."""
        self._secrets = secrets
        self._clock = clock
        self._nonces: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def verify(self, request: Request, base_url: str) -> str | None:
        """The consumer key that signed the request; None where it carries no OAuth at all.

        `base_url` is what the site takes its own address to be: "http://127.0.0.1:40123". Raises OAuthRefused.
        """
        path, _, query = request.target.partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        authorization = request.headers.get("authorization", "")
        if authorization.startswith("OAuth "):
            given |= {name: unquote(value) for name, value in _IN_HEADER.findall(authorization)}
        missing = [name for name in NAMES if not given.get(name)]
        if len(missing) == len(NAMES):
            return None
        if missing:
            raise OAuthRefused(
                "woocommerce_rest_authentication_missing_parameter",
                f"Missing OAuth parameter{'s' if len(missing) > 1 else ''} {', '.join(missing)}",
            )
        key = given["oauth_consumer_key"]
        if key not in self._secrets:
            raise OAuthRefused(AUTHENTICATION_ERROR, "Consumer key is invalid.")
        self._check_signature(given, request.method, base_url + path, self._secrets[key])
        self._check_timestamp_and_nonce(key, given["oauth_timestamp"], given["oauth_nonce"])
        return key

    def _check_signature(self, given: dict[str, str], method: str, url: str, secret: str) -> None:
        digest = METHODS.get(given["oauth_signature_method"])
        if digest is None:
            raise OAuthRefused(AUTHENTICATION_ERROR, "Invalid signature - signature method is invalid.")
        signature = given.pop("oauth_signature").replace(" ", "+")
        pairs = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(given.items()))
        base = "&".join((method, _encoded(url), _encoded(pairs)))
        expected = base64.b64encode(hmac.digest(f"{secret}&".encode(), base.encode(), digest))
        if not hmac.compare_digest(expected, signature.encode()):
            raise OAuthRefused(AUTHENTICATION_ERROR, "Invalid signature - provided signature does not match.")

    def _check_timestamp_and_nonce(self, key: str, timestamp: str, nonce: str) -> None:
        now = self._clock()
        if not timestamp.isdecimal() or abs(int(timestamp) - now) > WINDOW:
            raise OAuthRefused(AUTHENTICATION_ERROR, "Invalid timestamp.")
        with self._lock:
            if (key, nonce) in self._nonces:
                raise OAuthRefused(AUTHENTICATION_ERROR, "Invalid nonce - nonce has already been used.")
            self._nonces[key, nonce] = now
            while now - next(iter(self._nonces.values())) > WINDOW:
                del self._nonces[next(iter(self._nonces))]


def _encoded(text: str) -> str:
    return quote(text, safe="-._~")
