"""A registered store and its syncs, for tests: time moves on by an hour with each."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Quantity
from inventory_pipeline.core.stock import Completeness, RejectedLine, StockLine
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.sync import PublishedSnapshot, StoreRead
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.sync import leases
from inventory_pipeline.db.sync.publish import Publication, publish
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline.db.tables.stock import stock_changes, stock_levels
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON


def line(item: str, available: int | None = None, **fields: Any) -> StockLine:
    """A tracked line with that many units; unknown without."""
    if available is not None:
        fields["quantity"] = Quantity.of(available)
    return StockLine(item_id=item, **fields)


WHOLE = Completeness(expected=None, read=0, how="test")


def publication(store_key: str, run: str, ended_at: datetime, proof: Completeness = WHOLE, **fields: Any) -> Publication:
    """A read that took a minute, a whole one unless its proof says otherwise."""
    excluded = fields.pop("excluded", {})
    read = StoreRead(started_at=ended_at - MINUTE, ended_at=ended_at, proof=proof, excluded=excluded)
    return Publication(store_key=store_key, run_id=run, read=read, now=ended_at, **fields)


def reasons(result: PublishedSnapshot) -> dict[str, int]:
    """Why lines were rejected, and how many for each reason."""
    return {each.reason: each.count for each in result.rejections}


class Shop:
    """One store. Each sync begins an hour after the one before and takes a minute to read."""

    def __init__(self, database: Database, key: str = "berlin", **fields: Any) -> None:
        self.database, self.key, self.now, self.syncs = database, key, NOON, 0
        store = StoreIntegration(key=key, platform="woocommerce", url=f"https://{key}.example", **fields)
        with database.begin() as connection:
            stores.insert_store(connection, store, NOON)

    def sync(self, lines: Iterable[StockLine] = (), rejected: Sequence[RejectedLine] = (), **fields: Any) -> PublishedSnapshot:
        with Stage(self.database, self.key) as stage:
            stage.add(list(lines), rejected)
            return self.publish(stage, **fields)

    def publish(self, stage: Stage, **fields: Any) -> PublishedSnapshot:
        self.syncs += 1
        self.now += HOUR
        run = f"run-{self.syncs}"
        leases.acquire(self.database, self.key, run, self.now, HOUR)
        try:
            return publish(stage, publication(self.key, run, self.now, **fields))
        finally:
            leases.release(self.database, self.key, run)

    def changes(self) -> list[tuple[str, str, Any, Any]]:
        """Item, kind, units before and after of every change, in the order they happened."""
        columns = (stock_changes.c[name] for name in ("item_id", "kind", "available", "available_after"))
        mine = sa.select(*columns).where(stock_changes.c.store_key == self.key).order_by(stock_changes.c.id)
        with self.database.connect() as connection:
            return [tuple(row) for row in connection.execute(mine)]

    def presence(self, *items: str, location: str = "default") -> list[str]:
        return [self.level(item, location)["presence"] for item in items]

    def level(self, item: str, location: str = "default") -> dict[str, Any]:
        """The line's current row, by column."""
        mine = stock_levels.c.store_key == self.key, stock_levels.c.item_id == item, stock_levels.c.location_id == location
        with self.database.connect() as connection:
            return dict(connection.execute(sa.select(stock_levels).where(*mine)).mappings().one())
