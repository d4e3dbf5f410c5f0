"""What a sync has to say of its store, files' own times, reasons of rejected lines apart from their values, ambiguous totals."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    no_sentences = (
        sa.Column(name, Json, nullable=False, server_default="[]") for name in ("warnings", "notes", "line_notes", "lists")
    )
    instants = (sa.Column(name, Instant) for name in ("modified", "gap_since"))
    accepted = sa.Column("accepted_unreadable", sa.Boolean, nullable=False, server_default=sa.false())
    for column in (accepted, *instants, *no_sentences):
        op.add_column("snapshots", column)
    for name in ("kind", "field", "value"):
        op.add_column("rejected_lines", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.execute("UPDATE rejected_lines SET kind = reason")
    op.add_column("alerts", sa.Column("up_to", sa.BigInteger))
    op.create_table(
        "quarantined_reads",
        sa.Column("store_key", Key, sa.ForeignKey("store_integrations.key"), nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("rejected_lines", Json, nullable=False),
        sa.PrimaryKeyConstraint("store_key"),
    )
