"""Secrets under their names: set, listed, removed, and re-encrypted when the key changes. Values never come out here."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.errors import StoreMisconfigured, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.alerts import routes
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, secrets, stores
from inventory_pipeline.services.integrations.credentials import secret_name
from inventory_pipeline.services.integrations.vault import Vault

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class StoredSecret(NamedTuple):
    """`used_by` are the keys of the stores that refer to it; `readable`: the present key opens it."""

    name: str
    created_at: datetime
    used_by: tuple[str, ...]
    readable: bool


class StoredSecrets:
    """Every change is audited under `actor`, by name only."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, actor: str) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._actor = actor

    def put(self, name: str, value: str) -> None:
        """Stores or replaces a secret; stores that use it are no longer marked as needing re-authorization.

        A line break at the end, which standard input brings, is not part of it. Raises UsageError.
        """
        value = value.rstrip("\r\n")
        redact.add(value)
        if not _NAME.fullmatch(name):
            raise UsageError(
                "the name of a secret has 1 to 100 letters, digits, '.', '_' and '-', beginning with a letter or digit"
            )
        if not value or not value.isprintable():
            raise UsageError(f"the value for {name} is empty or holds a line break or the like; nothing was stored")
        with self._vault.settled(), self._database.begin() as connection:
            secrets.put_secret(connection, name, self._vault.encrypt(value), self._clock())
            for store in _users(name, stores.list_stores(connection)):
                stores.set_needs_reauthorization(connection, store.key, None)
            audit.record(connection, self._clock(), self._actor, "credentials set", name)

    def entries(self) -> list[StoredSecret]:
        with self._database.connect() as connection:
            users = stores.list_stores(connection)
            return [
                StoredSecret(
                    name,
                    created_at,
                    tuple(store.key for store in _users(name, users)),
                    self._opens(secrets.get_secret(connection, name)),
                )
                for name, created_at in secrets.list_secrets(connection)
            ]

    def remove(self, name: str) -> None:
        """Raises UsageError where there is no such secret or a store still uses it."""
        with self._database.begin() as connection:
            users = [store.key for store in _users(name, stores.list_stores(connection))]
            if users:
                raise UsageError(f"secret {name} is used by {', '.join(users)}; give those stores another credential first")
            route = next((route.name for route in routes.list_routes(connection) if routes.secret_name(route.name) == name), None)
            if route is not None:
                raise UsageError(
                    f"secret {name} is a notice route's address; `inventory-pipeline notify remove {route}` removes both"
                )
            if not secrets.remove_secret(connection, name):
                raise UsageError("there is no secret of this name; `inventory-pipeline credentials list` shows the names")
            audit.record(connection, self._clock(), self._actor, "credentials remove", name)

    def rotate_key(self) -> int:
        """Re-encrypts every secret in one transaction and says how many: with a new key where the key is in a file, else
        with the first of INVENTORY_SECRET_KEY. Raises StoreMisconfigured, all left as it was, if one cannot be read."""
        with self._vault.rotation(), self._database.begin() as connection:
            entries = secrets.list_secrets(connection)
            for name, created_at in entries:
                token = self._vault.rotate(secrets.get_secret(connection, name) or "")
                secrets.put_secret(connection, name, token, created_at)
            audit.record(connection, self._clock(), self._actor, "credentials rotate-key", "", f"{len(entries)} secrets")
        return len(entries)

    def _opens(self, token: str | None) -> bool:
        try:
            self._vault.decrypt(token or "")
        except StoreMisconfigured:
            return False
        return True


def _users(name: str, known: Iterable[StoreIntegration]) -> list[StoreIntegration]:
    return [store for store in known if any(secret_name(reference) == name for reference in store.credentials.values())]
