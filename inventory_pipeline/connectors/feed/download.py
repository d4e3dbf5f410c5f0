"""Feeds on the web, fetched into a temporary file.

Signs in by password, by token or by a secret in the address. Fetches nothing while the server says that nothing changed.
"""

import tempfile
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.connectors.feed.sources import Source
from inventory_pipeline.core.errors import CredentialsRejected, StoreMisconfigured, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.http.auth import AppendedQuery, QueryCredentials
from inventory_pipeline.http.response import StreamedResponse, host_and_path

IN_MEMORY = 8 << 20
MAX_BYTES = 2 << 30
# RFC 9110, 8.8.2.2: a Last-Modified less than a minute before Date may hide a later change within the same second. Servers
# that derive their ETag from it (nginx) share the weakness.
YOUNG = timedelta(seconds=60)
_KINDS = (
    "username and password, or token, or query.NAME for a secret that belongs into the address as NAME, or query for a whole one"
    " such as sv=…&sig=…"
)
_WHOLE, _QUERY = "query", "query."
_SHORTEST_SECRET = 12
_SENT_BACK = {"etag": "If-None-Match", "last_modified": "If-Modified-Since"}


class Download:
    """A feed on the web. Raises UsageError for an address without a host or for credentials that no feed has.

    Whether the host may be connected to is checked by the client.
    """

    def __init__(self, context: ConnectorContext, url: str) -> None:
        self._http = context.open_http(auth=_auth(context.credentials))
        self._url = url
        if not urlsplit(url).hostname:
            raise UsageError("the feed's address names no host; it needs the form https://supplier.example/stock.csv")

    @property
    def calls(self) -> int:
        """How many requests were sent."""
        return self._http.calls

    @asynccontextmanager
    async def open(self, memo: Mapping[str, str]) -> AsyncIterator[Source | None]:
        """The feed, fetched whole; None where the server says that it is the one in `memo`.

        Raises CredentialsRejected (401, 403), StoreMisconfigured (other refusals), and what the client raises.
        """
        where = host_and_path(self._url)
        headers = {"Accept": "*/*", **{_SENT_BACK[name]: value for name, value in memo.items() if name in _SENT_BACK}}
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            async with self._http, self._http.stream(self._url, headers=headers) as response:
                if response.status == 304 and len(headers) > 1:
                    yield None
                    return
                _refuse(response, where)
                size = 0
                async for chunk in response:
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise StoreMisconfigured(f"{where} sends more than {MAX_BYTES >> 30} GiB; split the feed")
                    file.write(chunk)
            file.seek(0)
            told = _told_end(response)
            yield Source(
                file=file,
                name=where,
                ends_proved=bool(told),
                how=f"read to the end of {size:,} bytes{told}",
                content_type=response.headers.get("content-type", ""),
                memo=_memo(response.headers),
                modified=modified_at(response.headers.get("last-modified", "")),
            )


def modified_at(text: str) -> datetime | None:
    """The instant of a Last-Modified header; None where there is none that can be read."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError):
        return None


def _told_end(response: StreamedResponse) -> str:
    """How the server marked the end of the body, which the client has checked. Empty where it only closed the connection."""
    if "chunked" in response.headers.get("transfer-encoding", "").lower():
        return " (the last chunk came)"
    return " (as many as Content-Length says)" if "content-length" in response.headers else ""


def _memo(headers: httpx.Headers) -> dict[str, str]:
    modified, date = headers.get("last-modified"), headers.get("date")
    if modified and (not date or not _is_old(modified, date)):
        return {}
    known = {"etag": headers.get("etag"), "last_modified": modified}
    return {name: value for name, value in known.items() if value}


def _is_old(modified: str, date: str) -> bool:
    try:
        return parsedate_to_datetime(date) - parsedate_to_datetime(modified) >= YOUNG
    except (ValueError, TypeError):  # no dates, or one of them without a zone
        return False


def _refuse(response: StreamedResponse, where: str) -> None:
    if response.status == 200:
        return
    if response.status == 401:
        raise CredentialsRejected(
            f"{where} answers 401; check the store's credentials username and password, token, query.NAME or query"
        )
    if response.status == 403:
        raise CredentialsRejected(f"{where} answers 403 to these credentials; let them, and this machine, read the feed")
    if response.status in (404, 410):
        raise StoreMisconfigured(f"{where} answers {response.status}, so there is no feed at this address; mend the store's url")
    raise StoreMisconfigured(f"{where} answers {response.status} where a feed was expected; correct the address")


class Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _auth(credentials: Mapping[str, str]) -> httpx.Auth | None:
    """The store's credentials as httpx.Auth. Raises UsageError for unknown names, and for a username without a password."""
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
        secret = [value for _, value in parse_qsl(whole) if len(value) >= _SHORTEST_SECRET]
        redact.add(*secret, *(quote(value, safe="") for value in secret))
        return AppendedQuery(whole)
    if len(query) == len(names):
        return QueryCredentials(**query)
    raise UsageError(f"a feed takes the credentials {_KINDS}; not another, and not two of these")
