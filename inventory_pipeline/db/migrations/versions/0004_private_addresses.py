"""Whether a store, or a notification route, may be in a private network or without TLS.

Who works today goes on: a store that has a published snapshot, and every route. A feed in a file has no address to allow.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("store_integrations", "notification_routes"):
        op.add_column(table, sa.Column("allow_private", sa.Boolean, nullable=False, server_default=sa.false()))
    synced = "SELECT store_key FROM snapshots"
    web = "lower(url) LIKE 'http://%' OR lower(url) LIKE 'https://%'"
    op.execute(f"UPDATE store_integrations SET allow_private = true WHERE purged_at IS NULL AND ({web}) AND key IN ({synced})")
    op.execute("UPDATE notification_routes SET allow_private = true")
