"""Reading an answer's bytes: bounded in memory, size and time, and never taken for whole when they are not."""

import time
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass

import httpx

from inventory_pipeline.core.errors import PlatformUnavailable, StoreMisconfigured

# What the standard library undoes within bounds. What is not asked for (br, zstd) is refused.
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
    """The body ended before its own end. (httpx hands a compressed body that breaks off over as if it were whole.)"""


@dataclass(frozen=True, slots=True)
class RateFloor:
    """The fewest bytes a second that a body must bring, taken over `window` seconds of waiting for it; 0 asks for none.

    Only waiting counts, not what is done with the bytes meanwhile, and of one silence no more than a quarter of the
    window: silences are the time-out's. So a server that works for a while and then sends much is as good as a steady one,
    and one that sends a byte now and then, to keep the connection, is not.
    """

    bytes_per_second: float = MIN_BYTES_PER_SECOND
    window: float = RATE_WINDOW


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one body is held to: `where` names it for messages, `limit` is in decoded bytes (None: whoever reads it counts)."""

    where: str
    limit: int | None
    floor: RateFloor


class Inflater:
    """Decompresses gzip (members one after another too) or deflate as it comes, at most STEP bytes at once.

    `add` gives what a piece of the compressed body holds, `end` sees to it that the body was whole. Both raise Truncated
    where it is damaged or breaks off.
    """

    def __init__(self, *, gzip: bool = True) -> None:
        self._gzip = gzip
        self._start = b""
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if gzip else None

    def add(self, data: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            # By the standard deflate means zlib's form (RFC 9110, 8.4.1.2); some servers send the bare one.
            self._start += data
            if len(self._start) < 2:
                return
            has_header = self._start[0] & 0x0F == 8 and int.from_bytes(self._start[:2]) % 31 == 0
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
            data, self._start = self._start, b""
        while data:
            if self._inflate.eof:
                data = data.lstrip(b"\0")  # what tapes and some programs fill up with
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
        """All that `data` gives up to the end of its member, in steps."""
        is_full = True
        while data or is_full:
            try:
                piece = inflate.decompress(data, STEP)
            except zlib.error:
                raise Truncated("a damaged compressed body") from None
            if piece:
                yield piece
            # A full step may leave more behind though all that came in is used up.
            is_full, data = len(piece) == STEP and not inflate.eof, inflate.unconsumed_tail


async def bounded(chunks: AsyncGenerator[bytes], encoding: str, bounds: Bounds) -> AsyncGenerator[bytes]:
    """The decoded body of what the network brings, in pieces of bounded size.

    Raises Truncated; StoreMisconfigured past the limit or in an encoding never asked for (another read would bring no
    other); PlatformUnavailable where it comes too slowly.
    """
    encoding = encoding.strip().lower()
    if encoding not in (*_PLAIN, *_GZIP, "deflate"):
        raise StoreMisconfigured(
            f"{bounds.where} answers in the encoding {encoding!r:.40}, which was not asked for: let its server or CDN send"
            f" {ACCEPTED.replace(', ', ' or ')}"
        )
    inflater = None if encoding in _PLAIN else Inflater(gzip=encoding in _GZIP)
    came, size = False, 0
    async with aclosing(_steady(chunks, bounds)) as arriving:
        async for chunk in arriving:
            came = True
            for piece in (chunk,) if inflater is None else inflater.add(chunk):
                size += len(piece)
                if bounds.limit is not None and size > bounds.limit:
                    raise StoreMisconfigured(
                        f"{bounds.where} answers with more than {bounds.limit:,} bytes; ask for smaller pages"
                    )
                yield piece
    if inflater is not None and came:
        inflater.end()


async def _steady(chunks: AsyncGenerator[bytes], bounds: Bounds) -> AsyncGenerator[bytes]:
    """The chunks themselves. Raises PlatformUnavailable where they come more slowly than the floor."""
    floor = bounds.floor
    waited, counted, size = 0.0, 0.0, 0
    async with aclosing(chunks):
        while True:
            begun = time.monotonic()
            chunk = await anext(chunks, None)
            if chunk is None:
                return
            wait = time.monotonic() - begun
            waited, counted, size = waited + wait, counted + min(wait, floor.window / 4), size + len(chunk)
            if counted >= floor.window:
                if size < floor.bytes_per_second * counted:
                    raise PlatformUnavailable(
                        f"{bounds.where} sends too slowly: {size:,} bytes in {waited:.0f} s of waiting, where at least"
                        f" {floor.bytes_per_second:g} bytes a second are expected; the setting min_bytes_per_second asks for"
                        " fewer"
                    )
                waited, counted, size = 0.0, 0.0, 0
            yield chunk


async def read_beginning(response: httpx.Response, length: int) -> bytes:
    """The first bytes of a body that is only looked at, as far as they can be read."""
    body = bytearray()
    with suppress(Truncated, StoreMisconfigured):  # what came is enough to look at
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) >= length:
                break
    return bytes(body[:length])
