"""The lives of runs: which process works on each, and when it last said so."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "run_heartbeats",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("store_key", Key),
        sa.Column("host", sa.Text),
        sa.Column("boot_id", sa.Text),
        sa.Column("pid", sa.BigInteger),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("heartbeat_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("barred_at", Instant),
        sa.PrimaryKeyConstraint("run_id"),
    )
