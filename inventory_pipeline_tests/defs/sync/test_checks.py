"""What each asset check says of a published sync, at and around its figures."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from inventory_pipeline.core.stock import Completeness
from inventory_pipeline.core.sync import Counts, PublishedSnapshot, StockTotals, StoreRead, SyncResult
from inventory_pipeline.defs.sync.checks import check_results, check_specs
from inventory_pipeline.defs.sync.outcome import SyncOutcome

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUNTS = Counts(seen=100, created=0, updated=0, skipped=100, rejected=0)
TOTALS = StockTotals(
    lines=100,
    products=100,
    variants=100,
    units=500,
    out_of_stock=0,
    negative=0,
    oversold=0,
    untracked=0,
    unknown=0,
    without_sku=0,
    repeated_skus=0,
)
WELL = SyncResult(
    store="berlin",
    run_id="run",
    read=StoreRead(started_at=NOON, ended_at=NOON, proof=Completeness(expected=100, read=100, how="total")),
    snapshot=PublishedSnapshot(id=1, published_at=NOON, counts=COUNTS, totals=TOTALS),
    api_calls=1,
)
GAP = Completeness(expected=100, read=98, how="total")

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def having(
    proof: Completeness | None = None, line_notes: Sequence[str] = (), warnings: Sequence[str] = (), **figures: Any
) -> SyncResult:
    """The sync that is well, but for this."""
    read = replace(WELL.read, proof=proof or WELL.read.proof, line_notes=line_notes)
    return replace(WELL, read=read, snapshot=replace(WELL.snapshot, **figures), warnings=warnings)


def found(result: SyncResult) -> dict[str, dg.AssetCheckSeverity]:
    """The checks that did not pass, and how serious each is."""
    results = check_results(SyncOutcome("published", result=result))
    return {str(check.check_name): check.severity for check in results if not check.passed}


def test_a_sync_with_nothing_to_say_passes_every_check() -> None:
    assert found(WELL) == {}
    assert len(list(check_results(SyncOutcome("published", result=WELL)))) == len(check_specs)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (having(proof=GAP, warnings=["2 of 100 entries were not shown"]), {"snapshot_believable": WARN}),
        (replace(WELL, accepted=["accept_shrink"]), {"snapshot_believable": WARN}),
        (having(counts=replace(COUNTS, rejected=1)), {"lines_readable": WARN}),
        (having(proof=replace(GAP, read=100, notes=("5 orphaned variations; delete them",))), {"snapshot_believable": WARN}),
        (having(line_notes=["2 × number beyond 1,000,000,000"]), {"lines_readable": WARN}),
        (having(totals=replace(TOTALS, negative=3, oversold=1)), {"stock_not_oversold": ERROR}),
        (having(totals=replace(TOTALS, negative=3)), {"stock_not_oversold": WARN}),
        (having(totals=replace(TOTALS, without_sku=1)), {"skus_usable": WARN}),
        (having(totals=replace(TOTALS, repeated_skus=1)), {"skus_usable": WARN}),
        (having(counts=replace(COUNTS, seen=89, skipped=89, missing=11)), {"no_unusual_shrink": WARN}),
        (having(counts=replace(COUNTS, seen=90, skipped=90, missing=10)), {}),
        (having(counts=replace(COUNTS, seen=5, skipped=5, missing=5)), {}),
    ],
)
def test_each_fault_is_found_by_its_own_check_and_as_serious_as_it_deserves(
    result: SyncResult, expected: dict[str, dg.AssetCheckSeverity]
) -> None:
    assert found(result) == expected


def test_a_gap_is_told_with_where_to_look() -> None:
    result = having(proof=GAP, warnings=["2 of 100 entries were not shown"])
    (check,) = [check for check in check_results(SyncOutcome("published", result=result)) if not check.passed]
    assert str(check.description).startswith("2 of 100 entries were not shown; look for what hides entries")


@pytest.mark.parametrize(
    ("outcome", "severity"),
    [
        (SyncOutcome("quarantined", error="shrunk; accept it with --accept-shrink"), ERROR),
        (SyncOutcome("failed", error="the shop refuses the consumer_key; copy it anew"), ERROR),
        (SyncOutcome("refused", error="store 'berlin' is inactive; activate it"), WARN),
    ],
)
def test_where_nothing_was_published_one_check_says_why_and_the_way_out_and_the_others_that_they_were_not_judged(
    outcome: SyncOutcome, severity: dg.AssetCheckSeverity
) -> None:
    why, *others = check_results(outcome)
    assert (why.check_name, why.passed, why.severity) == ("snapshot_believable", False, severity)
    assert why.description == outcome.error
    assert len(others) == len(check_specs) - 1
    for check in others:
        assert check.passed, "one trouble must not turn five checks red"
        assert "not judged: the last sync published nothing; snapshot_believable says why" in str(check.description)


def test_an_inactive_store_in_a_backfill_passes_every_check_and_says_so() -> None:
    checks = list(check_results(SyncOutcome("inactive")))
    assert len(checks) == len(check_specs)
    assert all(check.passed and "the store is inactive" in str(check.description) for check in checks)


def test_skus_to_mend_are_named() -> None:
    totals = replace(TOTALS, without_sku=2, repeated_skus=1, without_sku_named=["Mug", "Jar"], repeated_skus_named=["TEA-1"])
    results = check_results(SyncOutcome("published", result=having(totals=totals)))
    [check] = [each for each in results if each.check_name == "skus_usable"]
    named = {name: value.value for name, value in check.metadata.items()}
    assert named == {"without_sku": 2, "repeated_skus": 1, "without_sku_are": "Mug, Jar", "repeated_are": "TEA-1"}
