"""Figures of a store after a publish: its totals, its largest changes, the reasons of rejected lines."""

from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.sync import LineChange, RejectedReason, StockTotals
from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.tables.stock import rejected_lines, stock_changes, stock_levels, trimmed
from inventory_pipeline.db.types import SCALE, from_millionths

_level, _change = stock_levels, stock_changes

LARGEST = 20
REASONS = 20
# Of so many reasons examples are given, and of each so many.
EXPLAINED, EXAMPLES = 5, 3
# How many titles and SKUs the totals name.
NAMED = 10


def stock_totals(connection: sa.Connection, store_key: str) -> StockTotals:
    """The totals over the store's present lines, see core.sync.StockTotals.

    `out_of_stock` is what alerts judge by their default rule: active lines without stock, and those that are not counted
    and not for sale.
    """
    present = sa.select(_level).where(_level.c.store_key == store_key, _level.c.presence == "present").subquery()

    def lines(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count().filter(*conditions)

    tracked = sa.and_(present.c.state == "tracked", present.c.location_active)
    is_active = present.c.status == "active"
    untracked = sa.and_(present.c.state == "untracked", present.c.location_active)
    not_for_sale = sa.and_(untracked, present.c.sellable.is_(sa.false()))
    available = sa.type_coerce(present.c.available, sa.BigInteger)
    sku = sa.func.coalesce(trimmed(present.c.sku), "")
    row = connection.execute(
        sa.select(
            sa.func.count().label("lines"),
            lines(is_active, sa.or_(sa.and_(tracked, available <= 0), not_for_sale)).label("out_of_stock"),
            lines(tracked, available < 0).label("negative"),
            lines(tracked, available < 0, present.c.oversell_allowed.is_not(True)).label("oversold"),
            lines(present.c.state == "untracked").label("untracked"),
            lines(present.c.state == "unknown").label("unknown"),
            lines(sku == "").label("without_sku"),
        ).select_from(present)
    ).one()

    def distinct(column: sa.ColumnElement[str]) -> int:
        # Databases hash for GROUP BY and sort for COUNT(DISTINCT), which is slower.
        return connection.scalar(sa.select(sa.func.count()).select_from(sa.select(column).group_by(column).subquery())) or 0

    repeated = _repeated_skus(present)
    repeats = connection.scalar(sa.select(sa.func.count()).select_from(repeated)) or 0
    nameless = sa.select(present.c.title).where(sku == "").order_by(present.c.item_id, present.c.location_id)
    return StockTotals(
        **row._asdict(),
        products=distinct(sa.func.coalesce(present.c.product_id, present.c.item_id)),
        variants=distinct(present.c.item_id),
        repeated_skus=repeats,
        # Only where there are any: each query reads every line of the store again.
        without_sku_named=_first(connection, nameless) if row.without_sku else (),
        repeated_skus_named=_first(connection, sa.select(repeated.c.sku).order_by(repeated.c.sku)) if repeats else (),
        units=from_millionths(_units(connection, store_key)),
    )


def _first(connection: sa.Connection, texts: sa.Select) -> tuple[str, ...]:
    return tuple(connection.scalars(texts.limit(NAMED)))


def _repeated_skus(present: sa.Subquery) -> sa.Subquery:
    """SKUs that more than one variant has, found by smallest and largest id: a distinct count would sort."""
    sku = trimmed(present.c.sku)
    shared = sa.func.min(present.c.item_id) != sa.func.max(present.c.item_id)
    return sa.select(sku.label("sku")).where(sku != "").group_by(sku).having(shared).subquery()


def _units(connection: sa.Connection, store_key: str) -> int:
    """The sum of `available` in millionths over tracked present lines. Of each pool the smallest number counts, once."""
    available = sa.type_coerce(_level.c.available, sa.BigInteger)
    present = _level.c.store_key == store_key, _level.c.presence == "present", _level.c.location_active
    tracked = *present, _level.c.state == "tracked"
    alone = sa.select(available.label("amount")).where(*tracked, _level.c.shared_pool.is_(None))
    pooled = sa.select(sa.func.min(available)).where(*tracked, _level.c.shared_pool.is_not(None)).group_by(_level.c.shared_pool)
    amount = sa.union_all(alone, pooled).subquery().c.amount
    # In two parts, because SQLite's sums end at 2^63: 9,300 lines of a billion would pass it.
    whole, rest = connection.execute(sa.select(sa.func.sum(amount // SCALE), sa.func.sum(amount % SCALE))).one()
    return int(whole or 0) * SCALE + int(rest or 0)


def largest_changes(connection: sa.Connection, store_key: str, snapshot_id: int) -> list[LineChange]:
    """At most LARGEST changes of one snapshot, by the units that they moved; changes of other fields are left out."""
    before, after = (sa.type_coerce(column, sa.BigInteger) for column in (_change.c.available, _change.c.available_after))
    moved = sa.func.abs(sa.func.coalesce(after, 0) - sa.func.coalesce(before, 0))
    columns = (_change.c[name] for name in ("item_id", "location_id", "sku", "title", "available", "available_after", "kind"))
    rows = connection.execute(
        sa.select(*columns)
        .where(_change.c.store_key == store_key, _change.c.snapshot_id == snapshot_id)
        .where(sa.or_(before.is_distinct_from(after), _change.c.state != _change.c.state_after))
        .order_by(moved.desc(), _change.c.item_id, _change.c.location_id)
        .limit(LARGEST)
    )
    return [
        LineChange(
            item_id=row.item_id,
            location_id=row.location_id,
            sku=row.sku,
            title=row.title,
            before=row.available,
            after=row.available_after,
            kind=row.kind,
        )
        for row in rows
    ]


def kept_rejections(store_key: str, snapshot_id: int) -> sa.Select:
    """The rejected lines of one snapshot."""
    return sa.select(rejected_lines).where(rejected_lines.c.store_key == store_key, rejected_lines.c.snapshot_id == snapshot_id)


def rejections(connection: sa.Connection, lines: sa.Select) -> list[RejectedReason]:
    """The REASONS commonest reasons of rejected lines, with how many lines each was given for, and a few of them.

    `lines` selects the rejected lines: `writes.staged_rejections`, or `kept_rejections`.
    """
    line, number = lines.subquery("rejected"), sa.func.count()
    counted = sa.select(line.c.kind, sa.func.max(line.c.field).label("field"), number.label("count")).group_by(line.c.kind)
    reasons: Any = connection.execute(counted.order_by(number.desc(), line.c.kind).limit(REASONS)).all()
    return [
        RejectedReason(
            reason=kind, count=count, field=field, examples=_examples(connection, line, kind) if place < EXPLAINED else ()
        )
        for place, (kind, field, count) in enumerate(reasons)
    ]


def _examples(connection: sa.Connection, line: sa.Subquery, kind: str) -> list[str]:
    columns = (line.c[name] for name in ("item_id", "value", "excerpt"))
    order = (sa.func.length(line.c.item_id), line.c.item_id, line.c.value)  # numbers as people count them
    rows: Any = connection.execute(sa.select(*columns).where(line.c.kind == kind).order_by(*order).limit(EXAMPLES))
    return [
        f"item {item}" + (f": {value}" if value else "") if item else f"no id: {value or one_line(excerpt, 60)}"
        for item, value, excerpt in rows
    ]
