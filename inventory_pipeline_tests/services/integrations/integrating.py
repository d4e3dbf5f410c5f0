"""A database with its use cases and a folder of feeds, as one process would have them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from inventory_pipeline.core.addresses import NO_HOSTS, AllowedHosts
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit
from inventory_pipeline.services.integrations.connecting import Connecting
from inventory_pipeline.services.integrations.credentials import Vault
from inventory_pipeline.services.integrations.service import Integrations
from inventory_pipeline_tests.db.times import NOON

STOCK = "id,stock\nA1,5\n"


@dataclass
class Workplace:
    database: Database
    feed_dir: Path
    vault: Vault = field(default_factory=lambda: Vault([Fernet.generate_key().decode()]))
    allowed_hosts: AllowedHosts = NO_HOSTS

    @property
    def connect(self) -> Connecting:
        return Connecting(self.database, self.vault, self.feed_dir, self.allowed_hosts)

    @property
    def integrations(self) -> Integrations:
        return Integrations(self.database, self.vault, self.connect, lambda: NOON, actor="tester")

    @property
    def from_command_line(self) -> Integrations:
        """Where a credential that is bound to no host yet is bound by its first use."""
        return Integrations(self.database, self.vault, self.connect, lambda: NOON, actor="tester", may_bind=True)

    def write_feed(self, name: str = "stock.csv", text: str = STOCK) -> str:
        (self.feed_dir / name).write_text(text)
        return name

    def audited(self) -> list[tuple[str, str, str]]:
        """Oldest first: action, subject, detail."""
        with self.database.connect() as connection:
            return [(entry.action, entry.subject, entry.detail) for entry in reversed(audit.list_audit(connection))]


def feed_store(key: str = "depot", url: str = "stock.csv", **more: Any) -> StoreIntegration:
    return StoreIntegration(key=key, url=url, **{"platform": "feed", "settings": {"settle_seconds": "0"}, **more})


def web_feed(key: str = "web", url: str = "https://supplier.example/stock.csv", **more: Any) -> StoreIntegration:
    return StoreIntegration(key=key, platform="feed", url=url, **{"credentials": {"token": "secret:TOKEN"}, **more})
