"""What a run leaves in Dagster at its end: tags for the runs list, metadata that the UI plots, an error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stock import DEFAULT_LOCATION
from inventory_pipeline.core.sync import Outcome, StockTotals, SyncResult
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs import names
from inventory_pipeline.defs.sync.sync_log import trigger_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from inventory_pipeline.db.stock.history import Point

# Dagster puts a markdown of more characters behind a link.
_SHOWN_AT_ONCE = 1_000
# As much as a row of the runs list shows of a tag without growing.
_SHORT = 80
_INACTIVE = "the store is inactive; the job manage_store_integration with action: activate switches it on"
# A week of syncs, every four hours.
_CHARTED_SYNCS = 42
_ACCEPT = f"ops:\n  {names.SNAPSHOT}:\n    config:\n      accept_shrink: true\n"


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """What a sync came to: `result` where it published, else `error`, on one line with what to do about it.

    `units` are the store's over its latest syncs, this one last. A store that is inactive in a backfill has neither result
    nor error: nothing was to be done.

    `holder` is the run that holds the store, where that is why this one was refused.
    """

    name: Outcome
    result: SyncResult | None = None
    units: "Sequence[Point]" = ()
    error: str | None = None
    holder: str | None = None


def write_tags(instance: dg.DagsterInstance, run: dg.DagsterRun, outcome: SyncOutcome, platform: str | None) -> None:
    """The run's line in the sync log, in one call: concurrent or repeated writers would lose tags."""
    earlier = map(names.earlier_name, (names.RUN_TAG, *names.FIGURE_TAGS))
    tags = dict.fromkeys((tag for tag in (*names.FIGURE_TAGS, *earlier) if tag in run.tags), names.NOTHING)
    tags |= {
        names.RUN_TAG: run.run_id,
        names.TRIGGER_TAG: trigger_of(run.tags),
        names.OUTCOME_TAG: outcome.name,
        names.RESULT_TAG: one_line(redact(_in_short(outcome)), _SHORT),
    }
    if platform is not None:
        tags[names.PLATFORM_TAG] = platform
    if outcome.error is not None:
        tags[names.ERROR_TAG] = redact(outcome.error)
    if outcome.result is not None:
        tags |= {tag: str(getattr(outcome.result.snapshot.counts, name)) for name, tag in names.COUNT_TAGS.items()}
        tags[names.API_CALLS_TAG] = str(outcome.result.api_calls)
    instance.add_run_tags(run.run_id, {name: one_line(value, names.TAG_LENGTH) for name, value in tags.items()})


def _in_short(outcome: SyncOutcome) -> str:
    """The outcome with what matters most about it, as the runs list shows it in its row."""
    if outcome.result is None:
        why = (outcome.error or "").removeprefix(f"{outcome.name}: ").partition("; ")[0]
        return f"{outcome.name}: {why}" if why else outcome.name
    counts = outcome.result.snapshot.counts
    changed = counts.created + counts.updated + counts.missing
    unreadable = f", {counts.rejected:,} unreadable" if counts.rejected else ""
    return f"published: {changed:,} of {counts.seen + counts.missing:,} changed{unreadable}"


def observation(store: str, outcome: SyncOutcome) -> dg.AssetObservation:
    """Why the store's page in Dagster shows no newer snapshot, and what to do: shown there beside the last good one."""
    error = redact(outcome.error or _INACTIVE)
    state = one_line(redact(_in_short(outcome)), _SHORT)
    metadata: dict[str, dg.MetadataValue] = {
        "last_sync": dg.MetadataValue.text(state),
        "reason_and_cure": dg.MetadataValue.text(one_line(error, 2_000)),
    }
    links = failure_links(outcome, store)
    return dg.AssetObservation(names.SNAPSHOT, partition=store, description=state, metadata={**metadata, **links})


def failure_links(outcome: SyncOutcome, store: str | None) -> dict[str, dg.MetadataValue]:
    """Links beside the error on the run's page, where there is a place to go to."""
    if outcome.holder is not None:
        return {"held_by": dg.MetadataValue.dagster_run(outcome.holder)}
    if outcome.name == "quarantined":
        return {"if_the_store_is_right": dg.MetadataValue.url(names.launchpad(names.SYNC_JOB, _ACCEPT, store))}
    return {}


