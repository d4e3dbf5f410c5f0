"""What an alert kept open by its margin was, and above which stock it closes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alerts", sa.Column("margin", sa.BigInteger))
    op.add_column("alerts", sa.Column("was", sa.BigInteger))
