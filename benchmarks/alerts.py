"""How long the hourly alert check takes: 1,000,000 levels, 200 stores, 10,000 rules, on SQLite and PostgreSQL.

    python -m benchmarks.alerts [--levels 1000000] [--rounds 3] [--only sqlite|postgresql] [--out FILE]

Three checks in each round: the first (every alert opens, and one route is told of them), one in which nothing moved, and
one after 2 % of the lines moved. Each runs in a process of its own: its seconds and CPU are those of the check without
start and imports, its memory the most that the process ever held. PostgreSQL's own work is in the seconds only. Prints a
table, and ends with status 1 where a limit was passed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa

from benchmarks.measure import machine, report_peak
from inventory_pipeline.core.notices import Route
from inventory_pipeline.core.stores import SYNC_INTERVAL, StoreIntegration
from inventory_pipeline.core.thresholds import checked_threshold
from inventory_pipeline.db.alerts import notices
from inventory_pipeline.db.alerts.thresholds import put_thresholds
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.tables.stock import snapshots
from inventory_pipeline.services.alerts.check import AlertCheck
from inventory_pipeline_tests.postgres import PostgresServer

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STORES, GROUPS, RULES = 200, 20, 10_000
SECONDS, MEGABYTES = 5, 200
CHECKS = ("first", "nothing moved", "2 % moved")
FIGURES = ("seconds", "cpu", "megabytes")
Rounds = dict[tuple[str, str], list[dict[str, Any]]]

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
    """Registers STORES stores with `levels` stock levels in all, RULES rules, and one route."""
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
            others = {"unchanged": False, "accepted_shrink": False, "excluded": {}, "seen": per_store, "skipped": per_store}
            connection.execute(snapshots.insert().values(**snapshot, **times, **counts, **others))
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
        notices.insert_route(connection, Route(name="erp", kind="webhook", shown=""), "", NOW)
    if database.dialect == "postgresql":  # as its autovacuum does; nothing does it for SQLite
        with database.begin() as connection:
            connection.execute(sa.text("ANALYZE"))


def move(database: Database) -> None:
    """Two per cent of the lines sell down to three."""
    with database.begin() as connection:
        connection.execute(sa.text("UPDATE stock_levels SET available = 3000000 WHERE available % 50000000 = 0"))


def check(url: str) -> None:
    """Runs in the child: one check, its figures as JSON on standard output."""
    database = Database(url)
    database.migrate()
    started, cpu = time.perf_counter(), time.process_time()
    result = AlertCheck(database=database, clock=lambda: NOW, interval=SYNC_INTERVAL).run()
    took = {"seconds": round(time.perf_counter() - started, 2), "cpu": round(time.process_time() - cpu, 2)}
    database.close()
    sys.stdout.write(json.dumps({**took, **result.counts}) + "\n")
    report_peak()


def measure(rounds: Rounds, name: str, url: str, levels: int) -> None:
    """One round on one database, an empty one."""
    database = Database(url)
    fill(database, levels)
    for label in CHECKS:
        if label == "2 % moved":
            move(database)
        command = [sys.executable, "-m", "benchmarks.alerts", "--check", url]
        told, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        figures = {**json.loads(told), "megabytes": float(peak)}
        rounds[name, label].append(figures)
        sys.stderr.write(f"{name:11} {label:14} {figures}\n")
    database.close()


def medians(rounds: Rounds) -> Iterator[dict[str, Any]]:
    for (name, label), each in rounds.items():
        middle = {figure: round(median(one[figure] for one in each), 2) for figure in FIGURES}
        yield {"database": name, "check": label, **middle, "rounds": each}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, for docs/performance.md."""
    lines = ["| check | database | s | CPU s | peak MB | opened | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        met = "met" if within(row) else "**missed**"
        shown = f"{row['seconds']:.1f} | {row['cpu']:.1f} | {row['megabytes']:.0f} | {row['rounds'][0]['opened']:,} | {met}"
        lines.append(f"| {row['check']} | {row['database']} | {shown} |")
    return "\n".join(lines) + "\n"


def within(row: dict[str, Any]) -> bool:
    return row["seconds"] <= SECONDS and row["megabytes"] <= MEGABYTES


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--levels", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/alerts.json"))
    options = parser.parse_args()
    if options.check:
        check(options.check)
        return
    rounds: Rounds = defaultdict(list)
    for _ in range(options.rounds):
        if options.only != "postgresql":
            with tempfile.TemporaryDirectory() as folder:
                measure(rounds, "SQLite", f"sqlite:///{folder}/inventory.db", options.levels)
        if options.only != "sqlite":
            server = PostgresServer()
            try:
                measure(rounds, "PostgreSQL", server.create_database(), options.levels)
            finally:
                server.stop()
    rows = list(medians(rounds))
    asked = {"levels": options.levels, "stores": STORES, "rules": RULES}
    results = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), **asked, "results": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    sys.stdout.write(table(rows))
    sys.exit(not all(within(row) for row in rows))


if __name__ == "__main__":
    main()
