"""Bulk loading of a read into its temporary tables, by the quickest way that each database has."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.stock import RejectedLine, StockLine
from inventory_pipeline.db.tables.staging import TABLES, stage_lines, stage_rejected
from inventory_pipeline.db.types import SCALE, to_millionths

Row = tuple[Any, ...]

_NO_VALUES: Row = (None,) * (len(stage_lines.columns) - 4)


def line_row(seq: int, line: StockLine) -> Row:
    """The row of `stage_lines`. Runs once per line of a catalogue: no more than it must."""
    item, location, product, sku, title, status, (state, value), on_hand, committed, incoming = line[:10]
    sellable, oversell_allowed, pool, place, place_active, barcode, price, currency = line[10:]
    return (
        seq,
        item,
        location,
        product,
        sku,
        title,
        status,
        state,
        None if value is None else value * SCALE if type(value) is int else to_millionths(value),
        None if on_hand is None else to_millionths(on_hand),
        None if committed is None else to_millionths(committed),
        None if incoming is None else to_millionths(incoming),
        sellable,
        oversell_allowed,
        pool,
        place,
        place_active,
        barcode,
        None if price is None else to_millionths(price),
        currency,
        False,
    )


def unread_row(seq: int, line: RejectedLine) -> Row:
    return (seq, line.item_id, line.location_id, *_NO_VALUES, True)


def rejected_row(seq: int, line: RejectedLine) -> Row:
    return (seq, line.item_id, line.location_id, line.reason, line.excerpt)


def create(connection: sa.Connection) -> None:
    """Makes the tables and tells the planner what this connection is for."""
    for table in TABLES:
        table.create(connection, checkfirst=False)
    if connection.dialect.name == "sqlite":
        # Here a repeated line replaces the earlier one as it arrives; PostgreSQL's COPY cannot, see `settle`.
        connection.execute(sa.text("CREATE UNIQUE INDEX temp.stage_identity ON stage_lines (item_id, location_id)"))
        return
    # The statistics of the levels may be as old as before the store's first sync: a nested loop over 100,000 lines that
    # the planner takes for ten would run for minutes.
    connection.execute(sa.text("SET enable_nestloop = off"))
    connection.execute(sa.text("SET work_mem = '32MB'"))


def clear(connection: sa.Connection) -> None:
    for table in TABLES:
        connection.execute(table.delete())


def load(connection: sa.Connection, lines: Sequence[Row], rejected: Sequence[Row]) -> None:
    for table, rows in ((stage_lines, lines), (stage_rejected, rejected)):
        if rows:
            _load(connection, table, rows)


def _load(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "postgresql":
        with raw.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(table.columns))
    raw.executemany(f"INSERT OR REPLACE INTO temp.{table.name} VALUES ({marks})", rows)


def settle(connection: sa.Connection) -> None:
    """After the last row: the later of two readings of a line stays, and the planner learns how many there are."""
    if connection.dialect.name != "postgresql":
        return
    last = sa.func.max(stage_lines.c.seq).label("last")
    identity = (stage_lines.c.item_id, stage_lines.c.location_id)
    repeated = sa.select(*identity, last).group_by(*identity).having(sa.func.count() > 1).subquery()
    connection.execute(
        stage_lines.delete().where(
            stage_lines.c.item_id == repeated.c.item_id,
            stage_lines.c.location_id == repeated.c.location_id,
            stage_lines.c.seq < repeated.c.last,
        )
    )
    # Nobody else analyzes a temporary table, and without figures the diff becomes a nested loop.
    connection.execute(sa.text("ANALYZE stage_lines"))
