"""Store integrations: registered, changed, switched on and off, checked, purged. Every change is audited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.connectors.base import CheckItem
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.clock import Clock, show_instant, system_clock
from inventory_pipeline.core.errors import CredentialsRejected, InventoryError, UsageError
from inventory_pipeline.core.stores import StoreIntegration, checked_key
from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, secrets, stores
from inventory_pipeline.services.cancel import run_cancellable
from inventory_pipeline.services.integrations.connecting import Connecting
from inventory_pipeline.services.integrations.credentials import Vault, secret_name
from inventory_pipeline.services.integrations.store_input import check_references, check_settings, checked_url, merged
from inventory_pipeline.services.integrations.stored_secrets import StoredSecret, StoredSecrets

NEW_HOST = "the address moved to another host, so the store's credentials were discarded"


@dataclass(frozen=True, slots=True)
class Change:
    """A store after a change. `notes` are sentences for the person who made it."""

    store: StoreIntegration
    notes: tuple[str, ...] = ()

    @property
    def first_sync_pending(self) -> bool:
        """Whether the sensor is about to request the store's first sync."""
        return self.store.auto_sync and self.store.is_active and self.store.first_sync_at is None


class Integrations:
    """Use cases over registered stores and stored secrets. After a UsageError nothing was changed.

    `actor` is whom the audit log names.
    """

    def __init__(
        self, database: Database, vault: Vault, connect: Connecting, clock: Clock = system_clock, *, actor: str = "system"
    ) -> None:
        self._database = database
        self._connect = connect
        self._clock = clock
        self._actor = actor
        self._secrets = StoredSecrets(database, vault, clock, actor)

    def list(self) -> Sequence[StoreIntegration]:
        """By key, without the purged ones."""
        with self._database.connect() as connection:
            return stores.list_stores(connection)

    def get(self, key: str) -> StoreIntegration:
        """The store, purged or not. Raises UsageError for a key that was never registered."""
        with self._database.connect() as connection:
            return _registered(connection, key)

    def add(self, store: StoreIntegration) -> Change:
        """Registers a store whose platform, address, settings and references can be used; calls no network.

        With `auto_sync` its first sync is requested as soon as it is active.
        """
        store = replace(store, key=checked_key(store.key), url=checked_url(store.url), name=store.name.strip() or store.key)
        check_settings(store.settings)
        with self._database.begin() as connection:
            check_references(store.credentials, _secret_names(connection))
            self._try_to_connect(store)
            stores.insert_store(connection, store, self._clock())
            self._record(connection, "stores add", store.key, _described(store))
            return _changed(connection, store.key)

    def set(
        self,
        key: str,
        *,
        name: str | None = None,
        group: str | None = None,
        url: str | None = None,
        settings: Mapping[str, str] | None = None,
        credentials: Mapping[str, str] | None = None,
        auto_sync: bool | None = None,
        freshness_limit: timedelta | None = None,
    ) -> Change:
        """Changes what is given. Settings and credentials are merged; an empty value takes one away.

        A `freshness_limit` of zero stands for the usual one. Another host discards the credentials that were there.
        """
        given: dict[str, Any] = {"name": name, "group": group, "auto_sync": auto_sync}
        changes = {field: value for field, value in given.items() if value is not None}
        if freshness_limit is not None:
            changes["freshness_limit"] = freshness_limit or None
        if url is not None:
            changes["url"] = checked_url(url)
        with self._database.begin() as connection:
            old = _live(connection, key)
            if settings:
                check_settings(settings)
                changes["settings"] = merged(old.settings, settings)
            if credentials:
                check_references(merged({}, credentials), _secret_names(connection))
                changes["credentials"] = merged(old.credentials, credentials)
                changes["needs_reauthorization"] = None
            new = replace(old, **changes)
            if all(name in new.credentials for name in connector_for(new.platform).info.credentials):
                # With the old credentials even for a new host: making a connector sends nothing.
                self._try_to_connect(new)
            notes: tuple[str, ...] = ()
            if old.credentials and new.host != old.host:
                changes["credentials"] = merged({}, credentials or {})
                changes["needs_reauthorization"] = None if changes["credentials"] else NEW_HOST
                notes = (
                    f"{NEW_HOST}: {', '.join(old.credentials)}; `stores set {key} --credential NAME=secret:S` gives it new ones",
                )
            if changes:
                stores.update_store(connection, key, **changes)
                self._record(connection, "stores set", key, "; ".join([", ".join(sorted(changes)), *notes]))
            return _changed(connection, key, notes)

    def activate(self, key: str) -> Change:
        """Syncs may run. A store with auto-sync that was never synced gets its first one now."""
        return self._switch(key, is_active=True)

    def deactivate(self, key: str) -> Change:
        """No sync starts any more; stock and history stay, and grow stale."""
        return self._switch(key, is_active=False)

    def purge(self, key: str) -> Change:
        """Removes the store's stock, history and references for ever; its key is never used again."""
        with self._database.begin() as connection:
            old = _live(connection, key)
            stores.purge_store(connection, key, self._clock())
            self._record(connection, "stores purge", key, _described(old))
            unused = _secrets_of(old) - {name for store in stores.list_stores(connection) for name in _secrets_of(store)}
            notes = tuple(f"secret {name} is used no more; `credentials remove {name}` deletes it" for name in sorted(unused))
            return _changed(connection, key, notes)

    def check(self, key: str) -> Sequence[CheckItem]:
        """Asks the store itself whether address, credentials, permissions and version are right.

        Where all is well, the store no longer counts as needing re-authorization.
        """
        with self._database.connect() as connection:
            store = _live(connection, key)
        try:
            connector = self._connect(store, {})
        except CredentialsRejected as error:
            return [CheckItem("credentials", False, str(error))]
        except InventoryError as error:
            return [CheckItem("address", False, str(error))]
        items = run_cancellable(connector.check())
        if store.needs_reauthorization and all(item.ok for item in items):
            with self._database.begin() as connection:
                stores.set_needs_reauthorization(connection, key, None)
        return items

    def put_credential(self, name: str, value: str) -> None:
        """Stores or replaces a secret. Stores that use it no longer count as needing re-authorization."""
        self._secrets.put(name, value)

    def list_credentials(self) -> Sequence[StoredSecret]:
        return self._secrets.entries()

    def remove_credential(self, name: str) -> None:
        """Raises UsageError while a store uses it."""
        self._secrets.remove(name)

    def rotate_key(self) -> int:
        """Re-encrypts every secret under the new key; how many."""
        return self._secrets.rotate_key()

    def _switch(self, key: str, *, is_active: bool) -> Change:
        with self._database.begin() as connection:
            old = _live(connection, key)
            if old.is_active == is_active:
                return _changed(connection, key, (f"store {key!r} was {'active' if is_active else 'inactive'} already",))
            stores.update_store(connection, key, is_active=is_active)
            self._record(connection, "stores activate" if is_active else "stores deactivate", key, "")
            return _changed(connection, key)

    def _try_to_connect(self, store: StoreIntegration) -> None:
        try:
            self._connect(store, {})
        except CredentialsRejected as error:
            raise UsageError(str(error)) from None

    def _record(self, connection: sa.Connection, action: str, subject: str, detail: str) -> None:
        audit.record(connection, self._clock(), self._actor, action, subject, detail)


def _registered(connection: sa.Connection, key: str) -> StoreIntegration:
    store = stores.get_store(connection, key)
    if store is None:
        raise UsageError(f"no store {key!r:.80} is registered; `inventory-pipeline stores list` shows them")
    return store


def _live(connection: sa.Connection, key: str) -> StoreIntegration:
    store = _registered(connection, key)
    if store.purged_at is not None:
        raise UsageError(f"store {key!r} was purged on {show_instant(store.purged_at)}; its key is never used again")
    return store


def _changed(connection: sa.Connection, key: str, notes: tuple[str, ...] = ()) -> Change:
    return Change(_registered(connection, key), notes)


def _secret_names(connection: sa.Connection) -> list[str]:
    return [name for name, _ in secrets.list_secrets(connection)]


def _secrets_of(store: StoreIntegration) -> set[str]:
    return {name for reference in store.credentials.values() if (name := secret_name(reference))}


def _described(store: StoreIntegration) -> str:
    references = ", ".join(f"{name}={reference}" for name, reference in store.credentials.items())
    return one_line(f"{store.platform} at {store.url}{', ' if references else ''}{references}")
