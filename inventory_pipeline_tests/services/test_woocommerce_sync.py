"""A WooCommerce shop through the whole sync core: what becomes of its lines in the database."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.sync import SyncResult
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.sync import snapshots
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.services.sync.service import InventorySyncService
from inventory_pipeline_tests.connectors.made_up_shop import MadeUpShop, parent, product, variation
from inventory_pipeline_tests.connectors.reading import check_shop, woo_context

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CURE = "WooCommerce > Status > Tools > Delete orphaned variations"

Sync = Callable[..., SyncResult]


@pytest.fixture
def sync(database: Database) -> Sync:
    """Syncs a shop, four hours after the last time."""
    ticks = count()
    with database.begin() as connection:
        stores.insert_store(connection, StoreIntegration(key="shop", platform="woocommerce", url="https://shop.example"), NOW)

    def run(shop: MadeUpShop, **settings: str) -> SyncResult:
        now = NOW + timedelta(hours=4 * next(ticks))

        with shop.serve() as server:

            def connect(_store: StoreIntegration, memo: Mapping[str, str]) -> Any:
                return connector_for("woocommerce")(woo_context(server.url, settings, memo=memo))

            service = InventorySyncService(database=database, connect=connect, clock=lambda: now)
            return service.sync_all_products("shop", run_id=f"run-{now:%d-%H}")

    return run


def levels(database: Database) -> dict[str, tuple[str, str, Decimal | None, bool]]:
    """By item: presence, state, available, and whether the last read vouches for the line."""
    columns = (stock_levels.c[name] for name in ("item_id", "presence", "state", "available", "last_verified_snapshot"))
    with database.connect() as connection:
        rows = connection.execute(sa.select(*columns)).all()
    return {row.item_id: (row.presence, row.state, row.available, row.last_verified_snapshot is None) for row in rows}


def present(*numbers: int, available: float = 5) -> dict[str, tuple[str, str, Any, bool]]:
    return {str(number): ("present", "tracked", available, True) for number in numbers}


# Numbers


def test_a_shop_that_sells_by_weight_has_the_stock_that_it_means(database: Database, sync: Sync) -> None:
    """Decimal quantities are subtracted in binary floating point by WooCommerce itself."""
    told = [7.350000000000001, 1.8999999999999995, 5.000000000000002, 5.551115123125783e-17, 2.5]
    result = sync(MadeUpShop([product(number, stock_quantity=told[number - 1]) for number in range(1, 6)]))
    assert [level[2] for _, level in sorted(levels(database).items())] == [Decimal("7.35"), Decimal("1.9"), 5, 0, Decimal("2.5")]
    assert (result.snapshot.counts.rejected, result.read.line_notes) == (0, ())


def test_what_truly_has_more_decimals_is_rounded_and_said_once(database: Database, sync: Sync) -> None:
    shop = MadeUpShop([product(number, stock_quantity=number + 1 / 3) for number in range(1, 101)])
    result = sync(shop)
    assert levels(database)["1"] == ("present", "tracked", Decimal("1.333333"), True)
    (note,) = result.read.line_notes
    assert note.startswith("100 × number of more than 6 decimals: rounded to 6 (item 1: quantity 1.3333333333333333;")
    assert note.count("item") == 3
    assert sync(shop).snapshot.counts.skipped == 100


@pytest.mark.parametrize("told", [2147483647, 9999999999, 10**40, "9999999999", 1e300, -2147483648])
def test_a_quantity_beyond_the_bound_is_an_unknown_line_at_first_sight_and_later(
    database: Database, sync: Sync, told: float | str
) -> None:
    shop = MadeUpShop([product(1), product(2, stock_quantity=told)])
    for created in (2, 0):
        result = sync(shop)
        assert (result.snapshot.counts.created, result.snapshot.counts.rejected) == (created, 0)
        assert levels(database) == present(1) | {"2": ("present", "unknown", None, True)}
        (note,) = result.read.line_notes
        assert note.startswith("1 × number beyond 1,000,000,000, as programs write it for “unlimited”: taken as unknown (item 2:")
    shop.products[0]["stock_quantity"] = told
    sync(shop)
    assert levels(database)["1"] == ("present", "unknown", None, True)


# Orphaned variations, and what a list hides


def shop_with_orphans(*orphans: int) -> MadeUpShop:
    shop = MadeUpShop([product(1), product(2), parent(3, 4, 5), parent(6, 7)])
    shop.variations = [variation(4, 3), variation(5, 3), variation(7, 6), *(variation(number, 999) for number in orphans)]
    shop.hidden = set(orphans)
    return shop


def test_orphaned_variations_are_no_gap_and_told_with_their_cure(database: Database, sync: Sync) -> None:
    result = sync(shop_with_orphans(90, 91, 92, 93, 94))
    assert (result.read.proof.gap, result.warnings, result.api_calls) == (0, (), 2)
    (note,) = result.read.proof.notes
    assert note.startswith("5 orphaned variations in the shop's database")
    assert note.endswith(CURE)
    assert levels(database) == present(1, 2, 4, 5, 7)
    assert [(one.name, one.expected, one.read) for one in result.read.proof.lists] == [("/products", 4, 4), ("/variations", 3, 3)]


def test_however_many_orphans_there_are_a_deleted_product_is_missing_and_then_deleted(database: Database, sync: Sync) -> None:
    shop = shop_with_orphans(*range(100, 140))
    sync(shop)
    # Product 3 is deleted, and its variations with it; product 1 too.
    shop.products = [item for item in shop.products if item["id"] not in (1, 3)]
    shop.variations = [item for item in shop.variations if item["parent_id"] != 3]
    result = sync(shop)
    gone = {str(number): ("missing", "unknown", None, True) for number in (1, 4, 5)}
    assert (result.snapshot.counts.missing, levels(database)) == (3, present(2, 7) | gone)
    assert sync(shop).snapshot.counts.deleted == 3
    after = {item: presence for item, (presence, *_) in levels(database).items()}
    assert after == dict.fromkeys("145", "deleted") | dict.fromkeys("27", "present")


def test_a_variation_that_its_parent_names_and_the_list_hides_keeps_its_stock_unverified(database: Database, sync: Sync) -> None:
    shop = shop_with_orphans(90, 91)
    sync(shop)
    shop.hidden.add(5)
    del shop.products[0]
    result = sync(shop)
    assert (result.read.proof.gap, result.snapshot.counts.missing) == (1, 1)
    assert "they keep their last stock as unverified" in result.warnings[0]
    assert levels(database) == present(2, 4, 7) | {
        "1": ("missing", "unknown", None, True),
        "5": ("present", "tracked", 5, False),
    }
    shop.hidden.discard(5)
    assert sync(shop).read.proof.gap == 0
    assert levels(database)["5"] == ("present", "tracked", 5, True)


def test_a_variation_that_was_deleted_meanwhile_is_not_kept_alive_by_its_parents_word(database: Database, sync: Sync) -> None:
    """The parent was listed before its variation went: the variations' own total proves that nothing is hidden."""
    shop = shop_with_orphans()
    sync(shop)
    shop.variations = [item for item in shop.variations if item["id"] != 5]
    assert sync(shop).read.proof.gap == 0
    assert levels(database)["5"][0] == "missing"


