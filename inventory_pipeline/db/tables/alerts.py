"""Threshold rules, alerts, the routes of notices, and the outbox."""

import sqlalchemy as sa

from inventory_pipeline.db.tables import metadata
from inventory_pipeline.db.tables.stock import stock_changes
from inventory_pipeline.db.types import BigId, Instant, Json, Key, Millionths

# The primary key is the rule's identity: its scope and the parts that belong to this scope. Other parts are empty texts.
thresholds = sa.Table(
    "thresholds",
    metadata,
    sa.Column("scope", Key, primary_key=True),
    sa.Column("store_key", Key, primary_key=True),
    sa.Column("item_id", Key, primary_key=True),
    sa.Column("location_id", Key, primary_key=True),
    sa.Column("group_name", Key, primary_key=True),
    sa.Column("sku", Key, primary_key=True),
    sa.Column("threshold", Millionths, nullable=False),
    sa.Column("margin", Millionths, nullable=False),
    sa.Column("cover_days", sa.BigInteger),
    sa.Column("changed_at", Instant, nullable=False),
)

# One row from the opening of an alert to its end; of one target at most one row is unresolved. `subject` is the id of the
# variant or pool, the SKU, or the store key; `item_id` a variant that stands for it. `baseline`: the store's first
# evaluation opened it.
alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("kind", Key, nullable=False),
    sa.Column("group_name", Key, nullable=False),
    sa.Column("store_key", Key, nullable=False),
    sa.Column("subject", Key, nullable=False),
    sa.Column("location_id", Key, nullable=False),
    sa.Column("item_id", Key, nullable=False),
    sa.Column("sku", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("worst", sa.Text, nullable=False),
    sa.Column("available", Millionths),
    sa.Column("at_least", sa.Boolean, nullable=False),
    # Where equal numbers of one SKU may be one stock or several: their sum; `available` counts them as one.
    sa.Column("up_to", Millionths),
    sa.Column("ambiguous", sa.Boolean, nullable=False),
    sa.Column("threshold", Millionths),
    sa.Column("margin", Millionths),
    sa.Column("was", Millionths),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("baseline", sa.Boolean, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("acknowledged_by", sa.Text),
    sa.Column("snoozed_until", Instant),
    sa.Column("resolved_at", Instant),
    sqlite_autoincrement=True,
)
# A literal, not a bound parameter: only then do the databases see that the partial index below answers the query.
UNRESOLVED = alerts.c.status != sa.literal_column("'resolved'")
# The migration makes it partial on PostgreSQL too; to say so here would load that dialect wherever alerts are read.
sa.Index(
    "ix_alerts_live",
    *(alerts.c[name] for name in ("kind", "store_key", "subject", "location_id", "group_name")),
    unique=True,
    sqlite_where=UNRESOLVED,
)

# The stores that have been evaluated at least once. The notice of a first evaluation says that it is one.
alert_baselines = sa.Table(
    "alert_baselines",
    metadata,
    sa.Column("store_key", Key, primary_key=True),
    sa.Column("evaluated_at", Instant, nullable=False),
)

# Where notices go, and which. The address is in `secrets` under `notify/<name>`, encrypted. An empty filter takes all.
notification_routes = sa.Table(
    "notification_routes",
    metadata,
    sa.Column("name", Key, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("allow_private", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("events", Json, nullable=False),
    sa.Column("groups", Json, nullable=False),
    sa.Column("stores", Json, nullable=False),
    sa.Column("platforms", Json, nullable=False),
    sa.Column("skus", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

# Notices, written in the transaction that changes the alerts. `key` is the idempotency key, sent with every attempt.
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("key", Key, nullable=False, unique=True),
    sa.Column("route", Key, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("payload", Json, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("claimed_until", Instant),
    sa.Column("sent_at", Instant),
    sa.Column("error", sa.Text),
    sa.Index(None, "status", "due_at"),
    sqlite_autoincrement=True,
)

# For consumption and stock history, which are read by variant.
sa.Index("ix_stock_changes_store_key_item_id", stock_changes.c.store_key, stock_changes.c.item_id)
