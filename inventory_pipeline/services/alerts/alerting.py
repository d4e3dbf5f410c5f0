"""All use cases of alerts over one database, and what people decide about alerts."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from inventory_pipeline.core.addresses import NO_HOSTS, AllowedHosts
from inventory_pipeline.core.alerts import Alert, AlertState, acknowledge, snooze
from inventory_pipeline.core.clock import Clock, show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.db.alerts import records
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit
from inventory_pipeline.notify.channels import Channel
from inventory_pipeline.services.alerts.check import AlertCheck
from inventory_pipeline.services.alerts.delivery import Delivery
from inventory_pipeline.services.alerts.routes import Routes
from inventory_pipeline.services.alerts.rules import Rules
from inventory_pipeline.services.alerts.store_alerts import SyncNotices
from inventory_pipeline.services.integrations.vault import Vault


class Alerting:
    """The use cases as attributes. `interval` is the sync schedule's.

    `vault` opens the vault, and is called only where the addresses of routes are needed. `allowed_hosts` may be sent to though
    they are private.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        interval: timedelta,
        vault: Callable[[], Vault],
        allowed_hosts: AllowedHosts = NO_HOSTS,
    ) -> None:
        self._database, self._clock, self._vault, self._allowed_hosts = database, clock, vault, allowed_hosts
        self.check = AlertCheck(database=database, clock=clock, interval=interval)
        self.decisions = Decisions(database=database, clock=clock)
        self.rules = Rules(database=database, clock=clock, interval=interval)
        self.sync_notices = SyncNotices(database=database, clock=clock, interval=interval)
        self.delivery = Delivery(database=database, clock=clock, channel=self._channel)

    @property
    def routes(self) -> Routes:
        return Routes(database=self._database, vault=self._vault(), clock=self._clock, allowed_hosts=self._allowed_hosts)

    def _channel(self, route: str) -> Channel | None:
        return self.routes.channel(route)


class Decisions:
    """What people decide about alerts. Each decision is audited under `actor`."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def acknowledge(self, ids: Sequence[int], actor: str) -> list[Alert]:
        """Ends the notices of these alerts until they get worse or are resolved.

        Raises UsageError for an alert that is unknown or resolved.
        """
        return self._decide(ids, actor, "acknowledge", acknowledge, {"acknowledged_by": actor})

    def snooze(self, ids: Sequence[int], until: datetime, actor: str) -> list[Alert]:
        """Ends the notices of these alerts until then.

        Raises UsageError for an alert that is unknown or resolved, and for an instant that has passed.
        """
        if until <= self._clock():
            raise UsageError(f"{show_instant(until)} has passed: snooze until an instant to come")
        return self._decide(ids, actor, f"snooze until {show_instant(until)}", lambda state: snooze(state, until), {})

    def _decide(
        self, ids: Sequence[int], actor: str, action: str, decide: Callable[[AlertState], AlertState], columns: dict[str, str]
    ) -> list[Alert]:
        now = self._clock()
        with self._database.begin() as connection:
            records.lock(connection)
            for alert_id in ids:
                state = records.get_state(connection, alert_id)
                if state is None or state.status == "resolved":
                    why = "is resolved already" if state else "does not exist"
                    raise UsageError(f"alert {alert_id} {why}; `inventory-pipeline alerts list` shows the open ones")
                records.update_states(connection, [(alert_id, decide(state), columns)], now)
                audit.record(connection, now, actor, action, f"alert {alert_id}")
            return records.list_alerts(connection, ids=ids)
