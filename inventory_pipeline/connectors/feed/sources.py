"""Where a feed comes from, as bytes that are read once from the start, and what its transport proves; files on this machine."""

import asyncio
import fnmatch
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured, UsageError
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.http.hosts import Host

# A file written twice within one tick of its file system's clock may keep size and times; younger ones get no memo.
RACY_SECONDS = 2.0
# No link at the last step (the path is already resolved), and a pipe must not block.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

WEB = ("http", "https")
# The hosts that a bucket's credentials are sent to.
_SERVICES = {
    "s3": "s3.amazonaws.com",
    "gs": "storage.googleapis.com",
    "gcs": "storage.googleapis.com",
    "az": "blob.core.windows.net",
    "abfs": "blob.core.windows.net",
}
ELSEWHERE = ("ftp", "ftps", "sftp", "s3", "gs", "gcs", "az", "abfs")


def nothing() -> None:
    """A `verify` that checks nothing, for bytes in a copy of our own, which nobody else writes to."""


@dataclass(frozen=True, slots=True)
class Source:
    """An open feed. `file` can be rewound. `memo` recognises it next time; `modified` is its own time, not the reading's.

    `ends_proved`: the transport told the length and all of it came. `rested`: nobody has written it for a while.
    `verify` raises IncompleteRead where the bytes changed while they were read; to be called after the last one.
    """

    file: IO[bytes]
    name: str
    ends_proved: bool
    how: str
    content_type: str = ""
    memo: Mapping[str, str] = field(default_factory=dict)
    verify: Callable[[], None] = nothing
    modified: datetime | None = None
    rested: bool = False


def kind_of(url: str) -> str:
    """The scheme of a feed's address, "file" for a path. Raises UsageError for a scheme that nothing here reads."""
    scheme, separator, _ = url.strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme == "file":
        return "file"
    if scheme in WEB or scheme in ELSEWHERE:
        return scheme
    raise UsageError(
        f"a feed cannot be read over {scheme!r:.20}; give an https address, one of {', '.join(ELSEWHERE)},"
        " or a file under INVENTORY_FEED_DIR"
    )


def feed_path(url: str, feed_dir: Path | None) -> Path:
    """The file or folder that a feed's address means, links resolved. `url` is a path, relative to `feed_dir`, or file:///….

    Raises UsageError for whatever lies outside `feed_dir`, through `..` or a link too. The file need not exist.
    """
    if feed_dir is None:
        raise UsageError("feed files are read from INVENTORY_FEED_DIR only; set it")
    text = url.strip()
    if text.lower().startswith("file:"):
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost"):
            raise UsageError(f"{text!r:.120} names another machine; use file:///path, or an https address")
        text = unquote(parts.path)
    if not text or "\0" in text:
        raise UsageError("a feed needs an address; give a file under INVENTORY_FEED_DIR, or an https address")
    try:
        root = feed_dir.resolve()
        path = (root / text).resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise UsageError(f"feed file {text!r:.120} cannot be found: {error}") from None
    if path.is_symlink():  # the same from Python 3.13 on, which leaves it unresolved
        raise UsageError(f"feed file {text!r:.120} cannot be found: its links lead in a circle")
    if root not in path.parents:
        raise UsageError(f"feed file {text!r:.120} lies outside INVENTORY_FEED_DIR ({root}); move it there")
    return path


def newest(names: Mapping[str, float], pattern: str, where: str) -> str:
    """The name that was written last among those that fit. Raises StoreMisconfigured where none does."""
    fitting = [name for name in names if fnmatch.fnmatch(name, pattern) and not name.startswith(".")]
    if not fitting:
        raise StoreMisconfigured(f"the folder {where} holds no file that fits pattern={pattern}; put one there, or mend pattern=")
    return max(fitting, key=lambda name: (names[name], name))


def in_folder(path: Path, pattern: str) -> Path:
    """The path itself, or the newest file in it where it is a folder."""
    if not path.is_dir():
        return path
    try:
        names = {entry.name: entry.stat().st_mtime for entry in os.scandir(path) if entry.is_file()}
    except OSError as error:
        raise StoreMisconfigured(f"the folder {str(path)!r:.200} cannot be read ({error.strerror}); give the right to") from None
    return path / newest(names, pattern, repr(path.name))


