"""The sync core on both databases: outcomes, counts, re-reads, the lease, and what stays when a sync fails."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from inventory_pipeline.core.errors import (
    CredentialsRejected,
    IncompleteRead,
    LeaseHeld,
    LeaseLost,
    PlatformUnavailable,
    Quarantined,
    StoreRefused,
)
from inventory_pipeline.core.quantity import Quantity
from inventory_pipeline.core.stock import Completeness, Page, RejectedLine, StockLine
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.sync import SyncResult
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.sync import leases, snapshots
from inventory_pipeline.services.sync.service import InventorySyncService
from inventory_pipeline_tests.services.sync.scripted import Item, Scripted, lines, whole

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TTL = timedelta(seconds=60)

Sync = Callable[..., SyncResult]


@pytest.fixture
def shop(database: Database) -> StoreIntegration:
    store = StoreIntegration(key="shop", platform="scripted", url="https://shop.example")
    with database.begin() as connection:
        stores.insert_store(connection, store, NOW)
    return store


def service(database: Database, connector: Scripted, **options: object) -> InventorySyncService:
    return InventorySyncService(database=database, connect=connector, clock=lambda: NOW, **options)  # pyright: ignore[reportArgumentType] -- options of the one under test


def synced(database: Database, *reads: list[Item], run_id: str = "run", **options: bool) -> SyncResult:
    return service(database, Scripted(*reads)).sync_all_products("shop", run_id=run_id, **options)


def published(database: Database) -> list[int]:
    with database.connect() as connection:
        return [snapshot.counts.seen for snapshot in snapshots.list_snapshots(connection, "shop")]


@pytest.mark.usefixtures("shop")
class TestPublished:
    def test_a_first_read_creates_a_second_one_skips_and_a_third_updates(self, database: Database) -> None:
        first = synced(database, whole(*lines(5)))
        assert (first.snapshot.counts.created, first.snapshot.counts.updated, first.snapshot.counts.skipped) == (5, 0, 0)
        assert (first.snapshot.totals.units, first.snapshot.totals.variants, first.api_calls) == (25, 5, 1)
        second = synced(database, whole(*lines(5)))
        assert (second.snapshot.counts.created, second.snapshot.counts.updated, second.snapshot.counts.skipped) == (0, 0, 5)
        sold = lines(5)
        sold[3] = sold[3]._replace(quantity=Quantity.of(1))
        third = synced(database, whole(*sold))
        assert (third.snapshot.counts.created, third.snapshot.counts.updated, third.snapshot.counts.skipped) == (0, 1, 4)
        assert [(change.sku, change.before, change.after) for change in third.snapshot.largest_changes] == [("SKU-3", 5, 1)]

    def test_the_first_sync_is_noted_and_a_mended_authorization_too(self, database: Database) -> None:
        with database.begin() as connection:
            stores.set_needs_reauthorization(connection, "shop", "the key was revoked")
        synced(database, whole(*lines(1)))
        with database.connect() as connection:
            store = stores.get_store(connection, "shop")
        assert store is not None
        assert (store.first_sync_at, store.needs_reauthorization) == (NOW, None)

    def test_a_bad_line_is_rejected_with_its_reason_and_sinks_no_other(self, database: Database) -> None:
        bad = StockLine("bad", quantity=Quantity("unknown", 3))
        page = Page([*lines(3), bad], [RejectedLine("quantity 'seven' is not a number", "worse", "default")])
        result = synced(database, [page, Completeness(expected=5, read=5, how="total")])
        assert (result.snapshot.counts.seen, result.snapshot.counts.created, result.snapshot.counts.rejected) == (5, 3, 2)
        assert len(result.snapshot.rejections) == 2
        assert "2 lines could not be read" in result.warnings[0]

    def test_what_the_connector_left_for_its_next_read_reaches_it(self, database: Database) -> None:
        etag = Completeness(expected=None, read=1, how="end of file", memo={"etag": "abc"})
        connector = Scripted([Page(lines(1)), etag], [Completeness(expected=None, read=0, how="not modified", unchanged=True)])
        sync = service(database, connector)
        sync.sync_all_products("shop", run_id="1")
        result = sync.sync_all_products("shop", run_id="2")
        assert connector.memos == [{}, {"etag": "abc"}]
        assert (result.snapshot.counts.seen, result.snapshot.counts.skipped, result.snapshot.totals.lines) == (1, 1, 1)


@pytest.mark.usefixtures("shop")
class TestNotBelieved:
    def test_a_short_read_is_read_again_and_the_whole_second_one_is_published(self, database: Database) -> None:
        result = synced(database, whole(*lines(4), expected=9), whole(*lines(9)))
        assert (result.snapshot.counts.seen, result.read.proof.gap, result.api_calls, result.warnings) == (9, 0, 2, ())

    def test_a_read_that_broke_off_is_read_again(self, database: Database) -> None:
        assert synced(database, [Page(lines(2)), IncompleteRead("truncated")], whole(*lines(3))).snapshot.counts.seen == 3

    def test_the_same_small_gap_twice_is_published_and_unseen_lines_stay_present(self, database: Database) -> None:
        synced(database, whole(*lines(10)))
        result = synced(database, whole(*lines(8), expected=10))
        assert (result.read.proof.gap, result.snapshot.counts.missing, result.snapshot.totals.lines) == (2, 0, 10)
        assert "unverified" in result.warnings[0]

    @pytest.mark.parametrize(
        "reads",
        [
            [whole(*lines(4), expected=9)],
            [[Page(lines(4))]],
            [[*whole(*lines(4)), Page(lines(1))]],
            [[Page(lines(2)), IncompleteRead("truncated")]],
            [whole(*lines(1))],
            [whole()],
        ],
        ids=["short twice", "no proof", "goes on after its proof", "breaks off twice", "shrunk", "empty"],
    )
    def test_what_cannot_be_believed_is_quarantined_and_the_last_snapshot_stays(
        self, database: Database, reads: list[list[Item]]
    ) -> None:
        synced(database, whole(*lines(40)))
        with pytest.raises(Quarantined, match="the last good snapshot stays"):
            synced(database, *reads)
        assert published(database) == [40]
        assert leases.current(database, "shop") is None

    def test_a_shrink_is_published_when_a_person_accepts_it_from_a_read_of_its_own(self, database: Database) -> None:
        synced(database, whole(*lines(40)))
        with pytest.raises(Quarantined, match="--store shop --accept-shrink"):
            synced(database, whole(*lines(10)))
        result = synced(database, whole(*lines(10)), accept_shrink=True)
        assert (result.snapshot.counts.missing, result.accepted) == (30, ("accept_shrink",))
        assert "30 of 40 lines are gone" in result.warnings[0]

    def test_a_platform_that_always_counts_too_many_asks_a_person_only_once(self, database: Database) -> None:
        with pytest.raises(Quarantined):
            synced(database, whole(*lines(50), expected=90))
        synced(database, whole(*lines(50), expected=90), accept_shrink=True)
        assert synced(database, whole(*lines(50), expected=90)).read.proof.gap == 40


class TestRefused:
    def test_an_unknown_an_inactive_and_a_purged_store_are_refused_with_the_way_out(
        self, database: Database, shop: StoreIntegration
    ) -> None:
        sync = service(database, Scripted(whole()))
        with pytest.raises(StoreRefused, match="stores list"):
            sync.sync_all_products("nowhere", run_id="run")
        with database.begin() as connection:
            stores.update_store(connection, shop.key, is_active=False)
        with pytest.raises(StoreRefused, match="stores activate shop"):
            sync.sync_all_products("shop", run_id="run")
        with database.begin() as connection:
            stores.purge_store(connection, shop.key, NOW)
        with pytest.raises(StoreRefused, match="was purged on"):
            sync.sync_all_products("shop", run_id="run")

    @pytest.mark.usefixtures("shop")
    def test_a_second_sync_is_refused_naming_the_first_and_leaves_its_lease_alone(self, database: Database) -> None:
        leases.acquire(database, "shop", "first", NOW, TTL)
        with pytest.raises(LeaseHeld, match="first") as caught:
            synced(database, whole(*lines(1)), run_id="second")
        assert caught.value.holder == "first"
        assert (lease := leases.current(database, "shop")) is not None
        assert lease.run_id == "first"

    @pytest.mark.usefixtures("shop")
    def test_a_run_whose_lease_was_taken_over_publishes_nothing(self, database: Database) -> None:
        class TakenOver(Scripted):
            async def read(self):
                async for item in super().read():
                    leases.release(database, "shop", "slow")
                    yield item

        with pytest.raises(LeaseLost):
            service(database, TakenOver(whole(*lines(3)))).sync_all_products("shop", run_id="slow")
        assert published(database) == []

    @pytest.mark.usefixtures("shop")
    def test_a_lost_lease_ends_a_read_that_waits_for_ever(self, database: Database) -> None:
        class Waiting(Scripted):
            async def read(self):
                import asyncio

                yield Page(lines(1))
                leases.release(database, "shop", "slow")
                await asyncio.wait_for(asyncio.Event().wait(), 20)

        sync = service(database, Waiting([]), lease_ttl=timedelta(milliseconds=80))
        with pytest.raises(LeaseLost):
            sync.sync_all_products("shop", run_id="slow")


@pytest.mark.usefixtures("shop")
class TestFailed:
    @pytest.mark.parametrize("error", [PlatformUnavailable("503"), RuntimeError("a fault of our own"), KeyboardInterrupt()])
    def test_whatever_ends_a_sync_frees_the_store_and_keeps_the_last_snapshot(
        self, database: Database, error: BaseException
    ) -> None:
        synced(database, whole(*lines(3)))
        with pytest.raises(type(error)):
            synced(database, [Page(lines(1)), error])
        assert published(database) == [3]
        assert leases.current(database, "shop") is None
        assert synced(database, whole(*lines(3))).snapshot.counts.skipped == 3

    def test_refused_credentials_mark_the_store(self, database: Database) -> None:
        with pytest.raises(CredentialsRejected):
            synced(database, [CredentialsRejected("the consumer secret is wrong")])
        with database.connect() as connection:
            store = stores.get_store(connection, "shop")
        assert store is not None
        assert store.needs_reauthorization == "the consumer secret is wrong"
