"""A feed's bytes, unpacked and decoded. The first bytes tell their format; each line and the whole have a limit."""

import gzip
import io
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, cast

from inventory_pipeline.connectors.feed.columns import cures
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.sources import Source
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.core.text import REPLACEMENT, one_line

MAX_BYTES = 4 << 30  # a bomb ends here
MAX_LINE = 6 << 20  # characters; a longer line is no row, and would be in memory whole
_BLOCK = 1 << 18
_ROW_BREAKS = re.compile(r"\r\n?|\n")
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_NOT_A_FEED = (
    (b"%PDF", "a PDF document; have it sent as CSV"),
    (b"BZh", "packed with bzip2; have it sent plain or gzipped"),
    (b"\xfd7zXZ", "packed with xz; have it sent plain or gzipped"),
    (b"7z\xbc\xaf", "a 7z archive; have it sent plain or gzipped"),
    (b"Rar!", "a RAR archive; have it sent plain or gzipped"),
    (b"\x89PNG", "a picture; have it sent as CSV"),
    (b"\xff\xd8\xff", "a picture; have it sent as CSV"),
)
_PAGE = re.compile(r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|table)\b", re.IGNORECASE | re.DOTALL)
# What no database can hold. Surrogates are let through the decoder to be shown here, so that one title does not cost a feed.
_UNCLEAN = re.compile("[\0\ud800-\udfff]")


@dataclass(slots=True)
class Content:
    """A feed's own bytes, read forward. `start` are the first of them, `packing` says what was undone, `kind` is text, xml,
    xlsx, xls or ods. `checked`: the packing's own checksum proves the end."""

    file: IO[bytes]
    start: bytes
    name: str
    kind: str
    packing: str = ""

    @property
    def checked(self) -> bool:
        return bool(self.packing)


def unpack(source: Source, settings: FeedSettings, held: ExitStack) -> Content:
    """Undoes gzip and zip; what it opens for that, `held` closes.

    Raises StoreMisconfigured for what is no feed, IncompleteRead for what is empty or damaged.
    """
    file, name, packing = source.file, source.name, ""
    for _ in range(3):  # a gzipped zip of one file, and no deeper
        start = _start(file)
        for magic, what in _NOT_A_FEED:
            if start.startswith(magic):
                raise StoreMisconfigured(f"{name} is {what}")
        if start.startswith(b"\x1f\x8b"):
            plain = gzip.GzipFile(fileobj=file, mode="rb")
            file, name, packing = _bounded(plain, name), re.sub(r"\.gz$", "", name, flags=re.IGNORECASE), "gzipped"
        elif start.startswith(b"PK\x03\x04") or start.startswith(b"PK\x05\x06"):
            kind, inner = _in_zip(_seekable(file, name, settings.max_workbook, held), name, settings.inside)
            if kind:
                return Content(inner, start, name, kind, packing)
            file, name, packing = _bounded(inner, name), str(inner.name), "in a zip"
        else:
            break
    else:
        raise StoreMisconfigured(f"{source.name} is packed more than twice; have it sent plain or gzipped")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return Content(_seekable(file, name, settings.max_workbook, held), start, name, "xls", packing)
    if not start:
        raise IncompleteRead(f"{source.name} is empty: an empty stock list has at least a heading, or is []")
    text = _decoded(start, settings)
    if _PAGE.match(text):
        raise StoreMisconfigured(
            f"{name} is a web page, not a feed; correct the address, or give the credentials that it asks for"
        )
    kind = "xml" if text.lstrip("\ufeff \t\r\n").startswith("<") else "text"
    return Content(file, start, name, kind, packing)


def _start(file: IO[bytes]) -> bytes:
    if isinstance(file, io.BufferedReader) and not file.raw.seekable():
        return file.peek(4096)[:4096]
    start = file.read(4096)
    file.seek(0)
    return start


def _decoded(start: bytes, settings: FeedSettings) -> str:
    encoding = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), settings.encoding or "utf-8")
    return start.decode(encoding, "replace")


class _Bounded(io.RawIOBase):
    """Unpacked bytes with a limit, whose errors are the SyncError types. At most one block is in memory."""

    def __init__(self, read: Callable[[int], bytes], name: str) -> None:
        self._read, self._name, self._size = read, name, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise IncompleteRead(f"{self._name} is a truncated or damaged gzip file: {error}") from None
        except (zipfile.BadZipFile, OSError) as error:
            raise IncompleteRead(f"{self._name} is a truncated or damaged zip file: {error}") from None
        self._size += len(block)
        if self._size > MAX_BYTES:
            raise StoreMisconfigured(f"{self._name} holds more than {MAX_BYTES >> 30} GiB; split the feed")
        buffer[: len(block)] = block
        return len(block)


class _Borrowed(io.RawIOBase):
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def _bounded(file: Any, name: str) -> io.BufferedReader:
    return io.BufferedReader(_Bounded(file.read, name), _BLOCK)


def _seekable(file: IO[bytes], name: str, limit: int, held: ExitStack) -> IO[bytes]:
    """The file itself, or what it unpacks to in a temporary file: a zip's list of contents stands at its end."""
    if not isinstance(file, io.BufferedReader) or file.raw.seekable():
        return file
    copy = held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 held closes it
    while block := file.read(_BLOCK):
        copy.write(block)
        if copy.tell() > limit:
            raise StoreMisconfigured(f"{name} unpacks to more than {limit >> 20} MiB; have it sent as CSV, or set max_workbook=")
    copy.seek(0)
    return cast(IO[bytes], copy)


