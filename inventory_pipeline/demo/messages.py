"""What goes in and out of a demo server, whatever its dialect."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(slots=True)
class Request:
    """What came in. `target` is path and query as sent; `params` the query decoded, the last one of a repeated name.

    Header names are in lower case. `status` is what was answered: 0 until then, and for good where nothing was.
    """

    method: str
    target: str
    path: str
    params: dict[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    status: int = 0


class Body:
    """Bytes and their gzip form, made when first asked for: a cached page is compressed once."""

    def __init__(self, raw: bytes = b"") -> None:
        self.raw = raw

    @classmethod
    def of_json(cls, value: object) -> "Body":
        """Compact and in ASCII with `\\/`, as PHP writes it. Lone surrogates and NUL go through as escapes."""
        return cls(json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode())

    @cached_property
    def zipped(self) -> bytes:
        return gzip.compress(self.raw, compresslevel=1, mtime=0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out, and how: `delay` seconds late, in pieces of `chunk` bytes with `pause` seconds after each, and only
    `cut_at` bytes of the body before the connection is closed. A body sent with a Content-Encoding is taken as encoded."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = field(default_factory=Body)
    delay: float = 0.0
    chunk: int | None = None
    pause: float = 0.0
    cut_at: int | None = None


Respond = Callable[[Request], Answer]
