"""Where the database is, how it is migrated, and what a reader sees."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

import inventory_pipeline.db.tables.alerts
import inventory_pipeline.db.tables.stock
import inventory_pipeline.db.tables.stores  # noqa: F401 – registers its tables
from inventory_pipeline.core.errors import DatabaseUnavailable, UsageError
from inventory_pipeline.core.sync import Counts
from inventory_pipeline.db import migrate
from inventory_pipeline.db.alerts import notices
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.engine import MODE, checked_url, make_engine
from inventory_pipeline.db.integrations import audit, stores
from inventory_pipeline.db.tables import metadata
from inventory_pipeline.db.tables.stock import snapshots
from inventory_pipeline.db.tables.users import users as _users  # noqa: F401 - beside those that the modules above bring along
from inventory_pipeline_tests.db.times import NOON
from inventory_pipeline_tests.postgres import PostgresServer

MIGRATIONS = Path(migrate.__file__).parent / "migrations"


def test_migrations_make_exactly_the_tables_that_the_code_uses(database: Database) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_newest_revision_is_the_one_that_opening_looks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_several_openers_of_an_empty_database_migrate_it_once(kind: str, tmp_path: Path, postgres_server: PostgresServer) -> None:
    url = f"sqlite:///{tmp_path}/new/inventory.db" if kind == "sqlite" else postgres_server.create_empty_database()
    databases = [Database(url) for _ in range(4)]
    start = threading.Barrier(4)

    def open_it(database: Database) -> None:
        start.wait()
        database.migrate()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(open_it, databases))
    with databases[0].connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all() == [migrate.HEAD]
    for database in databases:
        database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_stores_and_routes_that_work_today_may_go_on(kind: str, tmp_path: Path, postgres_server: PostgresServer) -> None:
    """0004: a store with a published snapshot keeps its private address, one that never was synced has to be allowed."""
    url = f"sqlite:///{tmp_path}/old.db" if kind == "sqlite" else postgres_server.create_empty_database()
    engine = make_engine(checked_url(url))
    with engine.connect() as connection:
        connection.execution_options(**{MODE: "write"})
        with connection.begin():
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            command.upgrade(config, "0002")
            for key, address in (("synced", "http://10.0.0.5"), ("new", "http://10.0.0.6"), ("file", "stock.csv")):
                store = {"key": key, "url": address, "created_at": NOON, "is_active": True, "auto_sync": False}
                old = store | {"name": key, "group_name": "default", "platform": "feed", "settings": {}}
                connection.execute(_old_table("store_integrations", old).insert().values(old))
            for key in ("synced", "file"):
                numbers = dict.fromkeys(("read", "gap", "api_calls", *Counts.__slots__), 0)
                times = dict.fromkeys(("started_at", "ended_at", "published_at"), NOON)
                row = {"store_key": key, "run_id": "r", "how": "", "memo": {}, "excluded": {}, "unchanged": False}
                row |= {**numbers, **times, "accepted_shrink": False}
                connection.execute(snapshots.insert().values(row))
            route = {"name": "office", "kind": "webhook", "shown": "http://10.0.0.5", "severity": "warning", "created_at": NOON}
            route |= {name: [] for name in ("events", "groups", "stores", "platforms", "skus")}
            connection.execute(_old_table("notification_routes", route).insert().values(route))
    engine.dispose()
    database = Database(url)
    database.migrate()
    with database.connect() as connection:
        allowed = {store.key: store.allow_private for store in stores.list_stores(connection)}
        assert allowed == {"file": False, "new": False, "synced": True}
        assert [route.allow_private for route in notices.list_routes(connection)] == [True]
    database.close()


def _old_table(name: str, row: dict) -> sa.TableClause:
    """The columns of a row as they were before the newest migrations, with today's types."""
    return sa.table(name, *(sa.column(column, metadata.tables[name].c[column].type) for column in row))


def test_a_database_of_a_newer_version_is_refused(database: Database, open_database: Callable[[], Database]) -> None:
    with database.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UsageError, match="'9999', newer than this version knows"):
        open_database().migrate()


def test_reading_cannot_write(database: Database) -> None:
    with database.connect() as connection, pytest.raises(DBAPIError, match=re.compile("read-?only", re.IGNORECASE)):
        audit.record(connection, NOON, "nobody", "writes", "something")


def test_a_reader_sees_one_moment_while_others_write(database: Database) -> None:
    with database.connect() as reading:
        assert audit.list_audit(reading) == []
        with database.begin() as writing:
            audit.record(writing, NOON, "lena", "added", "store berlin")
        assert audit.list_audit(reading) == []
    with database.connect() as reading:
        assert [entry.action for entry in audit.list_audit(reading)] == ["added"]


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    def failing() -> None:
        with database.begin() as connection:
            audit.record(connection, NOON, "lena", "added", "store berlin")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        failing()
    with database.connect() as connection:
        assert audit.list_audit(connection) == []


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter22@h/d", "sqlite://", "sqlite:///:memory:", "nonsense", "postgresql+psycopg2://u:hunter22@h/d"]
)
def test_any_other_kind_of_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError, match="INVENTORY_DATABASE_URL") as error:
        Database(url)
    assert "hunter22" not in str(error.value)


def test_a_server_that_does_not_answer_is_named_without_the_password(tmp_path: Path) -> None:
    database = Database(f"postgresql://sam:hunter22@/stock?host={tmp_path}")
    with pytest.raises(DatabaseUnavailable, match=r"PostgreSQL database stock on .* cannot be reached") as error:
        database.migrate()
    assert "hunter22" not in str(error.value)
    assert "\n" not in str(error.value)
    assert "hunter22" not in database.describe()


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be opened: unable to open database file"):
        Database(f"sqlite:///{tmp_path}").migrate()
