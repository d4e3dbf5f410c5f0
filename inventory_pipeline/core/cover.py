"""Days of cover: how long stock lasts at the pace of the last weeks, and how sure that is."""

import math
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from inventory_pipeline.core.quantity import Number

# How far back consumption is measured.
WINDOW = timedelta(days=28)
# Below either of these there is too little data to say how quickly stock is used up.
ENOUGH_HOURS, ENOUGH_EVENTS = 72, 3
# How the text of a cover begins where there is too little data; how many days were seen follows.
TOO_LITTLE_DATA = "days of cover: too little data"

Confidence = Literal["none", "low", "medium", "high"]


class Consumption(NamedTuple):
    """What one variant used up within WINDOW, over all its locations: units, and in how many snapshots they fell."""

    units: Number
    events: int


@dataclass(frozen=True, slots=True)
class Cover:
    """How many days the stock lasts. `days` is None where there is too little data, no consumption, or no number.

    `per_day` is units a day, None where there is too little data. `window_days` is how many days were observed.
    """

    days: float | None
    per_day: float | None
    window_days: float
    confidence: Confidence

    @property
    def text(self) -> str:
        """For a person; empty where the stock itself has no number."""
        if self.confidence == "none":
            return f"{TOO_LITTLE_DATA} ({self.window_days:.0f} days seen)"
        if self.days is None:
            return f"nothing used up in {self.window_days:.0f} days" if self.per_day == 0 else ""
        return (
            f"lasts about {math.floor(self.days)} days at {self.per_day:.1f} a day"
            f" (last {self.window_days:.0f} days, {self.confidence} confidence)"
        )


def days_of_cover(available: Number | float | None, consumption: Consumption | None, observed_days: float) -> Cover:
    """The cover of `available` units. `consumption` is None where nothing was used up.

    The pace is consumption over `observed_days`, or over WINDOW where that is shorter.
    """
    window = min(observed_days, WINDOW.days)
    if window * 24 < ENOUGH_HOURS or (consumption is not None and consumption.events < ENOUGH_EVENTS):
        return Cover(None, None, window, "none")
    if consumption is None:
        return Cover(None, 0.0, window, "low")
    per_day = float(Decimal(consumption.units)) / window
    days = max(float(available), 0.0) / per_day if available is not None and per_day else None
    return Cover(days, per_day, window, _confidence(window, consumption.events))


def to_reorder(available: Number | float | None, cover: Cover, cover_days: int | None) -> int | None:
    """How many units make the stock last for `cover_days`, or for WINDOW where the rule has none, at the pace of `cover`.

    None where there is too little data, nothing is used up, or the stock lasts so long already.
    """
    if available is None or not cover.per_day:
        return None
    missing = math.ceil((cover_days or WINDOW.days) * cover.per_day - float(available))
    return missing if missing > 0 else None


def _confidence(window: float, events: int) -> Confidence:
    if window >= WINDOW.days / 2 and events >= 10:
        return "high"
    return "medium" if window >= WINDOW.days / 4 and events >= 5 else "low"
