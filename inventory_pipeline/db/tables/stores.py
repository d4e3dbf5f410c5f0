"""Store integrations, their credential references, secrets with their bindings, leases, the lives of runs, the audit log."""

import sqlalchemy as sa

from inventory_pipeline.db.tables import metadata
from inventory_pipeline.db.types import BigId, Instant, Json, Key

# `group` is a reserved word in SQL, hence `group_name`. A purged store keeps its row, which holds its key.
store_integrations = sa.Table(
    "store_integrations",
    metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("group_name", Key, nullable=False),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("auto_sync", sa.Boolean, nullable=False),
    sa.Column("allow_private", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("needs_reauthorization", sa.Text),
    sa.Column("freshness_limit_seconds", sa.BigInteger),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("first_sync_at", Instant),
    sa.Column("purged_at", Instant),
)

# References only (`secret:NAME`, `env:NAME`), never values.
store_credentials = sa.Table(
    "store_credentials",
    metadata,
    sa.Column("store_key", Key, sa.ForeignKey("store_integrations.key"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("reference", sa.Text, nullable=False),
)

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", Key, primary_key=True),
    sa.Column("ciphertext", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

# Where a reference (`secret:NAME`, `env:NAME`) may be sent. Without a row: nowhere. `platform` null: any.
credential_bindings = sa.Table(
    "credential_bindings",
    metadata,
    sa.Column("reference", Key, primary_key=True),
    sa.Column("platform", sa.Text),
    sa.Column("hosts", Json, nullable=False),
    sa.Column("bound_at", Instant, nullable=False),
)

# One row per store under sync. Beyond `expires_at` anybody may take it over.
sync_leases = sa.Table(
    "sync_leases",
    metadata,
    sa.Column("store_key", Key, sa.ForeignKey("store_integrations.key"), primary_key=True),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("acquired_at", Instant, nullable=False),
    sa.Column("heartbeat_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

# One row per Dagster run of this project whose body has begun: its process says here that it lives. Without a process,
# host and heartbeat: somebody wrote down the end of a run whose body never began.
run_heartbeats = sa.Table(
    "run_heartbeats",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("store_key", Key),
    sa.Column("host", sa.Text),
    sa.Column("boot_id", sa.Text),
    sa.Column("pid", sa.BigInteger),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("heartbeat_at", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("barred_at", Instant),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
