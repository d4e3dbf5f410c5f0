"""The inventory database: where it is, who reads, who writes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.engine import MODE, STOP, checked_url, make_engine
from inventory_pipeline.db.errors import typed_errors
from inventory_pipeline.db.migrate import migrate

Dialect = Literal["sqlite", "postgresql"]

SETTING = "INVENTORY_DATABASE_URL"
_NO_WAITING = threading.Event()
_NO_WAITING.set()


class Database:
    """One database, brought to the newest schema at its first use. May be shared by threads, not by forked processes.

    `url` is `sqlite:///<file>` or `postgresql://…` (psycopg 3); anything else raises UsageError, as does a database
    that cannot be opened or that a newer version of this project has migrated. Its blocks raise DatabaseUnavailable where
    the database cannot be reached, ends the connection or stays locked, and DatabaseFull where its disk is full. Not `pooled`,
    each block opens a connection of its own and closes it.
    """

    def __init__(self, url: str, *, pooled: bool = True) -> None:
        self._url = checked_url(url)
        self._engine = make_engine(self._url, pooled=pooled)
        self._opening = threading.Lock()
        self._open = False

    @property
    def dialect(self) -> Dialect:
        return "sqlite" if self._engine.dialect.name == "sqlite" else "postgresql"

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """For reading: everything read through it shows the database as it was at the first statement."""
        self.migrate()
        options: dict[str, object] = {MODE: "read"}
        if self.dialect == "postgresql":
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.typed_errors(), self._engine.connect() as connection:
            yield connection.execution_options(**options)

    @contextmanager
    def begin(self, *, wait: bool = True) -> Iterator[sa.Connection]:
        """For writing: one transaction, committed at the end of the block, rolled back where it raises.

        With `wait` False a SQLite file that is being written raises DatabaseBusy at once; PostgreSQL locks rows only.
        """
        self.migrate()
        with self.typed_errors(), self._engine.connect() as connection:
            connection.execution_options(**{MODE: "write"}, **({} if wait else {STOP: _NO_WAITING}))
            with connection.begin():
                yield connection

    def dedicated(self) -> sa.Connection:
        """A connection outside the pool, for one owner: closing it really ends it, with its temporary tables."""
        self.migrate()
        with self.typed_errors():
            connection = self._engine.connect()
            connection.detach()
        return connection

    def migrate(self) -> None:
        """Brings the schema up to date, once per process; several processes at once wait for one another."""
        with self._opening:
            if self._open:
                return
            try:
                with self.typed_errors():
                    migrate(self._engine)
            except (OperationalError, sqlite3.OperationalError) as error:
                reason = redact(one_line(error.orig if isinstance(error, OperationalError) else error))
                raise UsageError(f"{self.describe()} cannot be opened: {reason}; check {SETTING}") from None
            self._open = True

    def close(self) -> None:
        self._engine.dispose()

    def typed_errors(self) -> AbstractContextManager[None]:
        """Whatever troubles this database inside the block is raised in this project's types and words."""
        file = Path(self._url.database or "") if self.dialect == "sqlite" else None
        return typed_errors(f"the inventory database ({self.describe()})", SETTING, file)

    def describe(self) -> str:
        """Which database this is, in words fit for a log: never the password."""
        if self.dialect == "sqlite":
            return f"SQLite database {self._url.database}"
        return f"PostgreSQL database {self._url.database} on {self._url.host or self._url.query.get('host', 'localhost')}"
