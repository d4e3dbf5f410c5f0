"""Whatever stock, pools, places, rules and stores there are: the check in the database says what plain Python says."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from inventory_pipeline.core.alerts import AlertState, Verdict, transition
from inventory_pipeline.core.quantity import Quantity, State
from inventory_pipeline.core.stock import Status, StockLine
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.core.thresholds import Threshold
from inventory_pipeline.db.alerts.comparison import STOCK_KINDS
from inventory_pipeline.db.alerts.explanations import LowLines, evaluated_targets, low_now, low_then
from inventory_pipeline.db.alerts.monitored_stores import monitored_stores
from inventory_pipeline.db.alerts.thresholds import put_thresholds
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.tables.alerts import UNRESOLVED, alert_baselines, alerts
from inventory_pipeline.services.alerts.check import AlertCheck
from inventory_pipeline_tests.db.shop import Shop
from inventory_pipeline_tests.db.times import NOON
from inventory_pipeline_tests.services.alerts.alert_worlds import KEYS, World, histories, lines, rule, worlds, write_world
from inventory_pipeline_tests.services.alerts.plain_resolver import Line, Subject, named, resolve

LOW = ("runs_out", "low", "backorder", "out", "oversold")

# An example takes a tenth of a second, so that making it small would outlast any test's time.
in_databases = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Kept:
    """What is known of one alert that is not resolved."""

    state: AlertState
    available: Any
    at_least: bool
    up_to: Any
    ambiguous: bool
    threshold: Any


def after(before: dict[Subject, Kept], world: World) -> dict[Subject, Kept]:
    """The alerts about stock after a check of this world, by the state machine and the plain resolver."""
    words = resolve(*world)
    stale = {store.key for store in world.stores if store.stale}
    kept: dict[Subject, Kept] = {}
    for subject in {*before, *words}:
        known, word = before.get(subject), words.get(subject)
        if word is None:
            if known is not None and subject[1] in stale:
                kept[subject] = known
            continue
        state = transition(known and known.state, cast(Verdict, word.verdict), NOON).state
        if state is not None and state.status != "resolved":
            kept[subject] = Kept(
                state, word.stock.known, word.stock.unknown > 0, word.stock.most, word.stock.several, word.threshold
            )
    return kept


def live(connection: sa.Connection) -> dict[Subject, Kept]:
    about = sa.select(alerts).where(UNRESOLVED, alerts.c.kind.in_(STOCK_KINDS))
    return {
        (row.kind, row.store_key, row.subject, row.location_id, row.group_name): Kept(
            AlertState(row.status, row.level, row.worst, row.snoozed_until),
            row.available,
            row.at_least,
            row.up_to,
            row.ambiguous,
            row.threshold,
        )
        for row in connection.execute(about)
    }


@settings(in_databases, max_examples=60)
@given(history=histories())
def test_checks_in_the_database_agree_with_plain_python(database: Database, history: list[World]) -> None:
    with database.begin() as connection:
        for table in (alerts, alert_baselines):
            connection.execute(table.delete())
    expected: dict[Subject, Kept] = {}
    for world in history:
        write_world(database, world)
        AlertCheck(database=database, clock=lambda: NOON, interval=SYNC_INTERVAL).run()
        expected = after(expected, world)
        with database.connect() as connection:
            assert live(connection) == expected


@settings(in_databases, max_examples=40)
@given(world=worlds())
def test_what_is_listed_as_low_and_explained_is_what_the_check_says(database: Database, world: World) -> None:
    write_world(database, world)
    believed = [replace(store, hours=1) for store in world.stores]
    low = {subject: word for subject, word in resolve(believed, *world[1:]).items() if word.verdict in LOW}
    words = resolve(*world)
    with database.connect() as connection:
        found = monitored_stores(connection, NOON, SYNC_INTERVAL)
        listed = low_now(connection, NOON, SYNC_INTERVAL)
        assert listed.variants == {
            (key, item) for (kind, key, *_), word in low.items() if kind in ("variant", "pool") for item in word.items
        }
        assert listed.places == {(key, item, place) for kind, key, item, place, _ in low if kind == "location"}
        for store in world.stores:
            for asked in ("u", "S"):
                mine = [line for line in world.lines if line.store == store.key and asked in (line.item, named(line))]
                items = {line.item for line in mine}
                told = {
                    (it.kind, it.store_key, it.subject, it.location_id, it.group): (
                        *(it.verdict, it.available, it.up_to, it.ambiguous, it.threshold),
                    )
                    for it in evaluated_targets(connection, found, NOON, store.key, asked)
                }
                assert told == {
                    subject: (word.verdict, word.stock.known, word.stock.most, word.stock.several, word.threshold)
                    for subject, word in words.items()
                    if (subject[1] == store.key and items & word.items) or subject == ("sku", "", asked, "", store.group)
                }


def told(line: Line) -> StockLine:
    """The line as a store tells of it."""
    quantity = Quantity(cast(State, line.state), line.amount)
    facts = {"sellable": line.sellable, "oversell_allowed": line.oversell, "shared_pool": line.pool, "sku": line.sku}
    place = {"location_id": line.location, "location_active": line.location_active}
    return StockLine(item_id=line.item, quantity=quantity, status=cast(Status, line.status), **facts, **place)


@settings(in_databases, max_examples=30)
@given(
    reads=st.lists(lines(KEYS[:1]), min_size=1, max_size=5), rules=st.lists(rule(), max_size=4, unique_by=lambda it: it.target)
)
def test_what_was_low_is_what_was_listed_then(database: Database, reads: list[list[Line]], rules: list[Threshold]) -> None:
    write_world(database, World([], [], [], {}))
    shop = Shop(database, "a", group="g")
    with database.begin() as connection:
        put_thresholds(connection, rules, NOON)
    listed: dict[datetime, LowLines] = {}
    for read in reads:
        shop.now += timedelta(days=1)
        shop.sync([told(each) for each in read])
        with database.connect() as connection:
            listed[shop.now] = low_now(connection, shop.now, SYNC_INTERVAL)
    with database.connect() as connection:
        for when, expected in listed.items():
            assert low_then(connection, when, SYNC_INTERVAL) == expected
        assert low_then(connection, NOON, SYNC_INTERVAL) == LowLines(set(), set())
