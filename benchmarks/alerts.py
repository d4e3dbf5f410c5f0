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
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.alert_stock import NOW, RULES, STORES, fill, move
from benchmarks.measure import machine, say
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.db.database import Database
from inventory_pipeline_tests.postgres import PostgresServer

SECONDS, MEGABYTES = 5, 200
CHECKS = ("first", "nothing moved", "2 % moved")
FIGURES = ("seconds", "cpu", "megabytes")
Rounds = dict[tuple[str, str], list[dict[str, Any]]]


def check(url: str) -> None:
    """Runs in the child: one check, its figures as JSON on standard output."""
    from inventory_pipeline.services.alerts.check import AlertCheck

    database = Database(url)
    database.migrate()
    started, cpu = time.perf_counter(), time.process_time()
    result = AlertCheck(database=database, clock=lambda: NOW, interval=SYNC_INTERVAL).run()
    took = {"seconds": round(time.perf_counter() - started, 2), "cpu": round(time.process_time() - cpu, 2)}
    database.close()
    sys.stdout.write(json.dumps({**took, **result.counts}) + "\n")
    say()


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
