"""What people do in the web UI, against a real `dagster dev` and a real shop: one of each for all tests here."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRun

from inventory_pipeline.db.sync import leases, snapshots
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.private_dagster import CODE_SERVER_TAG, code_server_executes
from inventory_pipeline.defs.sync.launch import sync_stores
from inventory_pipeline.defs.sync.sync_log import SyncLogRow, list_syncs, sync_row
from inventory_pipeline.demo.shops import demo_catalogue, synthetic_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.environment import load_environment
from inventory_pipeline.wiring import Services, open_services
from inventory_pipeline_tests.defs.conftest import bind, register
from inventory_pipeline_tests.defs.live import DagsterDev, until
from inventory_pipeline_tests.modes import PRIVATE, modes_of

CANCEL_SECONDS = 2.0


@pytest.fixture(scope="module", autouse=True)
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("live")
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("INVENTORY_DATABASE_URL", "INVENTORY_DAGSTER_DATABASE_URL", "INVENTORY_SYNC_CRON", "INVENTORY_TIMEZONE"):
            monkeypatch.setenv(name, "")
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        monkeypatch.setenv("INVENTORY_DATA_DIR", str(folder))
        monkeypatch.setenv("INVENTORY_ALLOW_PRIVATE_HOSTS", "127.0.0.1")  # where these tests' shops are
        monkeypatch.setenv("INVENTORY_RETRY_WAIT_SECONDS", "0")
        monkeypatch.setenv("INVENTORY_CRED_KEY", "ck_" + "1" * 40)
        monkeypatch.setenv("INVENTORY_CRED_SECRET", "cs_" + "2" * 40)
        yield folder


@pytest.fixture(scope="module")
def dev(data_dir: Path) -> Iterator[DagsterDev]:
    with DagsterDev() as dev:
        yield dev


@pytest.fixture(scope="module")
def instance(dev: DagsterDev) -> Iterator[dg.DagsterInstance]:
    with open_instance() as instance:
        yield instance


@pytest.fixture(scope="module")
def services(dev: DagsterDev) -> Iterator[Services]:
    with open_services(load_environment()) as services:
        yield services


@pytest.fixture
def shop() -> Iterator[DemoStore]:
    with DemoStore(demo_catalogue(1), key=os.environ["INVENTORY_CRED_KEY"], secret=os.environ["INVENTORY_CRED_SECRET"]) as shop:
        yield shop


def ended(instance: dg.DagsterInstance, run_id: str, seconds: float = 60) -> SyncLogRow:
    """The row of a sync that has ended, own tags and all."""

    def look() -> SyncLogRow | None:
        row = sync_row(instance, run_id)
        return row if row is not None and row.outcome is not None and row.ended_at is not None else None

    return until(look, seconds)


def test_a_store_registered_in_the_launchpad_is_synced_at_once_and_once(
    dev: DagsterDev, instance: dg.DagsterInstance, services: Services, shop: DemoStore
) -> None:
    bind(services, shop.url)
    form = {"key": "auto", "platform": "woocommerce", "url": shop.url, "auto_sync": True}
    form |= {"credentials": {"consumer_key": "env:INVENTORY_CRED_KEY", "consumer_secret": "env:INVENTORY_CRED_SECRET"}}
    registering = dev.launch("register_store_integration", config=form)
    store = until(lambda: next(iter(services.integrations.list()), None))
    registered = time.monotonic()
    requested = until(lambda: list_syncs(instance, store="auto"), 10)
    assert time.monotonic() - registered < 10
    row = ended(instance, requested[0].run_id)
    assert (row.trigger, row.outcome, row.platform) == ("auto_sync", "published", "woocommerce")
    assert row.seen == row.created == 316
    assert len(list_syncs(instance, store="auto")) == 1
    until(lambda: (run := instance.get_run_by_id(registering)) and run.is_finished)
    told = instance.get_records_for_run(registering, of_type=dg.DagsterEventType.STEP_OUTPUT).records[0].event_log_entry
    assert told.get_dagster_event().step_output_data.metadata["next_sync"].value == row.run_id
    assert store.auto_sync


def cancel(dev: DagsterDev, instance: dg.DagsterInstance, services: Services, run_id: str, store: str) -> None:
    """Terminates the run and sees it ended as canceled, its store free again, in time."""
    asked = time.monotonic()
    assert dev.terminate(run_id) == "TerminateRunSuccess"
    row = ended(instance, run_id, 10)
    assert time.monotonic() - asked < CANCEL_SECONDS
    assert (row.status, row.outcome, row.seen, row.error) == ("CANCELED", "canceled", None, None)
    assert leases.current(services.database, store) is None
    with services.database.connect() as connection:
        assert snapshots.last_published(connection, store) is None


def test_cancel_while_waiting_for_a_page(
    dev: DagsterDev, instance: dg.DagsterInstance, services: Services, shop: DemoStore
) -> None:
    register(services, shop.url, "waiting")
    shop.faults.latency(60)
    run_id = dev.launch("__ASSET_JOB", partition="waiting")
    until(lambda: shop.requests)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert code_server_executes(run) is True
    # What it says of one that it was to start and that it does not know, as after a restart.
    unknown = DagsterRun(job_name=run.job_name, run_id="0" * 36, tags=run.tags)
    assert code_server_executes(unknown) is False
    assert code_server_executes(run.with_tags({CODE_SERVER_TAG: '{"host": "localhost", "socket": "/nowhere"}'})) is None
    cancel(dev, instance, services, run_id, "waiting")


def test_cancel_while_staging(dev: DagsterDev, instance: dg.DagsterInstance, services: Services) -> None:
    key, secret = os.environ["INVENTORY_CRED_KEY"], os.environ["INVENTORY_CRED_SECRET"]
    with DemoStore(synthetic_catalogue(30_000), key=key, secret=secret) as shop:
        register(services, shop.url, "staging")
        run_id = dev.launch("sync_inventory", partition="staging")
        until(lambda: len(shop.requests) > 40)
        cancel(dev, instance, services, run_id, "staging")


SLOW_PUBLISH = """
CREATE TRIGGER slow_publish AFTER INSERT ON snapshots WHEN new.store_key = 'publishing' BEGIN
  SELECT count(*) FROM (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000000000) SELECT x FROM n);
