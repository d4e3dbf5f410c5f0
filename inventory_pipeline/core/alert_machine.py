"""The life of an alert: open → acknowledged or snoozed → resolved. Pure: time and evaluation come in, the next state goes out.

No subject is told twice without having recovered in between: an alert lives until its stock is above threshold + margin,
so there is nothing to open anew before that. Only three things speak: opening, getting worse than ever told, and a
snooze that ends while the trouble lasts.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast

from inventory_pipeline.core.alerts import Event, Level, Standing, Verdict, is_alarm, is_worse

# Every alert that is not resolved after a check is in exactly one of the first four.
Count = Literal["opened", "worsened", "still_open", "suppressed", "resolved", "none"]


@dataclass(frozen=True, slots=True)
class Step:
    """What one evaluation does to one subject. `standing` is None where nothing was and nothing is wrong."""

    standing: Standing | None
    event: Event | None
    count: Count


def step(standing: Standing | None, verdict: Verdict, now: datetime) -> Step:
    """The next state of one subject whose last one was `standing` (None or resolved: nothing is open)."""
    if standing is None or standing.status == "resolved":
        if not is_alarm(verdict):
            return Step(standing, None, "none")
        level = cast(Level, verdict)
        return Step(Standing("open", level, level), "opened", "opened")
    if verdict in ("fine", "gone"):
        return Step(replace(standing, status="resolved", snoozed_until=None), "resolved", "resolved")
    if not is_alarm(verdict):  # recovering or held: it neither ends nor gets worse
        count: Count = "still_open" if standing.status == "open" else "suppressed"
        # What is above its threshold must not be called out of stock, though it has not recovered yet.
        above = verdict == "recovering" and is_worse(standing.level, "low")
        return Step(replace(standing, level="low") if above else standing, None, count)
    return _lasting(replace(standing, level=cast(Level, verdict)), now)


def _lasting(standing: Standing, now: datetime) -> Step:
    if standing.status == "snoozed" and standing.snoozed_until is not None and now < standing.snoozed_until:
        return Step(standing, None, "suppressed")
    awake = replace(standing, status="open", snoozed_until=None)
    if is_worse(standing.level, standing.worst):
        return Step(replace(awake, worst=standing.level), "worsened", "worsened")
    if standing.status == "snoozed":
        return Step(awake, "reminded", "still_open")
    return Step(standing, None, "still_open" if standing.status == "open" else "suppressed")


def acknowledge(standing: Standing) -> Standing:
    """Someone has seen it: silence until it gets worse or is resolved."""
    return replace(standing, status="acknowledged", snoozed_until=None)


def snooze(standing: Standing, until: datetime) -> Standing:
    """Silence until then, even if it gets worse."""
    return replace(standing, status="snoozed", snoozed_until=until)
