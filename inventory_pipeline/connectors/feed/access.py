"""How a feed on the web is unlocked: by password, bearer token, or a secret in the address."""

from collections.abc import Generator, Mapping
from urllib.parse import parse_qsl, quote

import httpx

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.http.auth import AppendedQuery, QueryCredentials

_KINDS = (
    "username and password, or token, or query.NAME for a secret that belongs into the address as NAME, or query for a whole one"
    " such as sv=…&sig=…"
)
_WHOLE, _QUERY = "query", "query."
_SHORTEST = 12


class Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def feed_auth(credentials: Mapping[str, str]) -> httpx.Auth | None:
    """The store's credentials as the client uses them. Raises UsageError for names that no feed has, or half a pair."""
    names = set(credentials)
    query = {name[len(_QUERY) :]: value for name, value in credentials.items() if name.startswith(_QUERY) and name != _QUERY}
    if not names:
        return None
    if names == {"username", "password"}:
        return httpx.BasicAuth(credentials["username"], credentials["password"])
    if names == {"token"}:
        return Bearer(credentials["token"])
    if names == {_WHOLE}:
        whole = credentials[_WHOLE].strip().lstrip("?&")
        # A server may repeat a part of it. Words such as a format's name are no secrets, and stay readable.
        redact.add(*(part for _, value in parse_qsl(whole) if len(value) >= _SHORTEST for part in (value, quote(value, safe=""))))
        return AppendedQuery(whole)
    if len(query) == len(names):
        return QueryCredentials(**query)
    raise UsageError(f"a feed takes the credentials {_KINDS}; not another, and not two of these")
