"""What a database's own errors mean: typed by what happens next, in words that say which database and what to do."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from inventory_pipeline.core.errors import DatabaseBusy, DatabaseFull, DatabaseReadOnly, DatabaseUnavailable, InventoryError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line

# Not "was rolled back": of a commit whose answer got lost nobody here knows.
_AGAIN = "what was under way counts as not done, and may be done again"
# PostgreSQL's classes and codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOST = ("08", "57P01", "57P02", "57P03", "57P05", "25P03", "53300")
_BUSY = ("55P03", "40001", "40P01")
_FULL = ("53100",)
# A write-ahead log's index alone takes 32 KiB.
_LEAST_BYTES = 128 * 1024
# What a server says at the door that waiting mends; it names no code there.
_NOT_YET = ("starting up", "shutting down", "in recovery", "accepting connections", "too many")


def typed_error(error: BaseException, database: str, setting: str, file: Path | None = None) -> InventoryError | None:
    """The project's error for one of SQLAlchemy's or SQLite's, None where it is no trouble of the database itself.

    `database` says which one, without its password; `setting` is the variable that names it, `file` where SQLite keeps it.
    """
    original = error.orig if isinstance(error, DBAPIError) else error
    reason = one_line(redact(str(original)), 300)
    if isinstance(original, sqlite3.Error):
        return _of_sqlite(original, database, reason, file)
    # psycopg 3 calls it `sqlstate`, psycopg 2, which Dagster uses, `pgcode`.
    code = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if code is None:
        return _without_code(error, database, setting, reason)
    if code.startswith(_FULL):
        return _full(database)
    if code.startswith(_BUSY):
        return DatabaseBusy(f"{database} was held by another program: {reason}; {_AGAIN}")
    return _lost(database, setting, reason) if code.startswith(_LOST) else None


@contextmanager
def typed_errors(database: str, setting: str, file: Path | None = None) -> Iterator[None]:
    """Raises what comes out of the block as `typed_error` says; all else as it is."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        typed = typed_error(error, database, setting, file)
        if typed is None:
            raise
        # The original shows the statement with the stock that it wrote: its words are in the typed one already.
        raise typed from None


def lock_holders(file: Path) -> list[str]:
    """The other processes that hold a write lock of a SQLite file, as far as the system tells (Linux: /proc/locks)."""
    try:
        ids = {file.with_name(file.name + end).stat().st_ino for end in ("", "-shm") if file.with_name(file.name + end).exists()}
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        holders = {words[-4] for words in locks if "WRITE" in words and int(words[-3].rpartition(":")[2]) in ids}
        holders -= {str(os.getpid()), "0", "-1"}
        return [f"process {pid} ({Path(f'/proc/{pid}/comm').read_text().strip()})" for pid in sorted(holders, key=int)]
    except (OSError, ValueError, IndexError):  # another system, or a process that has ended meanwhile
        return []


def _of_sqlite(error: sqlite3.Error, database: str, reason: str, file: Path | None) -> InventoryError | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        cure = "end what holds it (a backup, a database browser, a process that stands still), or keep the data in PostgreSQL"
        by = ", ".join(lock_holders(file)) if file else ""
        return DatabaseBusy(f"{database} stays locked by {by or 'another program'}: {reason}; {_AGAIN}; {cure}")
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and file is not None and _is_full(file)):
        return _full(database)
    if code == sqlite3.SQLITE_CANTOPEN and file is not None and file.is_dir():
        return None
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        cure = "let the user that runs this write the file and its folder, or set INVENTORY_DATA_DIR to another one"
        return DatabaseReadOnly(f"{database} cannot be written: {reason}; {cure}")
    if code == sqlite3.SQLITE_IOERR:
        return DatabaseUnavailable(f"{database} cannot be read or written: {reason}; {_AGAIN}; see that its disk is well")
    return None


def _is_full(file: Path) -> bool:
    """SQLite calls it an I/O error where there is no room for the files beside its own."""
    try:
        return shutil.disk_usage(file.parent).free < _LEAST_BYTES
    except OSError:
        return False


def _without_code(error: BaseException, database: str, setting: str, reason: str) -> InventoryError | None:
    """psycopg's own errors: no connection, or one that ended without a word."""
    if not isinstance(error, DBAPIError):
        return None
    if error.connection_invalidated:
        return _lost(database, setting, reason)
    at_the_door = type(error.orig).__name__ in ("OperationalError", "ConnectionTimeout") and error.statement is None
    refused = "FATAL" in reason and not any(word in reason for word in _NOT_YET)
    if not at_the_door or refused:
        return None
    return DatabaseUnavailable(f"{database} cannot be reached: {reason}; see that the server runs and that {setting} is right")


def _lost(database: str, setting: str, reason: str) -> DatabaseUnavailable:
    cure = f"if it happens again, see that the server runs and can be reached ({setting})"
    return DatabaseUnavailable(f"{database} ended the connection: {reason}; {_AGAIN}; {cure}")


def _full(database: str) -> DatabaseFull:
    return DatabaseFull(f"the disk of {database} is full: what was under way was not done; make room there, then start it again")
