"""Variants whose stock and whose sale do not go together: in stock and not buyable, or sold out and still open."""

from typing import Literal

import sqlalchemy as sa

from inventory_pipeline.db.tables.stock import stock_levels

# unbuyable: units, but the store does not sell them: not sellable, a draft, or archived.
# still_open: none left, yet the store sells on, though it says that it must not oversell, or does not say that it may.
Mismatch = Literal["unbuyable", "still_open"]
MISMATCHES: tuple[Mismatch, ...] = ("unbuyable", "still_open")


def mismatched_variants(mismatch: Mismatch, store_key: sa.ColumnElement[str] | str) -> sa.Select:
    """The variants of one store, or of the store that a column names; columns `store_key`, `item_id`, `units` in millionths.

    Over its present lines at active locations: what is sold out in one place is not sold out. A variant with a line of unknown
    quantity may have units, and one that is not counted has no number: neither is sold out.
    """
    line = stock_levels.c
    units = sa.func.sum(sa.type_coerce(line.available, sa.BigInteger)).filter(line.state == "tracked")
    not_counted = sa.func.count().filter(line.state != "tracked")

    def some(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        return sa.func.count().filter(condition) > 0

    sold, refused = some(line.sellable.is_(sa.true())), some(line.sellable.is_(sa.false()))
    drafted = some(line.status != "active")
    conditions = {
        "unbuyable": (units > 0, sa.or_(drafted, sa.and_(refused, sa.not_(sold)))),
        "still_open": (units <= 0, not_counted == 0, sold, sa.not_(drafted), sa.not_(some(line.oversell_allowed.is_(sa.true())))),
    }
    return (
        sa.select(line.store_key, line.item_id, units.label("units"))
        .where(line.store_key == store_key, line.presence == "present", line.location_active)
        .group_by(line.store_key, line.item_id)
        .having(*conditions[mismatch])
    )
