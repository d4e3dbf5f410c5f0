"""Stock as people ask for it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from inventory_pipeline.core.quantity import Quantity
from inventory_pipeline.core.stock import Completeness, RejectedLine
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.stock.levels import StockFilter, StockRow, stock_as_of, stock_now
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON


def now(database: Database, when: Any = NOON + HOUR, **filters: Any) -> list[StockRow]:
    with database.connect() as connection:
        return list(stock_now(connection, StockFilter(**filters), now=when))


def as_of(database: Database, when: Any, **filters: Any) -> list[StockRow]:
    with database.connect() as connection:
        return list(stock_as_of(connection, when, StockFilter(**filters)))


def test_a_line_is_shown_with_everything_its_platform_says(database: Database) -> None:
    shop = Shop(database, group="outdoor")
    fields: dict[str, Any] = {
        "product_id": "p1",
        "sku": "TENT-2",
        "title": "Tent – ⛺",
        "status": "draft",
        "on_hand": Decimal("3.25"),
        "committed": 2,
        "incoming": 0,
        "sellable": True,
        "oversell_allowed": False,
        "shared_pool": "p1",
        "location": "Main shop",
    }
    shop.sync([line("v1", **fields, quantity=Quantity.of(Decimal("1.25")))])
    expected = {"store": "berlin", "group": "outdoor", "platform": "woocommerce", "item_id": "v1", "location_id": "default"}
    expected |= fields | {"state": "tracked", "available": Decimal("1.25"), "presence": "present"}
    expected |= {"as_of": shop.now - MINUTE, "stale": False, "file_written_at": None, "unverified": False}
    assert [row._asdict() for row in now(database)] == [expected]


def test_lines_come_by_store_item_and_location_in_byte_order(database: Database) -> None:
    Shop(database, "rome").sync([line("b", 1), line("B", 1), line("a", 1, location_id="2"), line("a", 1, location_id="10")])
    Shop(database, "berlin").sync([line("z", 1)])
    shown = [(row.store, row.item_id, row.location_id) for row in now(database)]
    assert shown == [
        ("berlin", "z", "default"),
        ("rome", "B", "default"),
        ("rome", "a", "10"),
        ("rome", "a", "2"),
        ("rome", "b", "default"),
    ]


def test_lines_are_found_by_store_group_location_and_sku(database: Database) -> None:
    Shop(database, "rome", group="south").sync([line("a", 1, sku=" Tent\t", location_id="7"), line("b", 1, sku="tent")])
    Shop(database, "berlin").sync([line("c", 1, sku="Tent")])
    assert [row.item_id for row in now(database, stores=["rome"])] == ["a", "b"]
    assert [row.item_id for row in now(database, group="default")] == ["c"]
    assert [row.item_id for row in now(database, location="7")] == ["a"]
    assert [row.item_id for row in now(database, sku=" Tent ")] == ["c", "a"]
    assert now(database, stores=[]) == []


def test_stock_is_stale_once_its_read_is_older_than_the_limit(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 4)])
    limit = 4 * HOUR * 1.25
    assert [(row.stale, row.available) for row in now(database, shop.now + limit)] == [(False, 4)]
    assert [(row.stale, row.available) for row in now(database, shop.now + limit + MINUTE)] == [(True, 4)]


def test_a_store_may_have_its_own_freshness_limit(database: Database) -> None:
    shop = Shop(database, freshness_limit=timedelta(minutes=10))
    shop.sync([line("a", 4)])
    assert [row.stale for row in now(database, shop.now + 11 * MINUTE)] == [True]


def test_an_unverified_line_is_as_old_as_the_read_that_last_showed_it(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1), line("b", 2)])
    first = shop.now
    short = Completeness(expected=2, read=1, how="test")
    shop.sync([line("a", 1)], proof=short, unseen_go_missing=False)
    shop.sync([line("a", 1)], proof=short, unseen_go_missing=False)
    rows = {row.item_id: row for row in now(database, first + 5 * HOUR + MINUTE)}
    assert (rows["a"].as_of, rows["a"].stale) == (shop.now - MINUTE, False)
    assert (rows["b"].as_of, rows["b"].stale, rows["b"].available) == (first - MINUTE, True, 2)
    shop.sync([line("a", 1), line("b", 2)])
    assert {row.as_of for row in now(database, shop.now)} == {shop.now - MINUTE}


def test_missing_lines_are_shown_as_unknown_and_deleted_ones_not_at_all(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1), line("b", 2, on_hand=2, committed=0, incoming=1, sellable=True)])
    shop.sync([line("a", 1)])
    gone = now(database)[1]
    assert (gone.item_id, gone.presence, gone.state) == ("b", "missing", "unknown")
    assert (gone.available, gone.on_hand, gone.committed, gone.incoming, gone.sellable) == (None,) * 5
    shop.sync([line("a", 1)])
    assert [row.item_id for row in now(database)] == ["a"]


def test_as_of_gives_the_last_snapshot_whose_read_had_ended(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1)])
    first = shop.now
    shop.sync([line("a", 2), line("b", 3)])
    assert as_of(database, first - timedelta(microseconds=1)) == []
    for when in (first, first + HOUR - timedelta(microseconds=1)):
        assert [(row.item_id, row.available, row.as_of) for row in as_of(database, when)] == [("a", 1, first - MINUTE)]
    assert [(row.item_id, row.available) for row in as_of(database, shop.now)] == [("a", 2), ("b", 3)]


def test_as_of_past_the_freshness_limit_knows_the_lines_but_no_numbers(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1, on_hand=1, committed=0, incoming=0, sellable=True)])
    [row] = as_of(database, shop.now + 6 * HOUR)
    assert (row.state, row.stale, row.as_of) == ("unknown", True, shop.now - MINUTE)
    assert (row.available, row.on_hand, row.committed, row.incoming, row.sellable) == (None,) * 5


def test_as_of_remembers_missing_deleted_and_returned_lines(database: Database) -> None:
    shop = Shop(database)
    times = []
    for lines in ([line("a", 1)], [], [], [line("a", 7)]):
        shop.sync([line("rest", 0), *lines])
        times.append(shop.now)
    seen = [[(row.presence, row.available) for row in as_of(database, when) if row.item_id == "a"] for when in times]
    assert seen == [[("present", 1)], [("missing", None)], [], [("present", 7)]]


def test_as_of_filters_by_what_the_line_was_then(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1, sku="OLD")])
    first = shop.now
    shop.sync([line("a", 9, sku="NEW")])
    assert [row.available for row in as_of(database, first, sku="OLD")] == [1]
    assert as_of(database, first, sku="NEW") == []
    assert as_of(database, shop.now, sku="OLD") == []


def test_a_rejected_line_shows_as_unknown(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 4, title="Tent")])
    shop.sync(rejected=[RejectedLine("quantity 'x' is not a number", "a", "default")])
    assert [(row.state, row.available, row.title, row.presence) for row in now(database)] == [
        ("unknown", None, "Tent", "present")
    ]


def test_a_store_without_a_snapshot_has_no_stock(database: Database) -> None:
    Shop(database)
    assert now(database) == []
    assert as_of(database, NOON) == []


def test_a_large_store_streams_whole(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line(f"{number:05}", number) for number in range(5_001)])
    with database.connect() as connection:
        rows = stock_now(connection, StockFilter(), now=shop.now)
        assert next(rows).item_id == "00000"
        assert sum(1 for _ in rows) == 5_000
