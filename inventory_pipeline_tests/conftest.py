"""Fixtures for every room: a migrated inventory database, once on SQLite and once on PostgreSQL."""

import gc
import logging
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inventory_pipeline.core.redaction import Redactor, redact
from inventory_pipeline.db.database import Database
from inventory_pipeline.logs import LOGGER
from inventory_pipeline_tests.canceling import Signal
from inventory_pipeline_tests.postgres import PostgresServer


@pytest.fixture(autouse=True)
def nothing_carries_over() -> Iterator[None]:
    """What a process remembers for good: the secrets it hides (another test's words, perhaps) and where its log goes."""
    logger = logging.getLogger(LOGGER)
    handlers, level = list(logger.handlers), logger.level
    yield
    vars(redact).update(vars(Redactor()))
    for handler in logger.handlers:
        if handler not in handlers:
            handler.close()
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated database: copying it is quicker than migrating anew."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database of either kind, for tests that open it in another process too."""
    if request.param == "sqlite":
        path = tmp_path / "inventory.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield url
    server.recycle_database(url)


@pytest.fixture
def open_database(database_url: str) -> Iterator[Callable[[], Database]]:
    """Opens the test's database once more, as another process would."""
    opened: list[Database] = []

    def opening() -> Database:
        opened.append(Database(database_url))
        return opened[-1]

    yield opening
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database: Callable[[], Database]) -> Database:
    return open_database()


@pytest.fixture
def cancel() -> Iterator[Signal]:
    cancel = Signal()
    previous = signal.signal(signal.SIGALRM, cancel.handle)
    # Hypothesis times garbage collections in a callback, and Python drops an exception that a handler raises in there.
    gc.disable()
    yield cancel
    gc.enable()
    signal.signal(signal.SIGALRM, previous)
