"""Temporary tables of one read: private to its connection, gone with it, however that ends."""

import sqlalchemy as sa

from inventory_pipeline.db.tables.stock import reason_columns, value_columns
from inventory_pipeline.db.types import Key

_metadata = sa.MetaData()


def _nullable(columns: list[sa.Column]) -> list[sa.Column]:
    for column in columns:
        column.nullable = True
    return columns


# One row per line read. A line that could not be read but says which it is has `rejected` and no values. `seq` counts
# up through the read: of two rows with one identity the later holds.
stage_lines = sa.Table(
    "stage_lines",
    _metadata,
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("item_id", Key, nullable=False),
    sa.Column("location_id", Key, nullable=False),
    *_nullable(value_columns()),
    sa.Column("rejected", sa.Boolean, nullable=False, server_default=sa.false()),
    prefixes=["TEMPORARY"],
)
stage_lines.c.location_active.server_default = sa.DefaultClause(sa.true())

stage_rejected = sa.Table(
    "stage_rejected",
    _metadata,
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("item_id", Key),
    sa.Column("location_id", Key),
    *reason_columns(),
    prefixes=["TEMPORARY"],
)

# What the read changes, one row per line concerned; unchanged lines are not in it.
stage_diff = sa.Table(
    "stage_diff",
    _metadata,
    sa.Column("item_id", Key, nullable=False),
    sa.Column("location_id", Key, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    prefixes=["TEMPORARY"],
)

TABLES = (stage_lines, stage_rejected, stage_diff)
