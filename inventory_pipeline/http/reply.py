"""An answer, read whole, and what can be said of it to a person."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line

_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


def host_and_path(url: str) -> str:
    """Host and path, for messages: a query may be long and may hold secrets."""
    parts = urlsplit(url)
    return redact(f"{parts.netloc.rpartition('@')[2]}{parts.path}")


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and the decoded body of one answer. `raw_url` is the address as asked, before any signing."""

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
        return self.body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")

    @property
    def summary(self) -> str:
        """`503 “Maintenance”`: the status, and the title of the page where it is one."""
        title = _TITLE.search(self.body[:20_000]) if self.is_html else None
        shown = one_line(redact(title[1].decode("utf-8", "replace")), 60) if title else ""
        return f"{self.status} “{shown}”" if shown else str(self.status)
