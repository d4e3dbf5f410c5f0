"""What a run leaves in Dagster at its end: tags for the runs list, metadata that the UI plots, an error."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stock import DEFAULT_LOCATION
from inventory_pipeline.core.sync import Outcome, StockTotals, SyncResult
from inventory_pipeline.core.text import one_line, short_with_cure
from inventory_pipeline.defs import names
from inventory_pipeline.defs.sync.sync_log import trigger_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from inventory_pipeline.db.stock.history import Point

# Dagster puts a markdown of more characters behind a link.
_SHOWN_AT_ONCE = 1_000
_CONFIG = f"ops:\n  {names.SNAPSHOT}:\n    config:\n"
# As much as a row of the runs list shows of a tag without growing.
_SHORT = 80
_INACTIVE = "the store is inactive; the job manage_store_integration with action: activate switches it on"
# A week of syncs, every four hours.
_CHARTED_SYNCS = 42


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """What a sync came to: `result` where it published, else `error`, on one line with what to do about it.

    `units` are the store's over its latest syncs, this one last. A store that is inactive in a backfill has neither result
    nor error: nothing was to be done.

    `holder` is the run that holds the store, where that is why this one was refused; `accepts` are the settings of a run that
    would publish what was quarantined. `report` says what changed since the last good sync, where the store could not be seen
    in between.
    """

    name: Outcome
    result: SyncResult | None = None
    units: "Sequence[Point]" = ()
    error: str | None = None
    holder: str | None = None
    accepts: tuple[str, ...] = ()
    report: tuple[str, ...] = ()


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
        tags |= text_tags(names.ERROR_TAG, names.ERROR_PIECES, outcome.error)
    if outcome.result is not None:
        if notes := "; ".join(_notes(outcome.result)):
            tags |= text_tags(names.NOTE_TAG, names.NOTE_PIECES, notes)
        tags |= {tag: str(getattr(outcome.result.snapshot.counts, name)) for name, tag in names.COUNT_TAGS.items()}
        tags[names.API_CALLS_TAG] = str(outcome.result.api_calls)
    instance.add_run_tags(run.run_id, tags)


def text_tags(tag: str, pieces: Sequence[str], text: str) -> dict[str, str]:
    """A text as tags: in short with its cure, and whole in as many pieces as it takes where it is longer than a tag."""
    whole = short_with_cure(redact(text), names.TAG_LENGTH * len(pieces))
    parts = [whole[start : start + names.TAG_LENGTH] for start in range(0, len(whole), names.TAG_LENGTH)]
    return {tag: short_with_cure(whole, names.TAG_LENGTH)} | (dict(zip(pieces, parts, strict=False)) if len(parts) > 1 else {})


def _notes(result: SyncResult) -> Iterator[str]:
    """What a published sync has to say of its store, for its line in the sync log."""
    since = result.snapshot.gap_since
    yield from result.warnings
    if since is not None and since < result.read.started_at:
        yield f"the same gap since {show_instant(since)}"
    yield from result.read.proof.notes
    yield from result.read.line_notes


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
        "reason_and_cure": dg.MetadataValue.text(short_with_cure(error, 2_000)),
    }
    links = failure_links(outcome, store)
    return dg.AssetObservation(names.SNAPSHOT, partition=store, description=state, metadata={**metadata, **links})


def failure_links(outcome: SyncOutcome, store: str | None) -> dict[str, dg.MetadataValue]:
    """Links beside the error on the run's page, where there is a place to go to."""
    if outcome.holder is not None:
        return {"held_by": dg.MetadataValue.dagster_run(outcome.holder)}
    if outcome.accepts:
        config = _CONFIG + "".join(f"      {name}: true\n" for name in outcome.accepts)
        return {"if_the_store_is_right": dg.MetadataValue.url(names.launchpad(names.SYNC_JOB, config, store))}
    return {}


def units_lately(connection: "sa.Connection", store: str) -> "Sequence[Point]":
    """The store's units after each of its latest syncs, from the database: what Dagster keeps can be wiped."""
    from inventory_pipeline.db.stock.history import stock_history

    return stock_history(connection, store)[-_CHARTED_SYNCS:]


def materialization(result: SyncResult, lately: "Sequence[Point]" = (), report: Sequence[str] = ()) -> dg.MaterializeResult:
    """The published snapshot with its figures. A run's page shows the first few lines only, so what matters most comes first."""
    snapshot, read = result.snapshot, result.read
    counts, totals = snapshot.counts, snapshot.totals
    chart, units = _units_over_time(result.store, lately), units_of(totals)
    return dg.MaterializeResult(
        metadata={
            "as_of": dg.MetadataValue.timestamp(read.started_at),
            **({} if read.proof.modified is None else {"file_written_at": dg.MetadataValue.timestamp(read.proof.modified)}),
            **({} if units is None else {"units": float(units)}),
            "lines": totals.lines,
            "out_of_stock": totals.out_of_stock,
            **({"units_over_time": dg.MetadataValue.md(chart)} if chart else {}),
            **(
                {"while_it_was_not_seen": dg.MetadataValue.md("\n".join(f"- {cell(line, 400)}" for line in report))}
                if report
                else {}
            ),
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
        f"Not shown since {show_instant(snapshot.gap_since)}." if snapshot.gap_since else "",
        f"The file was written at {show_instant(proof.modified)}." if proof.modified else "",
        "Published with a shrink that a person accepted." if "accept_shrink" in result.accepted else "",
        "Published with unreadable lines that a person accepted." if "accept_unreadable" in result.accepted else "",
        _reasons("Excluded", read.excluded),
        _reasons("Rejected", {each.reason: each.count for each in snapshot.rejections}),
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
