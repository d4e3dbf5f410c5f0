"""The text of a notice, for a person. Plain text: every channel shows it, and a store's texts cannot become markup."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inventory_pipeline.core.cover import TOO_LITTLE_DATA
from inventory_pipeline.core.quantity import show_total, total_mark
from inventory_pipeline.core.text import one_line, short_with_cure

Facts = Mapping[str, Any]

_WORDS = {
    "runs_out": "runs out soon",
    "out": "out of stock",
    "needs_reauthorization": "needs re-authorization",
    "quarantined": "sync quarantined",
    "failed": "sync failed",
    "stale": "stale: its stock is too old to be believed",
    "completed": "sync completed",
    "caught_up": "seen again",
}
# The order of the counts in a title: the levels, the most urgent first, then what needs nobody.
_COUNTS_ORDER = (
    "oversold",
    "stale",
    "needs_reauthorization",
    "out",
    "quarantined",
    "backorder",
    "failed",
    "low",
    "runs_out",
    "caught_up",
    "resolved",
    "completed",
)
_EVENTS = {
    "opened": "New",
    "worsened": "Worse",
    "reminded": "Still there after the snooze",
    "resolved": "Resolved",
    "caught_up": "While it could not be seen",
    "sync_completed": "Synced",
}


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    text: str


def render(payload: Facts) -> Message:
    """The message for one payload: a title of one line, and a text of several."""
    if payload.get("test"):
        return Message("inventory: test of this route", f"Notices of route {payload['route']} arrive here.\n\n{_footer(payload)}")
    alerts: list[Facts] = payload["alerts"]
    lines: list[str] = []
    for event, words in _EVENTS.items():
        these = [fact for fact in alerts if fact["event"] == event]
        if these:
            lines += [f"{words}:", *(f"- {describe(fact)}" for fact in these), ""]
    if unsure := sum(_unsure(fact) for fact in alerts):
        lines += [f"Days of cover of {unsure} of these: too little data.", ""]
    if payload["omitted"]:
        lines += [f"… and {payload['omitted']:,} more: inventory-pipeline alerts list", ""]
    if payload["first_look"]:
        lines += [f"First look at {', '.join(payload['first_look'])}: what is low there already is told once, here.", ""]
    return Message(_title(payload), "\n".join([*lines, *_as_of(payload), "", _footer(payload)]))


def _title(payload: Facts) -> str:
    counts: Mapping[str, int] = payload["counts"]
    told = ", ".join(f"{counts[level]:,} {_WORDS.get(level, level)}" for level in _COUNTS_ORDER if counts.get(level))
    where = f"{payload['stores']:,} stores"
    if payload["stores"] == 1:
        [first, *_] = payload["alerts"]
        where = first["store"] or f"group {first['group']}"
    return one_line(f"inventory: {told} ({where})", 120)


def describe(fact: Facts) -> str:
    """One alert on one line, with the rule that fired, at most 400 characters. A report has lines under its own."""
    where = f"store {fact['store']}" if fact["store"] else f"group {fact['group']}"
    if fact["level"] == "caught_up":
        return "\n  ".join([f"{where}:", *(one_line(line, 400) for line in fact["detail"].splitlines())])
    if fact["kind"] in ("store", "sync"):
        detail = fact["detail"].removeprefix(f"{fact['level']}: ")
        return short_with_cure(f"{where}: {_WORDS.get(fact['level'], fact['level'])}{detail and ': '}{detail}", 400)
    name = fact["sku"] or fact["item_id"]
    title = f" {fact['title']}" if fact["title"] else ""
    if fact["location_id"]:
        where += f", location {fact['location_id']}"
    parts = [f"{name}{title} ({where}): {_WORDS.get(fact['level'], fact['level'])}, {_amount(fact)}"]
    if fact["available"] is not None:  # else the platform's word decided, and no rule
        parts.append(f"rule {fact['rule']}")
    if fact["detail"]:
        parts.append(fact["detail"])
    if fact["cover"] and not _unsure(fact):
        parts.append(fact["cover"])
    if mark := total_mark(fact.get("up_to"), ambiguous=fact["ambiguous"]):
        parts.append(mark)
    if len(fact["variants"]) > 1:
        parts.append("one quantity for variants " + ", ".join(fact["variants"]))
    return one_line("; ".join(parts), 400)


def _unsure(fact: Facts) -> bool:
    """Whether there is too little data for days of cover. A message says once for how many alerts that holds."""
    return fact["cover"].startswith(TOO_LITTLE_DATA)


def _amount(fact: Facts) -> str:
    if fact["available"] is None:
        return "not counted, and not for sale"
    return f"{show_total(fact['available'], fact.get('up_to'), at_least=fact['at_least'])} available"


def _as_of(payload: Facts) -> list[str]:
    """How old the numbers of the message are: a line for each store, and for each group of a SKU alert."""
    stores = [f"Store {store} as of {as_of or 'never: no good sync yet'}" for store, as_of in payload["as_of"].items()]
    groups = {fact["group"]: fact["as_of"] for fact in payload["alerts"] if not fact["store"]}
    return stores + [f"Group {group} as of {as_of} or later" for group, as_of in groups.items() if as_of]


def _footer(payload: Facts) -> str:
    return f"-- \nroute {payload['route']}, {payload['created_at']}, ref {payload['key']}"
