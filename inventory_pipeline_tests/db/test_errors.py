"""Trouble of the database itself: typed by what happens next, in words that say which database and what to do."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from inventory_pipeline.core.errors import DatabaseBusy, DatabaseFull, DatabaseReadOnly, DatabaseUnavailable, UsageError
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.errors import typed_error
from inventory_pipeline.db.integrations import audit
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.times import NOON
from inventory_pipeline_tests.postgres import PostgresServer


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    return postgres_server.create_database()


@pytest.fixture
def postgresql(url: str, postgres_server: PostgresServer):
    database = Database(url)
    yield database
    database.close()
    postgres_server.recycle_database(url)


CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def cut_all(url: str) -> None:
    """What a restart of the server does to every connection of this database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(CUT)


LOST = r"^the inventory database \(PostgreSQL database test_\d+ on .*\) ended the connection: .*INVENTORY_DATABASE_URL"


@pytest.mark.parametrize("when", ["in the middle", "at the commit"])
def test_a_connection_that_is_cut_is_typed_and_the_next_one_is_fresh(postgresql: Database, url: str, when: str) -> None:
    def write() -> None:
        with postgresql.begin() as connection:
            audit.record(connection, NOON, "lena", "added", "store berlin")
            cut_all(url)
            if when == "in the middle":
                audit.record(connection, NOON, "lena", "added", "store paris")

    with pytest.raises(DatabaseUnavailable, match=LOST):
        write()
    with postgresql.connect() as connection:
        assert audit.list_audit(connection) == []


def test_a_connection_that_waits_in_the_pool_is_replaced_unseen(postgresql: Database, url: str) -> None:
    with postgresql.connect() as connection:
        audit.list_audit(connection)
    cut_all(url)
    with postgresql.connect() as connection:
        assert audit.list_audit(connection) == []


def test_a_staging_connection_that_is_cut_is_typed_too(postgresql: Database, url: str) -> None:
    shop = Shop(postgresql)
    with Stage(postgresql, shop.key) as stage:
        stage.add([line("a", 1)])
        cut_all(url)
        with pytest.raises(DatabaseUnavailable, match=LOST):
            stage.measure()


def test_a_server_that_is_not_there_is_unavailable_and_a_wrong_account_is_a_persons_matter(url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"on 127\.0\.0\.1\) cannot be reached: .*refused") as error:
        Database("postgresql://sam:hunter22@127.0.0.1:1/stock").migrate()
    assert "hunter22" not in str(error.value)
    with pytest.raises(UsageError, match='role "nobody-here" does not exist; check INVENTORY_DATABASE_URL'):
        Database(url.replace("postgres@", "nobody-here@")).migrate()


def test_a_lock_that_is_not_to_be_had_is_busy(database: Database, open_database: Callable[[], Database]) -> None:
    other = open_database()
    with database.begin() as writing:
        audit.record(writing, NOON, "lena", "added", "store berlin")
        with pytest.raises(DatabaseBusy, match=r"stays locked|was held by another"), other.begin(wait=False) as waiting:
            waiting.execute(sa.text("LOCK TABLE audit_log NOWAIT"))


_HOLDS = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
    " c.execute('BEGIN IMMEDIATE'); print(flush=True); input()"
)


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who holds a lock")
def test_whoever_holds_a_locked_file_is_named(tmp_path: Path, sqlite_template: Path) -> None:
    file = tmp_path / "inventory.db"
    file.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{file}")
    database.migrate()
    with subprocess.Popen([sys.executable, "-c", _HOLDS, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(DatabaseBusy, match=rf"stays locked by process {holder.pid} \(python"), database.begin(wait=False):
            raise AssertionError("it is locked")
        holder.stdin.close()
    database.close()


def test_a_file_that_may_not_be_written_is_a_persons_matter() -> None:
    error = sqlite3.OperationalError("attempt to write a readonly database")
    error.sqlite_errorcode = sqlite3.SQLITE_READONLY
    typed = typed_error(error, "the database", "INVENTORY_DATABASE_URL")
    assert isinstance(typed, DatabaseReadOnly)
    assert "cannot be written" in str(typed)
    assert "set INVENTORY_DATA_DIR" in str(typed)


def test_a_full_disk_has_its_own_words_and_is_no_matter_of_trying_again(tmp_path: Path, sqlite_template: Path) -> None:
    (tmp_path / "inventory.db").write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{tmp_path}/inventory.db")

    def write() -> None:
        with database.begin() as connection:
            # SQLite's own way to have no more room: it fails as on a full disk.
            connection.exec_driver_sql(f"PRAGMA max_page_count = {connection.exec_driver_sql('PRAGMA page_count').scalar()}")
            for _ in range(2_000):
                audit.record(connection, NOON, "lena", "added", "x" * 10_000)

    with pytest.raises(DatabaseFull, match=re.escape(f"SQLite database {tmp_path}/inventory.db) is full")) as error:
        write()
    assert "make room" in str(error.value)
    assert not isinstance(error.value, DatabaseUnavailable)
    database.close()


def test_what_is_no_trouble_of_the_database_stays_what_it_is(database: Database) -> None:
    with pytest.raises(DBAPIError), database.begin() as connection:
        connection.execute(sa.text("SELECT nothing FROM nowhere"))


def test_postgresql_lets_go_of_what_a_vanished_client_held(postgresql: Database) -> None:
    names = ("client_connection_check_interval", "idle_in_transaction_session_timeout")
    with postgresql.connect() as connection:
        shown = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names]
    assert shown == ["10s", "1min"]
