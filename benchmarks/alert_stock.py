"""The stock, the stores and the rules that the alert benchmark is run over."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from inventory_pipeline.core.notices import Route
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.thresholds import checked_threshold
from inventory_pipeline.db.alerts import routes
from inventory_pipeline.db.alerts.thresholds import put_thresholds
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.tables.stock import snapshots

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STORES, GROUPS, RULES = 200, 20, 10_000

# One row per number: every fifth variant has two locations, every twentieth line a pool; about 3 % are at five or fewer.
_LEVELS = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :levels - 1)
INSERT INTO stock_levels (store_key, item_id, location_id, product_id, sku, title, status, state, available, sellable,
                          oversell_allowed, shared_pool, location_active, presence, since_snapshot)
SELECT 'store-' || (i / :per_store), 'v' || CASE WHEN i % 5 = 1 THEN i - 1 ELSE i END,
       'place-' || (CASE WHEN i % 5 = 1 THEN 1 ELSE 0 END), 'p' || (i / 4),
       'G' || (i / :per_store % 20) || '-' || (i % :per_store),
       'A product with a name of usual length, number ' || i, 'active', 'tracked',
       CAST(((i % 1000) * 919 % 1000) - 24 AS BIGINT) * 1000000, :yes, :no,
       CASE WHEN i % 20 IN (18, 19) THEN 'pool-' || (i / 20) END, :yes, 'present', 1
FROM n
"""


def fill(database: Database, levels: int) -> None:
    per_store = levels // STORES
    with database.begin() as connection:
        for number in range(STORES):
            store = StoreIntegration(
                key=f"store-{number}", platform="woocommerce", url="https://shop.example", group=f"group-{number % GROUPS}"
            )
            stores.insert_store(connection, store, NOW)
            snapshot = {"store_key": store.key, "run_id": "run", "read": per_store, "gap": 0, "how": "", "memo": {}}
            times = dict.fromkeys(("started_at", "ended_at", "published_at"), NOW - timedelta(hours=1))
            counts = dict.fromkeys(("created", "updated", "rejected", "missing", "deleted", "repeats", "api_calls"), 0)
            told = {"unchanged": False, "accepted_shrink": False, "excluded": {}, "seen": per_store, "skipped": per_store}
            connection.execute(snapshots.insert().values(**snapshot, **times, **counts, **told))
        values = {"levels": levels, "per_store": per_store, "yes": True, "no": False}
        connection.execute(sa.text(_LEVELS), values)
        kinds = {"location": 2_000, "variant": RULES - 2_000 - 1_900 - STORES, "sku": 1_900, "store": STORES}
        step = levels // 8_000
        rules = [checked_threshold("store", 4, store_key=f"store-{number}") for number in range(kinds["store"])]
        for number in range(kinds["sku"]):
            group = number % GROUPS
            rules.append(checked_threshold("sku", 800, group=f"group-{group}", sku=f"G{group}-{number}"))
        for number in range(kinds["variant"] + kinds["location"]):
            i = number * step // 5 * 5
            scope, place = ("location", "place-0") if number < kinds["location"] else ("variant", "")
            rules.append(checked_threshold(scope, 10, store_key=f"store-{i // per_store}", item_id=f"v{i}", location_id=place))
        put_thresholds(connection, rules, NOW)
        routes.insert_route(connection, Route(name="erp", kind="webhook", shown=""), "", NOW)
    if database.dialect == "postgresql":  # as its autovacuum does; nothing does it for SQLite
        with database.begin() as connection:
            connection.execute(sa.text("ANALYZE"))


def move(database: Database) -> None:
    """Two per cent of the lines sell down to three."""
    with database.begin() as connection:
        connection.execute(sa.text("UPDATE stock_levels SET available = 3000000 WHERE available % 50000000 = 0"))
