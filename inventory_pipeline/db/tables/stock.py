"""Snapshots, the current stock levels, the ledger of their changes, and the lines that could not be read."""

from typing import Any

import sqlalchemy as sa

from inventory_pipeline.db.tables import metadata
from inventory_pipeline.db.types import BigId, Instant, Json, Key, Millionths


def value_columns() -> list[sa.Column[Any]]:
    """What a stock line says beside its identity, in `StockLine`'s order; the same in levels, changes and staging."""
    return [
        sa.Column("product_id", sa.Text),
        sa.Column("sku", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("available", Millionths),
        sa.Column("on_hand", Millionths),
        sa.Column("committed", Millionths),
        sa.Column("incoming", Millionths),
        sa.Column("sellable", sa.Boolean),
        sa.Column("oversell_allowed", sa.Boolean),
        sa.Column("shared_pool", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("location_active", sa.Boolean, nullable=False),
        sa.Column("barcode", sa.Text),
        sa.Column("price", Millionths),
        sa.Column("currency", sa.Text),
    ]


def reason_columns() -> list[sa.Column[Any]]:
    """Why a line was rejected: `kind` is the reason without the line's own `value`, which stands in `field`."""
    return [
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("excerpt", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
    ]


VALUES = tuple(column.name for column in value_columns())
# Null wherever the state is not "tracked" because the line could not be read or was not seen.
NUMBERS = ("available", "on_hand", "committed", "incoming")
_SPACE = " \t\n\r\f\v\u00a0"

# One published read of one store. Ids only grow, so that "before" and "after" are comparisons of ids.
snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("store_key", Key, sa.ForeignKey("store_integrations.key"), nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("ended_at", Instant, nullable=False),
    sa.Column("published_at", Instant, nullable=False),
    sa.Column("expected", sa.BigInteger),
    sa.Column("read", sa.BigInteger, nullable=False),
    sa.Column("gap", sa.BigInteger, nullable=False),
    sa.Column("how", sa.Text, nullable=False),
    sa.Column("memo", Json, nullable=False),
    sa.Column("unchanged", sa.Boolean, nullable=False),
    sa.Column("accepted_shrink", sa.Boolean, nullable=False),
    sa.Column("accepted_unreadable", sa.Boolean, nullable=False, server_default=sa.false()),
    # A file's own time, null for a store that is no file; since which read the gap has been what it is.
    sa.Column("modified", Instant),
    sa.Column("gap_since", Instant),
    # Sentences for a person, and the platform's lists as (name, expected, read).
    sa.Column("warnings", Json, nullable=False, server_default="[]"),
    sa.Column("notes", Json, nullable=False, server_default="[]"),
    sa.Column("line_notes", Json, nullable=False, server_default="[]"),
    sa.Column("lists", Json, nullable=False, server_default="[]"),
    sa.Column("api_calls", sa.BigInteger, nullable=False),
    sa.Column("excluded", Json, nullable=False),
    sa.Column("seen", sa.BigInteger, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("updated", sa.BigInteger, nullable=False),
    sa.Column("skipped", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("missing", sa.BigInteger, nullable=False),
    sa.Column("deleted", sa.BigInteger, nullable=False),
    sa.Column("repeats", sa.BigInteger, nullable=False),
    sa.CheckConstraint("seen = created + updated + skipped + rejected", name="counts"),
    sa.Index(None, "store_key", "id"),
    sqlite_autoincrement=True,
)

# The current version of every line ever seen; deleted ones stay, so that a return is known as one.
# `last_verified_snapshot` is null while the store's last snapshot vouches for the line; a line unseen in a read with a
# small gap keeps the id of the last snapshot that did.
stock_levels = sa.Table(
    "stock_levels",
    metadata,
    sa.Column("store_key", Key, primary_key=True),
    sa.Column("item_id", Key, primary_key=True),
    sa.Column("location_id", Key, primary_key=True),
    *value_columns(),
    sa.Column("presence", sa.Text, nullable=False),
    sa.Column("since_snapshot", sa.BigInteger, nullable=False),
    sa.Column("last_verified_snapshot", sa.BigInteger),
)

# One row per version of a line that ended: what it was from `valid_from` until `snapshot_id`, and what came after.
stock_changes = sa.Table(
    "stock_changes",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("store_key", Key, nullable=False),
    sa.Column("item_id", Key, nullable=False),
    sa.Column("location_id", Key, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("valid_from", sa.BigInteger, nullable=False),
    sa.Column("snapshot_id", sa.BigInteger, nullable=False),
    sa.Column("state_after", sa.Text, nullable=False),
    sa.Column("available_after", Millionths),
    *value_columns(),
    sa.Column("presence", sa.Text, nullable=False),
    sa.Index(None, "store_key", "snapshot_id"),
    sqlite_autoincrement=True,
)

rejected_lines = sa.Table(
    "rejected_lines",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("store_key", Key, nullable=False),
    sa.Column("snapshot_id", sa.BigInteger, nullable=False),
    sa.Column("item_id", sa.Text),
    sa.Column("location_id", sa.Text),
    *reason_columns(),
    sa.Index(None, "store_key", "snapshot_id"),
    sqlite_autoincrement=True,
)

# The last read of a store that was not believed, until one is published: why, what would publish it all the same and what
# that does, and a bounded number of its rejected lines and of the lines that it would take away.
quarantined_reads = sa.Table(
    "quarantined_reads",
    metadata,
    sa.Column("store_key", Key, sa.ForeignKey("store_integrations.key"), primary_key=True),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("ended_at", Instant, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("rejected_lines", Json, nullable=False),
    sa.Column("accepts", Json, nullable=False, server_default="[]"),
    sa.Column("does", sa.Text, nullable=False, server_default=""),
    sa.Column("lost", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("lost_lines", Json, nullable=False, server_default="[]"),
)


def trimmed(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The text without white space around it, as `str.strip` takes it away (as far as both databases can be told so)."""
    return sa.func.trim(column, _SPACE)
