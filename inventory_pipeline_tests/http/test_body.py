"""How an answer's bytes are read: decompressed a little at once, within a length, and not at a snail's pace."""

import asyncio
import gzip
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_pipeline.core.errors import IncompleteRead, PlatformUnavailable, StoreMisconfigured
from inventory_pipeline.http.body import BODY_LIMIT, STEP, Decompressor, Truncated
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.retry import RetryPolicy
from inventory_pipeline.http.transport import LIMIT
from inventory_pipeline_tests.http.asking import Asked
from inventory_pipeline_tests.http.local_server import LOOPBACK, Answer, LocalServer, wire

ONCE = RetryPolicy(attempts=1)
TEXT = b"a line of stock, " * 1000


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def inflated(pieces: list[bytes], *, gzip: bool = True) -> tuple[bytes, int]:
    """What the pieces hold, and the length of the longest part that came at once."""
    decompressor = Decompressor(gzip=gzip)
    parts = [part for piece in pieces for part in decompressor.add(piece)]
    decompressor.end()
    return b"".join(parts), max(map(len, parts), default=0)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZip ", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", bare),
        ("identity", bytes),
        ("", bytes),
    ],
)
def test_every_encoding_that_is_asked_for_is_undone(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    asked = Asked(Answer(200, pack(TEXT), {"Content-Encoding": encoding}))
    assert asked.get().body == TEXT
    accepted = asked.server.requests[0].headers["accept-encoding"].split(", ")
    assert encoding.strip().lower().removeprefix("x-") in (*accepted, "identity", "")


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "exotic" * 20])
def test_an_encoding_that_is_not_asked_for_is_refused_at_once(encoding: str) -> None:
    asked = Asked(Answer(200, b"\x1b\x0b" * 100, {"Content-Encoding": encoding}))
    with pytest.raises(StoreMisconfigured, match=r"which was not asked for: let its server or CDN send gzip or deflate"):
        asked.get()
    assert asked.calls == 1
    assert all(name not in asked.server.requests[0].headers["accept-encoding"] for name in ("br", "zstd"))


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=4), st.integers(1, 50), st.sampled_from([b"", b"\0" * 7]))
@settings(deadline=None)
def test_members_and_pieces_make_no_difference(members: list[bytes], step: int, padding: bytes) -> None:
    packed = padding.join(map(gzip.compress, members)) + padding
    assert inflated([packed[at : at + step] for at in range(0, len(packed), step)])[0] == b"".join(members)


