"""The power goes with a store in each step of a sync: every run ends by itself, and nothing is lost or doubled."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from inventory_pipeline.db.sync.totals import stock_totals
from inventory_pipeline.defs import names
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.defs.sync.sync_log import SyncLogRow, list_syncs, sync_row
from inventory_pipeline.demo.shops import synthetic_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.environment import load_environment
from inventory_pipeline.wiring import Services, open_services
from inventory_pipeline_tests.defs.conftest import register
from inventory_pipeline_tests.defs.live import until
from inventory_pipeline_tests.defs.power import Daemon, Steps, slow_down_publishing, speed_up_publishing
from inventory_pipeline_tests.postgres import PostgresServer

# In the order in which they can be reached together: from the third on every process is stopped at its step.
STEPS = ("reading", "retry_wait", "starting", "started", "committed", "ending", "publishing")
PUBLISHED = ("committed", "ending")
# How often runs beat after the cut. 10 are the real times, which then take two minutes.
HEARTBEAT = int(os.environ.get("POWER_CUT_HEARTBEAT", "2"))
LINES = 20


@pytest.fixture
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both databases of one kind."""
    kind: str = getattr(request, "param", "sqlite")
    monkeypatch.setenv("INVENTORY_SYNC_CRON", "0 0 1 1 *")
    monkeypatch.setenv("INVENTORY_CRED_KEY", "ck_" + "1" * 40)
    monkeypatch.setenv("INVENTORY_CRED_SECRET", "cs_" + "2" * 40)
    if kind == "sqlite":
        yield kind
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    urls = server.create_database(), server.create_empty_database()
    for name, url in zip(("INVENTORY_DATABASE_URL", "INVENTORY_DAGSTER_DATABASE_URL"), urls, strict=True):
        monkeypatch.setenv(name, url)
    yield kind
    for url in urls:
        server.drop_database(url)


@pytest.fixture
def services(data_dir: Path, database: str) -> Iterator[Services]:
    with open_services(load_environment()) as services:
        yield services


@pytest.fixture
def history(data_dir: Path, database: str) -> Iterator[dg.DagsterInstance]:
    with open_instance() as instance:
        yield instance


@pytest.fixture
def shops(services: Services) -> Iterator[Callable[[str], DemoStore]]:
    """Opens a shop for the store of that name."""
    with ExitStack() as opened:

        def open_shop(store: str) -> DemoStore:
            shop = DemoStore(synthetic_catalogue(LINES), key="ck_" + "1" * 40, secret="cs_" + "2" * 40)
            register(services, opened.enter_context(shop).url, store)
            return shop

        yield open_shop


def bring(steps: Steps, shop: DemoStore, step: str) -> str:
    """The run of the store that is called as its step."""
    if step == "reading":
        shop.faults.latency(600)
        run_id = steps.request(step)
        until(lambda: shop.requests, 120)
        return run_id
    if step == "retry_wait":
        shop.faults.maintenance()
    return getattr(steps, step)(step)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_every_run_ends_by_itself_whatever_step_it_was_in_and_no_living_one_does(
    database: str, services: Services, history: dg.DagsterInstance, shops: Callable[[str], DemoStore]
) -> None:
    steps = Steps(history, services)
    opened = {step: shops(step) for step in STEPS}
    slow_down_publishing(services)
    runs, queued = cut_in(steps, opened, waits_behind="reading")
    living, waiting = shops("living"), shops("waiting")
    living.faults.latency(6.5 * HEARTBEAT, times=1)
    waiting.faults.maintenance(times=1)
    with Daemon(INVENTORY_RUN_HEARTBEAT_SECONDS=str(HEARTBEAT), INVENTORY_RETRY_WAIT_SECONDS=str(7 * HEARTBEAT)):
        back = time.monotonic()
        alive = [steps.request("living"), steps.request("waiting")]
        speed_up_publishing(services)
        print(database, all_closed(steps, runs, back))  # noqa: T201 - the table of times
        following = [steps.request(step) for step in PUBLISHED]
        wait_for_the_syncs_that_follow(steps, opened, [*following, *alive, queued])
    for step, run_id in runs.items():
        assert_nothing_is_lost_or_doubled(steps, step, run_id, opened[step])


