"""Response bodies: decoded within limits on memory, length and time, and never taken for whole when they are not."""

import time
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass

import httpx

from inventory_pipeline.core.errors import PlatformUnavailable, StoreMisconfigured

# What the standard library decompresses within limits. What is not asked for (br, zstd) is refused.
ACCEPTED = "gzip, deflate"
_PLAIN = ("", "identity")
_GZIP = ("gzip", "x-gzip")
# How much is decompressed at once: a few hundred bytes may stand for megabytes.
STEP = 256 * 1024
MIN_BYTES_PER_SECOND = 256.0
RATE_WINDOW = 60.0  # seconds
# Bytes. Twice as much stands in memory while a body is put together.
BODY_LIMIT = 24 * 1024 * 1024


class Truncated(Exception):
    """The body is not complete: it breaks off, or its compression is damaged. (httpx alone would return it as complete.)"""


@dataclass(frozen=True, slots=True)
class MinimumRate:
    """The fewest bytes a second that a body must bring, taken over `window` seconds of waiting for it; 0 asks for none.

    Only waiting counts, not what is done with the bytes meanwhile, and of each wait at most a quarter of the window: one
    long silence is the time-out's to end. So a server that computes for a while and then sends much passes like a steady
    one, and one that sends a byte now and then, to keep the connection open, does not.
    """

    bytes_per_second: float = MIN_BYTES_PER_SECOND
    window: float = RATE_WINDOW


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The limits of one body. `where` names it in messages; `limit` is its decoded length in bytes (None: no limit)."""

    where: str
    limit: int | None
    minimum_rate: MinimumRate


class Decompressor:
    """Decompresses gzip, of one member or several, or deflate, in pieces of at most STEP bytes.

    `add` takes a piece of the compressed body and yields what it decompresses to; `end` checks that the body is complete.
    Both raise Truncated where it is damaged or breaks off. Works on files too: nothing in it knows HTTP.
    """

    def __init__(self, *, gzip: bool = True) -> None:
        self._gzip = gzip
        self._start = b""
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if gzip else None

    def add(self, data: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            # RFC 9110, 8.4.1.2: deflate is the zlib format. Some servers send the bare stream without its header.
            self._start += data
            if len(self._start) < 2:
                return
            has_header = self._start[0] & 0x0F == 8 and int.from_bytes(self._start[:2]) % 31 == 0
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
            data, self._start = self._start, b""
        while data:
            if self._inflate.eof:
                data = data.lstrip(b"\0")  # padding after the last member
                if data and not self._gzip:
                    raise Truncated("a compressed body with something after its end")
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if data else self._inflate
                continue
            yield from self._inflated(self._inflate, data)
            data = self._inflate.unused_data

    def end(self) -> None:
        if self._start or (self._inflate is not None and not self._inflate.eof):
            raise Truncated("a compressed body that breaks off")

    def _inflated(self, inflate: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
        """What `data` decompresses to, up to the end of its member."""
        is_full = True
        while data or is_full:
            try:
                piece = inflate.decompress(data, STEP)
            except zlib.error:
                raise Truncated("a damaged compressed body") from None
            if piece:
                yield piece
            # After a full step zlib may hold more output though it has consumed all input.
            is_full, data = len(piece) == STEP and not inflate.eof, inflate.unconsumed_tail


async def decode_body(chunks: AsyncGenerator[bytes], encoding: str, limits: BodyLimits) -> AsyncGenerator[bytes]:
    """The decoded body, in pieces of bounded size, from the chunks that the network brings.

    Raises Truncated; StoreMisconfigured past the limit, or for an encoding that was not asked for, since another read would
    bring the same; PlatformUnavailable where the chunks come too slowly.
    """
    encoding = encoding.strip().lower()
    if encoding not in (*_PLAIN, *_GZIP, "deflate"):
        raise StoreMisconfigured(
            f"{limits.where} answers in the encoding {encoding!r:.40}, which was not asked for: let its server or CDN send"
            f" {ACCEPTED.replace(', ', ' or ')}"
        )
    decompressor = None if encoding in _PLAIN else Decompressor(gzip=encoding in _GZIP)
    came, size = False, 0
    async with aclosing(_at_minimum_rate(chunks, limits)) as arriving:
        async for chunk in arriving:
            came = True
            for piece in (chunk,) if decompressor is None else decompressor.add(chunk):
                size += len(piece)
                if limits.limit is not None and size > limits.limit:
                    raise StoreMisconfigured(
                        f"{limits.where} answers with more than {limits.limit:,} bytes; ask for smaller pages"
                    )
                yield piece
    if decompressor is not None and came:
        decompressor.end()


async def _at_minimum_rate(chunks: AsyncGenerator[bytes], limits: BodyLimits) -> AsyncGenerator[bytes]:
    """The chunks, unchanged. Raises PlatformUnavailable where they come more slowly than the minimum rate."""
    rate = limits.minimum_rate
    waited, counted, size = 0.0, 0.0, 0
    async with aclosing(chunks):
        while True:
            begun = time.monotonic()
            chunk = await anext(chunks, None)
            if chunk is None:
                return
            wait = time.monotonic() - begun
            waited, counted, size = waited + wait, counted + min(wait, rate.window / 4), size + len(chunk)
            if counted >= rate.window:
                if size < rate.bytes_per_second * counted:
                    raise PlatformUnavailable(
                        f"{limits.where} sends too slowly: {size:,} bytes in {waited:.0f} s of waiting, where at least"
                        f" {rate.bytes_per_second:g} bytes a second are expected; the setting min_bytes_per_second asks for"
                        " fewer"
                    )
                waited, counted, size = 0.0, 0.0, 0
            yield chunk


async def read_beginning(response: httpx.Response, length: int) -> bytes:
    """The first bytes of a body, as far as they can be read: of an error response, whose title is all that is wanted."""
    body = bytearray()
    with suppress(Truncated, StoreMisconfigured):  # what came is enough to look at
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) >= length:
                break
    return bytes(body[:length])
