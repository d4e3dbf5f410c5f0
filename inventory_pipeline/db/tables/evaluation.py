"""Temporary tables of one alert evaluation: private to its connection, gone with it."""

import sqlalchemy as sa

from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.db.types import Key

_metadata = sa.MetaData()

# The columns of a stock level that an evaluation reads, beside its store and item.
LINE_COLUMNS = ("location_id", "state", "available", "sellable", "oversell_allowed", "shared_pool")


def _keys(*names: str) -> list[sa.Column]:
    return [sa.Column(name, Key) for name in names]


def _numbers(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.BigInteger) for name in names]


# What each variant used up, in millionths, and in how many snapshots; filled only where a rule has cover days.
alert_consumption = sa.Table(
    "alert_consumption",
    _metadata,
    sa.Column("store_key", Key, primary_key=True),
    sa.Column("item_id", Key, primary_key=True),
    *_numbers("used", "events"),
    prefixes=["TEMPORARY"],
)

# The variants that are evaluated, see `candidate_lines.with_pool_members`, and their lines.
alert_candidates = sa.Table("alert_candidates", _metadata, *_keys("store_key", "item_id", "pool"), prefixes=["TEMPORARY"])
alert_lines = sa.Table(
    "alert_lines",
    _metadata,
    *_keys("store_key", "item_id"),
    *(sa.Column(name, stock_levels.c[name].type) for name in LINE_COLUMNS),
    *_keys("pool"),
    prefixes=["TEMPORARY"],
)

# Every target that is in alarm or has an unresolved alert, whose id is `alert_id`.
alert_comparison = sa.Table(
    "alert_comparison",
    _metadata,
    *_keys("kind", "store_key", "subject", "location_id", "item_id", "scope", "rule_item", "group_name", "platform"),
    *_keys("item_store", "sku", "verdict"),
    *_numbers("total", "unknown", "threshold", "margin", "cover_days", "ambiguous", "up_to", "alert_id"),
    prefixes=["TEMPORARY"],
)
