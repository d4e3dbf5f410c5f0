"""Threshold rules, alerts, notification routes and the outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Json = sa.JSON().with_variant(JSONB(), "postgresql")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    identity = ("scope", "store_key", "item_id", "location_id", "group_name", "sku")
    op.create_table(
        "thresholds",
        *(sa.Column(name, Key, nullable=False) for name in identity),
        sa.Column("threshold", sa.BigInteger, nullable=False),
        sa.Column("margin", sa.BigInteger, nullable=False),
        sa.Column("cover_days", sa.BigInteger),
        sa.Column("changed_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint(*identity),
    )
    _alerts()
    _notices()
    op.create_index("ix_stock_changes_store_key_item_id", "stock_changes", ["store_key", "item_id"])


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", BigId, nullable=False),
        *(
            sa.Column(name, Key, nullable=False)
            for name in ("kind", "group_name", "store_key", "subject", "location_id", "item_id")
        ),
        sa.Column("sku", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("worst", sa.Text, nullable=False),
        sa.Column("available", sa.BigInteger),
        sa.Column("at_least", sa.Boolean, nullable=False),
        sa.Column("ambiguous", sa.Boolean, nullable=False),
        sa.Column("threshold", sa.BigInteger),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("baseline", sa.Boolean, nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.Column("acknowledged_by", sa.Text),
        sa.Column("snoozed_until", Instant),
        sa.Column("resolved_at", Instant),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    live = sa.text("status != 'resolved'")
    subject = ["kind", "store_key", "subject", "location_id", "group_name"]
    op.create_index("ix_alerts_live", "alerts", subject, unique=True, sqlite_where=live, postgresql_where=live)
    op.create_table(
        "alert_baselines",
        sa.Column("store_key", Key, nullable=False),
        sa.Column("evaluated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("store_key"),
    )


def _notices() -> None:
    op.create_table(
        "notification_routes",
        sa.Column("name", Key, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        *(sa.Column(name, Json, nullable=False) for name in ("events", "groups", "stores", "platforms", "skus")),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("route", Key, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("claimed_until", Instant),
        sa.Column("sent_at", Instant),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_status_due_at", "outbox", ["status", "due_at"])
