"""How long the hourly alert check takes: 1,000,000 levels, 200 stores, 10,000 rules, on SQLite and PostgreSQL.

    python -m benchmarks.alerts [--levels 1000000] [--out FILE]

Three checks each: the first (every alert opens), one in which nothing moved, and one after 2 % of the lines moved.
Each runs in a process of its own, whose peak memory is read at its end.
"""

import argparse
import json
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from inventory_pipeline.core.stores import SYNC_INTERVAL, StoreIntegration
from inventory_pipeline.core.thresholds import checked_threshold
from inventory_pipeline.db import stores
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.tables.stock import snapshots
from inventory_pipeline.db.thresholds import put_thresholds
from inventory_pipeline_tests.postgres import PostgresServer

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STORES, GROUPS, RULES = 200, 20, 10_000
SECONDS, MEGABYTES = 5.0, 200

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
    with database.begin() as connection:
        connection.execute(sa.text("ANALYZE"))


def move(database: Database) -> None:
    """Two per cent of the lines sell down to three."""
    with database.begin() as connection:
        connection.execute(sa.text("UPDATE stock_levels SET available = 3000000 WHERE available % 50000000 = 0"))


def check(url: str) -> None:
    """Runs in the child: one check, its figures as JSON on standard output."""
    from inventory_pipeline.services.alerts.check import AlertCheck

    database = Database(url)
    database.migrate()
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    result = AlertCheck(database=database, clock=lambda: NOW, interval=SYNC_INTERVAL).run()
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = {"seconds": round(seconds, 2), "cpu": round(cpu, 2), "megabytes": round(after.ru_maxrss / 1024), **result.counts}
    sys.stdout.write(json.dumps(figures) + "\n")
    database.close()


def measure(name: str, url: str, levels: int) -> list[dict]:
    database = Database(url)
    fill(database, levels)
    rows = []
    for label in ("first", "nothing moved", "2 % moved"):
        if label == "2 % moved":
            move(database)
        child = subprocess.run(
            [sys.executable, "-m", "benchmarks.alerts", "--check", url], check=True, capture_output=True, text=True
        )
        figures = json.loads(child.stdout)
        rows.append({"database": name, "check": label, **figures})
        sys.stdout.write(f"{name:11} {label:14} {figures}\n")
        sys.stdout.flush()
    database.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--levels", type=int, default=1_000_000)
    parser.add_argument("--check", help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--out", type=Path, help="Write the figures here, as JSON")
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check)
        return
    machine = f"{platform.machine()}, {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    sys.stdout.write(f"{arguments.levels:,} levels, {STORES} stores, {RULES:,} rules; {machine}\n")
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        if arguments.only != "postgresql":
            rows += measure("SQLite", f"sqlite:///{folder}/inventory.db", arguments.levels)
    if arguments.only != "sqlite":
        server = PostgresServer()
        try:
            rows += measure("PostgreSQL", server.create_database(), arguments.levels)
        finally:
            server.stop()
    if arguments.out:
        arguments.out.write_text(json.dumps({"machine": machine, "levels": arguments.levels, "rows": rows}, indent=2) + "\n")
    slow = [row for row in rows if row["seconds"] > SECONDS or row["megabytes"] > MEGABYTES]
    sys.exit(f"over {SECONDS} s or {MEGABYTES} MB: {slow}" if slow else 0)


if __name__ == "__main__":
    main()
