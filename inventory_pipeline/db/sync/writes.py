"""The writes of a publish, each one statement over the difference."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.db.engine import upsert
from inventory_pipeline.db.sync.diff import conditions_on
from inventory_pipeline.db.tables.staging import stage_diff, stage_lines, stage_rejected
from inventory_pipeline.db.tables.stock import (
    NUMBERS,
    VALUES,
    reason_columns,
    rejected_lines,
    snapshots,
    stock_changes,
    stock_levels,
)

_line, _level, _diff = stage_lines, stock_levels, stage_diff

_READ = ("created", "returned", "updated")
# The actions on lines that the read gives no values for, by the presence that such a line gets.
_LOST = {"present": ("unreadable",), "missing": ("missing",), "deleted": ("deleted", "replaced")}
# The kind of change that the ledger keeps for each action.
_KINDS = {
    "updated": "updated",
    "returned": "returned",
    "unreadable": "updated",
    "missing": "missing",
    "deleted": "deleted",
    "replaced": "deleted",
}

_REJECTED = ("item_id", "location_id", *(column.name for column in reason_columns()))

_STAGED = sa.and_(_line.c.item_id == _diff.c.item_id, _line.c.location_id == _diff.c.location_id)


def write_changes(connection: sa.Connection, store_key: str, snapshot_id: int) -> None:
    """Appends to the ledger what each changed line was until now, and what it becomes. Call it before `write_levels`."""
    read = _diff.c.action.in_(_READ)
    row: dict[str, sa.ColumnElement[Any]] = {
        "store_key": _level.c.store_key,
        "item_id": _level.c.item_id,
        "location_id": _level.c.location_id,
        "kind": sa.case(_KINDS, value=_diff.c.action),
        "valid_from": _level.c.since_snapshot,
        "snapshot_id": sa.literal(snapshot_id, sa.BigInteger),
        "state_after": sa.case((read, _line.c.state), else_="unknown"),
        "available_after": sa.case((read, _line.c.available)),
        "presence": _level.c.presence,
    }
    row |= {name: _level.c[name] for name in VALUES}
    mine = sa.and_(
        _level.c.store_key == store_key, _level.c.item_id == _diff.c.item_id, _level.c.location_id == _diff.c.location_id
    )
    source = sa.select(*row.values()).select_from(_diff.join(_level, mine).outerjoin(_line, _STAGED))
    connection.execute(stock_changes.insert().from_select(list(row), source))


def write_levels(connection: sa.Connection, store_key: str, snapshot_id: int) -> None:
    """Updates the current levels by the difference."""
    _upsert_read(connection, store_key, snapshot_id)
    for presence, actions in _LOST.items():
        # Numbers and `sellable` hold only as long as a read gives them; identity, SKU and title stay.
        lost: dict[str, Any] = dict.fromkeys((*NUMBERS, "sellable", "last_verified_snapshot"))
        lost |= {"state": "unknown", "presence": presence, "since_snapshot": snapshot_id}
        connection.execute(_level.update().where(_concerned(store_key, actions)).values(lost))


def _upsert_read(connection: sa.Connection, store_key: str, snapshot_id: int) -> None:
    row: dict[str, sa.ColumnElement[Any]] = {
        "store_key": sa.literal(store_key),
        "item_id": _line.c.item_id,
        "location_id": _line.c.location_id,
        "presence": sa.literal("present"),
        "since_snapshot": sa.literal(snapshot_id, sa.BigInteger),
        "last_verified_snapshot": sa.null(),
    }
    row |= {name: _line.c[name] for name in VALUES}
    source = sa.select(*row.values()).select_from(_diff.join(_line, _STAGED)).where(_diff.c.action.in_(_READ))
    insert = upsert(connection.dialect, _level)
    key = [column.name for column in _level.primary_key]
    changed = {name: insert.excluded[name] for name in row if name not in key}
    connection.execute(insert.from_select(list(row), source).on_conflict_do_update(index_elements=key, set_=changed))


def mark_verified(connection: sa.Connection, store_key: str) -> None:
    """Marks every line that the read holds as verified by it."""
    marked = _level.c.store_key == store_key, _level.c.last_verified_snapshot.is_not(None)
    shown = ~_concerned(store_key, ("missing",))
    connection.execute(_level.update().where(*marked, shown).values(last_verified_snapshot=None))


def keep_unseen(connection: sa.Connection, store_key: str, snapshot_id: int, items: Sequence[str] | None = None) -> None:
    """Keeps the lines that the read does not hold as they are, unverified, and takes them out of the difference.

    For a read with a gap, which does not prove that they are gone. With `items`, only the lines of these items, which the
    gap is known to be about.
    """
    last_verified = sa.func.coalesce(_level.c.last_verified_snapshot, _before(store_key, snapshot_id))
    for condition in conditions_on(items):
        unseen = _level.update().where(_concerned(store_key, ("missing",), condition))
        connection.execute(unseen.values(last_verified_snapshot=last_verified))
        connection.execute(_diff.delete().where(_diff.c.action.in_(("missing", "deleted")), condition))


def keep_rejected(connection: sa.Connection, store_key: str, snapshot_id: int) -> None:
    """Writes the rejected lines to the ledger."""
    _insert_rejected(connection, store_key, snapshot_id, staged_rejections())


def staged_rejections() -> sa.Select:
    """The rejected lines of the staged read, without those that a later row with the same identity has replaced."""
    holds = sa.or_(stage_rejected.c.item_id.is_(None), stage_rejected.c.location_id.is_(None), _line.c.seq.is_not(None))
    winner = sa.and_(
        _line.c.item_id == stage_rejected.c.item_id,
        _line.c.location_id == stage_rejected.c.location_id,
        _line.c.seq == stage_rejected.c.seq,
    )
    columns = [stage_rejected.c[name] for name in _REJECTED]
    return sa.select(*columns).select_from(stage_rejected.outerjoin(_line, winner)).where(holds)


def carry_rejected(connection: sa.Connection, store_key: str, snapshot_id: int) -> None:
    """Copies the rejected lines of the last snapshot to this one: for a read that the platform answered "not modified"."""
    mine = rejected_lines.c.store_key == store_key
    columns = [rejected_lines.c[name] for name in _REJECTED]
    source = sa.select(*columns).where(mine, rejected_lines.c.snapshot_id == _before(store_key, snapshot_id))
    _insert_rejected(connection, store_key, snapshot_id, source)


def _insert_rejected(connection: sa.Connection, store_key: str, snapshot_id: int, source: sa.Select) -> None:
    source = source.add_columns(sa.literal(store_key), sa.literal(snapshot_id, sa.BigInteger))
    connection.execute(rejected_lines.insert().from_select([*_REJECTED, "store_key", "snapshot_id"], source))


def _concerned(
    store_key: str, actions: tuple[str, ...], condition: sa.ColumnElement[bool] | None = None
) -> sa.ColumnElement[bool]:
    """Whether one of these actions is about a level. Not a correlated EXISTS, which databases evaluate for every level."""
    lines = sa.select(_diff.c.item_id, _diff.c.location_id).where(_diff.c.action.in_(actions))
    if condition is not None:
        lines = lines.where(condition)
    return sa.and_(_level.c.store_key == store_key, sa.tuple_(_level.c.item_id, _level.c.location_id).in_(lines))


def _before(store_key: str, snapshot_id: int) -> sa.ScalarSelect[int]:
    """The id of the store's snapshot before this one."""
    mine = snapshots.c.store_key == store_key, snapshots.c.id < snapshot_id
    return sa.select(sa.func.max(snapshots.c.id)).where(*mine).scalar_subquery()