END
"""


def test_cancel_while_publishing(
    dev: DagsterDev, instance: dg.DagsterInstance, services: Services, shop: DemoStore, data_dir: Path
) -> None:
    register(services, shop.url, "publishing")
    with closing(sqlite3.connect(data_dir / "inventory.db", timeout=0, isolation_level=None)) as other:
        other.execute(SLOW_PUBLISH)
        busy = 0

        def publishing() -> bool:
            """Whether somebody writes for long: the lease is taken and kept in moments."""
            nonlocal busy
            try:
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
                busy = 0
            except sqlite3.OperationalError:
                busy += 1
            return busy > 5

        run_id = dev.launch("sync_inventory", partition="publishing")
        until(publishing)
        cancel(dev, instance, services, run_id, "publishing")


def test_a_killed_process_leaves_the_last_good_snapshot_and_dagster_tries_again(
    dev: DagsterDev, instance: dg.DagsterInstance, services: Services, shop: DemoStore
) -> None:
    register(services, shop.url, "killed")
    good = ended(instance, dev.launch("sync_inventory", partition="killed"))
    assert good.outcome == "published"
    shop.requests.clear()
    shop.faults.latency(60)
    run_id = dev.launch("sync_inventory", partition="killed")
    until(lambda: shop.requests)
    shop.faults.clear()
    os.kill(process_of(instance, run_id), signal.SIGKILL)
    row = until(lambda: next((row for row in list_syncs(instance, store="killed") if row.error and row.platform), None))
    assert (row.run_id, row.status, row.outcome) == (run_id, "FAILURE", "failed")
    assert "SIGKILL" in str(row.error)
    with services.database.connect() as connection:
        last = snapshots.last_published(connection, "killed")
    assert last is not None
    retried = until(lambda: next((row for row in list_syncs(instance, store="killed") if row.trigger == "retry"), None))
    again = ended(instance, retried.run_id)
    assert (again.outcome, again.created, again.skipped) == ("published", 0, 316)


def process_of(instance: dg.DagsterInstance, run_id: str) -> int:
    started = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, limit=1).records[0]
    return int(str(started.event_log_entry.get_dagster_event().engine_event_data.metadata["pid"].value))


@pytest.mark.slow
def test_a_run_executed_again_counts_for_itself(
    dev: DagsterDev, instance: dg.DagsterInstance, services: Services, shop: DemoStore
) -> None:
    """The first run is a command line's, which the web UI executes again like one of its own."""
    register(services, shop.url, "again")
    add_partitions(instance, ["again"])

    async def run() -> SyncLogRow:
        (row,) = [row async for row in sync_stores(instance, services, ["again"])]
        return row

    first = asyncio.run(run())
    assert (first.outcome, first.created) == ("published", 316)
    shop.catalogue.change(shop.catalogue.pools[0], quantity=4321)
    run_id = dev.execute_again(first.run_id)
    copied = sync_row(instance, run_id)
    assert copied is not None
    assert (copied.trigger, copied.created) == ("retry", None)
    row = ended(instance, run_id)
    assert (row.outcome, row.created, row.updated) == ("published", 0, 1)


@pytest.mark.slow
def test_materializing_several_partitions_is_a_run_and_a_row_each(
    dev: DagsterDev, instance: dg.DagsterInstance, services: Services, shop: DemoStore
) -> None:
    for store in ("north", "south"):
        register(services, shop.url, store)
    add_partitions(instance, ["north", "south"])
    dev.materialize(["north", "south"])
    for store in ("north", "south"):
        row = until(lambda store=store: next(iter(list_syncs(instance, store=store)), None))
        assert ended(instance, row.run_id).outcome == "published"
        assert row.trigger == "manual"


def test_what_every_process_of_dagsters_wrote_is_its_owners_alone(
    dev: DagsterDev, instance: dg.DagsterInstance, services: Services, shop: DemoStore, data_dir: Path
) -> None:
    register(services, shop.url, "private")
    assert ended(instance, dev.launch("sync_inventory", partition="private")).outcome == "published"
    assert {path.name for path in data_dir.iterdir()} >= {"inventory.db", "dagster", "logs"}
    assert modes_of(data_dir) == PRIVATE
