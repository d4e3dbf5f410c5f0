"""WooCommerce's side of the protocol, for servers in tests: who may ask, written against RFC 5849 and not with oauthlib."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, quote, urlsplit

from inventory_pipeline_tests.http.local_server import Answer, Request

KEY = "ck_0123456789abcdef0123456789abcdef01234567"
SECRET = "cs_fedcba9876543210fedcba9876543210fedcba98"


def error(status: int, code: str, message: str) -> Answer:
    return Answer.json({"code": code, "message": message, "data": {"status": status}}, status)


CANNOT_VIEW = error(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
NO_ROUTE = error(404, "rest_no_route", "No route was found matching the URL and request method.")


def authentication_error(message: str) -> Answer:
    return error(401, "woocommerce_rest_authentication_error", message)


class Gate:
    """Lets requests signed by OAuth 1.0a in, as WooCommerce does over plain http: every nonce once."""

    def __init__(self, key: str = KEY, secret: str = SECRET) -> None:
        self.key = key
        self.secret = secret
        self.nonces: set[str] = set()

    def refusal(self, request: Request, base_url: str) -> Answer | None:
        pairs = parse_qsl(urlsplit(request.target).query, keep_blank_values=True)
        given = dict(pairs)
        if "oauth_signature" not in given:
            return CANNOT_VIEW
        if given["oauth_consumer_key"] != self.key:
            return authentication_error("Consumer key is invalid.")
        if given["oauth_nonce"] in self.nonces:
            return authentication_error("Invalid nonce - nonce has already been used.")
        self.nonces.add(given["oauth_nonce"])
        signed = sorted((_encoded(name), _encoded(value)) for name, value in pairs if name != "oauth_signature")
        parameters = "&".join(f"{name}={value}" for name, value in signed)
        text = "&".join(map(_encoded, (request.method, f"{base_url}{request.path}", parameters)))
        digest = hmac.new(f"{_encoded(self.secret)}&".encode(), text.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(base64.b64encode(digest).decode(), given["oauth_signature"]):
            return authentication_error("Invalid signature - provided signature does not match.")
        return None


class SecureGate(Gate):
    """As over https: Basic, or both credentials in the query, else OAuth. `drops_headers`: as web servers that keep the
    Authorization header to themselves."""

    def __init__(self, drops_headers: bool = False, key: str = KEY, secret: str = SECRET) -> None:
        super().__init__(key, secret)
        self.drops_headers = drops_headers

    def refusal(self, request: Request, base_url: str) -> Answer | None:
        key, secret = request.query.get("consumer_key", ""), request.query.get("consumer_secret", "")
        if not key and not self.drops_headers and (header := request.headers.get("authorization", "")):
            key, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        if key == self.key:
            return None if secret == self.secret else authentication_error("Consumer secret is invalid.")
        return super().refusal(request, base_url)


class UnknownProxyGate(Gate):
    """As behind a proxy that ends https and of which WordPress does not know: it sees http, so it looks at no password and
    checks signatures against http addresses."""

    def refusal(self, request: Request, base_url: str) -> Answer | None:
        return super().refusal(request, base_url.replace("https://", "http://"))


def _encoded(text: str) -> str:
    return quote(text, safe="-._~")
