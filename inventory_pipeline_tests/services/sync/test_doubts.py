"""What a read that is not believed says, keeps and offers, on both databases."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from inventory_pipeline.core.errors import Quarantined
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline.core.stock import Completeness, LineNote, ListCoverage, Page, RejectedLine, StockLine
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.sync import SyncResult
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.stock.levels import StockFilter, stock_as_of, stock_now
from inventory_pipeline.db.sync import snapshots
from inventory_pipeline.db.sync.publish import published_by
from inventory_pipeline.services.sync.service import Connect, InventorySyncService
from inventory_pipeline_tests.services.sync.scripted import Item, Scripted, lines, whole

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Syncing = Callable[..., SyncResult]


@pytest.fixture
def sync(database: Database) -> Syncing:
    """Syncs the store, an hour later each time."""
    with database.begin() as connection:
        stores.insert_store(connection, StoreIntegration(key="shop", platform="scripted", url="https://shop.example"), NOON)
    clock = [NOON]

    def syncing(*reads: list[Item], **options: bool) -> SyncResult:
        clock[0] += timedelta(hours=1)
        connect: Connect = Scripted(*reads)  # pyright: ignore[reportAssignmentType] - both connector and what makes one
        service = InventorySyncService(database=database, connect=connect, clock=lambda: clock[0])
        return service.sync_all_products("shop", run_id=f"run-{clock[0]:%H}", **options)

    return syncing


def read(good: Sequence[StockLine], rejected: Sequence[RejectedLine] = ()) -> list[Item]:
    count = len(good) + len(rejected)
    page = Page(list(good), list(rejected))
    return [page, Completeness(count, count, "total")]


def bad(item: int, value: str = "'five'", field: str = "stock_quantity", why: str = "is not a number") -> RejectedLine:
    return RejectedLine(f"{field} {value} {why}", str(item), "default", "{…}", field, value)


def with_units(count: int, units: int | None) -> list[StockLine]:
    quantity = UNKNOWN if units is None else Quantity.of(units)
    return [line._replace(quantity=quantity) for line in lines(count)]


def states(database: Database) -> dict[str, int]:
    with database.connect() as connection:
        rows = list(stock_now(connection, StockFilter(), now=NOON))
    return {state: sum(row.state == state for row in rows) for state in {row.state for row in rows}}


class TestUnreadable:
    def test_it_says_which_lines_and_why_and_what_accepting_does(self, database: Database, sync: Syncing) -> None:
        sync(whole(*lines(100)))
        broken = [*(bad(item) for item in range(20)), *(bad(item, "''", "price", "is empty") for item in range(20, 24))]
        with pytest.raises(Quarantined) as caught:
            sync(read(lines(100)[24:], broken))
        told = str(caught.value)
        assert "24 of 100 lines could not be read: 20 × stock_quantity … is not a number (item 0: 'five'; item 1: 'five';" in told
        assert "; 4 × price … is empty (item 20: ''; " in told
        assert "--accept-unreadable" in told
        assert "--accept-shrink" not in told
        assert "accept_unreadable: true in the launchpad: 24 lines will be unknown" in told
        assert caught.value.accepts == ("accept_unreadable",)
        assert states(database) == {"tracked": 100}

    def test_its_rejected_lines_are_kept_until_a_read_is_published(self, database: Database, sync: Syncing) -> None:
        sync(whole(*lines(700)))
        with pytest.raises(Quarantined, match="stores show shop"):
            sync(read(lines(700)[600:], [bad(item) for item in range(600)]))
        with database.connect() as connection:
            kept = snapshots.last_quarantined(connection, "shop")
        assert kept is not None
        assert (kept.run_id, kept.rejected, len(kept.rejected_lines)) == ("run-14", 600, 500)
        assert kept.rejected_lines[0]["reason"] == "stock_quantity 'five' is not a number"
        sync(whole(*lines(700)))
        with database.connect() as connection:
            assert snapshots.last_quarantined(connection, "shop") is None

    def test_what_would_be_missing_out_of_stock_or_unknown_is_kept_too_those_with_most_units_first(
        self, database: Database, sync: Syncing
    ) -> None:
        many = StockLine("many", sku="MANY", title="t" * 5_000, quantity=Quantity.of(900), location="Cellar", location_id="7")
        sync(whole(*lines(100), many))
        left = [*with_units(70, 0)[:1], *with_units(70, None)[1:2], *lines(70)[2:60]]
        with pytest.raises(Quarantined, match="stores show shop` lists what it would take away and what could not be read; if"):
            sync(read(left, [bad(60)]))
        with database.connect() as connection:
            kept = snapshots.last_quarantined(connection, "shop")
        assert kept is not None
        assert (kept.accepts, kept.does, kept.lost) == (["accept_shrink"], "40 lines will be missing", 43)
        assert kept.lost_lines[0] == {
            **{"item_id": "many", "location_id": "7", "sku": "MANY", "title": "t" * 200, "location": "Cellar"},
            **{"was": "900", "becomes": "missing"},
        }
        becomes = {line["item_id"]: (line["was"], line["becomes"]) for line in kept.lost_lines}
        told = {"0": ("5", "out of stock"), "1": ("5", "unknown"), "60": ("5", "unknown"), "61": ("5", "missing")}
        assert told.items() <= becomes.items()
        assert len(becomes) == 43

    def test_lines_that_would_keep_their_stock_unseen_are_not_among_them(self, database: Database, sync: Syncing) -> None:
        sync(whole(*lines(100)))
        with pytest.raises(Quarantined, match="not provably complete"):
            sync(whole(*lines(90), expected=100))
        with database.connect() as connection:
            kept = snapshots.last_quarantined(connection, "shop")
        assert kept is not None
        assert (kept.lost, kept.lost_lines) == (0, [])
        assert kept.does == "lines unseen in this read keep their last stock as unverified"
        proof = Completeness(95, 90, "lists", lists=(ListCoverage("products", 95, 90, tuple(str(n) for n in range(90, 95))),))
        with pytest.raises(Quarantined, match="not provably complete"):
            sync([Page(lines(90)), proof])
        with database.connect() as connection:
            kept = snapshots.last_quarantined(connection, "shop")
        assert kept is not None
        assert {line["item_id"] for line in kept.lost_lines} == {"95", "96", "97", "98", "99"}

    def test_only_the_right_flag_publishes_it(self, database: Database, sync: Syncing) -> None:
        sync(whole(*lines(100)))
        broken = read(lines(100)[40:], [bad(item) for item in range(40)])
        with pytest.raises(Quarantined):
            sync(broken, accept_shrink=True)
        result = sync(broken, accept_unreadable=True)
        assert result.accepted == ("accept_unreadable",)
        assert states(database) == {"tracked": 60, "unknown": 40}

    @pytest.mark.parametrize("count", [3, 30])
    def test_one_field_that_is_wrong_in_every_line_means_that_the_platform_changed(self, sync: Syncing, count: int) -> None:
        sync(whole(*lines(count)))
        gone = [RejectedLine("the field stock_status is missing", str(n), "default", "", "stock_status") for n in range(count)]
        with pytest.raises(Quarantined, match=rf"the platform changed: in every one of {count} lines the field stock_status is"):
            sync(read([], gone))
        worded = [bad(item, f"'{item},00'") for item in range(count)]
        with pytest.raises(Quarantined, match=rf"the platform changed: in every one of {count} lines stock_quantity …"):
            sync(read([], worded))

    def test_many_different_faults_are_no_change_of_the_platform(self, sync: Syncing) -> None:
        with pytest.raises(Quarantined) as caught:
            sync(read(lines(10), [bad(item, field=f"field{item % 5}") for item in range(10, 60)]))
        assert "the platform changed" not in str(caught.value)


class TestFalls:
    @pytest.mark.parametrize(
        ("units", "flag", "told"),
        [
            (0, "--accept-shrink", "200 of 200 lines that had stock are out of stock at once (100%)"),
            (-1, "--accept-shrink", "are out of stock at once"),
            (None, "--accept-unreadable", "200 of 200 lines that had stock have no number any more (100%)"),
        ],
    )
    def test_all_that_was_in_stock_gone_at_once_is_doubted(
        self, database: Database, sync: Syncing, units: int | None, flag: str, told: str
    ) -> None:
        sync(whole(*lines(200)))
        with pytest.raises(Quarantined) as caught:
            sync(whole(*with_units(200, units)))
        assert told in str(caught.value)
        assert flag in str(caught.value)
        assert states(database) == {"tracked": 200}
        sync(whole(*with_units(200, units)), **{flag.strip("-").replace("-", "_"): True})

    @pytest.mark.parametrize(("fallen", "published"), [(20, True), (100, True), (101, False)])
    def test_a_tenth_that_sells_out_is_everyday_and_more_than_half_is_not(
        self, sync: Syncing, fallen: int, published: bool
    ) -> None:
        sync(whole(*lines(200)))
        after = whole(*lines(200)[fallen:], *with_units(200, 0)[:fallen])
        if published:
            assert sync(after).snapshot.totals.out_of_stock == fallen
        else:
            with pytest.raises(Quarantined, match=f"{fallen} of 200 lines that had stock"):
                sync(after)

    def test_what_was_out_of_stock_before_does_not_count(self, sync: Syncing) -> None:
        sync(whole(*lines(10), *with_units(200, 0)[10:]))
        sync(whole(*lines(9), *with_units(200, 0)[9:]))

    @pytest.mark.parametrize(("count", "published"), [(5, True), (6, False)])
    def test_a_small_shop_may_sell_out_and_a_larger_one_not_in_one_go(self, sync: Syncing, count: int, published: bool) -> None:
        sync(whole(*lines(count)))
        if published:
            sync(whole(*with_units(count, 0)))
        else:
            with pytest.raises(Quarantined):
                sync(whole(*with_units(count, 0)))

    def test_half_empty_and_half_unknown_need_both_flags(self, sync: Syncing) -> None:
        sync(whole(*lines(100)))
        mixed = whole(*with_units(100, 0)[:40], *with_units(100, None)[40:80], *lines(100)[80:])
        with pytest.raises(Quarantined, match="--accept-shrink --accept-unreadable"):
            sync(mixed)
        with pytest.raises(Quarantined):
            sync(mixed, accept_shrink=True)
        sync(mixed, accept_shrink=True, accept_unreadable=True)

    def test_a_switch_to_not_tracked_is_published_and_one_to_sold_out_is_not(self, sync: Syncing) -> None:
        sync(whole(*lines(100)))
        sync(whole(*(line._replace(quantity=UNTRACKED, sellable=True) for line in lines(100))))
        with pytest.raises(Quarantined, match="out of stock at once"):
            sync(whole(*(line._replace(quantity=UNTRACKED, sellable=False) for line in lines(100))))

    def test_a_pool_is_one_quantity_however_many_lines_draw_on_it(self, sync: Syncing) -> None:
        drawing = [line._replace(shared_pool="p") for line in lines(60)]
        sync(whole(*drawing, StockLine("other", quantity=Quantity.of(3))))
        empty = [line._replace(quantity=Quantity.of(0)) for line in drawing]
        assert sync(whole(*empty, StockLine("other", quantity=Quantity.of(3)))).snapshot.totals.out_of_stock == 60

    def test_the_bounds_are_settings(self, database: Database, sync: Syncing) -> None:
        sync(whole(*lines(100)))
        with database.begin() as connection:
            stores.update_store(connection, "shop", settings={"fall_percent": "10", "fall_lines": "5"})
        with pytest.raises(Quarantined, match="11 of 100"):
            sync(whole(*with_units(100, 0)[:11], *lines(100)[11:]))
        with database.begin() as connection:
            stores.update_store(connection, "shop", settings={"fall_percent": "100"})
        sync(whole(*with_units(100, 0)))


class TestKeptWithTheSnapshot:
    def test_a_gap_that_stays_is_known_since_when_and_its_lines_are_unverified(self, database: Database, sync: Syncing) -> None:
        sync(whole(*lines(10)))
        since = [sync(whole(*lines(8), expected=10)).snapshot.gap_since for _ in range(3)]
        assert since == [NOON + timedelta(hours=2)] * 3
        with database.connect() as connection:
            last = snapshots.last_published(connection, "shop")
            rows = list(stock_now(connection, StockFilter(), now=NOON))
        assert last is not None
        assert last.gap_told == "2 of 10 entries that the platform counts are not shown since 2026-11-23T14:00:00Z"
        assert sorted(row.item_id for row in rows if row.unverified) == ["8", "9"]
        another = sync(whole(*lines(9), expected=10))
        assert another.snapshot.gap_since == NOON + timedelta(hours=5)
        assert sync(whole(*lines(10))).snapshot.gap_since is None

    def test_what_it_had_to_say_is_read_back_and_holds_while_nothing_is_modified(self, database: Database, sync: Syncing) -> None:
        written = NOON - timedelta(days=2)
        lists = (ListCoverage("/products", 3, 3),)
        proof = Completeness(3, 3, "total", lists=lists, notes=("2 orphans; delete them",), modified=written)
        sync([Page(lines(3), excluded={"grouped": 2}, notes=[LineNote("rounded", "1", "0.3333333")]), proof])
        sync([Completeness(None, 0, "not modified", unchanged=True, modified=written)])
        with database.connect() as connection:
            first, second = (published_by(connection, "shop", run) for run in ("run-13", "run-14"))
        assert first is not None
        assert second is not None
        assert (first.read.proof.lists, first.read.proof.notes) == (lists, ("2 orphans; delete them",))
        for result in (first, second):
            assert result.read.line_notes == ["1 × rounded (item 1: 0.3333333)"]
            assert result.read.excluded == {"grouped": 2}
            assert result.read.proof.modified == written


def test_a_file_that_nobody_renews_is_stale_however_lately_it_was_read(database: Database, sync: Syncing) -> None:
    written = NOON - timedelta(days=7, hours=20)
    sync([Page(lines(2)), Completeness(2, 2, "total", modified=written)])
    read_at, old = NOON + timedelta(hours=2), NOON + timedelta(hours=5)
    with database.connect() as connection:
        fresh, stale = (list(stock_now(connection, StockFilter(), now=now)) for now in (read_at, old))
        then = list(stock_as_of(connection, old, StockFilter()))
    assert [(row.stale, row.file_written_at) for row in fresh] == [(False, written)] * 2
    assert [(row.stale, row.available) for row in stale] == [(True, 5)] * 2
    assert [(row.stale, row.state) for row in then] == [(True, "unknown")] * 2
