"""Recorded answers of real servers through the whole sync core: the lines, variants, units and states that they must give."""

from datetime import UTC, datetime

import sqlalchemy as sa

from inventory_pipeline.connectors import prestashop
from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.sync import StockTotals, SyncResult
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.services.sync.service import InventorySyncService
from inventory_pipeline_tests.connectors import medusa_server, prestashop_shop, saleor_server, vendure_server
from inventory_pipeline_tests.connectors.medusa_server import MedusaServer, medusa_context
from inventory_pipeline_tests.connectors.prestashop_shop import PrestaShopServer, presta_context
from inventory_pipeline_tests.connectors.saleor_server import SaleorServer, saleor_context
from inventory_pipeline_tests.connectors.vendure_server import VendureServer, vendure_context
from inventory_pipeline_tests.http.local_server import LocalServer

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def synced(database: Database, context: ConnectorContext, run_id: str) -> SyncResult:
    with database.begin() as connection:
        if stores.get_store(connection, context.store.key) is None:
            stores.insert_store(connection, context.store, NOW)

    def connect(store: StoreIntegration, _memo: object) -> object:
        return connector_for(store.platform)(context)

    service = InventorySyncService(database=database, connect=connect, clock=lambda: NOW)  # pyright: ignore[reportArgumentType] -- one class of many
    return service.sync_all_products(context.store.key, run_id=run_id)


def created_rejected_gap_then_skipped(first: SyncResult, second: SyncResult) -> tuple[int, int, int, int]:
    counts = first.snapshot.counts
    return counts.created, counts.rejected, first.read.proof.gap, second.snapshot.counts.skipped


def figures(totals: StockTotals) -> dict[str, object]:
    return {
        name: getattr(totals, name)
        for name in ("lines", "products", "variants", "units", "untracked", "unknown", "negative", "without_sku", "repeated_skus")
    }


def statuses(database: Database) -> dict[str, int]:
    with database.connect() as connection:
        return dict(connection.execute(sa.select(stock_levels.c.status, sa.func.count()).group_by(stock_levels.c.status)).all())


def test_prestashop(database: Database) -> None:
    with LocalServer(PrestaShopServer(prestashop_shop.recorded_rows())) as server:
        context = presta_context(server.url)
        first, second = synced(database, context, "first"), synced(database, context, "second")
    assert created_rejected_gap_then_skipped(first, second) == (379, 0, 0, 379)
    assert figures(first.snapshot.totals) == {
        "lines": 379,
        "products": 276,
        "variants": 379,
        "units": 23_646,
        "untracked": 0,
        "unknown": 0,
        "negative": 6,
        "without_sku": 27,
        "repeated_skus": 14,
    }
    assert statuses(database) == {"active": 364, "draft": 15}
    assert dict(first.read.excluded) == {prestashop.SUM: 36, prestashop.PACK: 1}


def test_medusa(database: Database) -> None:
    with LocalServer(MedusaServer(medusa_server.recorded_rows())) as server:
        context = medusa_context(server.url)
        first, second = synced(database, context, "first"), synced(database, context, "second")
    assert created_rejected_gap_then_skipped(first, second) == (354, 0, 0, 354)
    assert figures(first.snapshot.totals) == {
        "lines": 354,
        "products": 255,
        "variants": 345,
        "units": 8_381,
        "untracked": 15,
        "unknown": 10,
        "negative": 0,
        "without_sku": 15,
        "repeated_skus": 0,
    }
    assert statuses(database) == {"active": 339, "draft": 15}
    assert not any(first.read.excluded.values())


def test_saleor(database: Database) -> None:
    with LocalServer(SaleorServer(saleor_server.recorded_variants())) as server:
        context = saleor_context(server.url)
        first, second = synced(database, context, "first"), synced(database, context, "second")
    assert created_rejected_gap_then_skipped(first, second) == (939, 0, 0, 939)
    assert figures(first.snapshot.totals) == {
        "lines": 939,
        "products": 267,
        "variants": 398,
        "units": 149_472,
        "untracked": 150,
        "unknown": 10,
        "negative": 0,
        "without_sku": 151,
        "repeated_skus": 0,
    }
    assert statuses(database) == {"active": 939}
    assert not any(first.read.excluded.values())


def test_vendure(database: Database) -> None:
    with LocalServer(VendureServer(vendure_server.recorded_variants())) as server:
        context = vendure_context(server.url)
        first, second = synced(database, context, "first"), synced(database, context, "second")
    assert created_rejected_gap_then_skipped(first, second) == (1983, 0, 0, 1983)
    assert figures(first.snapshot.totals) == {
        "lines": 1_983,
        "products": 265,
        "variants": 1_143,
        "units": 334_298,
        "untracked": 24,
        "unknown": 0,
        "negative": 0,
        "without_sku": 3,
        "repeated_skus": 2,
    }
    assert statuses(database) == {"active": 1968, "draft": 15}
    assert not any(first.read.excluded.values())
