"""All that has to do with alerts, put together over one database."""

from collections.abc import Callable
from datetime import timedelta

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.db.database import Database
from inventory_pipeline.services.alerts.check import AlertCheck
from inventory_pipeline.services.alerts.decisions import Decisions
from inventory_pipeline.services.alerts.delivery import Delivery
from inventory_pipeline.services.alerts.routes import Routes
from inventory_pipeline.services.alerts.rules import Rules
from inventory_pipeline.services.alerts.sync_notices import SyncNotices
from inventory_pipeline.services.integrations.vault import Vault


class Alerting:
    """`interval` is the sync schedule's; `vault` is opened only where routes' addresses are needed."""

    def __init__(self, *, database: Database, clock: Clock, interval: timedelta, vault: Callable[[], Vault]) -> None:
        self._vault, self._given = vault, (database, clock)
        self.check = AlertCheck(database=database, clock=clock, interval=interval)
        self.decisions = Decisions(database=database, clock=clock)
        self.rules = Rules(database=database, clock=clock, interval=interval)
        self.sync_notices = SyncNotices(database=database, clock=clock)

    @property
    def routes(self) -> Routes:
        database, clock = self._given
        return Routes(database=database, vault=self._vault(), clock=clock)

    @property
    def delivery(self) -> Delivery:
        database, clock = self._given
        return Delivery(database=database, clock=clock, channel=lambda name: self.routes.channel(name))
