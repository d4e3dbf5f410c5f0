"""One SQLAlchemy engine for SQLite or PostgreSQL, set up so that both behave alike."""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.private_files import make_file, make_folder

# How a transaction begins on SQLite. "stage" writes temporary tables only, so that it locks nothing of the main file.
Mode = Literal["read", "stage", "write"]
MODE = "inventory_mode"
# A threading.Event that ends the wait for SQLite's write lock early.
STOP = "inventory_stop"

# PostgreSQL lets go of what a client held whose machine went down or whose process stands still in a transaction: within
# about a minute, where the system's own settings would take hours. Older servers lack one of them.
_LET_GO = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "client_connection_check_interval": "10s",
    "idle_in_transaction_session_timeout": "60s",
}

# How long a writer waits for another one, in seconds: longer than any store's publishing transaction.
LOCK_PATIENCE = 60.0
# SQLite waits inside C, where no signal handler runs; short waits in a loop keep the process cancellable.
_BUSY_MILLISECONDS = 100


def checked_url(text: str) -> sa.URL:
    """The URL with its driver made explicit. Raises UsageError for anything but a SQLite file or PostgreSQL."""
    try:
        url = sa.make_url(text)
    except ArgumentError:
        raise UsageError(_unusable(redact(text))) from None
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise UsageError(f"{_unusable(text)}; an in-memory database would be another one in every process")
        return url.set(drivername="sqlite+pysqlite")
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    raise UsageError(_unusable(url.render_as_string(hide_password=True)))


def _unusable(shown: str) -> str:
    return (
        f"database URL {shown!r:.200} is not usable: INVENTORY_DATABASE_URL takes sqlite:///<file> or"
        " postgresql://<user>:<password>@<host>/<database>"
    )


def make_engine(url: sa.URL, *, pooled: bool = True) -> sa.Engine:
    """The engine for a checked URL; connects to nothing yet."""
    if url.drivername == "postgresql+psycopg":
        timeout = {} if "connect_timeout" in url.query else {"connect_timeout": 10}
        engine = sa.create_engine(url, pool_pre_ping=pooled, poolclass=None if pooled else sa.NullPool, connect_args=timeout)
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    engine = sa.create_engine(url, poolclass=None if pooled else sa.NullPool)
    event.listen(engine, "do_connect", _make_sqlite_file)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_sqlite_file(_dialect: sa.Dialect, _record: object, arguments: Sequence[str], _options: object) -> None:
    """SQLite would make a file that others can read; those beside it (-wal, -shm) get the mode of this one."""
    file = Path(arguments[0])
    if not file.exists():
        make_folder(file.parent)
        make_file(file)


def _prepare_postgresql(raw: Any, _record: object) -> None:
    asked = "unnest(%s::text[], %s::text[]) AS asked(name, value)"
    set_those_it_knows = f"SELECT set_config(name, value, false) FROM pg_settings JOIN {asked} USING (name)"
    raw.execute(set_those_it_knows, (list(_LET_GO), list(_LET_GO.values())))
    raw.commit()


def _prepare_sqlite(raw: sqlite3.Connection, _record: object) -> None:
    raw.isolation_level = None  # the driver's own BEGIN would come too late for reads and for DDL
    patiently(lambda: raw.execute("PRAGMA journal_mode = WAL"))
    raw.execute("PRAGMA synchronous = NORMAL")
    raw.execute("PRAGMA foreign_keys = ON")
    raw.execute("PRAGMA temp_store = FILE")
    raw.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")


def _begin_sqlite(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    mode: Mode = options.get(MODE, "read")
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.execute(f"PRAGMA query_only = {'ON' if mode == 'read' else 'OFF'}")
    if mode != "write":
        raw.execute("BEGIN")
        return
    # A writer takes the lock at once: a reader that turns writer later could only fail.
    patiently(lambda: raw.execute("BEGIN IMMEDIATE"), options.get(STOP))


def patiently(attempt: Callable[[], Any], stop: threading.Event | None = None) -> None:
    """Tries until no other connection is in the way, at most LOCK_PATIENCE; then raises SQLite's own error."""
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            attempt()
            return
        except sqlite3.OperationalError as error:
            stopped = time.monotonic() > deadline or (stop is not None and stop.is_set())
            if stopped or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise


def load_temporary(connection: sa.Connection, table: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Adds rows to a temporary table by the fastest way that the database has."""
    raw: Any = connection.connection.dbapi_connection
    columns = ", ".join(names)
    if connection.dialect.name == "postgresql":
        with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        raw.executemany(f"INSERT INTO temp.{table} ({columns}) VALUES ({', '.join('?' * len(names))})", rows)


def upsert(dialect: sa.Dialect, table: sa.Table) -> Any:
    """An INSERT that takes `on_conflict_do_update`, which both databases have, each in its own dialect."""
    if dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert
    return insert(table)
