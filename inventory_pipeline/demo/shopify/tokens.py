"""Who may ask a demo shop: tokens with scopes, made by hand or granted to an app for a time."""

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from inventory_pipeline.demo.messages import Request

SCOPES = ("read_products", "read_inventory", "read_locations")
LIFE = 24 * 3600


@dataclass(frozen=True, slots=True)
class Token:
    scopes: tuple[str, ...]
    until: float = float("inf")


class Tokens:
    """The shop's tokens, and the one app that may fetch some. `clock` gives seconds."""

    def __init__(self, scopes: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.scopes = tuple(scopes)
        self.client_id, self.client_secret = secrets.token_hex(16), f"shpss_{secrets.token_hex(16)}"
        self.granted = 0
        self._clock = clock
        self._tokens: dict[str, Token] = {}

    def add(self, token: str | None = None) -> str:
        """One more token that holds for ever, made up where not given."""
        token = token or f"shpat_{secrets.token_hex(16)}"
        self._tokens[token] = Token(self.scopes)
        return token

    def revoke_all(self) -> None:
        self._tokens.clear()

    def scopes_of(self, token: str) -> tuple[str, ...] | None:
        """None for a token that is not known or has expired."""
        found = self._tokens.get(token)
        return found.scopes if found and self._clock() < found.until else None

    def grant(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer to a client-credentials grant (RFC 6749, 4.4), its form in the request's body."""
        form = {name: values[-1] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return 401, {"error": "invalid_client", "error_description": "Client authentication failed."}
        token = f"shpat_{secrets.token_hex(16)}"
        self._tokens[token] = Token(self.scopes, self._clock() + LIFE)
        self.granted += 1
        return 200, {"access_token": token, "scope": ",".join(self.scopes), "expires_in": LIFE - 1}
