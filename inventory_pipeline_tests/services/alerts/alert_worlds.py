"""Made-up stores, stock, rules and consumption for alert checks, and how they get into a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa
from hypothesis import strategies as st

from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.thresholds import Threshold
from inventory_pipeline.db.alerts.thresholds import put_thresholds
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.stock import snapshots, stock_changes, stock_levels
from inventory_pipeline.db.tables.stores import store_integrations
from inventory_pipeline_tests.db.times import NOON
from inventory_pipeline_tests.services.alerts.plain_resolver import Line, Store, Used

KEYS, ITEMS, PLACES, SKUS, POOLS = ("a", "b", "c"), ("u", "v", "w"), ("x", "y"), (None, "", "S", " S\t", "s", "T"), ("p", "q")


class World(NamedTuple):
    """All that one check looks at. `used` is what the ledger says of the last 28 days."""

    stores: list[Store]
    lines: list[Line]
    rules: list[Threshold]
    used: dict[tuple[str, str], Used]


def mostly(usual: Any, *rare: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * (4 * len(rare)) + list(rare))


amounts = st.sampled_from((-2, 0, 3, 5, Decimal("5.5"), 6, 7, 9, 20))
figures = st.sampled_from((0, 2, 5, Decimal("5.5"), 9, 60))


@st.composite
def line(draw: st.DrawFn, identity: tuple[str, str, str]) -> Line:
    presence = draw(mostly("present", "missing", "deleted"))
    state = draw(mostly("tracked", "untracked", "unknown")) if presence == "present" else "unknown"
    return Line(
        *identity,
        state=state,
        amount=draw(amounts) if state == "tracked" else None,
        sellable=draw(st.sampled_from((None, True, False))),
        oversell=draw(st.sampled_from((None, True, False))),
        pool=draw(st.sampled_from((None, None, *POOLS))),
        sku=draw(st.sampled_from(SKUS)),
        status=draw(mostly("active", "draft", "archived")),
        location_active=draw(mostly(True, False)),
        presence=presence,
    )


@st.composite
def rule(draw: st.DrawFn) -> Threshold:
    scope = draw(st.sampled_from(("location", "variant", "sku", "store", "global")))
    parts: dict[str, str] = {}
    if scope in ("location", "variant", "store"):
        parts["store_key"] = draw(st.sampled_from(KEYS))
    if scope in ("location", "variant"):
        parts["item_id"] = draw(st.sampled_from(ITEMS))
    if scope == "location":
        parts["location_id"] = draw(st.sampled_from(PLACES))
    if scope == "sku":
        parts |= {"group": draw(st.sampled_from(("g", "h"))), "sku": draw(st.sampled_from(("S", "T")))}
    days = draw(st.sampled_from((None, 7))) if scope != "sku" else None
    return Threshold(scope=scope, threshold=draw(figures), margin=draw(st.sampled_from((0, 1, 3))), cover_days=days, **parts)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    keys = draw(st.sampled_from((KEYS, KEYS[:2], KEYS[:1])))
    same_sku = mostly("", "one_stock", "never")
    facts = st.tuples(mostly("g", "h"), st.sampled_from(("", "hall")), mostly(1, 4, 6), mostly(10, 1), same_sku)
    amounts_used = st.tuples(st.sampled_from((1, 5, 30, Decimal("0.5"))), st.sampled_from((2, 3, 4)))
    used = st.dictionaries(st.tuples(st.sampled_from(keys), st.sampled_from(ITEMS)), amounts_used, max_size=6)
    return World(
        [Store(key, *draw(facts)) for key in keys],
        draw(lines(keys)),
        draw(st.lists(rule(), max_size=6, unique_by=lambda each: each.target)),
        {identity: Used(units * events, events) for identity, (units, events) in draw(used).items()},
    )


@st.composite
def lines(draw: st.DrawFn, keys: Sequence[str]) -> list[Line]:
    identities = st.tuples(st.sampled_from(keys), st.sampled_from(ITEMS), st.sampled_from(PLACES))
    return [draw(line(identity)) for identity in sorted(draw(st.sets(identities, min_size=1, max_size=12)))]


@st.composite
def histories(draw: st.DrawFn) -> list[World]:
    """One world, and how it looks later: some lines differ, and perhaps the rules or how fresh the stores are."""
    history = [draw(worlds())]
    for _ in range(draw(st.integers(0, 2))):
        last = history[-1]
        stood = {each[:3]: each for each in last.lines} | {each[:3]: each for each in draw(lines([it.key for it in last.stores]))}
        rules = (
            draw(st.lists(rule(), max_size=6, unique_by=lambda each: each.target)) if draw(mostly(False, True)) else last.rules
        )
        stores = [replace(store, hours=draw(mostly(store.hours, 1, 6))) for store in last.stores]
        history.append(World(stores, sorted(stood.values(), key=lambda each: each[:3]), rules, last.used))
    return history


def write_world(database: Database, world: World) -> None:
    """Makes this all that the database holds beside alerts."""
    with database.begin() as connection:
        for table in (stock_levels, stock_changes, snapshots, thresholds, store_integrations):
            connection.execute(table.delete())
        put_thresholds(connection, world.rules, NOON)
        newest = {store.key: write_store(connection, store) for store in world.stores}
        if world.lines:
            connection.execute(stock_levels.insert(), [level(each) for each in world.lines])
        for (key, item), used in world.used.items():
            for event in range(used.events):
                left = 100 - used.units / Decimal(used.events)
                change = level(tracked(key, item, 100)) | {"kind": "updated", "valid_from": 1, "state_after": "tracked"}
                del change["since_snapshot"]
                told = {"snapshot_id": newest[key] - event, "available_after": left}
                connection.execute(stock_changes.insert().values(**change, **told))


def write_store(connection: sa.Connection, store: Store) -> int:
    """The store with one early and four late snapshots; the last one's id."""
    given = {"stock_pool": store.mirror, "same_sku": store.same_sku}
    settings = {name: value for name, value in given.items() if value}
    told = StoreIntegration(key=store.key, platform="woocommerce", url="https://x.example", group=store.group, settings=settings)
    stores.insert_store(connection, told, NOON)
    number = 0
    for ended in (NOON - timedelta(days=store.days), *[NOON - timedelta(hours=store.hours)] * 4):
        facts: dict[str, Any] = dict.fromkeys(("started_at", "ended_at", "published_at"), ended)
        facts |= dict.fromkeys(("created", "updated", "rejected", "missing", "deleted", "repeats", "api_calls"), 0)
        facts |= {"seen": 0, "skipped": 0, "read": 0, "gap": 0, "how": "", "memo": {}, "excluded": {}, "run_id": "run"}
        facts |= {"store_key": store.key, "unchanged": False, "accepted_shrink": False}
        number = connection.execute(snapshots.insert().values(**facts).returning(snapshots.c.id)).scalar_one()
    return number


def tracked(key: str, item: str, units: int) -> Line:
    return Line(key, item, "x", "tracked", units, None, None, None, None, "active", True, "present")


def level(line: Line) -> dict[str, Any]:
    """The line as a row of stock_levels."""
    names = {"store": "store_key", "item": "item_id", "location": "location_id", "amount": "available"}
    names |= {"oversell": "oversell_allowed", "pool": "shared_pool"}
    row = {names.get(name, name): value for name, value in line._asdict().items()}
    return row | {"title": "", "since_snapshot": 1}
