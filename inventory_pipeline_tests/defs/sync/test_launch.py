"""Syncs that a command line runs itself, in real child processes: no run launcher looks after them."""

import asyncio
import os
import signal
from contextlib import aclosing
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance

from inventory_pipeline.db.sync import leases
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.sync.launch import sync_stores
from inventory_pipeline.defs.sync.sync_log import SyncLogRow, list_syncs
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.environment import PROJECT_ROOT
from inventory_pipeline.wiring import Services
from inventory_pipeline_tests.defs.conftest import register
from inventory_pipeline_tests.defs.live import start_dagster, until

MATERIALIZE = ("asset", "materialize", "--select", "inventory_snapshot", "-m", "inventory_pipeline.definitions")


def sync_all(instance: DagsterInstance, stores: list[str], concurrency: int = 2) -> list[SyncLogRow]:
    async def run() -> list[SyncLogRow]:
        return [row async for row in sync_stores(instance, stores, concurrency=concurrency)]

    add_partitions(instance, stores)
    return asyncio.run(run())


def process_of(instance: DagsterInstance, run_id: str) -> int:
    started = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, limit=1).records[0]
    return int(str(started.event_log_entry.get_dagster_event().engine_event_data.metadata["pid"].value))


def test_each_store_is_a_run_of_its_own_and_processes_are_used_again(
    instance: DagsterInstance, services: Services, shop: DemoStore
) -> None:
    register(services, shop.url, "paris")
    rows = sync_all(instance, ["berlin", "paris", "nobody"], concurrency=1)
    assert [(row.store, row.outcome, row.trigger) for row in rows] == [
        ("berlin", "published", "manual"),
        ("paris", "published", "manual"),
        ("nobody", "refused", "manual"),
    ]
    assert {row.run_id for row in rows} == {row.run_id for row in list_syncs(instance)}
    runs = [instance.get_run_by_id(row.run_id) for row in rows]
    assert all(run is not None and run.job_name == names.SYNC_JOB for run in runs)
    assert len({process_of(instance, row.run_id) for row in rows}) == 1


def test_a_worker_that_dies_costs_its_own_sync_only(instance: DagsterInstance, services: Services, shop: DemoStore) -> None:
    register(services, shop.url, "paris")
    shop.faults.latency(60, times=1)

    async def run() -> list[SyncLogRow]:
        killing = asyncio.create_task(asyncio.to_thread(kill_first))
        rows = [row async for row in sync_stores(instance, ["berlin", "paris"], concurrency=1)]
        await killing
        return rows

    def kill_first() -> None:
        until(lambda: shop.requests)
        (row,) = list_syncs(instance)
        os.kill(process_of(instance, row.run_id), signal.SIGKILL)

    add_partitions(instance, ["berlin", "paris"])
    rows = asyncio.run(run())
    assert [(row.store, row.outcome) for row in rows] == [("berlin", "failed"), ("paris", "published")]
    assert "died" in str(rows[0].error)


@pytest.mark.parametrize("how", ["by closing", "from the web UI"])
def test_a_canceled_sync_ends_as_canceled_and_frees_its_store(
    instance: DagsterInstance, services: Services, shop: DemoStore, how: str
) -> None:
    shop.faults.latency(60)
    add_partitions(instance, ["berlin"])

    async def run() -> None:
        async with aclosing(sync_stores(instance, ["berlin"])) as rows:
            following = asyncio.ensure_future(anext(rows))
            await asyncio.to_thread(until, lambda: shop.requests)
            if how == "from the web UI":
                (row,) = list_syncs(instance)
                running = instance.get_run_by_id(row.run_id)
                assert running is not None
                instance.run_launcher.terminate(running.run_id)
                await following
            else:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    asyncio.run(run())
    (row,) = list_syncs(instance)
    assert (row.status, row.outcome) == ("CANCELED", "canceled")
    assert leases.current(services.database, "berlin") is None


def test_ctrl_c_on_dagsters_own_command_line_is_a_cancel_too(
    instance: DagsterInstance, services: Services, shop: DemoStore, tmp_path: Path
) -> None:
    shop.faults.latency(60)
    add_partitions(instance, ["berlin"])
    with start_dagster(*MATERIALIZE, "--partition", "berlin", folder=tmp_path, DAGSTER_HOME=str(PROJECT_ROOT)) as process:
        until(lambda: shop.requests, 60)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    (row,) = list_syncs(instance)
    assert (row.status, row.outcome, row.trigger) == ("CANCELED", "canceled", "manual")
    assert leases.current(services.database, "berlin") is None
