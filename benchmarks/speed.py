"""The speed proof: this project against a floor and against dlt, in one run, interleaved, medians of three.

    python -m benchmarks.speed [--rounds 3] [--parts throughput latency memory jsonl] [--peers floor ours] [--out FILE]

Writes the figures as JSON, and the table of docs/performance.md on standard output.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.measure import Cost, machine, measure
from benchmarks.peers import Home, Kind, Peer, Shop, home, running_export_shop, running_shop
from benchmarks.shop import NINE
from benchmarks.table import table
from inventory_pipeline.connectors.toolkit.parsing import field_names
from inventory_pipeline.connectors.woocommerce.lines import Product
from inventory_pipeline_tests.postgres import PostgresServer

PEERS: tuple[Peer, ...] = ("floor", "floor_fields", "ours", "dlt", "dlt_fields")
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
SKUS, FEW_SKUS, DELAY = 100_000, 10_000, 0.15
CONNECTIONS = 8

# What was measured → the costs, one a round.
Costs = dict[tuple[str, ...], list[Cost]]


def throughput(costs: Costs, shop: Shop, server: PostgresServer, peers: Sequence[Peer]) -> None:
    """100,000 SKUs without latency: the first load, and the day after with 2 % changed."""
    for kind in KINDS:
        for peer in peers:
            with home(peer, kind, server) as place:
                _register(place, shop)
                for version in (1,) if place.is_quadratic else (1, 2):
                    shop.turn_to(version)
                    cost = place.load(shop, CONNECTIONS)
                    place.prove(shop, version)
                    _note(costs, cost, "throughput", kind, peer, f"v{version}")
                if peer == "ours":
                    _prove_changes(place, shop.skus // 50)


def latency(costs: Costs, shop: Shop, server: PostgresServer) -> None:
    """10,000 SKUs, every answer 150 ms late, the same number of connections. (dlt asks for one page after another.)"""
    for peer in ("floor_fields", "ours"):
        with home(peer, "sqlite", server) as place:
            _register(place, shop)
            for version in (1, 2):
                shop.turn_to(version)
                cost = place.load(shop, CONNECTIONS)
                place.prove(shop, version)
                _note(costs, cost, "latency", "sqlite", peer, f"v{version}")


def memory(costs: Costs, shop: Shop, server: PostgresServer) -> None:
    """Peaks of whole Dagster runs: one that does nothing, and a sync of 100,000 SKUs."""
    for kind in KINDS:
        with home("ours", kind, server) as place:
            _register(place, shop)
            _note(costs, measure("benchmarks.dagster_run", "empty", environment=place.environment), "memory", kind, "empty")
            for version in (1, 2):
                shop.turn_to(version)
                cost = measure("benchmarks.dagster_run", "sync", environment=place.environment)
                place.prove(shop, version)
                _note(costs, cost, "memory", kind, "sync", f"v{version}")


def jsonl(costs: Costs, server: PostgresServer) -> None:
    """A Dagster run's peak while a Shopify export streams through it: a tenth, and a whole million variants. Once."""
    for size, variants in (("100k", 100_000), ("1m", 1_000_000)):
        with running_export_shop(variants) as (url, token), home("ours", "sqlite", server) as place:
            place.register("shopify", url, f"access_token={token}")
            cost = measure("benchmarks.dagster_run", "sync", environment=place.environment)
            if place.read("SELECT count(DISTINCT item_id) FROM stock_levels") != (variants,):
                raise RuntimeError(f"not every one of {variants:,} variants arrived")
            _note(costs, cost, "jsonl", size)


def _register(place: Home, shop: Shop) -> None:
    if place.peer == "ours":
        keys = "consumer_key=ck_bench,consumer_secret=cs_bench"
        place.register("woocommerce", shop.url, keys, f"connections={CONNECTIONS}")


def _prove_changes(place: Home, expected: int) -> None:
    if place.read("SELECT count(*) FROM stock_changes") != (expected,):
        raise RuntimeError(f"the second sync did not find the {expected} changed lines")


def _note(costs: Costs, cost: Cost, *what: str) -> None:
    costs[what].append(cost)
    sys.stderr.write(f"{' '.join(what):40} {cost.cpu:7.2f} s CPU {cost.wall:7.2f} s {cost.peak_mb:7.1f} MB\n")


def _medians(costs: Costs) -> Iterator[dict[str, object]]:
    for what, rounds in costs.items():
        middle = {name: median(getattr(cost, name) for cost in rounds) for name in ("cpu", "wall", "peak_mb")}
        yield {"what": list(what), **middle, "rounds": [asdict(cost) for cost in rounds]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", default=["throughput", "latency", "memory", "jsonl"])
    parser.add_argument("--peers", nargs="+", default=PEERS, choices=PEERS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speed.json"))
    options = parser.parse_args()
    costs: Costs = defaultdict(list)
    with ExitStack() as stack:
        server = PostgresServer()
        stack.callback(server.stop)
        shop, far = stack.enter_context(running_shop(SKUS)), stack.enter_context(running_shop(FEW_SKUS, DELAY))
        ours, nine = field_names(Product), ",".join(NINE)
        shop.warm(ours, nine, "")
        far.warm(ours, nine)
        for _ in range(options.rounds):
            if "throughput" in options.parts:
                throughput(costs, shop, server, options.peers)
            if "latency" in options.parts:
                latency(costs, far, server)
            if "memory" in options.parts:
                memory(costs, shop, server)
        if "jsonl" in options.parts:
            jsonl(costs, server)
    results = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "results": list(_medians(costs))}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    sys.stdout.write(table(results))


if __name__ == "__main__":
    main()
