"""Bulk loading of a read into its temporary tables, by the quickest way that each database has."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.stock import RejectedLine, StockLine
from inventory_pipeline.db.tables.staging import TABLES, stage_lines, stage_rejected
from inventory_pipeline.db.types import SCALE, to_millionths

Row = tuple[Any, ...]

# A row is bound with the columns that it fills: to sqlite3 a null costs more than a number, and most platforms never
# give the rare ones. How long a row is says which columns it has.
_USUAL = (
    *("seq", "item_id", "location_id", "product_id", "sku", "title", "status", "state"),
    *("available", "sellable", "oversell_allowed", "barcode", "price"),
)
_RARE = ("on_hand", "committed", "incoming", "shared_pool", "location", "currency", "location_active")
_UNREAD = ("seq", "item_id", "location_id", "rejected")
_SHAPES = {len(names): names for names in (_USUAL, _USUAL + _RARE, _UNREAD)}

_NOTHING_RARE = (None,) * 6
# sqlite3 binds a bool by a slow detour.
_BIT: dict[bool | None, int | None] = {None: None, False: 0, True: 1}


def line_row(seq: int, line: StockLine) -> Row:
    """The row of `stage_lines`. Runs once per line of a catalogue: no more than it must."""
    item, location, product, sku, title, status, (state, value), on_hand, committed, incoming = line[:10]
    sellable, oversell_allowed, pool, place, place_active, barcode, price, currency = line[10:]
    usual = (
        seq,
        item,
        location,
        product,
        sku,
        title,
        status,
        state,
        None if value is None else value * SCALE if type(value) is int else to_millionths(value),
        _BIT[sellable],
        _BIT[oversell_allowed],
        barcode,
        None if price is None else to_millionths(price),
    )
    if place_active and (on_hand, committed, incoming, pool, place, currency) == _NOTHING_RARE:
        return usual
    numbers = (None if number is None else to_millionths(number) for number in (on_hand, committed, incoming))
    return (*usual, *numbers, pool, place, currency, _BIT[place_active])


def unread_row(seq: int, line: RejectedLine) -> Row:
    return (seq, line.item_id, line.location_id, 1)


def rejected_row(seq: int, line: RejectedLine) -> Row:
    return (seq, line.item_id, line.location_id, line.reason, line.excerpt)


def create(connection: sa.Connection) -> None:
    """Makes the tables and tells the planner what this connection is for."""
    for table in TABLES:
        table.create(connection, checkfirst=False)
    if connection.dialect.name == "postgresql":
        # The statistics of the levels may be as old as before the store's first sync: a nested loop over 100,000 lines
        # that the planner takes for ten would run for minutes.
        connection.execute(sa.text("SET enable_nestloop = off"))
        connection.execute(sa.text("SET work_mem = '32MB'"))


def clear(connection: sa.Connection) -> None:
    for table in TABLES:
        connection.execute(table.delete())


def load(connection: sa.Connection, lines: Sequence[Row], rejected: Sequence[Row]) -> None:
    shapes: defaultdict[int, list[Row]] = defaultdict(list)
    for row in lines:
        shapes[len(row)].append(row)
    for length, rows in shapes.items():
        _load(connection, stage_lines.name, _SHAPES[length], rows)
    if rejected:
        _load(connection, stage_rejected.name, stage_rejected.columns.keys(), rejected)


def _load(connection: sa.Connection, table: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    raw: Any = connection.connection.dbapi_connection
    columns = ", ".join(names)
    if connection.dialect.name == "postgresql":
        with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        raw.executemany(f"INSERT INTO temp.{table} ({columns}) VALUES ({', '.join('?' * len(names))})", rows)


def settle(connection: sa.Connection) -> None:
    """After the last row: the later of two readings of a line stays, and the planner learns how many there are."""
    if connection.dialect.name == "sqlite":
        # Only now: keeping it while the rows come would cost more.
        connection.execute(sa.text("CREATE INDEX IF NOT EXISTS temp.stage_identity ON stage_lines (item_id, location_id, seq)"))
    line, identity = stage_lines.alias(), ("item_id", "location_id")
    read = [line.c[name] for name in identity]
    repeated = sa.select(*read, sa.func.max(line.c.seq).label("last")).group_by(*read).having(sa.func.count() > 1).subquery()
    same = sa.and_(*(stage_lines.c[name] == repeated.c[name] for name in identity), stage_lines.c.seq < repeated.c.last)
    earlier = sa.select(stage_lines.c.seq).join_from(stage_lines, repeated, same).correlate(None)
    connection.execute(stage_lines.delete().where(stage_lines.c.seq.in_(earlier)))
    if connection.dialect.name == "postgresql":
        # Nobody else analyzes a temporary table, and without figures the diff becomes a nested loop.
        connection.execute(sa.text("ANALYZE stage_lines"))
