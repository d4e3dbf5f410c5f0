"""A database that ends its connections in the middle of a run: the run is tried once more, whole, and says what happened."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from dagster import DagsterInstance
from sqlalchemy.exc import DBAPIError

from inventory_pipeline.core.errors import DatabaseBusy, DatabaseUnavailable
from inventory_pipeline.db.sync import leases, snapshots
from inventory_pipeline.db.sync.heartbeats import of_runs
from inventory_pipeline.defs.instance import history_error, open_instance
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.environment import load_environment
from inventory_pipeline.wiring import Services, open_services
from inventory_pipeline_tests.defs.live import until
from inventory_pipeline_tests.defs.runs import execute, sync
from inventory_pipeline_tests.postgres import PostgresServer, cut

CUT_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def url(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The inventory database on PostgreSQL, reached with a password that nobody may read anywhere."""
    url = postgres_server.create_database().replace("postgres@", "postgres:hunter2-hunter2@")
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def services(url: str) -> Iterator[Services]:
    with open_services(load_environment()) as services:
        yield services


def published(services: Services) -> int:
    with services.database.connect() as connection:
        return len(snapshots.list_snapshots(connection, "berlin"))


@pytest.mark.parametrize("table", ["run_heartbeats", "sync_leases", "snapshots"])
def test_a_sync_whose_connection_was_cut_is_made_once_more_and_published_once(
    instance: DagsterInstance, shop: DemoStore, services: Services, url: str, table: str
) -> None:
    cut(url, table)
    result, row = sync(instance)
    assert (row.status, row.outcome, row.seen, result.attempts) == ("SUCCESS", "published", 316, 2)
    assert published(services) == 1
    assert leases.current(services.database, "berlin") is None
    life = of_runs(services.database, [row.run_id])[row.run_id]
    assert life.ended_at is not None


def test_every_connection_cut_while_it_reads_is_the_same(
    instance: DagsterInstance, shop: DemoStore, services: Services, url: str
) -> None:
    shop.faults.latency(0.3)

    def cut_all() -> None:
        until(lambda: shop.requests)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(CUT_ALL)
        shop.faults.clear()

    cutting = threading.Thread(target=cut_all)
    cutting.start()
    result, row = sync(instance)
    cutting.join()
    assert (row.outcome, row.seen, result.attempts, published(services)) == ("published", 316, 2, 1)


def test_where_it_happens_again_the_run_says_which_database_and_what_to_do_without_its_password(
    instance: DagsterInstance, shop: DemoStore, services: Services, url: str
) -> None:
    cut(url, "snapshots", times=9)
    result, row = sync(instance)
    assert (row.status, row.outcome, result.attempts) == ("FAILURE", "failed", 2)
    assert str(row.error).startswith("the inventory database (PostgreSQL database test_")
    assert "ended the connection" in str(row.error)
    assert "INVENTORY_DATABASE_URL" in result.failure
    assert "hunter2" not in result.texts
    assert published(services) == 0


def test_the_alert_check_is_made_once_more_too(instance: DagsterInstance, shop: DemoStore, services: Services, url: str) -> None:
    services.sync().sync_all_products("berlin", run_id="run")
    cut(url, "alert_baselines")
    result = execute(instance, "check_alerts")
    assert (result.run.status.value, result.attempts) == ("SUCCESS", 2)
    (told,) = result.materializations
    assert told.metadata["stores"].value == 1


def test_trouble_of_dagsters_own_database_says_so(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    url = postgres_server.create_empty_database().replace("postgres@", "postgres:hunter2-hunter2@")
    monkeypatch.setenv("INVENTORY_DAGSTER_DATABASE_URL", url)
    with open_instance() as instance:
        storage = instance.run_storage
        with pytest.raises(DBAPIError) as caught, storage.connect() as connection:  # pyright: ignore[reportAttributeAccessIssue] -- of SQL storages
            cut_and_ask(connection, url)
    lost = history_error(caught.value)
    assert isinstance(lost, DatabaseUnavailable)
    assert str(lost).startswith("Dagster's database (PostgreSQL database test_")
    assert "INVENTORY_DAGSTER_DATABASE_URL" in str(lost)
    assert "hunter2" not in str(lost)
    assert history_error(ValueError("something else")) is None
    postgres_server.drop_database(url)


def cut_and_ask(connection: sa.Connection, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(CUT_ALL)
    connection.execute(sa.text("SELECT 1"))


def test_a_locked_file_of_dagsters_says_so(data_dir: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{data_dir}/other.db", connect_args={"timeout": 0})
    data_dir.mkdir(parents=True)
    with engine.connect() as holding, engine.connect() as waiting:
        holding.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(DBAPIError) as caught:
            waiting.exec_driver_sql("BEGIN EXCLUSIVE")
    engine.dispose()
    locked = history_error(caught.value)
    assert isinstance(locked, DatabaseBusy)
    assert str(locked).startswith(f"Dagster's database (SQLite files under {data_dir}/dagster) stays locked")
