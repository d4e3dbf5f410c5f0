"""Long statements that a signal can end.

Python runs signal handlers in the main thread, between two bytecodes. A statement that takes seconds holds that thread
inside SQLite or libpq for as long, and an exception raised in SQLite's progress handler is thrown away. So the
statements of a sync, and of an alert check, run on a thread of their own: the caller only waits, can be interrupted at
any moment, and then tells the database to stop.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

import sqlalchemy as sa

from inventory_pipeline.db.database import Database
from inventory_pipeline.db.engine import MODE, STOP, Mode

Result = TypeVar("Result")

_GLANCE = 0.1
_PAUSE = 0.05  # between two calls to stop: a call that falls between two statements is lost
_PATIENCE = 10.0  # a server that does not answer must not hold the process


class _Job:
    def __init__(self, work: Callable[[sa.Connection], Any]) -> None:
        self.work = work
        self.done = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None


class InterruptibleConnection:
    """One database connection and the thread that works on it. Whoever makes it closes it."""

    def __init__(self, database: Database) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._database = database
        self._connection = database.dedicated().execution_options(**{STOP: self._stopping})
        self._raw: Any = self._connection.connection.dbapi_connection
        # A daemon, so that a statement which no call can stop does not keep the process alive.
        self._thread = threading.Thread(target=self._serve, name="inventory statements", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[sa.Connection], Result], mode: Mode) -> Result:
        """The result of `work` inside one transaction, or its exception, after rollback.

        An exception that reaches the waiting caller itself (a signal handler's) stops the statement, rolls back, ends
        the connection, and goes on. Raises DatabaseUnavailable where the database has ended the connection.
        """

        def in_transaction(connection: sa.Connection) -> Result:
            connection.execution_options(**{MODE: mode})
            with connection.begin():
                result = work(connection)
                if self._stopping.is_set():
                    raise InterruptedError("nobody waits for this any more: it must not be committed")
                return result

        job = _Job(in_transaction)
        try:
            self._jobs.put(job)
            # In steps: a signal that comes just before the thread falls asleep would not wake it.
            while not job.done.wait(_GLANCE):
                pass
        except BaseException:
            self._stopping.set()
            self._interrupt()
            self.close()
            raise
        if job.error is not None:
            with self._database.typed_errors():
                raise job.error
        return job.result

    def close(self) -> None:
        """Ends the connection; what runs on it is stopped and rolled back. May be called twice."""
        self._stopping.set()
        self._jobs.put(None)
        self._thread.join(_PAUSE)
        waited = 0.0
        while self._thread.is_alive() and waited < _PATIENCE:
            self._interrupt()
            self._thread.join(_PAUSE)
            waited += _PAUSE

    def _serve(self) -> None:
        with self._connection:
            while (job := self._jobs.get()) is not None:
                try:
                    job.result = job.work(self._connection)
                except BaseException as error:  # noqa: BLE001 – handed to the caller, whatever it is
                    job.error = error
                job.done.set()

    def _interrupt(self) -> None:
        # Either may find the connection closed in this very moment, which is what was wanted.
        if isinstance(self._raw, sqlite3.Connection):
            with suppress(sqlite3.ProgrammingError):
                self._raw.interrupt()
        else:
            import psycopg  # a sync into SQLite need not load it

            with suppress(psycopg.Error):
                self._raw.cancel_safe(timeout=1.0)
