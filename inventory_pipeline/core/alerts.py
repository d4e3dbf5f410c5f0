"""Stock alerts: what can be wrong, how bad it is, and what one evaluation says of one subject."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from inventory_pipeline.core.quantity import Number

# `runs_out` comes from a rule with cover days; the last four are about a store and not about stock.
Level = Literal["runs_out", "low", "backorder", "out", "oversold", "stale", "failed", "quarantined", "needs_reauthorization"]
LEVELS: frozenset[str] = frozenset(get_args(Level))
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

# variant: the sum over a store's active locations. pool: the variants that draw on one quantity. location: one variant
# at one place. sku: a group's total. store: its freshness. sync: how its syncs end.
Kind = Literal["variant", "pool", "location", "sku", "store", "sync"]
Status = Literal["open", "acknowledged", "snoozed", "resolved"]

SEVERITY: dict[Level, Severity] = {
    "runs_out": "warning",
    "low": "warning",
    "backorder": "warning",
    "out": "critical",
    "oversold": "critical",
    "stale": "critical",
    "failed": "warning",
    "quarantined": "critical",
    "needs_reauthorization": "critical",
}
# A backorder has passed "out" already: when a delivery lifts it to zero, that is no bad news to tell.
_RANK: dict[Level, int] = {
    "runs_out": 0,
    "low": 1,
    "backorder": 2,
    "out": 2,
    "oversold": 3,
    "stale": 1,
    "failed": 1,
    "quarantined": 2,
    "needs_reauthorization": 2,
}

# What an evaluation can say beside a level: within the margin above the threshold; not to be judged (unknown, stale);
# well; or no longer there to be judged (deleted, draft, archived, its store or rule gone).
Calm = Literal["recovering", "held", "fine", "gone"]
Verdict = Level | Calm

Event = Literal["opened", "worsened", "reminded", "resolved", "sync_completed"]
EVENTS: tuple[Event, ...] = get_args(Event)


def is_alarm(verdict: Verdict) -> bool:
    return verdict in LEVELS


def is_worse(level: Level, than: Level) -> bool:
    return _RANK[level] > _RANK[than]


def worst(first: Level, second: Level) -> Level:
    return second if is_worse(second, first) else first


@dataclass(frozen=True, slots=True)
class Standing:
    """What the state machine knows of one alert that is not resolved. `worst` is the worst level told so far."""

    status: Status
    level: Level
    worst: Level
    snoozed_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as it is kept. `rule` names the rule that fired; `available` is None where there is no number.

    `at_least`: unknown lines may add to `available`. `ambiguous`: the SKU stands for several variants of one store.
    `as_of` is when the read behind it began, None for a store that was never read.
    """

    id: int
    kind: Kind
    store_key: str
    group: str
    platform: str
    item_id: str
    location_id: str
    sku: str | None
    title: str
    status: Status
    level: Level
    available: Number | None
    at_least: bool
    ambiguous: bool
    threshold: Number | None
    rule: str
    detail: str
    baseline: bool
    opened_at: datetime
    changed_at: datetime
    acknowledged_by: str | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    as_of: datetime | None

    @property
    def severity(self) -> Severity:
        return SEVERITY[self.level]

    @property
    def words(self) -> str:
        """The title, and why: of a store, or of an alert that ended without recovery."""
        return ": ".join(part for part in (self.title, self.detail) if part)
