"""What people decide about alerts."""

from collections.abc import Callable, Sequence
from datetime import datetime

from inventory_pipeline.core.alert_machine import acknowledge, snooze
from inventory_pipeline.core.alerts import Alert, Standing
from inventory_pipeline.core.clock import Clock, show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.db.alerts import alerts
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit


class Decisions:
    """Each decision is audited under `actor`."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def acknowledge(self, ids: Sequence[int], actor: str) -> list[Alert]:
        """Silence until it gets worse or is resolved. Raises UsageError for an alert that is unknown or resolved."""
        return self._decide(ids, actor, "acknowledge", acknowledge, {"acknowledged_by": actor})

    def snooze(self, ids: Sequence[int], until: datetime, actor: str) -> list[Alert]:
        """Silence until then. Raises UsageError for an alert that is unknown or resolved, and for an instant gone by."""
        if until <= self._clock():
            raise UsageError(f"{show_instant(until)} has passed: snooze until an instant to come")
        return self._decide(ids, actor, f"snooze until {show_instant(until)}", lambda it: snooze(it, until), {})

    def _decide(
        self, ids: Sequence[int], actor: str, action: str, change: Callable[[Standing], Standing], columns: dict[str, str]
    ) -> list[Alert]:
        now = self._clock()
        with self._database.begin() as connection:
            alerts.lock(connection)
            for number in ids:
                standing = alerts.get_standing(connection, number)
                if standing is None or standing.status == "resolved":
                    why = "is resolved already" if standing else "does not exist"
                    raise UsageError(f"alert {number} {why}; `inventory-pipeline alerts list` shows the open ones")
                alerts.set_standing(connection, [(number, change(standing), columns)], now)
                audit.record(connection, now, actor, action, f"alert {number}")
            return alerts.list_alerts(connection, ids=ids)
