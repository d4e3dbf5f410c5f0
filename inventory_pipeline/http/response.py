"""Responses: what the server sent, how a message names it, and its JSON decoded strictly."""

import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from inventory_pipeline.core.errors import IncompleteRead, PlatformTooSlow, StoreMisconfigured
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.body import Truncated

Decoded = TypeVar("Decoded")

_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PHP_MESSAGE = re.compile(rb"\s*(?:<br ?/?>\s*)?(?:<b>)?(?:PHP )?(?:Notice|Warning|Deprecated|Fatal error|Parse error)\b")


def host_and_path(url: str) -> str:
    """`shop.example/wp-json`: how messages name a URL, without its query, which may be long and may hold secrets."""
    parts = urlsplit(url)
    return redact(f"{parts.netloc.rpartition('@')[2]}{parts.path}")


@dataclass(frozen=True, slots=True)
class Response:
    """A response whose body has been read: status, headers, decoded body. `raw_url` is the URL of the unsigned request."""

    status: int
    headers: httpx.Headers
    body: bytes
    raw_url: str

    @property
    def url(self) -> str:
        return redact(self.raw_url)

    @property
    def host_and_path(self) -> str:
        return host_and_path(self.raw_url)

    @property
    def is_html(self) -> bool:
        return self.body[:1000].lstrip(_BYTE_ORDER_MARK + b" \t\r\n").startswith(b"<")

    @property
    def summary(self) -> str:
        """`503 “Maintenance”`: the status, and the title of the page where the body is a web page."""
        title = _TITLE.search(self.body[:20_000]) if self.is_html else None
        shown = one_line(redact(title[1].decode("utf-8", "replace")), 60) if title else ""
        return f"{self.status} “{shown}”" if shown else str(self.status)


class StreamedResponse:
    """A response whose body is read while it comes. Iterating gives the decoded bytes, once.

    Iterating raises IncompleteRead where the body breaks off, PlatformTooSlow where it is not complete after `deadline`
    seconds, PlatformUnavailable where it comes too slowly, StoreMisconfigured for an encoding that was not asked for.
    """

    def __init__(self, response: httpx.Response, deadline: float) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        where = host_and_path(str(self._response.url))
        until = time.monotonic() + self._deadline
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
                if time.monotonic() > until:
                    raise PlatformTooSlow(f"{where} has not ended after {self._deadline:g} s")
        except httpx.TimeoutException:
            raise PlatformTooSlow(f"{where} stopped sending before its end") from None
        except Truncated as truncated:
            raise IncompleteRead(f"{where} answers with {truncated}") from None


def decode_json(response: Response, decoder: msgspec.json.Decoder[Decoded]) -> Decoded:
    """The body as the decoder's type. A byte-order mark is skipped.

    Raises IncompleteRead for JSON that breaks off or is malformed, StoreMisconfigured for a web page or for messages of PHP
    in place of JSON, and msgspec.ValidationError for valid JSON of another type.
    """
    try:
        return decoder.decode(response.body.removeprefix(_BYTE_ORDER_MARK))
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # A lone surrogate or a broken byte in one title must not cost the page.
        return msgspec.convert(decode_loosely(response), decoder.type)


def decode_loosely(response: Response) -> Any:
    """The body as plain Python values. Lone surrogates stay, broken bytes become U+FFFD. Raises as `decode_json` does."""
    body = response.body.removeprefix(_BYTE_ORDER_MARK)
    try:
        return json.loads(body.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _json_error(response, body) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _json_error(response: Response, body: bytes) -> IncompleteRead | StoreMisconfigured:
    where = response.host_and_path
    if _PHP_MESSAGE.match(body):
        return StoreMisconfigured(f"{where} puts PHP messages before its JSON; set WP_DEBUG_DISPLAY to false on the shop")
    if response.is_html:
        return StoreMisconfigured(
            f"{where} answers {response.summary} with a web page where JSON should be; correct the address, or let this"
            " program pass the shop's security plugin, cache or log-in page"
        )
    return IncompleteRead(f"{where} answers with JSON that is cut off or malformed ({len(body):,} bytes)")
