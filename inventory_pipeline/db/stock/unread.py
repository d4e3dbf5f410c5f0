"""The lines of a snapshot that could not be read."""

from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.db.tables.stock import rejected_lines as _table


class UnreadLine(NamedTuple):
    """`excerpt` is what the platform sent, cut; the ids are None where not even they could be read."""

    item_id: str | None
    location_id: str | None
    reason: str
    excerpt: str


def unread_lines(connection: sa.Connection, store_key: str, snapshot_id: int, limit: int = 100) -> list[UnreadLine]:
    """The first of them, in the order in which they were read."""
    mine = (_table.c.store_key == store_key, _table.c.snapshot_id == snapshot_id)
    rows = sa.select(*(_table.c[name] for name in UnreadLine._fields)).where(*mine).order_by(_table.c.id).limit(limit)
    return [UnreadLine(*row) for row in connection.execute(rows)]
