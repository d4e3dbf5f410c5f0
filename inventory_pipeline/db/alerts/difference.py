"""What changed in one store between two of its snapshots: what went, came, vanished and appeared, each stock counted once."""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.db.alerts.candidate_lines import levels_as_of
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore
from inventory_pipeline.db.alerts.targets import stock_unit
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.db.types import SCALE, from_millionths

# went, came: the number fell or rose. vanished: shown before, no longer. appeared: the other way round. lost, found: a number
# before and none now (unknown, not tracked), or the other way round.
Movement = Literal["went", "came", "vanished", "appeared", "lost", "found"]
MOVEMENTS: tuple[Movement, ...] = ("went", "came", "vanished", "appeared", "lost", "found")

EXAMPLES = 5


class Example(NamedTuple):
    """One stock that moved, named by SKU or else by id. `before`, `after`: None where it has no number."""

    name: str
    title: str
    before: Number | None
    after: Number | None


@dataclass(frozen=True, slots=True)
class Moved:
    """All stocks that moved in one way: how many, the sum of units that they moved, and those that moved most."""

    stocks: int = 0
    units: Number = 0
    examples: tuple[Example, ...] = ()


def difference(connection: sa.Connection, store: MonitoredStore, before: int, after: int) -> dict[Movement, Moved]:
    """The movements between the store's snapshots `before` and `after`, by their ids; each movement is a key.

    A stock is a line, or the lines of one pool, of which the smallest number counts. Units after = units before - went + came
    - vanished + appeared - lost + found.
    """
    moved = _moved(store, before, after)
    amount = moved.c.amount
    # In two parts, because SQLite's sums end at 2^63.
    sums = (sa.func.count(), sa.func.sum(amount // SCALE), sa.func.sum(amount % SCALE))
    found = dict.fromkeys(MOVEMENTS, Moved())
    for movement, stocks, whole, rest in connection.execute(sa.select(moved.c.movement, *sums).group_by(moved.c.movement)):
        found[movement] = Moved(stocks, from_millionths(int(whole or 0) * SCALE + int(rest or 0)))
    for movement, example in _examples(connection, store.key, moved):
        found[movement] = replace(found[movement], examples=(*found[movement].examples, example))
    return found


def _moved(store: MonitoredStore, before: int, after: int) -> sa.Subquery:
    """One row for each stock that moved: `item_id`, `movement`, `amount`, `before` and `after` in millionths."""
    sides = sa.union_all(_stocks(store, before, is_before=True), _stocks(store, after, is_before=False)).subquery("sides")
    stock = (
        sa.select(
            sa.func.max(sides.c.before).label("before"),
            sa.func.max(sides.c.after).label("after"),
            sa.func.sum(sides.c.had).label("had"),
            sa.func.sum(sides.c.has).label("has"),
            sa.func.min(sides.c.item_id).label("item_id"),
        )
        .group_by(sides.c.stock)
        .subquery("stocks")
    )
    had, has = stock.c.before, stock.c.after
    movement = sa.case(
        (stock.c.had == 0, "appeared"),
        (stock.c.has == 0, "vanished"),
        (sa.and_(had.is_not(None), has.is_(None)), "lost"),
        (sa.and_(had.is_(None), has.is_not(None)), "found"),
        (has < had, "went"),
        (has > had, "came"),
    )
    amount = sa.case((has < had, had - has), (has > had, has - had), else_=sa.func.coalesce(had, has, 0))
    every = sa.select(stock.c.item_id, had, has, movement.label("movement"), amount.label("amount")).subquery("every")
    return sa.select(every).where(every.c.movement.is_not(None)).subquery("moved")


def _stocks(store: MonitoredStore, snapshot: int, *, is_before: bool) -> sa.Select:
    at_snapshot = replace(store, snapshots=replace(store.snapshots, last_id=snapshot))
    lines = levels_as_of([at_snapshot], "levels_before" if is_before else "levels_after")
    stock = stock_unit(lines).label("stock")
    lines = sa.select(lines, stock).where(lines.c.presence == "present", lines.c.location_active).subquery()
    tracked = lines.c.state == "tracked"
    total = sa.func.min(sa.type_coerce(lines.c.available, sa.BigInteger)).filter(tracked)
    none, zero = sa.cast(sa.null(), sa.BigInteger), sa.literal(0)
    return sa.select(
        lines.c.stock,
        sa.func.min(lines.c.item_id).label("item_id"),
        (total if is_before else none).label("before"),
        (none if is_before else total).label("after"),
        (sa.func.count() if is_before else zero).label("had"),
        (zero if is_before else sa.func.count()).label("has"),
    ).group_by(lines.c.stock)


def _examples(connection: sa.Connection, store_key: str, moved: sa.Subquery) -> list[tuple[Movement, Example]]:
    by_size = (sa.func.abs(moved.c.amount).desc(), moved.c.item_id)
    rank = sa.func.row_number().over(partition_by=moved.c.movement, order_by=by_size).label("rank")
    ranked = sa.select(moved, rank).subquery("ranked")
    level = stock_levels
    same = (level.c.store_key == store_key, level.c.item_id == ranked.c.item_id)

    def of_line(column: sa.Column[Any]) -> sa.ScalarSelect[Any]:
        return sa.select(column).where(*same).order_by(level.c.location_id).limit(1).scalar_subquery()

    rows = sa.select(ranked, of_line(level.c.sku).label("sku"), of_line(level.c.title).label("title"))
    rows = rows.where(ranked.c.rank <= EXAMPLES).order_by(ranked.c.movement, ranked.c.rank)
    return [
        (row.movement, Example((row.sku or "").strip() or row.item_id, row.title or "", _number(row.before), _number(row.after)))
        for row in connection.execute(rows)
    ]


def _number(millionths: int | None) -> Number | None:
    return None if millionths is None else from_millionths(int(millionths))
