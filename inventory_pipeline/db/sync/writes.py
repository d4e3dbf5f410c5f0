"""The writes of a publish, each one statement over the difference."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from inventory_pipeline.db.tables.staging import stage_diff, stage_lines, stage_rejected
from inventory_pipeline.db.tables.stock import NUMBERS, VALUES, rejected_lines, snapshots, stock_changes, stock_levels

_line, _level, _diff = stage_lines, stock_levels, stage_diff

_READ = ("created", "returned", "updated")
# What becomes of lines without a believable reading, by action.
_LOST = {"present": ("unreadable",), "missing": ("missing",), "deleted": ("deleted", "replaced")}
# A person knows a rejected line's fate as an update and a `-` line's as a deletion.
_KINDS = {"updated": "updated", "returned": "returned", "unreadable": "updated"}
_KINDS |= {"missing": "missing", "deleted": "deleted", "replaced": "deleted"}

_STAGED = sa.and_(_line.c.item_id == _diff.c.item_id, _line.c.location_id == _diff.c.location_id)


def write_changes(connection: sa.Connection, store_key: str, snapshot_id: int) -> None:
    """Appends the version that each changed line had until now. Must run before `write_levels`."""
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
    """Brings the current levels to what the read says."""
    _upsert_read(connection, store_key, snapshot_id)
    for presence, actions in _LOST.items():
        # Neither numbers nor the platform's "sellable" outlive the reading that gave them.
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
    insert = (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(_level)
    key = [column.name for column in _level.primary_key]
    changed = {name: insert.excluded[name] for name in row if name not in key}
    connection.execute(insert.from_select(list(row), source).on_conflict_do_update(index_elements=key, set_=changed))


def mark_verified(connection: sa.Connection, store_key: str) -> None:
    """The read vouches for every line it shows."""
    marked = _level.c.store_key == store_key, _level.c.last_verified_snapshot.is_not(None)
    shown = ~_concerned(store_key, ("missing",))
    connection.execute(_level.update().where(*marked, shown).values(last_verified_snapshot=None))


def keep_unseen(connection: sa.Connection, store_key: str, snapshot_id: int) -> None:
    """A read with a gap proves nothing of lines it does not show: they stay, with the word of the snapshot before."""
    word = sa.func.coalesce(_level.c.last_verified_snapshot, _before(store_key, snapshot_id))
    unseen = _level.update().where(_concerned(store_key, ("missing",)))
    connection.execute(unseen.values(last_verified_snapshot=word))
    connection.execute(_diff.delete().where(_diff.c.action.in_(("missing", "deleted"))))


def keep_rejected(connection: sa.Connection, store_key: str, snapshot_id: int) -> None:
    """Keeps the rejected lines that no later reading of the same line has mended."""
    holds = sa.or_(stage_rejected.c.item_id.is_(None), stage_rejected.c.location_id.is_(None), _line.c.seq.is_not(None))
    winner = sa.and_(
        _line.c.item_id == stage_rejected.c.item_id,
        _line.c.location_id == stage_rejected.c.location_id,
        _line.c.seq == stage_rejected.c.seq,
    )
    columns = [stage_rejected.c[name] for name in ("item_id", "location_id", "reason", "excerpt")]
    source = sa.select(*columns).select_from(stage_rejected.outerjoin(_line, winner)).where(holds)
    _insert_rejected(connection, store_key, snapshot_id, source)


def carry_rejected(connection: sa.Connection, store_key: str, snapshot_id: int) -> None:
    """Where the platform says "not modified", what the last read rejected is rejected still."""
    mine = rejected_lines.c.store_key == store_key
    columns = [rejected_lines.c[name] for name in ("item_id", "location_id", "reason", "excerpt")]
    source = sa.select(*columns).where(mine, rejected_lines.c.snapshot_id == _before(store_key, snapshot_id))
    _insert_rejected(connection, store_key, snapshot_id, source)


def _insert_rejected(connection: sa.Connection, store_key: str, snapshot_id: int, source: sa.Select) -> None:
    source = source.add_columns(sa.literal(store_key), sa.literal(snapshot_id, sa.BigInteger))
    names = ["item_id", "location_id", "reason", "excerpt", "store_key", "snapshot_id"]
    connection.execute(rejected_lines.insert().from_select(names, source))


def _concerned(store_key: str, actions: tuple[str, ...]) -> sa.ColumnElement[bool]:
    """The levels that these actions are about. Not a correlated EXISTS, which would be evaluated once for every level."""
    lines = sa.select(_diff.c.item_id, _diff.c.location_id).where(_diff.c.action.in_(actions))
    return sa.and_(_level.c.store_key == store_key, sa.tuple_(_level.c.item_id, _level.c.location_id).in_(lines))


def _before(store_key: str, snapshot_id: int) -> sa.ScalarSelect[int]:
    """The store's snapshot before this one."""
    mine = snapshots.c.store_key == store_key, snapshots.c.id < snapshot_id
    return sa.select(sa.func.max(snapshots.c.id)).where(*mine).scalar_subquery()
