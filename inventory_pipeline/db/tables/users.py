"""The site's users, their sessions and one-time links, and the attempts to sign in that failed."""

import sqlalchemy as sa

from inventory_pipeline.db.tables import metadata
from inventory_pipeline.db.types import BigId, Instant, Json, Key

# `groups` null: all. `password_hash` null: none yet, a link sets it.
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", Key, nullable=False, unique=True),
    sa.Column("password_hash", sa.Text),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("groups", Json),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_sign_in_at", Instant),
    sqlite_autoincrement=True,
)

# Tokens are kept as hashes: whoever reads the database cannot sign in with what stands there. `kind`: session (a browser that
# is signed in), browser (one in which the user has signed in before), password or sign_in (a link that works once).
user_tokens = sa.Table(
    "user_tokens",
    metadata,
    sa.Column("token_hash", Key, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Index(None, "user_id", "kind"),
)

# By whom or from where: `account:anna`, `address:192.0.2.1`, `browser:<hash>`.
sign_in_failures = sa.Table(
    "sign_in_failures",
    metadata,
    sa.Column("subject", Key, primary_key=True),
    sa.Column("failures", sa.BigInteger, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
)