@pytest.mark.parametrize("size", [STEP - 1, STEP, STEP + 1, 2 * STEP, 40 * STEP + 7])
@pytest.mark.parametrize(("pack", "is_gzip"), [(gzip.compress, True), (zlib.compress, False), (bare, False)])
def test_a_little_that_stands_for_much_is_unpacked_step_by_step(size: int, pack: Callable[[bytes], bytes], is_gzip: bool) -> None:
    for data in (b"\0" * size, os.urandom(1000) * (size // 1000) + b"x" * (size % 1000)):
        whole, longest = inflated([pack(data)], gzip=is_gzip)
        assert whole == data
        assert longest <= STEP


@pytest.mark.parametrize("cut", [1, 5, 11, 40, -9, -1])
def test_what_breaks_off_is_never_whole(cut: int) -> None:
    for packed, is_gzip in ((gzip.compress(TEXT), True), (zlib.compress(TEXT), False), (bare(TEXT), False)):
        with pytest.raises(Truncated, match="breaks off"):
            inflated([packed[:cut]], gzip=is_gzip)
    with pytest.raises(Truncated, match="breaks off"):
        inflated([gzip.compress(TEXT), gzip.compress(TEXT)[:cut]])


def test_what_is_damaged_is_never_whole() -> None:
    for packed, is_gzip in ((b"no gzip", True), (gzip.compress(TEXT) + b"more", True), (b"\xff" * 50, False)):
        with pytest.raises(Truncated, match="damaged"):
            inflated([packed], gzip=is_gzip)
    with pytest.raises(Truncated, match="something after its end"):
        inflated([zlib.compress(TEXT), b"more"], gzip=False)
    changed = bytearray(gzip.compress(TEXT))
    changed[-6] ^= 1
    with pytest.raises(IncompleteRead, match="damaged"):
        Asked(Answer(200, bytes(changed), {"Content-Encoding": "gzip"}), retry=ONCE).get()


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_a_body_past_its_limit_is_refused_at_the_first_read(headers: dict[str, str]) -> None:
    body = b"0" * 3_000_000
    asked = Asked(Answer(200, gzip.compress(body) if headers else body, headers))
    with pytest.raises(StoreMisconfigured, match="answers with more than 1,000,000 bytes"):
        asked.get(limit=1_000_000)
    assert asked.calls == 1
    assert asked.get(limit=3_000_000).body == body


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_page_that_says_it_is_down_may_be_long_or_packed_in_any_way(encoding: str) -> None:
    """Of a refusal only the beginning is looked at; what it is packed in must not hide that the server is down."""
    body = gzip.compress(b"<html><title>Back soon</title>" + b" " * 50_000_000)
    asked = Asked(Answer(503, body, {"Content-Encoding": encoding}), retry=ONCE)
    with pytest.raises(PlatformUnavailable, match="503 “Back soon”" if encoding == "gzip" else "answers 503 after"):
        asked.get()


# The rate


def dripping(seconds: float, *, bytes_at_once: int = 1, times: int | None = None) -> Answer:
    """A body that never ends, or ends after so many times."""
    part = b"x" * bytes_at_once

    def write(handler: BaseHTTPRequestHandler, ended: threading.Event) -> None:
        length = 10**9 if times is None else times * bytes_at_once
        handler.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
        handler.wfile.flush()
        sent = 0
        while times is None or sent < times:
            if ended.wait(seconds):
                return
            try:
                handler.wfile.write(part)
                handler.wfile.flush()
            except OSError:
                return
            sent += 1

    return Answer(wire=write)


def test_a_body_that_drips_is_given_up_and_not_asked_for_again() -> None:
    asked = Asked(dripping(0.02), min_bytes_per_second=1000, rate_window=0.3)
    with pytest.raises(
        PlatformUnavailable, match=r"/x sends too slowly: \d+ bytes in \d s of waiting, where at least 1000 bytes"
    ):
        asked.get()
    assert asked.calls == 1


def test_a_stream_that_drips_is_given_up_too() -> None:
    async def read(url: str) -> None:
        client = HttpClient(policy=LOOPBACK, min_bytes_per_second=1000, rate_window=0.3)
        async with client, client.stream(url) as response:
            async for _ in response:
                pass

    with LocalServer(lambda _: dripping(0.02)) as server:
        with pytest.raises(PlatformUnavailable, match="the setting min_bytes_per_second asks for fewer"):
            asyncio.run(read(server.url))
        assert server.all_closed()


def test_a_page_of_a_refusal_that_drips_is_given_up_too() -> None:
    drip = wire(b"HTTP/1.1 503 Down\r\nContent-Length: 1000000\r\n\r\n", b"x", every=0.02, forever=True)
    with pytest.raises(PlatformUnavailable, match="sends too slowly"):
        Asked(drip, min_bytes_per_second=1000, rate_window=0.3).get()


def test_a_server_that_works_in_bursts_is_not_hit() -> None:
    """Ten times silent for longer than half a window, then as much as a window asks for."""
    bursts = dripping(0.12, bytes_at_once=400, times=10)
    assert len(Asked(bursts, min_bytes_per_second=1000, rate_window=0.2).get().body) == 4000


def test_one_long_silence_is_the_time_outs_to_judge() -> None:
    late = dripping(0.6, bytes_at_once=20, times=1)
    assert len(Asked(late, min_bytes_per_second=1000, rate_window=0.2).get().body) == 20


def test_a_floor_of_zero_asks_for_nothing() -> None:
    slow = dripping(0.02, times=20)
    assert len(Asked(slow, min_bytes_per_second=0, rate_window=0.1).get().body) == 20


# Memory: a server process that sends a bomb, and a client process that says how much it took at most.

BOMB = 256 << 20
_CLIENT = """
import asyncio, sys
from inventory_pipeline.core.addresses import AddressPolicy
from inventory_pipeline.core.errors import StoreMisconfigured
from inventory_pipeline.http.client import HttpClient

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

async def read(path, whole):
    total = 0
    client = HttpClient(policy=AddressPolicy(allow_private=True))
    async with client:
        if whole:
            total = len((await client.get(sys.argv[1] + path)).body)
        else:
            async with client.stream(sys.argv[1] + path) as response:
                async for chunk in response:
                    total += len(chunk)
    return total, client.calls

async def main():
    await read("/small", True)
    await read("/small", False)
    before = peak()
    try:
        told = await read(sys.argv[2], sys.argv[3] == "whole")
    except StoreMisconfigured as error:
        told = error
    print(peak() - before, told, sep="\\n")

asyncio.run(main())
"""


def bomb(size: int, pack: str) -> bytes:
    """So many bytes of zeros, packed: a thousandth of them."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | (16 if pack == "gzip" else 0))
    block = bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(size >> 20)), packer.flush()])


def kilobytes_taken(bombs: dict[str, Answer], path: str, how: str) -> tuple[int, str]:
    small = Answer(200, gzip.compress(TEXT), {"Content-Encoding": "gzip"})
    with LocalServer(lambda request: bombs.get(request.path, small)) as server:
        ended = subprocess.run(
            [sys.executable, "-c", _CLIENT, server.url, path, how], capture_output=True, text=True, timeout=240, check=False
        )
    assert ended.returncode == 0, ended.stderr
    taken, told = ended.stdout.splitlines()
    return int(taken), told


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_takes_little_memory_and_one_request(encoding: str) -> None:
    packed = bomb(BOMB, encoding)
    assert len(packed) < 300_000
    bombs = {"/bomb": Answer(200, packed, {"Content-Encoding": encoding})}
    taken, told = kilobytes_taken(bombs, "/bomb", "whole")
    assert f"answers with more than {BODY_LIMIT:,} bytes" in told
    assert taken < 64_000
    taken, told = kilobytes_taken(bombs, "/bomb", "stream")
    assert told == f"({BOMB}, 1)"
    assert taken < 8_000


def test_the_longest_body_that_is_taken_stays_within_bounds_too() -> None:
    body = Answer(200, gzip.compress(bytes(BODY_LIMIT)), {"Content-Encoding": "gzip"})
    taken, told = kilobytes_taken({"/long": body}, "/long", "whole")
    assert told == f"({BODY_LIMIT}, 1)"
    assert taken < 64_000


def test_what_a_sign_in_reads_by_itself_is_bounded_too() -> None:
    """httpx reads each answer between two steps of a sign-in whole, and would unpack it without bounds."""

    class TwoSteps(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            yield httpx.Request("POST", request.url.join("/token"), extensions={LIMIT: 1_000_000})
            yield request

    asked = Asked(Answer(200, gzip.compress(bytes(3_000_000)), {"Content-Encoding": "gzip"}), auth=TwoSteps())
    with pytest.raises(StoreMisconfigured, match=r"/token answers with more than 1,000,000 bytes"):
        asked.get()
    assert [request.path for request in asked.server.requests] == ["/token"]