def _in_zip(file: IO[bytes], name: str, wanted: str) -> tuple[str, Any]:
    """What kind of workbook the zip is with the zip itself, or "" with the one file in it."""
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise IncompleteRead(f"{name} is a truncated or damaged zip file: {error}") from None
    names = archive.namelist()
    workbook = "xlsx" if any(entry.startswith("xl/workbook.") for entry in names) else ""
    if not workbook and "content.xml" in names and "mimetype" in names:
        workbook = "ods"
    if workbook:
        file.seek(0)
        return workbook, file
    files = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_rubbish(entry.filename)]
    chosen = [entry for entry in files if entry.filename == wanted] if wanted else files
    if len(chosen) != 1:
        names = [entry.filename for entry in files[:5]]
        shown = ", ".join(repr(one_line(entry.filename, 60)) for entry in files[:10]) or "nothing"
        raise StoreMisconfigured(f"{name} is a zip that holds {shown}; set {cures('inside', names) or 'inside='}")
    if chosen[0].flag_bits & 1:
        raise StoreMisconfigured(f"{name} is a zip with a password; have it sent without one")
    try:
        return "", archive.open(chosen[0])
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise IncompleteRead(f"{name} is a zip file that cannot be unpacked: {error}") from None


def _is_rubbish(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


class Text:
    """The text of one feed, read forward, line by line or in parts. Raises IncompleteRead for what was cut off,
    StoreMisconfigured for what is not in the encoding it should be in."""

    def __init__(self, content: Content, settings: FeedSettings) -> None:
        self._name = content.name
        self.encoding = _encoding(content, settings)
        errors = "replace" if settings.replace_bad_bytes else "surrogatepass"
        # A text closes what it reads when it is let go, and the file is its owner's.
        borrowed = io.BufferedReader(_Borrowed(content.file), _BLOCK)
        self._text = io.TextIOWrapper(borrowed, self.encoding, errors, newline="")
        self._ahead = io.StringIO()
        self.lines = 0
        self._size = 0
        self.last = ""

    @property
    def ended_with_line_break(self) -> bool:
        return self.last.rstrip("\x1a")[-1:] in ("\n", "\r", "")

    def line(self) -> str:
        """The next line with its line break (a line feed, a carriage return, or both); empty at the end."""
        line = self._ahead.readline() or self._read(self._text.readline, MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise StoreMisconfigured(
                f"line {self.lines + 1:,} of {self._name} is longer than {MAX_LINE >> 20} MiB; it is no feed"
            )
        if line:
            self.lines += 1
            self.last = line
        return line

    def part(self, size: int) -> str:
        """The next characters, empty at the end only."""
        return self._ahead.read() or self._read(self._text.read, size)

    def peek(self, size: int) -> str:
        """The first characters and what ends their last line, which `line` and `part` give once more."""
        ahead = self._ahead.read()
        if len(ahead) < size:
            ahead += self._read(self._text.read, size - len(ahead))
            ahead += self._read(self._text.readline, MAX_LINE + 1)
        self._ahead = io.StringIO(ahead, newline="")
        return ahead

    def _read(self, read: Callable[[int], str], size: int) -> str:
        try:
            text = read(size)
        except UnicodeDecodeError as error:
            raise self._undecodable(error) from None
        self._size += len(text)
        if self._size > MAX_BYTES:
            raise StoreMisconfigured(f"{self._name} holds more than {MAX_BYTES >> 30} GiB of text; split the feed")
        return text if text.isascii() and "\0" not in text else _UNCLEAN.sub(REPLACEMENT, text)

    def _undecodable(self, error: UnicodeDecodeError) -> IncompleteRead | StoreMisconfigured:
        if error.reason in ("unexpected end of data", "truncated data"):
            return IncompleteRead(f"{self._name} is cut off within a character")
        line = self.lines + len(_ROW_BREAKS.findall(error.object[: error.start].decode(self.encoding, "replace"))) + 1
        words = _words_as_cp1252(error.object[max(error.start - 100, 0) :])
        way_out = (
            f"set encoding=cp1252 where it says {', '.join(words)}" if words else "set encoding= to the one it is written in"
        )
        return StoreMisconfigured(
            f"{self._name} is not {self.encoding}: byte 0x{error.object[error.start]:02x} near line {line:,}; {way_out},"
            " such as cp1252 or cp1250, or bad_bytes=replace where only a few bytes are broken"
        )


def _words_as_cp1252(data: bytes) -> list[str]:
    """Three words with letters that are not ASCII, as they would read in the encoding that most such files are in."""
    text = data.decode("cp1252", "replace")
    words = (word for word in re.findall(r"[^\W\d_]{2,30}", text) if not word.isascii() and REPLACEMENT not in word)
    return [repr(word) for word in dict.fromkeys(words)][:3]


def _encoding(content: Content, settings: FeedSettings) -> str:
    """The encoding: a byte-order mark goes before the setting, because it cannot be there by chance."""
    for mark, encoding in _MARKS:
        if content.start.startswith(mark):
            return encoding
    if settings.encoding is None and b"\0" in content.start[:4]:
        raise StoreMisconfigured(
            f"{content.name} looks like UTF-16 without a byte-order mark; set encoding=utf-16-le or utf-16-be"
        )
    return settings.encoding or "utf-8"
