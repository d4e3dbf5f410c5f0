"""Waiting until an export job has ended, and downloading its lines from the address of a storage service."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from inventory_pipeline.core.errors import IncompleteRead, PlatformUnavailable, StoreMisconfigured
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.response import host_and_path

logger = logging.getLogger(__name__)

LONGEST_POLL = 20.0  # seconds
DEADLINE = 3 * 3600.0  # seconds for one download; exports may be gigabytes
ATTEMPTS = 3
BLOCK = 2 * 1024 * 1024
# Three copies of it stand in memory for a moment.
LONGEST_LINE = 8 * 1024 * 1024


class Patience:
    """The waits between two looks at a job. Each is longer than the one before; together they last at most `seconds`."""

    def __init__(self, seconds: float, first_wait: float) -> None:
        self.seconds = seconds
        self._first = first_wait
        self._until = asyncio.get_running_loop().time() + seconds
        self.begin_again()

    def begin_again(self) -> None:
        """Starts with short waits again, within the same total time: for when another thing is waited for."""
        self._waits = waits(self._first)

    async def wait(self) -> bool:
        """Waits until the next look. Returns False at once where that would take longer than the time that is left."""
        seconds = next(self._waits)
        if asyncio.get_running_loop().time() + seconds > self._until:
            return False
        await asyncio.sleep(seconds)
        return True


def waits(first: float) -> Iterator[float]:
    """Seconds between one look and the next, without end: each longer than the one before, up to LONGEST_POLL."""
    wait = first
    while True:
        yield wait
        wait = min(wait * 1.5, max(LONGEST_POLL, first))


class Blocks:
    """Cuts bytes as they come into blocks of whole lines: decoding many lines at once is far cheaper than one by one.

    Holds at most a block and a chunk, or one line of up to LONGEST_LINE bytes.
    """

    def __init__(self, size: int = BLOCK) -> None:
        self._size = size
        self._held = bytearray()

    def add(self, chunk: bytes) -> Iterator[bytes]:
        """Takes a chunk and returns the blocks that are complete now.

        Raises StoreMisconfigured for a line longer than LONGEST_LINE: another read would bring the same line.
        """
        self._held += chunk
        while len(self._held) >= self._size:
            cut = self._held.rfind(b"\n", 0, self._size) + 1 or self._held.find(b"\n", self._size) + 1
            if not cut:
                if len(self._held) > LONGEST_LINE:
                    raise StoreMisconfigured(f"the export has a line of more than {LONGEST_LINE:,} bytes")
                return
            yield bytes(self._held[:cut])
            del self._held[:cut]

    def rest(self) -> bytes:
        """What is left at the end: it may lack its line break."""
        return bytes(self._held)


class Expired(IncompleteRead):
    """The signed address is no longer good: only a new export gives another one."""


async def download_lines(
    http: HttpClient,
    url: str,
    *,
    job: str,
    size: int | None,
    add: Callable[[bytes], None],
    start_again: Callable[[], None],
    plain_allowed: bool = False,
) -> None:
    """Hands the file on to `add` in blocks of whole lines. A download that breaks off starts again, after `start_again`.

    `http` must have no credentials of the store: the address is another host's. `size` is the file's in bytes where the
    platform tells it. Raises IncompleteRead where the file is not whole or its address has expired, StoreMisconfigured for
    an address that is not https (unless `plain_allowed`), PlatformUnavailable.
    """
    if urlsplit(url).scheme != "https" and not plain_allowed:
        raise StoreMisconfigured(f"{job} leaves its result at {host_and_path(url)}, which is not https")
    for _ in range(ATTEMPTS - 1):
        try:
            await _download_once(http, url, job, size, add)
        except Expired:
            raise
        except (IncompleteRead, PlatformUnavailable) as error:
            logger.warning("The download broke off (%s); starting it again", error)
            start_again()
        else:
            return
    await _download_once(http, url, job, size, add)


async def _download_once(http: HttpClient, url: str, job: str, size: int | None, add: Callable[[bytes], None]) -> None:
    received = 0
    blocks = Blocks()
    async with http.stream(url, deadline=DEADLINE) as response:
        if response.status != 200:
            raise Expired(f"the signed address of {job} answers {response.status}: it has expired or was changed")
        async for chunk in response:
            received += len(chunk)
            for block in blocks.add(chunk):
                add(block)
        add(blocks.rest())
    if size is not None and received < size:
        raise IncompleteRead(f"{job} has {size:,} bytes, of which {received:,} came")
