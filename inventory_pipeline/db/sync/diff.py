"""What a staged read changes in the current levels: one set-based comparison, nothing written but the difference.

Actions: `created` (never seen), `returned` (was deleted), `updated`, `unreadable` (rejected, the line is known),
`missing` (present, not in the read), `deleted` (missing, not in the read again), `replaced` (a `-` line whose item now
has real levels).
"""

import sqlalchemy as sa

from inventory_pipeline.core.stock import NO_LOCATION
from inventory_pipeline.db.tables.staging import stage_diff, stage_lines, stage_rejected
from inventory_pipeline.db.tables.stock import NUMBERS, VALUES, stock_levels

_line, _level = stage_lines, stock_levels

_CURRENT = _level.c.presence.in_(("present", "missing"))
_SAME_LINE = sa.and_(_level.c.item_id == _line.c.item_id, _level.c.location_id == _line.c.location_id)


def compare(connection: sa.Connection, store_key: str) -> None:
    """Fills `stage_diff` with what the staged read would change."""
    _refill(connection, _read_lines(store_key), _unread_lines(store_key))


def compare_unchanged(connection: sa.Connection, store_key: str) -> None:
    """The platform said "not modified": what was missing is missing again, and nothing else changes."""
    again = sa.select(_level.c.item_id, _level.c.location_id, sa.literal("deleted"))
    _refill(connection, again.where(_level.c.store_key == store_key, _level.c.presence == "missing"))


def count_actions(connection: sa.Connection) -> dict[str, int]:
    """How many lines each action concerns."""
    counted = sa.select(stage_diff.c.action, sa.func.count()).group_by(stage_diff.c.action)
    return dict(connection.execute(counted).all())


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
        .where(sa.or_(sa.and_(~_line.c.rejected, differs), sa.and_(_line.c.rejected, _loses_by_rejection())))
    )


def _unread_lines(store_key: str) -> sa.Select:
    """Current lines that the read does not hold. A rejected line without a location speaks for all its item's lines."""
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
        .where(sa.or_(replaced, ~item_rejected, _loses_by_rejection()))
    )


def _loses_by_rejection() -> sa.ColumnElement[bool]:
    """Whether a current line says more than a rejected one leaves it: unknown, without numbers."""
    known = (_level.c[name].is_not(None) for name in (*NUMBERS, "sellable"))
    return sa.and_(_CURRENT, sa.or_(_level.c.presence != "present", _level.c.state != "unknown", *known))
