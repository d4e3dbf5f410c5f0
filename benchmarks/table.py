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
_DAYS = ("v1", "v2")
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
        "| target | at most | reached, first load / 2 % changed | |",
        "|---|---|---|---|",
        *_targets(figures),
    ]
    return "\n".join(lines) + "\n"


def _costs(figures: Figures) -> Iterator[str]:
    yield "| 100,000 SKUs, first load / 2 % changed | database | CPU s | wall s | peak MB |"
    yield "|---|---|---|---|---|"
    for database, name in _DATABASES.items():
        for peer, program in _PROGRAMS.items():
            days = [figures.get(("throughput", database, peer, version)) for version in _DAYS]
            if days[0] is not None:
                shown = (" / ".join(f"{day[what]:.1f}" if day else "–" for day in days) for what in ("cpu", "wall", "peak_mb"))
                yield f"| {program} | {name} | {' | '.join(shown)} |"


def _targets(figures: Figures) -> Iterator[str]:
    for database, name in _DATABASES.items():
        for peer, program in _PROGRAMS.items():
            most = CPU_OF_DLT if peer.startswith("dlt") else CPU_OVER_FLOOR
            if peer != "ours":
                ratios = _ratios(figures, ("throughput", database, "ours"), ("throughput", database, peer), "cpu")
                yield from _row(f"CPU over {program}, {name}", ratios, most)
    ratios = _ratios(figures, ("latency", "sqlite", "ours"), ("latency", "sqlite", "floor_fields"), "wall")
    yield from _row("10,000 SKUs, 150 ms a request: wall over floor", ratios, WALL_OVER_FLOOR)
    for database, name in _DATABASES.items():
        empty = figures.get(("memory", database, "empty"))
        syncs = [figures[key] for key in (("memory", database, "sync", day) for day in _DAYS) if key in figures]
        if empty is not None:
            above = [sync["peak_mb"] - empty["peak_mb"] for sync in syncs]
            yield from _row(f"MB of a Dagster run above an empty one, {name}", above, MB_OVER_EMPTY)
            yield from _row(f"MB of a Dagster run in all, {name}", [sync["peak_mb"] for sync in syncs], MB_IN_ALL)
    few, many = (figures.get(("jsonl", size)) for size in ("100k", "1m"))
    if few is not None and many is not None:
        yield from _row("MB at 1,000,000 Shopify variants over 100,000", [many["peak_mb"] / few["peak_mb"]], MB_GROWTH)


def _ratios(figures: Figures, ours: tuple[str, ...], other: tuple[str, ...], what: str) -> list[float]:
    """One for each day that both have run."""
    days = [day for day in _DAYS if (*ours, day) in figures and (*other, day) in figures]
    return [figures[*ours, day][what] / figures[*other, day][what] for day in days]


def _row(what: str, reached: list[float], most: float) -> Iterator[str]:
    if reached:
        shown = " / ".join(f"{number:.3g}" for number in reached)
        yield f"| {what} | {most:.3g} | {shown} | {'met' if max(reached) <= most else '**missed**'} |"
