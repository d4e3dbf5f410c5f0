"""How a store's units went over its latest syncs, as a picture: Dagster's own plots over time mix all stores."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.sync import StockTotals, SyncResult
from inventory_pipeline.defs import names

if TYPE_CHECKING:
    from inventory_pipeline.db.stock.history import Point

# A week of syncs, every four hours.
_SYNCS = 42


def units_of(totals: StockTotals) -> Number | None:
    """None where no line has a number: that is not zero."""
    return totals.units if totals.lines > totals.untracked + totals.unknown else None


def units_over_time(instance: dg.DagsterInstance, result: SyncResult) -> str:
    """Markdown with the picture in it, from what earlier syncs left in Dagster; empty before there is anything to compare."""
    from inventory_pipeline.db.stock.history import Point
    from inventory_pipeline.services.stock.charts import data_uri, step_chart

    earlier = list(_earlier(instance, result.store))
    if not earlier:
        return ""
    svg = step_chart(f"Units of store {result.store}", [*earlier, Point(result.read.ended_at, units_of(result.snapshot.totals))])
    return f"![units over time]({data_uri(svg)})"


def _earlier(instance: dg.DagsterInstance, store: str) -> "Iterator[Point]":
    """Oldest first. One query."""
    from inventory_pipeline.db.stock.history import Point

    which = dg.AssetRecordsFilter(asset_key=dg.AssetKey(names.SNAPSHOT), asset_partitions=[store])
    for record in reversed(instance.fetch_materializations(which, limit=_SYNCS - 1).records):
        materialization = record.asset_materialization
        units = None if materialization is None else materialization.metadata.get("units")
        known = units.value if isinstance(units, dg.FloatMetadataValue) else None
        yield Point(datetime.fromtimestamp(record.timestamp, UTC), None if known is None else Decimal(str(known)))
