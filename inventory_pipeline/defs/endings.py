"""What a run leaves in Dagster at its end: tags for the runs list, metadata that the UI plots, an error."""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.sync import Outcome, SyncResult
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs import names
from inventory_pipeline.defs.sync_log import trigger_of

_CHANGES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Ending:
    """How a sync ended: `result` where it published, else `error`, on one line with the way out."""

    outcome: Outcome
    result: SyncResult | None = None
    error: str | None = None


def write_tags(instance: dg.DagsterInstance, run: dg.DagsterRun, ending: Ending, platform: str | None) -> None:
    """The run's line in the sync log, in one call: concurrent or repeated writers would lose tags."""
    tags = dict.fromkeys((tag for tag in names.RESULT_TAGS if tag in run.tags), names.NOTHING)
    tags |= {
        names.RUN_TAG: run.run_id,
        names.TRIGGER_TAG: trigger_of(run.tags),
        names.OUTCOME_TAG: ending.outcome,
    }
    if platform is not None:
        tags[names.PLATFORM_TAG] = platform
    if ending.error is not None:
        tags[names.ERROR_TAG] = redact(ending.error)
    if ending.result is not None:
        tags |= {tag: str(getattr(ending.result.counts, name)) for name, tag in names.COUNT_TAGS.items()}
        tags[names.API_CALLS_TAG] = str(ending.result.api_calls)
    instance.add_run_tags(run.run_id, {name: one_line(value, names.TAG_LENGTH) for name, value in tags.items()})


def materialization(result: SyncResult) -> dg.MaterializeResult:
    """The published snapshot with its figures, as numbers so that the partition's page plots them over time."""
    counts, totals = result.counts, result.totals
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": totals.lines,
            "units": float(totals.units),
            "lines": totals.lines,
            "products": totals.products,
            "variants": totals.variants,
            "out_of_stock": totals.out_of_stock,
            "negative": totals.negative,
            "oversold": totals.oversold,
            "untracked": totals.untracked,
            "unknown": totals.unknown,
            "seen": counts.seen,
            "created": counts.created,
            "updated": counts.updated,
            "skipped": counts.skipped,
            "rejected": counts.rejected,
            "missing": counts.missing,
            "deleted": counts.deleted,
            "seconds": round((result.published_at - result.started_at).total_seconds(), 1),
            "api_calls": result.api_calls,
            "coverage": dg.MetadataValue.md(_coverage(result)),
            "largest_changes": dg.MetadataValue.md(_largest_changes(result)),
        }
    )


def _coverage(result: SyncResult) -> str:
    lines = [
        f"Snapshot {result.snapshot_id}, read from {show_instant(result.started_at)} to {show_instant(result.ended_at)}.",
        f"Proof: {result.how}." if result.how else "",
        f"Not shown by the platform: {result.gap:,} entries." if result.gap else "",
        f"Repeats: {result.counts.repeats:,}." if result.counts.repeats else "",
        "Published with a shrink that a person accepted." if result.accepted_shrink else "",
        _reasons("Excluded", result.excluded),
        _reasons("Rejected", result.rejected_reasons),
        *(f"Warning: {redact(warning)}." for warning in result.warnings),
    ]
    return "\n\n".join(line for line in lines if line)


def _reasons(what: str, counted: Mapping[str, int]) -> str:
    listed = ", ".join(f"{cell(reason)} {count:,}" for reason, count in counted.items())
    return f"{what}: {listed}." if listed else ""


def _largest_changes(result: SyncResult) -> str:
    if not result.largest_changes:
        return "No line that was there before has changed."
    rows = [
        f"| {cell(change.sku or change.item_id)} | {cell(change.title)} | {cell(change.location_id)} "
        f"| {_number(change.before)} | {_number(change.after)} | {change.kind} |"
        for change in result.largest_changes[:_CHANGES_SHOWN]
    ]
    return "\n".join(["| SKU | title | location | before | after | change |", "|---|---|---|---:|---:|---|", *rows])


def _number(value: Number | None) -> str:
    return "–" if value is None else f"{value:,}"


def cell(text: str, limit: int = 80) -> str:
    """A store's text inside a markdown table: it must neither break the table nor become markup."""
    shown = one_line(redact(text), limit)
    for character in "\\`*_{}[]<>#|~":
        shown = shown.replace(character, f"\\{character}")
    return shown