def units_lately(connection: "sa.Connection", store: str) -> "Sequence[Point]":
    """The store's units after each of its latest syncs, from the database: what Dagster keeps can be wiped."""
    from inventory_pipeline.db.stock.history import stock_history

    return stock_history(connection, store)[-_CHARTED_SYNCS:]


def materialization(result: SyncResult, lately: "Sequence[Point]" = ()) -> dg.MaterializeResult:
    """The published snapshot with its figures. A run's page shows the first few lines only, so what matters most comes first."""
    snapshot, read = result.snapshot, result.read
    counts, totals = snapshot.counts, snapshot.totals
    chart, units = _units_over_time(result.store, lately), units_of(totals)
    return dg.MaterializeResult(
        metadata={
            "as_of": dg.MetadataValue.timestamp(read.started_at),
            **({} if units is None else {"units": float(units)}),
            "lines": totals.lines,
            "out_of_stock": totals.out_of_stock,
            **({"units_over_time": dg.MetadataValue.md(chart)} if chart else {}),
            "largest_changes": dg.MetadataValue.md(_largest_changes(result)),
            "coverage": dg.MetadataValue.md(_coverage(result)),
            "seen": counts.seen,
            "created": counts.created,
            "updated": counts.updated,
            "skipped": counts.skipped,
            "rejected": counts.rejected,
            "missing": counts.missing,
            "deleted": counts.deleted,
            "products": totals.products,
            "variants": totals.variants,
            "negative": totals.negative,
            "oversold": totals.oversold,
            "untracked": totals.untracked,
            "unknown": totals.unknown,
            "seconds": round((result.snapshot.published_at - read.started_at).total_seconds(), 1),
            "api_calls": result.api_calls,
            "dagster/row_count": totals.lines,
        }
    )


def _coverage(result: SyncResult) -> str:
    snapshot, read, proof = result.snapshot, result.read, result.read.proof
    lines = [
        f"Snapshot {snapshot.id}.",
        f"Proof that it is whole: {proof.how}." if proof.how else "",
        f"Not shown by the platform: {proof.gap:,} entries." if proof.gap else "",
        f"Repeats: {snapshot.counts.repeats:,}." if snapshot.counts.repeats else "",
        "Published with a shrink that a person accepted." if result.accepted_shrink else "",
        _reasons("Excluded", read.excluded),
        _reasons("Rejected", snapshot.rejected_reasons),
        *(f"Warning: {redact(warning)}." for warning in (*result.warnings, *proof.notes, *read.line_notes)),
    ]
    return "\n\n".join(line for line in lines if line)


def _reasons(what: str, counted: Mapping[str, int]) -> str:
    listed = ", ".join(f"{cell(reason)} {count:,}" for reason, count in counted.items())
    return f"{what}: {listed}." if listed else ""


def _largest_changes(result: SyncResult) -> str:
    """As many as are shown at once, and few columns: a wide table would push the page's other values out of sight."""
    changes = result.snapshot.largest_changes
    if not changes:
        return "No line that was there before has changed."
    places = any(change.location_id != DEFAULT_LOCATION for change in changes)
    table = _row("available", "SKU", "title", *(["location"] if places else [])) + _row(*["---"] * (4 if places else 3))
    for change in changes:
        how = "" if change.kind == "updated" else f" ({change.kind})"
        texts = [change.sku or change.item_id, change.title, *([change.location_id] if places else [])]
        row = _row(f"{_number(change.before)} → {_number(change.after)}{how}", *map(cell, texts))
        if len(table) + len(row) >= _SHOWN_AT_ONCE:
            break
        table += row
    return table


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _number(value: Number | None) -> str:
    return "–" if value is None else f"{value:,}"


def cell(text: str, limit: int = 80) -> str:
    """A store's text inside a markdown table: it must neither break the table nor become markup."""
    shown = one_line(redact(text), limit)
    for character in "\\`*_{}[]<>#|~":
        shown = shown.replace(character, f"\\{character}")
    return shown


def units_of(totals: StockTotals) -> Number | None:
    """None where no line has a number: that is not zero."""
    return totals.units if totals.lines > totals.untracked + totals.unknown else None


def _units_over_time(store: str, points: "Sequence[Point]") -> str:
    """Markdown with a picture of the points; empty before there is anything to compare.

    Dagster's own plots over time mix all stores.
    """
    from inventory_pipeline.services.stock.charts import data_uri, step_chart

    if len(points) < 2:
        return ""
    return f"![units over time]({data_uri(step_chart(f'Units of store {store}', points))})"
