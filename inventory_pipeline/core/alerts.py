"""Stock alerts: their levels, their states, and the state machine that moves an alert from one evaluation to the next.

    open → acknowledged or snoozed → resolved

The state machine is pure: the last state, a verdict and the time go in, the next state and the event come out. People get
a notice of three events only: an alert opens, it reaches a level worse than any told so far, or its snooze ends while the
alarm lasts. An alert stays unresolved until the stock is above threshold + margin, so stock that swings around its
threshold does not open a second alert.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast, get_args

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
# Why something that nobody counts is out of stock: the platform says so.
NOT_FOR_SALE = "not for sale"
# `backorder` ranks with `out`: when a delivery lifts a backorder to zero, that is no bad news.
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

# What an evaluation says of one target: a level is an alarm. `recovering`: above the threshold, within the margin. `held`:
# the stock is unknown or its store is stale, so the alert stays as it is. `fine`: above threshold + margin. `gone`: no
# longer evaluated, because the line was deleted, drafted or archived, or its store or rule was removed.
Verdict = Level | Literal["recovering", "held", "fine", "gone"]

# `sync_completed` and `caught_up` belong to no alert: a published sync, and the first one after a time without any.
Event = Literal["opened", "worsened", "reminded", "resolved", "sync_completed", "caught_up"]
EVENTS: tuple[Event, ...] = get_args(Event)


def is_alarm(verdict: Verdict) -> bool:
    """Whether the verdict is a level, for which an alert is opened or kept."""
    return verdict in LEVELS


def is_worse(level: Level, than: Level) -> bool:
    """Whether a change from `than` to `level` is bad news."""
    return _RANK[level] > _RANK[than]


@dataclass(frozen=True, slots=True)
class AlertState:
    """What the state machine knows of one alert. `worst` is the worst level that a notice has named so far."""

    status: Status
    level: Level
    worst: Level
    snoozed_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as the database keeps it.

    `rule` names the rule that fired, `threshold` and `margin` are its figures, and `was` what was available when it last held.
    `available` is None where no line has a number. `at_least` is true where lines of unknown quantity may add to
    `available`. `ambiguous` is true where several variants of one store have the SKU at one place; where their numbers are
    equal they may be one stock, as `available` counts them, or several, which `up_to` adds up.
    `baseline` is true where the store's first evaluation opened the alert. `as_of` is when the store's last published
    read began, None for a store that was never read.
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
    up_to: Number | None
    ambiguous: bool
    threshold: Number | None
    margin: Number | None
    was: Number | None
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
    def because(self) -> str:
        """The rule that fired, or what else is the reason; and what ends an alert whose stock has risen above the threshold."""
        if self.kind in ("store", "sync"):
            return self.rule
        if self.level == "out" and self.available is None:
            return NOT_FOR_SALE
        if self.status == "resolved" or self.available is None or self.threshold is None or self.margin is None:
            return self.rule
        within = self.threshold < self.available <= self.threshold + self.margin
        return f"{self.rule}; was {self.was}, closes above {self.threshold + self.margin}" if within else self.rule

    @property
    def words(self) -> str:
        """The title, followed by `detail` where there is one: why a store has an alert, or why an alert ended."""
        return ": ".join(part for part in (self.title, self.detail) if part)


# How one evaluation counts for one target. Each alert that is unresolved after a check is in exactly one of the first four.
Count = Literal["opened", "worsened", "still_open", "suppressed", "resolved", "none"]


@dataclass(frozen=True, slots=True)
class Transition:
    """What one evaluation does to one alert. `state` is None where there was no alert and none is opened.

    `event` is what people get a notice of, None where they get none.
    """

    state: AlertState | None
    event: Event | None
    count: Count


def transition(state: AlertState | None, verdict: Verdict, now: datetime) -> Transition:
    """The next state of the alert about one target. `state` is its last one, None where there is no alert.

    1. No alert, or a resolved one: an alarm opens a new alert; any other verdict changes nothing.
    2. `fine` and `gone` resolve the alert.
    3. `recovering` and `held` keep it, without an event.
    4. An alarm sets the level. While a snooze lasts there is no event. Otherwise a level that is worse than `worst` opens
       the alert again with the event `worsened`; a snooze that has ended gives `reminded`.
    """
    if state is None or state.status == "resolved":
        if not is_alarm(verdict):
            return Transition(state, None, "none")
        level = cast(Level, verdict)
        return Transition(AlertState("open", level, level), "opened", "opened")
    if verdict in ("fine", "gone"):
        return Transition(replace(state, status="resolved", snoozed_until=None), "resolved", "resolved")
    if not is_alarm(verdict):
        count: Count = "still_open" if state.status == "open" else "suppressed"
        # Stock above its threshold must not be shown as out of stock, though it has not recovered yet.
        above = verdict == "recovering" and is_worse(state.level, "low")
        return Transition(replace(state, level="low") if above else state, None, count)
    return _alarm_lasts(replace(state, level=cast(Level, verdict)), now)


def _alarm_lasts(state: AlertState, now: datetime) -> Transition:
    if state.status == "snoozed" and state.snoozed_until is not None and now < state.snoozed_until:
        return Transition(state, None, "suppressed")
    awake = replace(state, status="open", snoozed_until=None)
    if is_worse(state.level, state.worst):
        return Transition(replace(awake, worst=state.level), "worsened", "worsened")
    if state.status == "snoozed":
        return Transition(awake, "reminded", "still_open")
    return Transition(state, None, "still_open" if state.status == "open" else "suppressed")


def acknowledge(state: AlertState) -> AlertState:
    """The state after a person has seen the alert: no notice until it gets worse or is resolved."""
    return replace(state, status="acknowledged", snoozed_until=None)


def snooze(state: AlertState, until: datetime) -> AlertState:
    """The state after a person has snoozed the alert: no notice until then, even if it gets worse."""
    return replace(state, status="snoozed", snoozed_until=until)
