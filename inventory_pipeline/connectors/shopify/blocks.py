"""Bytes as they come, given back as blocks of whole lines: decoding many lines at once is far cheaper than one by one."""

from collections.abc import Iterator

from inventory_pipeline.core.errors import StoreMisconfigured

BLOCK = 2 * 1024 * 1024
# Three copies of it stand in memory for a moment.
LONGEST_LINE = 8 * 1024 * 1024


class Blocks:
    """Holds at most a block and a chunk, or one line of up to LONGEST_LINE bytes."""

    def __init__(self, size: int = BLOCK) -> None:
        self._size = size
        self._held = bytearray()

    def add(self, chunk: bytes) -> Iterator[bytes]:
        """The blocks that are whole now. Raises StoreMisconfigured where a line has no end: another read would bring no other."""
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
