"""Where each credential may be sent. What is there is bound to the hosts of the stores that use it."""

from collections import defaultdict
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.http.hosts import Host

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Json = sa.JSON().with_variant(JSONB(), "postgresql")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    bindings = op.create_table(
        "credential_bindings",
        sa.Column("reference", Key, nullable=False),
        sa.Column("platform", sa.Text),
        sa.Column("hosts", Json, nullable=False),
        sa.Column("bound_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    used = sa.text(
        "SELECT c.reference, s.platform, s.url FROM store_credentials c JOIN store_integrations s ON s.key = c.store_key"
        " WHERE s.purged_at IS NULL"
    )
    platforms, hosts = defaultdict[str, set[str]](set), defaultdict[str, set[Host]](set)
    for reference, platform, url in op.get_bind().execute(used):
        try:
            hosts[reference].add(Host.of_address(url))
        except UsageError:  # no address of the web, or none that can be read in one way only: nothing is sent there
            continue
        platforms[reference].add(platform)
    now = datetime.now(UTC)
    rows = [
        {
            "reference": reference,
            "platform": min(platforms[reference]) if len(platforms[reference]) == 1 else None,
            "hosts": sorted(str(host) for host in places if not any(host != other and other.covers(host) for other in places)),
            "bound_at": now,
        }
        for reference, places in hosts.items()
        if places
    ]
    if rows:
        op.bulk_insert(bindings, rows)
