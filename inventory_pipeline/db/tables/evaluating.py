"""Temporary tables of one evaluation: private to its connection, gone with it."""

import sqlalchemy as sa

from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.db.types import Key

_metadata = sa.MetaData()

# What a line says of its quantity, and where it is.
LINE = ("location_id", "state", "available", "sellable", "oversell_allowed", "shared_pool")


def _keys(*names: str) -> list[sa.Column]:
    return [sa.Column(name, Key) for name in names]


def _numbers(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.BigInteger) for name in names]


# What each variant used up, where a rule asks.
alert_consumption = sa.Table(
    "alert_consumption",
    _metadata,
    sa.Column("store_key", Key, primary_key=True),
    sa.Column("item_id", Key, primary_key=True),
    *_numbers("used", "events"),
    prefixes=["TEMPORARY"],
)

# The variants that are looked at, see `asked_lines.whole_subjects`, and their lines.
alert_asked = sa.Table("alert_asked", _metadata, *_keys("store_key", "item_id", "subject"), prefixes=["TEMPORARY"])
alert_lines = sa.Table(
    "alert_lines",
    _metadata,
    *_keys("store_key", "item_id"),
    *(sa.Column(name, stock_levels.c[name].type) for name in LINE),
    *_keys("subject"),
    prefixes=["TEMPORARY"],
)

# Every subject that is in alarm or has an alert, which is `alert_id`.
alert_findings = sa.Table(
    "alert_findings",
    _metadata,
    *_keys("kind", "store_key", "subject", "location_id", "item_id", "scope", "rule_item", "group_name", "platform"),
    *_keys("item_store", "sku", "verdict"),
    *_numbers("total", "unknown", "threshold", "cover_days", "ambiguous", "alert_id"),
    prefixes=["TEMPORARY"],
)
