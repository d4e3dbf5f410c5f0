"""A feed's bytes as text: unpacked, decoded without a guess, and remembered where they end."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from typing import IO, Any

from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.source import Source
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.core.text import REPLACEMENT

BLOCK = 1 << 18
MAX_CHARACTERS = 4 << 30  # a gzip bomb ends here
MAX_LINE = 6 << 20  # characters; a longer line is no row, and would be in memory whole
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_NOT_A_FEED = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook; have it sent as CSV, plain or gzipped"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; have it sent as CSV"),
    (b"%PDF", "a PDF document; have it sent as CSV"),
)
_MARKUP = re.compile(r"\s*<(!doctype|html|head|body|\?xml|!--)", re.IGNORECASE)
# What no database can hold. Surrogates are let through the decoder to be shown here, so that one title does not cost a feed.
_UNCLEAN = re.compile("[\0\ud800-\udfff]")


class FeedText:
    """The text of one source, read forward. Raises IncompleteRead for what was cut off, StoreMisconfigured for what is no
    feed or not in the encoding it should be in."""

    def __init__(self, source: Source, settings: FeedSettings, longest_line: int = MAX_LINE) -> None:
        file, start, self.gzipped = _unpacked(source)
        self._name = source.name
        self.encoding = _encoding(start, settings, source.name)
        errors = "replace" if settings.replace_bad_bytes else "surrogatepass"
        self._longest_line = longest_line
        self._text = io.TextIOWrapper(file, self.encoding, errors, newline="")
        self._ahead = ""
        self._characters = self._lines = self._in_line = 0
        self._last = ""
        start = self.peek(1000)
        if not start:
            raise IncompleteRead(f"{self._name} is empty: an empty stock list has at least a heading, or is []")
        if _MARKUP.match(start):
            raise StoreMisconfigured(
                f"{self._name} is a web page or XML, not a feed; correct the address, or give the credentials that it asks for"
            )

    @property
    def ended_with_line_break(self) -> bool:
        return self._last in ("\n", "\r")

    def read(self, size: int) -> str:
        """The next `size` characters, fewer only at the end of the text."""
        text = self.peek(size)
        self._ahead = self._ahead[size:]
        return text

    def peek(self, size: int) -> str:
        """As `read`, and the same characters are read once more."""
        while len(self._ahead) < size and (more := self._decoded(size - len(self._ahead))):
            self._ahead += more
        return self._ahead[:size]

    def put_back(self, text: str) -> None:
        """Makes `text` what is read next."""
        self._ahead = text + self._ahead

    def __iter__(self) -> Iterator[str]:
        """The lines with their line feeds; a carriage return does not end one."""
        rest = ""
        while block := self.read(BLOCK):
            *lines, rest = (rest + block).split("\n")
            yield from (line + "\n" for line in lines)
        if rest:
            yield rest

    def _decoded(self, size: int) -> str:
        try:
            text = self._text.read(size)
        except UnicodeDecodeError as error:
            raise self._undecodable(error) from None
        self._characters += len(text)
        self._lines += text.count("\n")
        if self._characters > MAX_CHARACTERS:
            raise StoreMisconfigured(f"{self._name} holds more than {MAX_CHARACTERS >> 30} GiB of text; split the feed")
        last_break = text.rfind("\n")
        self._in_line = self._in_line + len(text) if last_break < 0 else len(text) - last_break - 1
        if self._in_line > self._longest_line:
            raise StoreMisconfigured(
                f"line {self._lines + 1:,} of {self._name} is longer than {self._longest_line >> 20} MiB; it is no feed"
            )
        self._last = text[-1:] or self._last
        return _UNCLEAN.sub(REPLACEMENT, text)

    def _undecodable(self, error: UnicodeDecodeError) -> IncompleteRead | StoreMisconfigured:
        if error.reason in ("unexpected end of data", "truncated data"):
            return IncompleteRead(f"{self._name} is cut off within a character")
        line = self._lines + error.object[: error.start].count(b"\n") + 1
        return StoreMisconfigured(
            f"{self._name} is not {self.encoding}: byte 0x{error.object[error.start]:02x} near line {line:,}; if it is written"
            " in another encoding set encoding=, such as cp1252, and if only a few bytes are broken bad_bytes=replace"
        )


class _Unzipped(io.RawIOBase):
    """A gzip file whose faults are this project's: the checksum at its end proves it whole."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._plain = gzip.GzipFile(fileobj=file, mode="rb")
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return self._plain.readinto(buffer)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise IncompleteRead(f"{self._name} is a truncated or damaged gzip file: {error}") from None


def _unpacked(source: Source) -> tuple[Any, bytes, bool]:
    """A plain buffered file, its first bytes, and whether it was packed."""
    start = source.file.read(8)
    source.file.seek(0)
    for magic, what in _NOT_A_FEED:
        if start.startswith(magic):
            raise StoreMisconfigured(f"{source.name} is {what}")
    if not start.startswith(b"\x1f\x8b"):
        return source.file, start, False
    plain = io.BufferedReader(_Unzipped(source.file, source.name), BLOCK)
    return plain, plain.peek(8), True


def _encoding(start: bytes, settings: FeedSettings, name: str) -> str:
    """A byte-order mark outranks the setting, since it cannot be chance."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if settings.encoding is None and b"\0" in start[:4]:
        raise StoreMisconfigured(f"{name} looks like UTF-16 without a byte-order mark; set encoding=utf-16-le or utf-16-be")
    return settings.encoding or "utf-8"
