"""The table of docs/performance.md, from the figures of one run."""

from collections.abc import Iterator
from typing import Any

CPU_OVER_FLOOR, CPU_OF_DLT, WALL_OVER_FLOOR = 2.5, 1 / 6, 1.3
MB_OVER_EMPTY, MB_IN_ALL, MB_GROWTH = 60, 180, 1.2

_PROGRAMS = {
    "floor": "floor",
    "floor_fields": "floor, nine fields asked for",
    "ours": "**inventory_pipeline**",
    "dlt": "dlt",
    "dlt_fields": "dlt, nine fields asked for",
}
_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

Figures = dict[tuple[str, ...], dict[str, Any]]


def table(results: dict[str, Any]) -> str:
    """Markdown: the machine, what each program took, and every target with what was reached."""
    figures = {tuple(entry["what"]): entry for entry in results["results"]}
    machine = results["machine"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mb'] / 1024:.0f} GB, Python {machine['python']},"
        f" {results['at'][:10]}",
        "",
        *_costs(figures),
        "",
        "| target | reached | |",
        "|---|---|---|",
        *_targets(figures),
    ]
    return "\n".join(lines) + "\n"


def _costs(figures: Figures) -> Iterator[str]:
    yield "| 100,000 SKUs, first load / 2 % changed | database | CPU s | wall s | peak MB |"
    yield "|---|---|---|---|---|"
    for database, name in _DATABASES.items():
        for peer, program in _PROGRAMS.items():
            days = [figures.get(("throughput", database, peer, version)) for version in ("v1", "v2")]
            if days[0] is not None:
                shown = (" / ".join(f"{day[what]:.1f}" if day else "–" for day in days) for what in ("cpu", "wall", "peak_mb"))
                yield f"| {program} | {name} | {' | '.join(shown)} |"


def _targets(figures: Figures) -> Iterator[str]:
    for database, name in _DATABASES.items():
        for version, load in (("v1", "first load"), ("v2", "2 % changed")):
            ours = figures.get(("throughput", database, "ours", version))
            for peer, program in _PROGRAMS.items():
                other = figures.get(("throughput", database, peer, version))
                if ours is None or other is None or peer == "ours":
                    continue
                most = CPU_OF_DLT if peer.startswith("dlt") else CPU_OVER_FLOOR
                yield _row(f"CPU over {program}, {name}, {load}", ours["cpu"] / other["cpu"], most)
    for version, load in (("v1", "first load"), ("v2", "2 % changed")):
        ours, floor = (figures.get(("latency", "sqlite", peer, version)) for peer in ("ours", "floor_fields"))
        if ours is not None and floor is not None:
            ratio = ours["wall"] / floor["wall"]
            yield _row(f"10,000 SKUs, 150 ms a request: wall over floor, {load}", ratio, WALL_OVER_FLOOR)
    for database, name in _DATABASES.items():
        empty, sync = (figures.get(("memory", database, *what)) for what in (("empty",), ("sync", "v2")))
        if empty is not None and sync is not None:
            yield _row(f"MB of a Dagster run above an empty one, {name}", sync["peak_mb"] - empty["peak_mb"], MB_OVER_EMPTY)
            yield _row(f"MB of a Dagster run in all, {name}", sync["peak_mb"], MB_IN_ALL)
    few, many = (figures.get(("jsonl", size)) for size in ("100k", "1m"))
    if few is not None and many is not None:
        yield _row("MB at 1,000,000 Shopify lines over 100,000", many["peak_mb"] / few["peak_mb"], MB_GROWTH)


def _row(what: str, reached: float, most: float) -> str:
    return f"| {what}: at most {most:.3g} | {reached:.3g} | {'met' if reached <= most else '**missed**'} |"
