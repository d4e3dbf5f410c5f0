"""Days of cover: how long stock lasts at the pace of the last weeks, and how sure that is."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from inventory_pipeline.core.notices import TOO_LITTLE_DATA
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.db.alerts.alert_stores import WINDOW
from inventory_pipeline.db.alerts.consumption import Used
from inventory_pipeline.db.alerts.evaluation import ENOUGH_EVENTS, ENOUGH_HOURS

Confidence = Literal["none", "low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Cover:
    """`days` until out is None where there is too little data, nothing was used up, or there is no number."""

    days: float | None
    per_day: float | None
    window_days: float
    confidence: Confidence

    @property
    def text(self) -> str:
        if self.confidence == "none":
            return f"{TOO_LITTLE_DATA} ({self.window_days:.0f} days seen)"
        if self.days is None:
            return f"nothing used up in {self.window_days:.0f} days" if self.per_day == 0 else ""
        return (
            f"lasts about {math.floor(self.days)} days at {self.per_day:.1f} a day"
            f" (last {self.window_days:.0f} days, {self.confidence} confidence)"
        )


def days_of_cover(available: Number | float | None, used: Used | None, observed_days: float) -> Cover:
    """Consumption is the sum of decreases over `observed_days`, at most the window's; restocks are excluded."""
    window = min(observed_days, WINDOW.days)
    if window * 24 < ENOUGH_HOURS or (used is not None and used.events < ENOUGH_EVENTS):
        return Cover(None, None, window, "none")
    if used is None:
        return Cover(None, 0.0, window, "low")
    per_day = float(Decimal(used.used)) / window
    days = max(float(available), 0.0) / per_day if available is not None and per_day else None
    return Cover(days, per_day, window, _confidence(window, used.events))


def _confidence(window: float, events: int) -> Confidence:
    if window >= WINDOW.days / 2 and events >= 10:
        return "high"
    return "medium" if window >= WINDOW.days / 4 and events >= 5 else "low"
