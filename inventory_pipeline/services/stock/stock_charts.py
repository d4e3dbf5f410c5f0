"""Which pictures there are of how stock went: of a store, of what an alert is about, of a SKU in a store."""

from collections.abc import Iterator

import sqlalchemy as sa

from inventory_pipeline.core.alerts import Alert
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.db.stock.history import items_with_sku, stock_history
from inventory_pipeline.services.stock.charts import step_chart


def store_chart(connection: sa.Connection, store_key: str) -> str:
    return step_chart(f"Units of {store_key}", stock_history(connection, store_key))


def alert_charts(connection: sa.Connection, alert: Alert) -> Iterator[str]:
    """The stock that the alert's rule looks at, with its threshold; nothing for an alert that is about no variant."""
    if alert.kind in ("variant", "pool", "location"):
        place = f", {alert.location_id}" if alert.location_id else ""
        title = redact(f"{alert.sku or alert.item_id} {alert.title} ({alert.store_key}{place})")
        points = stock_history(connection, alert.store_key, [alert.item_id], alert.location_id or None)
        yield step_chart(title, points, None if alert.threshold is None else float(alert.threshold))


def sku_charts(connection: sa.Connection, store_key: str, sku: str) -> Iterator[str]:
    """The sum of all variants with the SKU; nothing where the store has none."""
    items = items_with_sku(connection, store_key, sku)
    if items:
        yield step_chart(redact(f"{sku} ({store_key})"), stock_history(connection, store_key, items))