@asynccontextmanager
async def open_file(
    path: Path, settle_seconds: float, memo: Mapping[str, str], now: Callable[[], float] = time.time
) -> AsyncIterator[Source | None]:
    """The file, once it has rested for `settle_seconds`; None where `memo` says that it is the one already read.

    Raises StoreMisconfigured (no such file, no permission, not a file) or IncompleteRead (being written).
    """
    with os.fdopen(_open(path), "rb") as file:
        opened = await _settled(file.fileno(), path.name, settle_seconds, now)
        if memo.get("file") == _stamp(opened):
            yield None
            return

        def verify() -> None:
            if _content(os.fstat(file.fileno())) != _content(opened):
                raise IncompleteRead(f"feed file {path.name!r:.120} changed while it was read: it was being written")

        rested = now() - max(opened.st_mtime, opened.st_ctime) > RACY_SECONDS
        yield Source(
            file=file,
            name=path.name,
            ends_proved=False,
            how="read to the end of the file",
            memo={"file": _stamp(opened)} if rested else {},
            verify=verify,
            modified=datetime.fromtimestamp(opened.st_mtime, UTC),
            rested=now() - opened.st_mtime > RACY_SECONDS - 0.1,  # after having waited for `settle_seconds`
        )


@asynccontextmanager
async def open_local(
    url: str, feed_dir: Path | None, settings: FeedSettings, memo: Mapping[str, str]
) -> AsyncIterator[Source | None]:
    """The file that an address under `feed_dir` means; of a folder the newest that fits."""
    path = feed_path(url, feed_dir)
    chosen = in_folder(path, settings.pattern)
    if chosen != path:
        chosen = feed_path(str(chosen), feed_dir)  # it may be a link
    async with open_file(chosen, settings.settle_seconds, memo) as source:
        yield source


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise StoreMisconfigured(f"there is no feed file {str(path)!r:.200}; put it there, or mend the store's address") from None
    except OSError as error:
        reason = error.strerror or "error"
        raise StoreMisconfigured(
            f"feed file {str(path)!r:.200} cannot be opened by this process ({reason}); give it the right to read"
        ) from None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise StoreMisconfigured(f"{str(path)!r:.200} is not a file; the store's address must name one feed file")
    # A second name may lie anywhere, on a file that nobody meant to be read as a feed.
    raise StoreMisconfigured(
        f"feed file {str(path)!r:.200} is a hard link with {status.st_nlink} names; copy it instead of linking it"
    )


async def _settled(descriptor: int, name: str, settle_seconds: float, now: Callable[[], float]) -> os.stat_result:
    """The file's state once nobody has written to it for `settle_seconds`. A writer that pauses for longer is noticed because the
    end of the file is missing."""
    opened = os.fstat(descriptor)
    age = now() - opened.st_mtime
    if 0 <= age < settle_seconds:
        await asyncio.sleep(settle_seconds - age)
        if _content(os.fstat(descriptor)) != _content(opened):
            raise IncompleteRead(f"feed file {name!r:.120} is being written: it changed within {settle_seconds:g} s")
    return opened


def _content(status: os.stat_result) -> tuple[int, int]:
    """A value that changes with the content. Not the change time, which also moves when another file takes the name."""
    return status.st_size, status.st_mtime_ns


def _stamp(status: os.stat_result) -> str:
    """A mark of these bytes, with the change time: unlike the date, no program that copies files can set it."""
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def own_hosts(store: StoreIntegration) -> tuple[Host, ...]:
    """Where the credentials of a feed in a store of files are sent: its host, or the service that keeps its bucket.

    Nowhere for a file. Raises UsageError for an address whose host cannot be read.
    """
    scheme, _, rest = store.url.strip().partition("://")
    scheme = scheme.lower()
    if not rest or scheme not in ELSEWHERE:
        return ()
    if scheme == "s3" and (endpoint := store.settings.get("endpoint")):
        return (Host.of_address(endpoint),)
    if scheme in _SERVICES:
        return (Host.of_text(_SERVICES[scheme]),)
    return (Host.of_address(f"{'http' if scheme == 'ftp' else 'https'}://{rest}"),)
