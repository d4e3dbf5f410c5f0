"""What a sync did: its counts, its coverage, its outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.stock import Completeness

Outcome = Literal["published", "quarantined", "failed", "refused", "inactive", "canceled"]
Trigger = Literal["schedule", "auto_sync", "manual", "retry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Lines, over distinct identities: `seen = created + updated + skipped + rejected`.

    `missing` counts lines newly missing in this sync, `deleted` those missing a second time (or by the platform's own
    word). `rejected` counts lines that could not be read, with or without a readable identity.
    """

    seen: int
    created: int
    updated: int
    skipped: int
    rejected: int
    missing: int = 0
    deleted: int = 0
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedReason:
    """Lines that could not be read for one reason: how many, and the first few as "item 7: 'five'".

    `field` is the platform's field that the reason is about, empty where there is none.
    """

    reason: str
    count: int
    field: str = ""
    examples: Sequence[str] = ()

    def __str__(self) -> str:
        told = "; ".join(self.examples) + ("; …" if self.examples and self.count > len(self.examples) else "")
        return f"{self.count:,} × {self.reason}" + (f" ({told})" if told else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """One changed line for a person to read: before and after are None where the state is not "tracked"."""

    item_id: str
    location_id: str
    sku: str | None
    title: str
    before: Number | None
    after: Number | None
    kind: str  # updated, missing, deleted, returned


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTotals:
    """The store after a publish, over present lines. `units` sums available over tracked lines, each shared pool once.

    Quantities at a location that is not active are in none of `units`, `out_of_stock`, `negative` and `oversold`.
    `out_of_stock` counts active lines that have none, or are not counted and not for sale, `negative` lines below zero,
    `oversold` those of them whose store does not allow it. `without_sku` counts lines, `repeated_skus` the SKUs (trimmed) that
    more than one variant carries; of both, the first few are named: titles of lines, and SKUs.
    """

    lines: int
    products: int
    variants: int
    units: Number
    out_of_stock: int
    negative: int
    oversold: int
    untracked: int
    unknown: int
    without_sku: int
    repeated_skus: int
    without_sku_named: Sequence[str] = ()
    repeated_skus_named: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRead:
    """One read of a store from its first request to its last, with its connector's proof of completeness.

    `excluded` counts by reason what the platform has and what is no stock; `line_notes` are about lines that were read all
    the same, each reason once.
    """

    started_at: datetime
    ended_at: datetime
    proof: Completeness
    excluded: Mapping[str, int] = field(default_factory=dict)
    line_notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSnapshot:
    """What publishing a read made of the store's stock.

    `rejections` are the commonest reasons of lines that could not be read. `gap_since` is when the read began since which the
    gap has been this one.
    """

    id: int
    published_at: datetime
    counts: Counts
    totals: StockTotals
    largest_changes: Sequence[LineChange] = ()
    rejections: Sequence[RejectedReason] = ()
    gap_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """A published sync: the read and the snapshot made of it. `warnings` are sentences for a person.

    `api_calls` are the requests of all its reads: a short one is read once more. `accepted` names what a person had
    asked to publish, whatever the read shows: `accept_shrink`, `accept_unreadable`.
    """

    store: str
    run_id: str
    read: StoreRead
    snapshot: PublishedSnapshot
    api_calls: int
    warnings: Sequence[str] = ()
    accepted: Sequence[str] = ()
