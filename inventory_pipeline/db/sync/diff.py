"""The difference between a staged read and the current levels, computed in the database into `stage_diff`.

Each line that changes has one row with an action:

- `created`: the read holds a line that was never seen. `returned`: it holds a line that was deleted.
- `updated`: it holds a current line with other values, or one that was missing.
- `unreadable`: it rejected a current line, which loses its numbers and becomes unknown.
- `missing`: it does not hold a present line. `deleted`: it does not hold a line that is missing already.
- `replaced`: it does not hold a line at `-` (no level), because the item now has lines at locations.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.stock import NO_LOCATION
from inventory_pipeline.db.tables.staging import stage_diff, stage_lines, stage_rejected
from inventory_pipeline.db.tables.stock import NUMBERS, VALUES, stock_levels

_line, _level = stage_lines, stock_levels
# How many items one condition names: the number of bound parameters is limited.
_ITEMS_AT_ONCE = 1_000
# Of a line that would be lost, what is kept, and how much of a text.
_LOST = ("item_id", "location_id", "sku", "title", "location", "becomes")
_TEXT = 200

_CURRENT = _level.c.presence.in_(("present", "missing"))
_CHANGED = stage_diff.c.action.in_(("updated", "unreadable"))
_UNREAD = sa.or_(stage_diff.c.action == "unreadable", _line.c.state == "unknown")
_OUT = sa.or_(
    sa.and_(_line.c.state == "tracked", sa.type_coerce(_line.c.available, sa.BigInteger) <= 0),
    sa.and_(_line.c.state == "untracked", _line.c.sellable.is_(sa.false())),
)
_SAME_LINE = sa.and_(_level.c.item_id == _line.c.item_id, _level.c.location_id == _line.c.location_id)


def compare(connection: sa.Connection, store_key: str) -> None:
    """Fills `stage_diff` with the difference between the staged read and the store's current levels.

    1. Lines that the read holds, outer-joined with the levels: created, returned, updated or unreadable; equal ones are left
       out.
    2. Current levels that the read does not hold: missing, deleted, replaced or unreadable.
    """
    _refill(connection, _read_lines(store_key), _unread_lines(store_key))


def compare_unchanged(connection: sa.Connection, store_key: str) -> None:
    """Fills `stage_diff` for a read that the platform answered "not modified": missing lines are missing once more.

    No other line changes.
    """
    missing = sa.select(_level.c.item_id, _level.c.location_id, sa.literal("deleted"))
    _refill(connection, missing.where(_level.c.store_key == store_key, _level.c.presence == "missing"))


def count_actions(connection: sa.Connection, items: Sequence[str] | None = None) -> Counter[str]:
    """How many lines each action is about; with `items`, how many lines of these items."""
    counted = sa.select(stage_diff.c.action, sa.func.count()).group_by(stage_diff.c.action)
    found = Counter[str]()
    for condition in conditions_on(items):
        found.update(dict(connection.execute(counted.where(condition)).all()))
    return found


class Falls(NamedTuple):
    """What a read would take out of stock, see `stage.Measure`."""

    emptied: int
    unreadable: int
    becoming_unknown: int


def count_falls(connection: sa.Connection, store_key: str) -> Falls:
    """How many quantities in stock the read shows as out of stock, or lets become unknown.

    A switch from tracked to not tracked is neither, as long as the platform sells the line.
    """
    had_stock, unit = _in_stock(), _stock_unit()
    row = connection.execute(
        sa.select(
            sa.func.count(unit.distinct()).filter(had_stock, ~_UNREAD, _OUT),
            sa.func.count(unit.distinct()).filter(had_stock, _UNREAD),
            sa.func.count().filter(_UNREAD, _level.c.state != "unknown"),
        )
        .select_from(_beside_levels(store_key))
        .where(_CHANGED)
    ).one()
    return Falls(*row)


def lost_lines(
    connection: sa.Connection, store_key: str, limit: int, *, unseen_go_missing: bool, hidden: Sequence[str] = ()
) -> tuple[int, list[dict[str, str | None]]]:
    """How many lines the read would take away, and the `limit` of them with most units, as texts by name.

    `becomes` is `missing`, `out of stock` or `unknown`, `was` the units now or the state without number. Lines of the items
    that the platform hides would keep their stock, as all unseen ones do unless they go missing: both leave the difference,
    so that it cannot be published afterwards.
    """
    unseen = stage_diff.delete().where(stage_diff.c.action == "missing")
    for condition in conditions_on(hidden if unseen_go_missing else None):
        connection.execute(unseen.where(condition))
    becomes = sa.case(
        (stage_diff.c.action == "missing", "missing"),
        (sa.and_(_CHANGED, _UNREAD, _level.c.state != "unknown"), "unknown"),
        (sa.and_(_CHANGED, ~_UNREAD, _OUT, _in_stock()), "out of stock"),
    ).label("becomes")
    texts = [sa.func.substr(_level.c[name], 1, _TEXT).label(name) for name in ("sku", "title", "location")]
    columns = (_level.c.item_id, _level.c.location_id, *texts, _level.c.state, _level.c.available, becomes)
    units = sa.func.coalesce(sa.type_coerce(_level.c.available, sa.BigInteger), 0).desc()
    found = sa.select(*columns).select_from(_beside_levels(store_key)).where(becomes.is_not(None))
    number = connection.scalar(sa.select(sa.func.count()).select_from(found.subquery())) or 0
    most = found.order_by(units, _level.c.item_id, _level.c.location_id).limit(limit)
    return number, [
        {name: row[name] for name in _LOST} | {"was": row["state"] if row["available"] is None else str(row["available"])}
        for row in connection.execute(most).mappings()
    ]


def _beside_levels(store_key: str) -> sa.Join:
    """The difference, each line beside its current level and what the read holds of it."""
    same_level = sa.and_(
        _level.c.store_key == store_key,
        _level.c.item_id == stage_diff.c.item_id,
        _level.c.location_id == stage_diff.c.location_id,
    )
    same_line = sa.and_(_line.c.item_id == stage_diff.c.item_id, _line.c.location_id == stage_diff.c.location_id)
    return stage_diff.join(_level, same_level).outerjoin(_line, same_line)


def count_present(connection: sa.Connection, store_key: str) -> tuple[int, int]:
    """How many lines are present now, and how many quantities are in stock."""
    pool, had_stock = _level.c.shared_pool, _in_stock()
    counted = sa.select(
        sa.func.count(), sa.func.count().filter(had_stock, pool.is_(None)), sa.func.count(pool.distinct()).filter(had_stock)
    ).where(_level.c.store_key == store_key, _level.c.presence == "present")
    lines, alone, pools = connection.execute(counted).one()
    return lines, alone + pools


def _in_stock() -> sa.ColumnElement[bool]:
    """Whether a level says that something can be sold: a number above zero, or the platform's own word without a number."""
    numbered = sa.and_(_level.c.state == "tracked", sa.type_coerce(_level.c.available, sa.BigInteger) > 0)
    return sa.or_(numbered, sa.and_(_level.c.state == "untracked", _level.c.sellable.is_(sa.true())))