def test_a_gap_among_the_products_keeps_every_unseen_line(database: Database, sync: Sync) -> None:
    shop = shop_with_orphans(90)
    sync(shop)
    shop.hidden |= {3, 4, 5}
    result = sync(shop)
    assert (result.read.proof.gap, result.snapshot.counts.missing, result.read.proof.notes) == (1, 0, ())
    assert "lines unseen in this read keep" in result.warnings[0]
    assert {level[0] for level in levels(database).values()} == {"present"}


def test_before_10_3_each_products_own_list_is_judged_alike(database: Database, sync: Sync) -> None:
    shop = shop_with_orphans(90, 91)
    shop.flat = False
    result = sync(shop)
    assert (result.read.proof.gap, result.read.proof.notes) == (0, ()), "orphans are in no product's list"
    shop.hidden.add(5)
    assert sync(shop).read.proof.gap == 1
    assert levels(database)["5"] == ("present", "tracked", 5, False)
    # A row that its product does not name and its own list counts is a gap as well, of nobody knows which line.
    shop.hidden.add(7)
    shop.products[3]["variations"] = []
    result = sync(shop)
    assert (result.read.proof.gap, result.read.proof.notes, result.snapshot.counts.missing) == (2, (), 0)


def test_the_next_sync_begins_where_the_last_one_found_the_shop_and_still_finds_it_elsewhere(sync: Sync) -> None:
    shop = shop_with_orphans()
    shop.permalinks = "plain"
    # Two refused addresses before the first answer, and never again.
    assert [sync(shop).api_calls, sync(shop).api_calls] == [4, 2]
    shop.permalinks = "pretty"
    assert sync(shop).api_calls == 2, "addresses for plain permalinks are understood by every shop"


def test_a_check_tells_of_the_orphans_that_the_last_sync_found(database: Database, sync: Sync) -> None:
    shop = shop_with_orphans(90, 91)
    sync(shop)
    with database.connect() as connection:
        last = snapshots.last_published(connection, "shop")
    assert last is not None
    with shop.serve() as server:
        item = check_shop(server.url, memo=last.memo)["permissions"]
    assert item.ok
    assert "2 orphaned variations" in item.detail
    assert CURE in item.cure