@pytest.mark.slow
def test_a_run_without_lease_and_one_that_has_just_published_end_by_themselves(
    services: Services, history: dg.DagsterInstance, shops: Callable[[str], DemoStore]
) -> None:
    steps = Steps(history, services)
    opened = {step: shops(step) for step in ("started", "committed")}
    runs, queued = cut_in(steps, opened, waits_behind="committed")
    with Daemon(INVENTORY_RUN_HEARTBEAT_SECONDS=str(HEARTBEAT)):
        all_closed(steps, runs, time.monotonic())
        wait_for_the_syncs_that_follow(steps, opened, [queued])
    for step, run_id in runs.items():
        assert_nothing_is_lost_or_doubled(steps, step, run_id, opened[step])


def cut_in(steps: Steps, shops: dict[str, DemoStore], waits_behind: str) -> tuple[dict[str, str], str]:
    """The run that was in each step when the power went, and one that waited in the queue behind one of them."""
    # Long times until the cut: nobody is to be closed while the steps are being reached.
    with Daemon(INVENTORY_RUN_HEARTBEAT_SECONDS="60", INVENTORY_RETRY_WAIT_SECONDS="600") as daemon:
        runs = {step: bring(steps, shop, step) for step, shop in shops.items()}
        queued = steps.request(waits_behind)
        daemon.cut()
    for shop in shops.values():
        shop.faults.clear()
    return runs, queued


def all_closed(steps: Steps, runs: dict[str, str], since: float) -> dict[str, int]:
    """After how many seconds each run had its end."""
    closed: dict[str, int] = {}

    def look() -> bool:
        for step, run_id in runs.items():
            if step not in closed and steps.status(run_id) in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE):
                closed[step] = round(time.monotonic() - since)
        return len(closed) == len(runs)

    until(look, 60 + 12 * HEARTBEAT)
    return closed


def wait_for_the_syncs_that_follow(steps: Steps, stores: Iterable[str], run_ids: Sequence[str]) -> None:
    """Dagster itself starts failed runs again, and the queue goes on."""

    def last(store: str) -> SyncLogRow:
        return list_syncs(steps.instance, store=store)[0]

    for store in stores:
        until(lambda store=store: last(store).outcome == "published" and last(store).ended_at, 300)
    for run_id in run_ids:
        row = until(lambda run_id=run_id: (row := sync_row(steps.instance, run_id)) and row.ended_at and row, 120)
        assert row.outcome == "published"


def assert_nothing_is_lost_or_doubled(steps: Steps, step: str, run_id: str, shop: DemoStore) -> None:
    row = sync_row(steps.instance, run_id)
    assert row is not None
    published = step in PUBLISHED
    assert (row.status, row.outcome) == (("SUCCESS", "published") if published else ("FAILURE", "failed"))
    assert row.seen == (LINES if published else None)
    assert published or "the run's process is gone" in str(row.error)
    green = [each for each in list_syncs(steps.instance, store=step) if each.outcome == "published"]
    assert len(green) > published, "the store's next sync is green"
    assert sorted(each.run_id for each in green) == sorted(steps.published(step)), "each snapshot is one green run's"
    which = dg.AssetRecordsFilter(asset_key=dg.AssetKey(names.SNAPSHOT), asset_partitions=[step])
    assert len(steps.instance.fetch_materializations(which, limit=10).records) == len(green), "and one materialization's"
    assert sum(each.created or 0 for each in green) == LINES
    with steps.services.database.connect() as connection:
        totals = stock_totals(connection, step)
    assert (totals.lines, totals.units) == (LINES, shop.catalogue.units)
