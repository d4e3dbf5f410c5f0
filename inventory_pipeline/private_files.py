"""Folders and files for their owner alone: stock, credentials and logs are nobody else's on a machine that is shared.

What exists already keeps its mode, since somebody may have chosen it; `inventory-pipeline doctor` says where it is wider.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_FOLDER, _FILE = 0o700, 0o600
_OTHERS = 0o077


def keep_private() -> None:
    """Makes whatever this process and its children create private, libraries' files too. For entry points."""
    os.umask(_OTHERS)


def make_folder(path: Path) -> None:
    """Makes the folder, and those above it that are missing, whatever the umask. Raises OSError."""
    for folder in [*reversed(path.parents), path]:
        if not folder.exists():
            folder.mkdir(mode=_FOLDER, exist_ok=True)


def make_file(path: Path | str) -> None:
    """Makes an empty file, whatever the umask; one that is there stays as it is. Raises OSError."""
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, _FILE))


def wider(folder: Path) -> Iterator[Path]:
    """The folder and everything below it that others may enter, read or write. Links are not followed."""
    for parent, _, names in os.walk(folder):
        for path in (Path(parent), *(Path(parent, name) for name in names)):
            with suppress(FileNotFoundError):  # gone meanwhile: SQLite's -wal, a log that rotated
                mode = path.lstat().st_mode
                if mode & _OTHERS and not stat.S_ISLNK(mode):
                    yield path
