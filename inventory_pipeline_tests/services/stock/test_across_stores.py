"""What several stores have of one SKU: left elsewhere, for sale and nowhere, told differently; and what cannot be bought."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from inventory_pipeline.core.quantity import UNTRACKED
from inventory_pipeline.core.stock import StockLine
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.db.alerts.buyability import Mismatch
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.stock.levels import StockFilter, stock_as_of
from inventory_pipeline.db.tables.stock import snapshots, stock_changes, stock_levels
from inventory_pipeline.db.tables.stores import store_integrations
from inventory_pipeline.services.stock.across_stores import Drift, Scope, Shortage, drifts, mismatched_lines, shortages
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.times import HOUR, NOON
from inventory_pipeline_tests.services.alerts.alert_worlds import World, worlds, write_world
from inventory_pipeline_tests.services.alerts.plain_resolver import Line, Store, grouped, named, of_shop

in_databases = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
POOLED = {"settings": {"stock_pool": "hall"}}


def short(database: Database, **scope: Any) -> list[Shortage]:
    with database.connect() as connection:
        return list(shortages(connection, NOON + HOUR, SYNC_INTERVAL, Scope(**scope)))


def drifting(database: Database, now: Any = NOON + HOUR, **scope: Any) -> list[Drift]:
    with database.connect() as connection:
        return list(drifts(connection, now, SYNC_INTERVAL, Scope(**scope)))


def told(found: Iterable[Shortage]) -> list[tuple[Any, ...]]:
    return [
        (
            each.finding,
            each.sku,
            each.store,
            each.available,
            each.total,
            [(place.store, place.available) for place in each.elsewhere],
        )
        for each in found
    ]


def test_what_is_out_in_one_store_and_left_in_another_is_listed_with_where(database: Database) -> None:
    Shop(database, "berlin").sync([line("1", 0, sku="TEA"), line("2", 4, sku="CUP"), line("3", 0, sku="POT")])
    Shop(database, "paris").sync([line("8", 3, sku=" TEA "), line("9", 0, sku="POT")])
    Shop(database, "rome").sync([line("7", 2, sku="TEA", location_id="x"), line("7", 2, sku="TEA", location_id="y")])
    Shop(database, "tokyo", group="other").sync([line("6", 99, sku="POT")])
    assert told(short(database)) == [("left_elsewhere", "TEA", "berlin", 0, 7, [("paris", 3), ("rome", 4)])]
    assert short(database, groups=["other"]) == []
    assert short(database, store="rome") == []
    assert [each.title for each in short(database, sku=" TEA ", store="berlin")] == [""]


def test_unknown_and_stale_stock_is_neither_out_nor_left(database: Database) -> None:
    Shop(database, "berlin").sync(
        [line("1", 0, sku="TEA"), line("2", sku="CUP"), line("3", 0, sku="POT"), line("4", 0, sku="POT")]
    )
    Shop(database, "paris").sync([line("8", sku="TEA"), line("9", 5, sku="CUP")])
    old = Shop(database, "rome")
    old.now = NOON - timedelta(days=2)
    old.sync([line("7", 9, sku="POT")])
    assert short(database) == []


def test_what_is_for_sale_and_nowhere_left_is_an_oversell_risk(database: Database) -> None:
    Shop(database, "berlin").sync([line("1", 3, sku="TEA", sellable=True), line("2", 0, sku="CUP", sellable=False)])
    Shop(database, "paris").sync([line("8", -3, sku="TEA", sellable=True, oversell_allowed=True), line("9", 0, sku="CUP")])
    found = short(database)
    assert told(found) == [
        ("oversell_risk", "TEA", "berlin", 3, 0, []),
        ("left_elsewhere", "TEA", "paris", -3, 0, [("berlin", 3)]),
        ("oversell_risk", "TEA", "paris", -3, 0, [("berlin", 3)]),
    ]
    assert [each.backorder for each in found] == [False, True, True]


def test_a_total_that_several_variants_of_one_store_make_is_marked(database: Database) -> None:
    Shop(database, "berlin").sync([line("1", 0, sku="TEA"), line("2", 0, sku="CUP")])
    Shop(database, "paris").sync([line("8", 3, sku="TEA"), line("9", 3, sku="TEA"), line("7", 1, sku="CUP")])
    assert [(each.sku, each.total, each.ambiguous) for each in short(database)] == [("CUP", 1, False), ("TEA", 3, True)]


def test_what_is_sold_without_being_counted_is_left_and_never_out(database: Database) -> None:
    Shop(database, "berlin").sync([line("1", 0, sku="PDF", sellable=True)])
    Shop(database, "paris").sync([line("8", quantity=UNTRACKED, sku="PDF", sellable=True)])
    assert told(short(database)) == [("left_elsewhere", "PDF", "berlin", 0, 0, [("paris", None)])]


def test_one_stock_shown_by_two_stores_is_not_elsewhere_and_counts_once(database: Database) -> None:
    Shop(database, "berlin", **POOLED).sync([line("1", 0, sku="TEA")])
    Shop(database, "paris", **POOLED).sync([line("8", 3, sku="TEA")])
    Shop(database, "rome").sync([line("7", 2, sku="TEA")])
    [found] = short(database)
    assert (found.store, [place.store for place in found.elsewhere]) == ("berlin", ["rome"])


@settings(in_databases, max_examples=40)
@given(world=worlds())
def test_shortages_agree_with_plain_python(database: Database, world: World) -> None:
    write_world(database, world)
    with database.connect() as connection:
        found = list(shortages(connection, NOON, SYNC_INTERVAL))
    listed = {(each.finding, each.group, each.sku, each.store, each.total): dict(_numbers(each)) for each in found}
    assert len(listed) == len(found)
    assert listed == dict(_plainly(world))


def _numbers(shortage: Shortage) -> list[tuple[str, Any]]:
    return [(place.store, place.available) for place in shortage.elsewhere]


def _plainly(world: World) -> Iterable[tuple[tuple[Any, ...], dict[str, Any]]]:
    judged = [each for each in world.lines if each.judged and named(each)]
    for group in ("g", "h"):
        shops = [store for store in world.stores if store.group == group]
        for sku in {named(each) for each in judged}:
            stocks = {shop: [each for each in judged if each.store == shop.key and named(each) == sku] for shop in shops}
            yield from _of_sku(group, sku, {shop: lines for shop, lines in stocks.items() if lines})


def _of_sku(group: str, sku: str, lines: dict[Store, list[Line]]) -> Iterable[tuple[tuple[Any, ...], dict[str, Any]]]:
    stocks = {shop: of_shop(shop, own) for shop, own in lines.items()}
    mirrors = grouped(list(stocks), lambda shop: shop.mirror or f"alone {shop.key}")
    counted = [min(shown, key=lambda shop: (shop.hours, shop.key)) for shown in mirrors.values()]
    numbers = [known for shop in counted if (known := stocks[shop].known) is not None]
    whole = sum(numbers) if numbers else None
    sure = not any(stocks[shop].unknown or stocks[shop].free for shop in counted)
    for shop, stock in stocks.items():
        others = [each for each in counted if each != shop and not (shop.mirror and each.mirror == shop.mirror)]
        left = {each.key: stocks[each].known for each in others if (stocks[each].known or 0) > 0 or stocks[each].free}
        if stock.known is not None and stock.known <= 0 and not stock.unknown and not stock.free and left:
            yield ("left_elsewhere", group, sku, shop.key, whole), left
        offered = any(each.sellable for each in lines[shop])
        # Only SKUs of which some store has none are looked at; with a sum of zero or less there is always one.
        if offered and stock.known is not None and whole is not None and whole <= 0 and sure:
            yield ("oversell_risk", group, sku, shop.key, whole), left


def test_drift_tells_by_how_much_since_when_and_who_was_not_read_since(database: Database) -> None:
    berlin, paris = Shop(database, "berlin", **POOLED), Shop(database, "paris", **POOLED)
    berlin.now, paris.now = NOON - 6 * HOUR, NOON - 5.5 * HOUR
    berlin.sync([line("1", 9, sku="TEA"), line("2", 1, sku="CUP")])
    paris.sync([line("8", 9, sku="TEA"), line("9", 1, sku="CUP")])
    berlin.sync([line("1", 7, sku="TEA"), line("2", 1, sku="CUP")])
    parted = berlin.now
    [early] = drifting(database, NOON - 3 * HOUR)
    assert (early.sku, early.by, early.since, early.waits_for) == ("TEA", 2, parted, ("paris",))
    paris.sync([line("8", 9, sku="TEA"), line("9", 1, sku="CUP")])
    berlin.sync([line("1", 4, sku="TEA"), line("2", 1, sku="CUP")])
    [late] = drifting(database, NOON - 2 * HOUR)
    assert (late.by, late.since, late.waits_for) == (5, parted, ())
    assert [(place.store, place.available) for place in late.stores] == [("berlin", 4), ("paris", 9)]
    assert drifting(database, NOON + 9 * HOUR) == []  # stale: nobody knows


def test_stores_without_a_common_stock_may_differ(database: Database) -> None:
    Shop(database, "berlin").sync([line("1", 1, sku="TEA")])
    Shop(database, "paris").sync([line("8", 2, sku="TEA")])
    Shop(database, "rome", **POOLED).sync([line("7", 3, sku="TEA"), line("6", sku="CUP")])
    Shop(database, "oslo", **POOLED).sync([line("7", 2, sku="CUP")])
    assert drifting(database) == []


amounts = st.sampled_from((None, 0, 2, 5))
syncs = st.lists(
    st.tuples(st.sampled_from(("berlin", "paris")), st.lists(amounts, min_size=3, max_size=3)), min_size=2, max_size=7
)


@settings(in_databases, max_examples=25)
@given(history=syncs)
def test_drift_began_where_the_totals_as_of_then_parted(database: Database, history: list[tuple[str, list[Any]]]) -> None:
    with database.begin() as connection:
        for table in (stock_levels, stock_changes, snapshots, store_integrations):
            connection.execute(table.delete())
    shops = {key: Shop(database, key, **POOLED) for key in ("berlin", "paris")}
    ends = []
    for number, (key, units) in enumerate(history):
        shops[key].now = NOON + number * timedelta(minutes=10) - HOUR
        shops[key].sync([line(f"i{index}", unit, sku="AB"[index % 2]) for index, unit in enumerate(units)])
        ends.append(shops[key].now)
    expected: dict[str, Any] = {}
    for end in ends:
        for sku in "AB":
            numbers = as_of(database, end, sku)
            if len(numbers) == 2 and None not in numbers:
                expected[sku] = None if numbers[0] == numbers[1] else expected.get(sku) or end
    found = {drift.sku: drift.since for drift in drifting(database, ends[-1])}
    wanted = {sku: since for sku, since in expected.items() if since and None not in as_of(database, ends[-1], sku)}
    assert found == wanted


def as_of(database: Database, end: Any, sku: str) -> list[Any]:
    """Each store's units as of then; None where a line's quantity is unknown, or equal numbers may be one stock or two."""
    with database.connect() as connection:
        rows = list(stock_as_of(connection, end, StockFilter(sku=sku)))
    return [_known([row.available for row in own]) for own in grouped(rows, lambda row: row.store).values()]


def _known(numbers: list[Any]) -> Any:
    equal = len(numbers) > 1 and len(set(numbers)) == 1 and numbers[0]
    return None if None in numbers or equal else sum(numbers)


@pytest.mark.parametrize(("mismatch", "items"), [("unbuyable", ["archived", "draft", "no"]), ("still_open", ["open"])])
def test_stock_and_sale_that_do_not_go_together(database: Database, mismatch: Mismatch, items: list[str]) -> None:
    lines: list[StockLine] = [
        line("no", 3, sellable=False),
        line("draft", 3, status="draft"),
        line("archived", 1, status="archived", sellable=True),
        line("unsaid", 3),
        line("fine", 3, sellable=True),
        line("sold out", 0, sellable=False),
        line("draft without", 0, status="draft", sellable=True),
        line("open", -1, sellable=True),
        line("backorder", -1, sellable=True, oversell_allowed=True),
        line("two places", 0, sellable=True),
        line("two places", 4, sellable=True, location_id="2"),
        line("half known", 0, sellable=True),
        line("half known", sellable=True, location_id="2"),
        line("closed", 4, sellable=False, location_active=False),
        line("free", quantity=UNTRACKED, sellable=True),
    ]
    Shop(database).sync(lines)
    with database.connect() as connection:
        found = mismatched_lines(connection, mismatch, StockFilter(), NOON + HOUR, SYNC_INTERVAL)
        assert [row.item_id for row in found] == items


def test_a_missing_line_is_in_no_list(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 3, sellable=False), line("b", 0, sellable=True), *(line(f"{number}", 1) for number in range(9))])
    shop.sync([line(f"{number}", 1) for number in range(9)])
    with database.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(stock_levels.c.presence == "missing")) == 2
        for mismatch in ("unbuyable", "still_open"):
            assert list(mismatched_lines(connection, mismatch, StockFilter(), NOON + 2 * HOUR, SYNC_INTERVAL)) == []
