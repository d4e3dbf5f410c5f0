"""What the first good sync tells after a time in which a store could not be seen."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory_pipeline.core.notices import Route
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline.core.stock import StockLine
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.core.sync import Outcome
from inventory_pipeline.core.thresholds import checked_threshold
from inventory_pipeline.db.alerts import notices
from inventory_pipeline.db.alerts.difference import difference
from inventory_pipeline.db.alerts.monitored_stores import monitored_stores
from inventory_pipeline.db.alerts.thresholds import put_thresholds
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.stock.levels import StockFilter, StockRow, stock_as_of
from inventory_pipeline.db.tables.alerts import alerts
from inventory_pipeline.db.tables.stock import snapshots, stock_changes, stock_levels
from inventory_pipeline.db.tables.stores import store_integrations
from inventory_pipeline.notify.message import render
from inventory_pipeline.services.alerts.blind_spells import BlindSpell, blind_spell
from inventory_pipeline.services.alerts.store_alerts import SyncNotices
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON

in_databases = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def ended(shop: Shop, outcome: Outcome, error: str | None = None) -> int:
    run = f"run-{shop.syncs}" if outcome == "published" else "another run"
    notices_of = SyncNotices(database=shop.database, clock=lambda: shop.now + MINUTE, interval=SYNC_INTERVAL)
    return notices_of.sync_ended(shop.key, run, outcome, error, shop.now)


def spell_of(shop: Shop, snapshot: int) -> BlindSpell | None:
    with shop.database.connect() as connection:
        return blind_spell(connection, shop.key, snapshot, shop.now, SYNC_INTERVAL)


def test_the_first_good_sync_after_failures_tells_what_changed_meanwhile(database: Database) -> None:
    with database.begin() as connection:
        notices.insert_route(connection, Route(name="lena", kind="webhook", shown="https://x"), "x", NOON)
        put_thresholds(connection, [checked_threshold("store", 5, store_key="berlin")], NOON)
    shop = Shop(database)
    before = [line("1", 9, sku="TEA"), line("2", 3, sku="CUP"), line("3", 4, sku="POT"), line("4", 8, sku="JAR"), line("5", 1)]
    assert spell_of(shop, shop.sync(before).id) is None
    shop.now += HOUR
    ended(shop, "failed", "the shop does not answer")
    shop.now += HOUR
    after = [
        line("1", 2, sku="TEA"),
        line("2", 43, sku="CUP"),
        line("4", quantity=UNKNOWN, sku="JAR"),
        line("5", 1),
        line("6", 5),
    ]
    snapshot = shop.sync(after).id
    spell = spell_of(shop, snapshot)
    assert spell is not None
    assert list(spell.lines()) == [
        "not seen for 3.0 hours (failed), 2026-11-23T13:00:00Z to 2026-11-23T16:00:00Z",
        "sold or taken out: 7 units of 1 item (TEA 9 → 2)",
        "came in: 40 units of 1 item (CUP 3 → 43)",
        "no longer shown by the store: 4 units of 1 item (POT 4 → –)",
        "new: 5 units of 1 item (6 – → 5)",
        "without a number now: 8 units of 1 item (JAR 8 → –)",
        "newly low: 2 (TEA, 6)",
        "no longer low: 2 (CUP, POT)",
    ]
    assert ended(shop, "published") == 1
    assert ended(shop, "published") == 0  # reported twice
    with database.connect() as connection:
        [notice, _] = notices.list_notices(connection)
    message = render(notice.payload)
    assert message.title == "inventory: 1 seen again (berlin)"
    assert "While it could not be seen:\n- store berlin:\n  not seen for 3.0 hours (failed), 2026-11-23T13" in message.text
    assert "\n  sold or taken out: 7 units of 1 item (TEA 9 → 2)\n" in message.text
    shop.now += HOUR
    assert spell_of(shop, shop.sync(after).id) is None


def test_a_long_silence_is_a_blind_spell_and_a_usual_one_is_none(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("1", 9)])
    shop.now += timedelta(hours=3)
    assert spell_of(shop, shop.sync([line("1", 8)]).id) is None
    shop.now += timedelta(hours=6)
    spell = spell_of(shop, shop.sync([line("1", 8)]).id)
    assert spell is not None
    assert (spell.why, list(spell.lines())[1:]) == ("stale", ["nothing changed meanwhile"])


def test_one_stock_for_several_variants_moves_once(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 9, shared_pool="p"), line("b", 9, shared_pool="p")])
    shop.now += timedelta(hours=9)
    spell = spell_of(shop, shop.sync([line("a", 7, shared_pool="p"), line("b", 7, shared_pool="p")]).id)
    assert spell is not None
    assert (spell.moved["went"].stocks, spell.moved["went"].units) == (1, 2)


quantities = st.sampled_from((UNKNOWN, UNTRACKED, *(Quantity.of(value) for value in (-2, 0, 3, Decimal("4.5"), 9))))
lines = st.builds(
    lambda item, location, quantity, pool: StockLine(item, location, quantity=quantity, shared_pool=pool),
    *(st.sampled_from(each) for each in (("a", "b", "c"), ("x", "y"))),
    quantities,
    st.sampled_from((None, None, "p")),
)
reads = st.lists(lines, max_size=5, unique_by=lambda each: (each.item_id, each.location_id))


@settings(in_databases, max_examples=60)
@given(history=st.lists(reads, min_size=2, max_size=4))
def test_what_moved_is_the_difference_of_two_as_of_answers(database: Database, history: list[list[StockLine]]) -> None:
    with database.begin() as connection:
        for table in (alerts, stock_levels, stock_changes, snapshots, store_integrations):
            connection.execute(table.delete())
    shop = Shop(database)
    published = [(shop.sync(read).id, shop.now) for read in history]
    (before, before_at), (after, after_at) = published[-2:]
    with database.connect() as connection:
        [store] = monitored_stores(connection, shop.now, SYNC_INTERVAL)
        moved = difference(connection, store, before, after)
        had, has = (_stocks(list(stock_as_of(connection, at, StockFilter()))) for at in (before_at, after_at))
    expected: dict[str, list[Any]] = {name: [0, 0] for name in moved}
    for stock in had.keys() | has.keys():
        name, amount = _movement(had.get(stock, "none"), has.get(stock, "none"))
        if name:
            expected[name][0] += 1
            expected[name][1] += amount
    assert {name: [each.stocks, each.units] for name, each in moved.items()} == expected


def _stocks(rows: list[StockRow]) -> dict[tuple[str, ...], Any]:
    """Each stock's number, None without one; a pool's is the smallest."""
    stocks: dict[tuple[str, ...], Any] = {}
    for row in rows:
        if row.presence == "present":
            stock = (row.shared_pool,) if row.shared_pool else (row.item_id, row.location_id)
            numbers = [number for number in (stocks.get(stock), row.available) if number is not None]
            stocks[stock] = min(numbers, default=None)
    return stocks


def _movement(had: Any, has: Any) -> tuple[str, Any]:
    if had == "none":
        return "appeared", has or 0
    if has == "none":
        return "vanished", had or 0
    if had is None or has is None:
        return ("", 0) if had is has else ("found", has) if had is None else ("lost", had)
    return ("went", had - has) if has < had else ("came", has - had) if has > had else ("", 0)
