"""What a publish tells a person about the store."""

from decimal import Decimal

import sqlalchemy as sa

from inventory_pipeline.core.quantity import UNTRACKED, Quantity
from inventory_pipeline.db.database import Database
from inventory_pipeline_tests.db.shop import Shop, line


def test_totals_count_every_pool_once(database: Database) -> None:
    shop = Shop(database)
    result = shop.sync(
        [
            line("a", 10, product_id="p", shared_pool="p"),
            line("b", 10, product_id="p", shared_pool="p"),
            line("c", 10, product_id="p", shared_pool="p"),
            line("d", 5, product_id="q", shared_pool="q"),
            line("e", quantity=UNTRACKED, product_id="q", shared_pool="q"),
            line("f", 0),
            line("f", -2, location_id="2"),
            line("g"),
        ]
    )
    totals = result.totals
    assert (totals.lines, totals.variants, totals.products, totals.units) == (8, 7, 4, 13)
    assert (totals.out_of_stock, totals.negative, totals.untracked, totals.unknown) == (2, 1, 1, 1)


def test_what_lies_at_a_closed_location_is_neither_units_nor_out_of_stock(database: Database) -> None:
    closed = [line("a", number, location_id=f"{number}", location_active=False) for number in (50, 0, -3)]
    pooled = line("b", 20, shared_pool="p", location_active=False)
    totals = Shop(database).sync([line("a", 17), *closed, pooled]).totals
    assert (totals.lines, totals.units, totals.out_of_stock, totals.negative, totals.oversold) == (5, 17, 0, 0, 0)


def test_totals_tell_oversold_from_backordered_and_count_unusable_skus(database: Database) -> None:
    shop = Shop(database)
    result = shop.sync(
        [
            line("a", -1, sku="A", oversell_allowed=True),
            line("b", -2, sku=" A ", oversell_allowed=False),
            line("c", -3, sku="C"),
            line("c", 4, location_id="2", sku="C"),
            line("d", 5, sku=" \t ", title="Cup"),
            line("e", 6, sku=None, title="Jar"),
        ]
    )
    totals = result.totals
    assert (totals.negative, totals.oversold, totals.without_sku, totals.repeated_skus) == (3, 2, 2, 1)
    assert (totals.without_sku_named, totals.repeated_skus_named) == (("Cup", "Jar"), ("A",))


def test_of_many_unusable_skus_the_first_are_named(database: Database) -> None:
    same = [line(f"{number:02}", 1, sku=f"S{number // 2:02}") for number in range(30)]
    totals = Shop(database).sync([*same, *(line(f"n{number:02}", 1, title=f"T{number:02}") for number in range(15))]).totals
    assert (totals.without_sku, totals.repeated_skus) == (15, 15)
    assert totals.repeated_skus_named == tuple(f"S{number:02}" for number in range(10))
    assert totals.without_sku_named == tuple(f"T{number:02}" for number in range(10))


def test_totals_hold_sums_beyond_any_integer_of_the_database(database: Database) -> None:
    lines = [line(f"{number}", 1_000_000_000) for number in range(9_300)] + [line("half", quantity=Quantity.of(Decimal("-0.5")))]
    assert Shop(database).sync(lines).totals.units == Decimal("9299999999999.5")


def test_totals_of_an_empty_store_are_zero(database: Database) -> None:
    totals = Shop(database).sync().totals
    assert (totals.lines, totals.units, totals.products) == (0, 0, 0)


def test_the_largest_changes_come_first_and_changes_of_text_are_left_out(database: Database) -> None:
    shop = Shop(database)
    assert shop.sync([line("a", 1), line("b", 50), line("c", 7), line("d", 3), line("e", 2)]).largest_changes == []
    result = shop.sync([line("a", 30), line("c", 7, title="new"), line("d", quantity=UNTRACKED), line("e", 2)])
    shown = [(change.item_id, change.before, change.after, change.kind) for change in result.largest_changes]
    assert shown == [("b", 50, None, "missing"), ("a", 1, 30, "updated"), ("d", 3, None, "updated")]


def test_at_most_twenty_changes_are_shown(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line(f"{number}", 1) for number in range(30)])
    assert len(shop.sync([line(f"{number}", 2) for number in range(30)]).largest_changes) == 20


def test_the_view_shows_units_as_people_write_them(database: Database) -> None:
    shop = Shop(database, group="outdoor")
    shop.sync(
        [line("a", 12, price=Decimal("9.90")), line("b", quantity=Quantity.of(Decimal("1.5"))), line("c", quantity=UNTRACKED)]
    )
    with database.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT item_id, store_group, available, price FROM current_stock ORDER BY item_id")
        ).all()
    assert [(item, group, None if units is None else float(units)) for item, group, units, _ in rows] == [
        ("a", "outdoor", 12.0),
        ("b", "outdoor", 1.5),
        ("c", "outdoor", None),
    ]
    assert str(rows[0].available) == "12"
    assert float(rows[0].price) == 9.9
