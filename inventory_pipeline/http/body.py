"""Reading an answer's bytes: bounded, and never taken for whole when they are not."""

import zlib
from collections.abc import AsyncIterator

import httpx

from inventory_pipeline.core.errors import IncompleteRead
from inventory_pipeline.http.reply import place

# gzip only: what is not asked for need not be understood.
ACCEPTED = "gzip"
_PLAIN = ("", "identity")


class Truncated(Exception):
    """The body ended before its own end. (httpx hands a compressed body that breaks off over as if it were whole.)"""


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """The whole decoded body. Raises Truncated, and IncompleteRead past `limit` bytes or in an encoding never asked for."""
    parts: list[bytes] = []
    size = 0
    async for chunk in decoded_chunks(response):
        size += len(chunk)
        if size > limit:
            raise IncompleteRead(f"{place(str(response.url))} answers with more than {limit:,} bytes; ask for smaller pages")
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def decoded_chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes, decompressed. Raises Truncated where it breaks off."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in _PLAIN:
        async for chunk in _raw(response):
            yield chunk
    elif encoding in ("gzip", "x-gzip"):
        async for chunk in gunzipped(_raw(response)):
            yield chunk
    else:
        raise IncompleteRead(f"{place(str(response.url))} answers in the encoding {encoding!r:.40}, which was not asked for")


async def _raw(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except (httpx.RemoteProtocolError, httpx.ReadError):
        raise Truncated("a body that breaks off") from None


async def gunzipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Decompresses gzip, members one after another too. Raises Truncated where a member is damaged or breaks off."""
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    started = False
    async for chunk in chunks:
        started, data = True, chunk
        while data:
            if inflate.eof:
                inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                yield inflate.decompress(data)
            except zlib.error:
                raise Truncated("a damaged compressed body") from None
            data = inflate.unused_data
    if started and not inflate.eof:
        raise Truncated("a compressed body that breaks off")
