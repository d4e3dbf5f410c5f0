"""Bulk loading of a read into its temporary tables: COPY on PostgreSQL, `executemany` on SQLite."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.stock import RejectedLine, StockLine
from inventory_pipeline.db.engine import load_temporary
from inventory_pipeline.db.tables.staging import TABLES, stage_lines, stage_rejected
from inventory_pipeline.db.types import SCALE, to_millionths

Row = tuple[Any, ...]

# A row holds only the columns that it fills, because binding a null costs sqlite3 more than a number, and most platforms
# never give the rare columns. A row of `stage_lines` has one of three lists of columns, told apart by its length.
_USUAL = (
    "seq",
    "item_id",
    "location_id",
    "product_id",
    "sku",
    "title",
    "status",
    "state",
    "available",
    "sellable",
    "oversell_allowed",
    "barcode",
    "price",
)
_RARE = ("on_hand", "committed", "incoming", "shared_pool", "location", "currency", "location_active")
_UNREADABLE = ("seq", "item_id", "location_id", "rejected")
_COLUMNS_BY_LENGTH = {len(names): names for names in (_USUAL, _USUAL + _RARE, _UNREADABLE)}

# sqlite3 binds an int quicker than a bool.
_BIT: dict[bool | None, int | None] = {None: None, False: 0, True: 1}


def line_row(seq: int, line: StockLine) -> Row:
    """The row of `stage_lines` for a line, with the columns _USUAL, or _USUAL + _RARE. Runs once per line of a catalogue."""
    state, value = line.quantity
    usual = (
        seq,
        line.item_id,
        line.location_id,
        line.product_id,
        line.sku,
        line.title,
        line.status,
        state,
        None if value is None else value * SCALE if type(value) is int else to_millionths(value),
        _BIT[line.sellable],
        _BIT[line.oversell_allowed],
        line.barcode,
        None if line.price is None else to_millionths(line.price),
    )
    if (
        line.location_active
        and line.on_hand is None
        and line.committed is None
        and line.incoming is None
        and line.shared_pool is None
        and line.location is None
        and line.currency is None
    ):
        return usual
    return (
        *usual,
        None if line.on_hand is None else to_millionths(line.on_hand),
        None if line.committed is None else to_millionths(line.committed),
        None if line.incoming is None else to_millionths(line.incoming),
        line.shared_pool,
        line.location,
        line.currency,
        _BIT[line.location_active],
    )


def unreadable_row(seq: int, line: RejectedLine) -> Row:
    """The row of `stage_lines` for a rejected line with a readable identity, with the columns _UNREADABLE."""
    return (seq, line.item_id, line.location_id, 1)


def rejected_row(seq: int, line: RejectedLine) -> Row:
    """The row of `stage_rejected`."""
    return (seq, line.item_id, line.location_id, line.reason, line.excerpt, line.kind, line.field, line.value)


def create(connection: sa.Connection) -> None:
    """Creates the temporary tables, and sets planner options for this connection."""
    for table in TABLES:
        table.create(connection, checkfirst=False)
    if connection.dialect.name == "postgresql":
        # The statistics of `stock_levels` may be from before the store's first sync. The planner would then choose nested
        # loops, which run for minutes over 100,000 lines.
        connection.execute(sa.text("SET enable_nestloop = off"))
        connection.execute(sa.text("SET work_mem = '32MB'"))


def clear(connection: sa.Connection) -> None:
    """Empties the temporary tables, for another read."""
    for table in TABLES:
        connection.execute(table.delete())


def load(connection: sa.Connection, lines: Sequence[Row], rejected: Sequence[Row]) -> None:
    """Loads rows into `stage_lines` and `stage_rejected`."""
    by_length: defaultdict[int, list[Row]] = defaultdict(list)
    for row in lines:
        by_length[len(row)].append(row)
    for length, rows in by_length.items():
        load_temporary(connection, stage_lines.name, _COLUMNS_BY_LENGTH[length], rows)
    if rejected:
        load_temporary(connection, stage_rejected.name, stage_rejected.columns.keys(), rejected)


def drop_repeats(connection: sa.Connection) -> None:
    """To be called after the last row: of rows with the same identity only the last one stays. Analyzes the table."""
    if connection.dialect.name == "sqlite":
        # Created after loading, because keeping an index current while rows are inserted costs more.
        connection.execute(sa.text("CREATE INDEX IF NOT EXISTS temp.stage_identity ON stage_lines (item_id, location_id, seq)"))
    line, identity = stage_lines.alias(), ("item_id", "location_id")
    read = [line.c[name] for name in identity]
    repeated = sa.select(*read, sa.func.max(line.c.seq).label("last")).group_by(*read).having(sa.func.count() > 1).subquery()
    same = sa.and_(*(stage_lines.c[name] == repeated.c[name] for name in identity), stage_lines.c.seq < repeated.c.last)
    earlier = sa.select(stage_lines.c.seq).join_from(stage_lines, repeated, same).correlate(None)
    connection.execute(stage_lines.delete().where(stage_lines.c.seq.in_(earlier)))
    if connection.dialect.name == "postgresql":
        # Autovacuum does not analyze temporary tables, and without statistics the diff becomes a nested loop.
        connection.execute(sa.text("ANALYZE stage_lines"))
