"""What starting costs: CPU of commands and of small syncs, against importing Dagster and its own command in the same run.

    python -m benchmarks.starting [--rounds 5] [--stores 20] [--parts commands daemon] [--out FILE]

CPU is user and system time of a command with every process that it started. Stores are files of 500 lines, on SQLite. Needs
Linux. Prints the table of docs/performance.md, and ends with status 1 where a target was missed.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.measure import machine
from benchmarks.tree import Tree
from inventory_pipeline.environment import PROJECT_ROOT, load_environment
from inventory_pipeline.wiring import open_services

OURS = str(Path(sys.executable).with_name("inventory-pipeline"))
LINES = 500
FURTHER = 4
PATIENCE = 600.0

IMPORT, MATERIALIZE = "import dagster", "dagster asset materialize"
LIST, LOG, ONE, FURTHER_ONE = "stores list", "sync-log", "sync-all-stores, one store", "each further store"
THROUGH_DAEMON = "a store through daemon and code server"
# What, at most how many times which other. The last is in CPU seconds.
TARGETS = (
    (LIST, 0.6, IMPORT),
    (LOG, 1.3, IMPORT),
    (ONE, 1.2, MATERIALIZE),
    (FURTHER_ONE, 0.3, MATERIALIZE),
    (THROUGH_DAEMON, 2.3, None),
)
Costs = dict[str, list[float]]


def commands(costs: Costs) -> None:
    """One round of everything that a person starts."""
    sync = (OURS, "sync-all-stores")
    first = ("--select", "inventory_snapshot", "--partition", "store-0")
    dagster = (sys.executable, "-m", "dagster", "asset", "materialize", "-m", "inventory_pipeline.definitions", *first)
    costs[IMPORT].append(_cpu(sys.executable, "-c", "import dagster"))
    costs[LIST].append(_cpu(OURS, "stores", "list"))
    costs[LOG].append(_cpu(OURS, "sync-log"))
    costs[MATERIALIZE].append(_cpu(*dagster))
    costs[ONE].append(_cpu(*sync, "--store", "store-0"))
    all_of_them = _cpu(*sync)
    costs[FURTHER_ONE].append((all_of_them - costs[ONE][-1]) / FURTHER)


def through_daemon(costs: Costs, stores: int) -> None:
    """`dagster-daemon run` on new stores with auto-sync, until each is published; its share for one store."""
    daemon = str(Path(sys.executable).with_name("dagster-daemon"))
    with installation(stores, auto_sync=True):
        environment = {"DAGSTER_HOME": str(PROJECT_ROOT)}
        with Tree(daemon, "run", "-w", str(PROJECT_ROOT / "workspace.yaml"), environment=environment) as tree:
            deadline = time.monotonic() + PATIENCE
            while _published() < stores:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"not all of {stores} stores were published within {PATIENCE:.0f} s")
                time.sleep(1)
            tree.end()
    costs[THROUGH_DAEMON].append(tree.cpu / stores)


def _cpu(*command: str) -> float:
    with Tree(*command) as tree:
        tree.wait()
    return tree.cpu


def _published() -> int:
    with open_services(load_environment()) as services, services.database.connect() as connection:
        return connection.exec_driver_sql("SELECT count(DISTINCT store_key) FROM snapshots").scalar_one()


@contextmanager
def installation(stores: int, auto_sync: bool = False) -> Iterator[None]:
    """A data folder with so many feed stores, which this process and its children use while it is open."""
    from inventory_pipeline.core.stores import StoreIntegration

    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"INVENTORY_DATA_DIR": folder, "DAGSTER_HOME": "", "INVENTORY_FEED_DIR": ""}
        # Modules are compiled once, as in an installation.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        environment = load_environment()
        environment.feed_dir.mkdir()
        rows = "".join(f"SKU-{number},Article {number},{number % 90}\n" for number in range(LINES))
        with open_services(environment) as services:
            for number in range(stores):
                (environment.feed_dir / f"{number}.csv").write_text(f"sku,title,available\n{rows}")
                store = StoreIntegration(
                    key=f"store-{number}",
                    platform="feed",
                    url=f"{number}.csv",
                    settings={"settle_seconds": "0"},
                    auto_sync=auto_sync,
                )
                services.integrations.add(store)
        yield


def table(costs: dict[str, float]) -> Iterator[str]:
    yield "| CPU | s | |"
    yield "|---|---|---|"
    for what, seconds in costs.items():
        yield f"| {what} | {seconds:.2f} | |"
    yield ""
    yield "| target | at most | reached | |"
    yield "|---|---|---|---|"
    for what, most, other in TARGETS:
        if what in costs:
            reached = _reached(costs, what, other)
            verdict = "met" if reached <= most else "**missed**"
            yield f"| {what} | {most} {f'× {other}' if other else 's'} | {reached:.2f} | {verdict} |"


def _reached(costs: dict[str, float], what: str, other: str | None) -> float:
    return costs[what] / costs[other] if other else costs[what]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stores", type=int, default=20)
    parser.add_argument("--parts", nargs="+", default=["commands", "daemon"], choices=["commands", "daemon"])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/starting.json"))
    options = parser.parse_args(arguments)
    every: Costs = defaultdict(list)
    if "commands" in options.parts:
        with installation(1 + FURTHER):
            _cpu(OURS, "sync-all-stores")  # compiles what was never compiled, makes the databases and the partitions
            for _ in range(options.rounds):
                commands(every)
    if "daemon" in options.parts:
        through_daemon(every, options.stores)
    costs = {what: round(median(values), 3) for what, values in every.items()}
    sys.stdout.write("\n".join(table(costs)) + "\n")
    results = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "median": costs, "rounds": every}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    if any(_reached(costs, what, other) > most for what, most, other in TARGETS if what in costs):
        raise SystemExit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
