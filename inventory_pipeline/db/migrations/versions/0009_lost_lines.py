"""What a read that was not believed would take away, and what would publish it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    for name in ("accepts", "lost_lines"):
        op.add_column("quarantined_reads", sa.Column(name, Json, nullable=False, server_default="[]"))
    op.add_column("quarantined_reads", sa.Column("does", sa.Text, nullable=False, server_default=""))
    op.add_column("quarantined_reads", sa.Column("lost", sa.BigInteger, nullable=False, server_default="0"))
