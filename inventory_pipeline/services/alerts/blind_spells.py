"""What happened while a store could not be seen: one report with the first good sync after syncs failed, were quarantined, or
did not come for too long."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.stores import freshness
from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.alerts.difference import Example, Moved, Movement, difference
from inventory_pipeline.db.alerts.explanations import low_at
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore, monitored_stores
from inventory_pipeline.db.alerts.records import trouble_at
from inventory_pipeline.db.sync import snapshots
from inventory_pipeline.db.sync.snapshots import Snapshot
from inventory_pipeline.db.tables.stock import stock_levels

# How many items a list of the report names.
NAMED = 10

_WORDS: dict[Movement, str] = {
    "went": "sold or taken out",
    "came": "came in",
    "vanished": "no longer shown by the store",
    "appeared": "new",
    "lost": "without a number now",
    "found": "with a number again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindSpell:
    """The time between a store's last good read and the first good one after it, and what changed meanwhile.

    `why`: failed, quarantined, needs_reauthorization or stale. `newly_low` and `recovered` count variants by today's rules;
    the first NAMED of each are named.
    """

    store: str
    why: str
    last_good: datetime
    first_good: datetime
    moved: dict[Movement, Moved]
    newly_low: int
    newly_low_are: tuple[str, ...]
    recovered: int
    recovered_are: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The report for a person, a line for each kind of change."""
        hours = (self.first_good - self.last_good) / timedelta(hours=1)
        seen = f"{show_instant(self.last_good)} to {show_instant(self.first_good)}"
        yield f"not seen for {hours:,.1f} hours ({self.why.replace('_', ' ')}), {seen}"
        quiet = True
        for movement, words in _WORDS.items():
            moved = self.moved[movement]
            if moved.stocks:
                quiet = False
                shown = ", ".join(map(_example, moved.examples)) + (", …" if moved.stocks > len(moved.examples) else "")
                yield f"{words}: {_units(moved)} of {moved.stocks:,} item{'' if moved.stocks == 1 else 's'} ({shown})"
        for words, number, named in (
            ("newly low", self.newly_low, self.newly_low_are),
            ("no longer low", self.recovered, self.recovered_are),
        ):
            if number:
                yield f"{words}: {number:,} ({', '.join(named)}{', …' if number > len(named) else ''})"
        if quiet:
            yield "nothing changed meanwhile"


def blind_spell(
    connection: sa.Connection, store_key: str, snapshot_id: int, now: datetime, interval: timedelta
) -> BlindSpell | None:
    """The spell that this snapshot ended; None where there was none. `interval` is the sync schedule's.

    A spell is known by the store's alert about its syncs, which lasted until this snapshot, or by the time between the two
    reads: longer than the store's stock may be believed.
    """
    newest = snapshots.list_snapshots(connection, store_key, limit=2)
    if len(newest) < 2 or newest[0].id != snapshot_id:
        return None
    after, before = newest
    found = [store for store in monitored_stores(connection, now, interval) if store.key == store_key]
    if not found:
        return None
    why = trouble_at(connection, store_key, before.published_at, after.published_at)
    if why is None and after.ended_at - before.ended_at > freshness(found[0].store, interval):
        why = "stale"
    return None if why is None else _report(connection, found[0], before, after, why)


def _report(connection: sa.Connection, store: MonitoredStore, before: Snapshot, after: Snapshot, why: str) -> BlindSpell:
    low_before, low_after = (
        low_at(connection, replace(store, snapshots=replace(store.snapshots, last_id=one.id)), one.ended_at)
        for one in (before, after)
    )
    newly_low, recovered = sorted(low_after - low_before), sorted(low_before - low_after)
    return BlindSpell(
        store=store.key,
        why=why,
        last_good=before.ended_at,
        first_good=after.ended_at,
        moved=difference(connection, store, before.id, after.id),
        newly_low=len(newly_low),
        newly_low_are=_names(connection, store.key, newly_low),
        recovered=len(recovered),
        recovered_are=_names(connection, store.key, recovered),
    )


def _names(connection: sa.Connection, store_key: str, items: list[str]) -> tuple[str, ...]:
    line = stock_levels.c
    some = items[:NAMED]
    rows = sa.select(line.item_id, sa.func.min(sa.func.nullif(line.sku, ""))).where(
        line.store_key == store_key, line.item_id.in_(some)
    )
    skus = dict(connection.execute(rows.group_by(line.item_id)).all())
    return tuple(one_line(skus.get(item) or item, 40) for item in some)


def _example(example: Example) -> str:
    before, after = ("–" if number is None else f"{number:,}" for number in (example.before, example.after))
    return f"{one_line(example.name, 40)} {before} → {after}"


def _units(moved: Moved) -> str:
    return f"{moved.units:,} {'unit' if moved.units == 1 else 'units'}"
