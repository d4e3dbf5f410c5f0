"""The variants behind a pool."""

from collections.abc import Sequence

import sqlalchemy as sa

from inventory_pipeline.db.tables.stock import stock_levels

# A notice names no more than these of one pool.
_NAMED = 20


def pool_members(connection: sa.Connection, store_key: str, items: Sequence[str]) -> dict[str, list[str]]:
    """For each of the variants, those that share a pool with it, itself among them: their SKUs, or ids without one."""
    if not items:
        return {}
    mine, other = stock_levels.alias("mine"), stock_levels.alias("other")
    same = sa.and_(other.c.store_key == mine.c.store_key, other.c.shared_pool == mine.c.shared_pool)
    name = sa.func.coalesce(sa.func.nullif(other.c.sku, ""), other.c.item_id).label("name")
    rows = (
        sa.select(mine.c.item_id, name)
        .distinct()
        .select_from(mine.join(other, same))
        .where(
            mine.c.store_key == store_key, mine.c.item_id.in_(items), other.c.presence != "deleted", other.c.status == "active"
        )
        .order_by(mine.c.item_id, name)
    )
    members: dict[str, list[str]] = {}
    for item, named in connection.execute(rows):
        if len(members.setdefault(item, [])) < _NAMED:
            members[item].append(named)
    return members