def _stock_unit() -> sa.ColumnElement[str]:
    """Identifies the quantity that a level draws on. (No pool id holds a line break.)"""
    return sa.func.coalesce(_level.c.shared_pool, sa.type_coerce(_level.c.item_id, sa.Text) + "\n" + _level.c.location_id)


def conditions_on(items: Sequence[str] | None) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions on `stage_diff`: each row meets exactly one of them; with `items`, each row of these items does."""
    if items is None:
        yield sa.true()
        return
    distinct = sorted(set(items))
    for start in range(0, len(distinct), _ITEMS_AT_ONCE):
        yield stage_diff.c.item_id.in_(distinct[start : start + _ITEMS_AT_ONCE])


def _refill(connection: sa.Connection, *selects: sa.Select) -> None:
    connection.execute(stage_diff.delete())
    for select in selects:
        connection.execute(stage_diff.insert().from_select(["item_id", "location_id", "action"], select))
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("ANALYZE stage_diff"))


def _read_lines(store_key: str) -> sa.Select:
    action = sa.case(
        (_line.c.rejected, "unreadable"),
        (_level.c.item_id.is_(None), "created"),
        (_level.c.presence == "deleted", "returned"),
        else_="updated",
    )
    differs = sa.or_(
        _level.c.item_id.is_(None),
        _level.c.presence != "present",
        *(_line.c[name].is_distinct_from(_level.c[name]) for name in VALUES),
    )
    return (
        sa.select(_line.c.item_id, _line.c.location_id, action)
        .select_from(_line.outerjoin(_level, sa.and_(_level.c.store_key == store_key, _SAME_LINE)))
        .where(sa.or_(sa.and_(~_line.c.rejected, differs), sa.and_(_line.c.rejected, _differs_from_unknown())))
    )


def _unread_lines(store_key: str) -> sa.Select:
    """Current lines that the read does not hold. A rejected line without a location makes all its item's lines unreadable."""
    located = sa.select(stage_lines.c.item_id).where(stage_lines.c.location_id != NO_LOCATION)
    rejected = sa.select(stage_rejected.c.item_id).where(
        stage_rejected.c.item_id.is_not(None), stage_rejected.c.location_id.is_(None)
    )
    has_levels, item_rejected = _level.c.item_id.in_(located), _level.c.item_id.in_(rejected)
    replaced = sa.and_(_level.c.location_id == NO_LOCATION, has_levels)
    action = sa.case(
        (replaced, "replaced"),
        (item_rejected, "unreadable"),
        (_level.c.presence == "present", "missing"),
        else_="deleted",
    )
    return (
        sa.select(_level.c.item_id, _level.c.location_id, action)
        .select_from(_level.outerjoin(_line, _SAME_LINE))
        .where(_level.c.store_key == store_key, _CURRENT, _line.c.item_id.is_(None))
        .where(sa.or_(replaced, ~item_rejected, _differs_from_unknown()))
    )


def _differs_from_unknown() -> sa.ColumnElement[bool]:
    """Whether a level is anything else than what a rejected line becomes: present, unknown, without numbers."""
    known = (_level.c[name].is_not(None) for name in (*NUMBERS, "sellable"))
    return sa.and_(_CURRENT, sa.or_(_level.c.presence != "present", _level.c.state != "unknown", *known))
