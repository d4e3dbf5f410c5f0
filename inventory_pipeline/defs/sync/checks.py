"""Asset checks, one result per store and sync: what a person should look at although, or because, a sync ended as it did.

They are yielded in the sync's own step: a separate step would find another snapshot, and a quarantined one not at all.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import dagster as dg

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.sync import SyncResult
from inventory_pipeline.core.text import one_line, short_with_cure
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.partitions import stores_partitions
from inventory_pipeline.defs.sync.outcome import SyncOutcome

BELIEVABLE = "snapshot_believable"
# Below the shrink that quarantines (30 % and 20 lines): published, and yet somebody should know.
UNUSUAL_SHARE, UNUSUAL_LINES = 0.10, 5
_REASONS_TOLD = 3

_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `severity` None: all is well."""

    text: str
    figures: Mapping[str, int | str]
    severity: dg.AssetCheckSeverity | None = None


def _believable(result: SyncResult) -> Finding:
    proof = result.read.proof
    figures: dict[str, int | str] = {"gap": proof.gap}
    if not proof.gap and not result.accepted:
        whole = f"the read was whole: {proof.how}"
        return Finding("; ".join((whole, *proof.notes)), figures, _WARN if proof.notes else None)
    told = ["a person accepted this read as it is"] if result.accepted else []
    told += [*result.warnings, *proof.notes]
    if proof.gap:
        since = result.snapshot.gap_since
        if since is not None and since < result.read.started_at:
            figures["gap_since"] = show_instant(since)
            told.append(f"the same gap since {show_instant(since)}")
        told.append("look for what hides entries from the store's key: a filter, a plugin, a missing permission")
    return Finding("; ".join(told), figures, _WARN)


def _readable(result: SyncResult) -> Finding:
    rejected, line_notes = result.snapshot.counts.rejected, result.read.line_notes
    figures = {"rejected": rejected}
    if not rejected:
        told = "; ".join(("every line could be read", *line_notes))
        return Finding(told, figures, _WARN if line_notes else None)
    reasons = "; ".join(map(str, result.snapshot.rejections[:_REASONS_TOLD]))
    cure = "their stock is unknown until they are corrected in the store's own admin"
    notes = "".join(f"; {note}" for note in line_notes)
    return Finding(f"{rejected:,} lines could not be read: {reasons}; {cure}{notes}", figures, _WARN)


def _not_oversold(result: SyncResult) -> Finding:
    totals = result.snapshot.totals
    figures = {"oversold": totals.oversold, "backordered": totals.negative - totals.oversold}
    if totals.oversold:
        text = f"{totals.oversold:,} lines are below zero and the store does not say that they may: more was sold than is there"
        return Finding(f"{text}; count the goods, then correct the stock or the orders in the store", figures, _ERROR)
    if totals.negative:
        return Finding(f"{totals.negative:,} lines are on backorder, which the store allows; reorder them", figures, _WARN)
    return Finding("no line is below zero", figures)


def _skus(result: SyncResult) -> Finding:
    totals = result.snapshot.totals
    figures: dict[str, int | str] = {"without_sku": totals.without_sku, "repeated_skus": totals.repeated_skus}
    if not totals.without_sku and not totals.repeated_skus:
        return Finding("every line has an SKU of its own", figures)
    text = f"{totals.without_sku:,} lines have no SKU and {totals.repeated_skus:,} SKUs are on more than one variant"
    named = {"without_sku_are": totals.without_sku_named, "repeated_are": totals.repeated_skus_named}
    figures |= {label: one_line(redact(", ".join(first)), 1_000) for label, first in named.items() if first}
    cure = "totals by SKU leave out the first and cannot tell the second apart: give each its own; the first few are named below"
    return Finding(f"{text}; {cure}", figures, _WARN)


def _no_unusual_shrink(result: SyncResult) -> Finding:
    counts = result.snapshot.counts
    before = counts.seen - counts.created + counts.missing
    figures = {"missing": counts.missing, "lines_before": before}
    if counts.missing > UNUSUAL_LINES and counts.missing > before * UNUSUAL_SHARE:
        text = f"{counts.missing:,} of {before:,} lines are no longer shown by the store ({counts.missing / before:.0%})"
        cure = "if they were not removed on purpose, look for a filter, a permission or a switched-off plugin in the store"
        return Finding(f"{text}; {cure}; lines that stay away are deleted at the next sync", figures, _WARN)
    return Finding(f"{counts.missing:,} lines newly missing", figures)


_CHECKS: dict[str, tuple[Callable[[SyncResult], Finding], str]] = {
    BELIEVABLE: (
        _believable,
        "The last sync published a whole read. Warning: with a reservation, or it was not let run. Error: quarantined or failed.",
    ),
    "lines_readable": (_readable, "Every line could be read; a rejected one is unknown, never zero."),
    "stock_not_oversold": (_not_oversold, "No line is below zero. Warning: backorders that the store allows. Error: oversold."),
    "skus_usable": (_skus, "Every line has an SKU, and no SKU is on two variants, so that totals by SKU mean something."),
    "no_unusual_shrink": (_no_unusual_shrink, "The store shows about as many lines as before."),
}


def _spec(name: str, description: str) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # A preview in Dagster 1.13; without it a check shows one latest result for all stores together.
        warnings.filterwarnings("ignore", message=".*partitions_def", category=dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=names.SNAPSHOT, partitions_def=stores_partitions, description=description)


check_specs = [_spec(name, description) for name, (_, description) in _CHECKS.items()]


def check_results(outcome: SyncOutcome) -> Iterator[dg.AssetCheckResult]:
    """The checks of one ended sync. Where nothing was published, the one that speaks of that fails, and the others say that
    they did not judge anything: Dagster would call them failed without a word.
    """
    for name, (find, _) in _CHECKS.items():
        found = find(outcome.result) if outcome.result is not None else _not_judged(name, outcome)
        yield dg.AssetCheckResult(
            check_name=name,
            passed=found.severity is None,
            severity=found.severity or _WARN,
            description=short_with_cure(redact(found.text), 1_000),
            metadata=dict(found.figures),
        )


def _not_judged(name: str, outcome: SyncOutcome) -> Finding:
    if outcome.name == "inactive":
        return Finding("not judged: the store is inactive; manage_store_integration with action: activate switches it on", {})
    if name == BELIEVABLE:
        return Finding(str(outcome.error), {}, _WARN if outcome.name == "refused" else _ERROR)
    return Finding(f"not judged: the last sync published nothing; {BELIEVABLE} says why", {})
