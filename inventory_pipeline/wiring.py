"""The collaborators of every use case, put together from the environment: for Dagster and for the command line alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from inventory_pipeline.core.clock import Clock, system_clock
from inventory_pipeline.environment import Environment

if TYPE_CHECKING:  # imported when first used: listing stores must not load an HTTP client
    from inventory_pipeline.db.database import Database
    from inventory_pipeline.services.alerts.alerting import Alerting
    from inventory_pipeline.services.integrations.connecting import Connecting
    from inventory_pipeline.services.integrations.credentials import Vault
    from inventory_pipeline.services.integrations.service import Integrations
    from inventory_pipeline.services.sync.service import InventorySyncService


class Services:
    """Use cases over one database. Open one with `open_services`; each part is made when first asked for."""

    def __init__(self, environment: Environment, database: "Database", clock: Clock) -> None:
        self.environment = environment
        self.database = database
        self.clock = clock

    @cached_property
    def vault(self) -> "Vault":
        from inventory_pipeline.services.integrations.credentials import load_vault

        return load_vault(self.environment.secret_keys, self.environment.key_file)

    @cached_property
    def connect(self) -> "Connecting":
        from inventory_pipeline.services.integrations.connecting import Connecting

        return Connecting(self.database, self.vault, self.environment.feed_dir, self.environment.allowed_hosts)

    @cached_property
    def integrations(self) -> "Integrations":
        from inventory_pipeline.services.integrations.service import Integrations

        return Integrations(self.database, self.vault, self.connect, self.clock)

    def alerting(self, interval: timedelta) -> "Alerting":
        """Alerts, rules and routes; `interval` is the sync schedule's, which freshness is measured by."""
        from inventory_pipeline.services.alerts.alerting import Alerting

        return Alerting(
            database=self.database,
            clock=self.clock,
            interval=interval,
            vault=lambda: self.vault,
            allowed_hosts=self.environment.allowed_hosts,
        )

    def say_all_is_well(self, what: Literal["alert checks", "scheduled syncs"]) -> bool:
        """Calls the monitor that waits for it, where one is set; whether it took the call. Raises nothing for its troubles."""
        from inventory_pipeline.core.addresses import AddressPolicy
        from inventory_pipeline.notify.heartbeats import call_heartbeat

        way_out = "INVENTORY_ALLOW_PRIVATE_HOSTS with its host"
        policy = AddressPolicy(subject=what, allowed=self.environment.allowed_hosts, way_out=way_out)
        environment = self.environment
        urls = {"alert checks": environment.heartbeat_url, "scheduled syncs": environment.sync_heartbeat_url}
        return call_heartbeat(urls[what], policy)

    def sync(self) -> "InventorySyncService":
        from inventory_pipeline.services.sync.service import InventorySyncService

        return InventorySyncService(database=self.database, connect=self.connect, clock=self.clock)


@contextmanager
def open_services(environment: Environment, *, clock: Clock = system_clock) -> Iterator[Services]:
    """The project's use cases on `environment.database_url`, which is brought up to date at its first use.

    Raises UsageError where the database cannot be opened.
    """
    from inventory_pipeline.db.database import Database

    database = Database(environment.database_url)
    try:
        yield Services(environment, database, clock)
    finally:
        database.close()
