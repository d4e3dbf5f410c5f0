"""Everything that the first version needs."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Spelled out and never imported: a migration must not change when the tables do.
Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Json = sa.JSON().with_variant(JSONB(), "postgresql")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    _stores()
    _bookkeeping()
    _snapshots()
    _lines()
    _view()


def _stores() -> None:
    op.create_table(
        "store_integrations",
        sa.Column("key", Key, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("group_name", Key, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("auto_sync", sa.Boolean, nullable=False),
        sa.Column("needs_reauthorization", sa.Text),
        sa.Column("freshness_limit_seconds", sa.BigInteger),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("first_sync_at", Instant),
        sa.Column("purged_at", Instant),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "store_credentials",
        sa.Column("store_key", Key, sa.ForeignKey("store_integrations.key"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("store_key", "name"),
    )


def _bookkeeping() -> None:
    op.create_table(
        "secrets",
        sa.Column("name", Key, nullable=False),
        sa.Column("ciphertext", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "sync_leases",
        sa.Column("store_key", Key, sa.ForeignKey("store_integrations.key"), nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("acquired_at", Instant, nullable=False),
        sa.Column("heartbeat_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("store_key"),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", BigId, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )


def _snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("id", BigId, nullable=False),
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
        sa.Column("api_calls", sa.BigInteger, nullable=False),
        sa.Column("excluded", Json, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("seen", "created", "updated", "skipped", "rejected", "missing", "deleted", "repeats")
        ),
        sa.CheckConstraint("seen = created + updated + skipped + rejected", name=op.f("ck_snapshots_counts")),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_snapshots_store_key_id", "snapshots", ["store_key", "id"])


def _values() -> list[sa.Column[Any]]:
    """What a line says; quantities and price are whole counts of millionths."""
    return [
        sa.Column("product_id", sa.Text),
        sa.Column("sku", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("available", sa.BigInteger),
        sa.Column("on_hand", sa.BigInteger),
        sa.Column("committed", sa.BigInteger),
        sa.Column("incoming", sa.BigInteger),
        sa.Column("sellable", sa.Boolean),
        sa.Column("oversell_allowed", sa.Boolean),
        sa.Column("shared_pool", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("location_active", sa.Boolean, nullable=False),
        sa.Column("barcode", sa.Text),
        sa.Column("price", sa.BigInteger),
        sa.Column("currency", sa.Text),
    ]


def _lines() -> None:
    op.create_table(
        "stock_levels",
        sa.Column("store_key", Key, nullable=False),
        sa.Column("item_id", Key, nullable=False),
        sa.Column("location_id", Key, nullable=False),
        *_values(),
        sa.Column("presence", sa.Text, nullable=False),
        sa.Column("since_snapshot", sa.BigInteger, nullable=False),
        sa.Column("last_verified_snapshot", sa.BigInteger),
        sa.PrimaryKeyConstraint("store_key", "item_id", "location_id"),
    )
    op.create_table(
        "stock_changes",
        sa.Column("id", BigId, nullable=False),
        sa.Column("store_key", Key, nullable=False),
        sa.Column("item_id", Key, nullable=False),
        sa.Column("location_id", Key, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("valid_from", sa.BigInteger, nullable=False),
        sa.Column("snapshot_id", sa.BigInteger, nullable=False),
        sa.Column("state_after", sa.Text, nullable=False),
        sa.Column("available_after", sa.BigInteger),
        *_values(),
        sa.Column("presence", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_stock_changes_store_key_snapshot_id", "stock_changes", ["store_key", "snapshot_id"])
    op.create_table(
        "rejected_lines",
        sa.Column("id", BigId, nullable=False),
        sa.Column("store_key", Key, nullable=False),
        sa.Column("snapshot_id", sa.BigInteger, nullable=False),
        sa.Column("item_id", sa.Text),
        sa.Column("location_id", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("excerpt", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_rejected_lines_store_key_snapshot_id", "rejected_lines", ["store_key", "snapshot_id"])


def _view() -> None:
    """Current stock in units, for a person with a SQL prompt. SQLite shows fractions as floats; the table is exact."""
    exact = op.get_bind().dialect.name == "postgresql"

    def units(name: str) -> str:
        if exact:
            return f"trim_scale(l.{name} / 1000000.0) AS {name}"
        return f"CASE WHEN l.{name} % 1000000 = 0 THEN l.{name} / 1000000 ELSE l.{name} / 1000000.0 END AS {name}"

    shown = ", ".join(map(units, ("available", "on_hand", "committed", "incoming", "price")))
    op.execute(
        f"""
        CREATE VIEW current_stock AS
        SELECT l.store_key AS store, s.group_name AS store_group, s.platform, l.product_id, l.item_id, l.sku, l.title,
               l.status, l.location_id, l.location, l.state, {shown}, l.currency, l.sellable, l.oversell_allowed,
               l.shared_pool, l.presence
        FROM stock_levels l JOIN store_integrations s ON s.key = l.store_key
        WHERE l.presence <> 'deleted' AND s.purged_at IS NULL
        """
    )
