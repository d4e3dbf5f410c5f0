"""Store integrations: registered, changed, switched on and off, checked, purged. Every change is audited."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.connectors.base import CheckItem, Connector
from inventory_pipeline.core.addresses import urls_of
from inventory_pipeline.core.clock import Clock, show_instant, system_clock
from inventory_pipeline.core.errors import CredentialsMissing, CredentialsRejected, InventoryError, UsageError
from inventory_pipeline.core.stores import StoreIntegration, checked_key
from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, secrets, stores
from inventory_pipeline.db.sync import snapshots
from inventory_pipeline.services.cancel import run_cancellable
from inventory_pipeline.services.integrations.bindings import recipients, usable
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

    `actor` is whom the audit log names. `may_bind` is for the command line alone: there a credential that is bound to no
    host yet is bound by its first use, and a binding can be moved. Jobs and forms only use what is bound.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        connect: Connecting,
        clock: Clock = system_clock,
        *,
        actor: str = "system",
        may_bind: bool = False,
    ) -> None:
        self._database = database
        self._connect = connect
        self._clock = clock
        self._actor = actor
        self._may_bind = may_bind
        self._secrets = StoredSecrets(database, vault, clock, actor)

    def list(self) -> Sequence[StoreIntegration]:
        """By key, without the purged ones."""
        with self._database.connect() as connection:
            return stores.list_stores(connection)

    def get(self, key: str) -> StoreIntegration:
        """The store, purged or not. Raises UsageError for a key that was never registered."""
        with self._database.connect() as connection:
            return _registered(connection, key)

    def add(self, store: StoreIntegration, values: Mapping[str, str] | None = None, *, reuse: bool = False) -> Change:
        """Registers a store whose platform, address, settings and references can be used; calls no network.

        `values` are credentials that were typed: they are stored as `KEY.NAME`, bound to the store's hosts. With `auto_sync`
        its first sync is requested as soon as it is active. With `reuse` the key may be a purged store's: no run carries it.
        """
        store = replace(store, key=checked_key(store.key), url=checked_url(store.url), name=store.name.strip() or store.key)
        check_settings(store.settings)
        self._connect.check_address(store, registered=False)
        with self._secrets.changing() as connection:
            check_references(store.credentials, _secret_names(connection))
            named, store = store.credentials, _with_typed(store, values or {})
            stores.insert_store(connection, store, self._clock(), reuse=reuse)
            notes = self._bound(connection, store, named, values or {})
            self._try_to_connect(connection, store)
            self._record(connection, "stores add", store.key, _described(store))
            return _changed(connection, store.key, notes)

    def problems(self, store: StoreIntegration, *, reuse: bool = False) -> Sequence[str]:
        """Every reason for which `add` would refuse the store, so that a form can tell them all at once."""
        with self._database.connect() as connection:
            stored, other = _secret_names(connection), stores.get_store(connection, store.key)
        looks: list[Callable[[], object]] = [
            partial(checked_key, store.key),
            partial(checked_url, store.url),
            partial(check_settings, store.settings),
            *[partial(check_references, {name: reference}, stored) for name, reference in store.credentials.items()],
        ]
        found = [text for look in looks if (text := _refusal(look))]
        if other is not None and not (reuse and other.purged_at is not None):
            found.append(f"store key {store.key!r} is taken: choose another")
        if _refusal(looks[1]) is None:  # an address that can be looked at
            plain = replace(store, url=store.url.strip())
            found += filter(None, [_refusal(partial(self._connect.check_address, plain, registered=False))])
            found += filter(None, [_refusal(partial(self._connect.rehearse, plain))])
        return list(dict.fromkeys(found))

    def set(
        self,
        key: str,
        *,
        name: str | None = None,
        group: str | None = None,
        url: str | None = None,
        allow_private: bool | None = None,
        settings: Mapping[str, str] | None = None,
        credentials: Mapping[str, str] | None = None,
        values: Mapping[str, str] | None = None,
        auto_sync: bool | None = None,
        freshness_limit: timedelta | None = None,
    ) -> Change:
        """Changes what is given. Settings and credentials are merged; an empty value takes one away; `values` as for `add`.

        A `freshness_limit` of zero stands for the usual one. Another host discards the credentials that were there, but for
        those that are bound to it too. Another address, the store's own or one in a setting, is not allowed to be private
        because the old one was.
        """
        given: dict[str, Any] = {"name": name, "group": group, "auto_sync": auto_sync, "allow_private": allow_private}
        changes = {field: value for field, value in given.items() if value is not None}
        if freshness_limit is not None:
            changes["freshness_limit"] = freshness_limit or None
        if url is not None:
            changes["url"] = checked_url(url)
        credentials, values = credentials or {}, values or {}
        with self._secrets.changing() as connection:
            old = _live(connection, key)
            if settings:
                check_settings(settings)
                changes["settings"] = merged(old.settings, settings)
            moved = urls_of(replace(old, **changes)) != urls_of(old)
            if moved and old.allow_private:
                changes.setdefault("allow_private", False)
            check_references(merged({}, credentials), _secret_names(connection))
            new = replace(old, **changes)
            if moved or "allow_private" in changes:
                self._connect.check_address(new, registered=True)
            lost = _left_behind(connection, old, new) - {*credentials, *values}
            if credentials or values or lost:
                kept = {name: reference for name, reference in old.credentials.items() if name not in lost}
                new = _with_typed(replace(new, credentials=merged(kept, credentials)), values)
                changes |= {"credentials": new.credentials, "needs_reauthorization": None}
            if lost:  # a mistyped address must not cost the credentials
                self._rehearse(new, {**old.credentials, **new.credentials})
            if not changes:
                return _changed(connection, key)
            stores.update_store(connection, key, **changes)
            notes = self._bound(connection, new, credentials, values)
            if changes.keys() & {"url", "settings", "credentials"}:
                with suppress(CredentialsMissing):  # a store without them can still be changed
                    self._try_to_connect(connection, new)
            if lost:
                stores.set_needs_reauthorization(connection, key, NEW_HOST)
                notes += (f"{NEW_HOST}: {', '.join(sorted(lost))}; `stores set {key} --credential NAME=-` gives it new ones",)
            self._record(connection, "stores set", key, "; ".join([", ".join(sorted(changes)), *notes]))
            return _changed(connection, key, notes)

    def activate(self, key: str) -> Change:
        """Syncs may run. A store with auto-sync that was never synced gets its first one now."""
        return self._switch(key, is_active=True)

    def deactivate(self, key: str) -> Change:
        """No sync starts any more; stock and history stay, and grow stale."""
        return self._switch(key, is_active=False)

    def purge(self, key: str) -> Change:
        """Removes the store's stock, history and references for ever; its key stays taken while a run carries it."""
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
            last = snapshots.last_published(connection, key)
        connector, items = _checked(lambda: self._connect(store, last.memo if last else {}))
        if connector is None or not all(item.ok for item in items):
            return items
        learned: Mapping[str, str] = getattr(connector, "learned", {})  # such as a host's key, which only its first check tells
        with self._database.begin() as connection:
            if store.needs_reauthorization:
                stores.set_needs_reauthorization(connection, key, None)
            if learned:
                stores.update_store(connection, key, settings=merged(store.settings, learned))
                self._record(connection, "stores check", key, f"kept: {', '.join(sorted(learned))}")
        return items

    def try_out(self, store: StoreIntegration, values: Mapping[str, str]) -> Sequence[CheckItem]:
        """What `check` would find of a store that is not registered yet, or not so; `values` are credentials as typed.

        Keeps nothing. Raises UsageError where the address or a setting cannot be used.
        """
        store = replace(store, url=checked_url(store.url))
        check_settings(store.settings)
        self._connect.check_address(store, registered=False)
        return _checked(lambda: self._connect.typed(store, values))[1]

    def put_credential(self, name: str, value: str, hosts: Iterable[str] = (), platform: str | None = None) -> Sequence[str]:
        """Stores or replaces a secret that may be sent to `hosts`; without any, to those that it is bound to already.

        Stores that use it no longer count as needing re-authorization. Returns notes for the person.
        """
        with self._secrets.changing() as connection:
            return self._secrets.put(connection, name, value, hosts, platform)

    def bind_credential(self, name: str, hosts: Iterable[str], platform: str | None = None) -> Sequence[str]:
        """Moves a stored secret's binding, or that of a variable (`env:NAME`), to other hosts. Returns notes for the person."""
        if not self._may_bind:
            raise UsageError("only the command line moves a credential's binding: `inventory-pipeline credentials bind NAME`")
        with self._secrets.changing() as connection:
            return self._secrets.bind(connection, name, hosts, platform)

    def is_bound(self, name: str) -> bool:
        """Whether a stored secret of this name has hosts already, and so needs none with a new value."""
        return self._secrets.is_bound(name)

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

    def _bound(
        self, connection: sa.Connection, store: StoreIntegration, named: Mapping[str, str], values: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Keeps what was typed for the store and binds what was named, where that is allowed; notes for the person."""
        notes: tuple[str, ...] = ()
        hosts = recipients(store) if values else ()
        if values and not hosts:
            self._connect.rehearse(store)
            raise UsageError(f"nothing is sent to {store.url!r:.100}, so it takes no credentials")
        for name, value in values.items():
            notes += self._secrets.put(connection, _typed(store, name), value, map(str, hosts), store.platform)
        if self._may_bind:
            notes += self._secrets.bind_first(connection, filter(None, named.values()), store)
        return notes

    def _rehearse(self, store: StoreIntegration, all_credentials: Mapping[str, str]) -> None:
        """Raises UsageError where not even all credentials would make the store one that can be read."""
        try:
            self._connect.rehearse(store)
        except CredentialsMissing:
            self._connect.rehearse(replace(store, credentials=all_credentials))

    def _try_to_connect(self, connection: sa.Connection, store: StoreIntegration) -> None:
        try:
            self._connect(store, {}, connection)
        except CredentialsRejected as error:
            raise UsageError(str(error)) from None

    def _record(self, connection: sa.Connection, action: str, subject: str, detail: str) -> None:
        audit.record(connection, self._clock(), self._actor, action, subject, detail)


def _checked(connect: Callable[[], Connector]) -> tuple[Connector | None, Sequence[CheckItem]]:
    """The connector with what it finds; None where it could not be made, which is the finding."""
    try:
        connector = connect()
    except CredentialsRejected as error:
        return None, [CheckItem("credentials", False, str(error))]
    except InventoryError as error:
        return None, [CheckItem("address", False, str(error))]
    return connector, run_cancellable(connector.check())


def _refusal(look: Callable[[], object]) -> str | None:
    try:
        look()
    except UsageError as error:
        return str(error)
    return None


def _registered(connection: sa.Connection, key: str) -> StoreIntegration:
    store = stores.get_store(connection, key)
    if store is None:
        raise UsageError(f"no store {key!r:.80} is registered; `inventory-pipeline stores list` shows them")
    return store


def _live(connection: sa.Connection, key: str) -> StoreIntegration:
    store = _registered(connection, key)
    if store.purged_at is not None:
        raise UsageError(f"store {key!r} was purged on {show_instant(store.purged_at)}; `stores add` makes another")
    return store


def _changed(connection: sa.Connection, key: str, notes: tuple[str, ...] = ()) -> Change:
    return Change(_registered(connection, key), notes)


def _typed(store: StoreIntegration, name: str) -> str:
    """The name of the secret that keeps what was typed for a store's credential."""
    return f"{store.key}.{name}"


def _with_typed(store: StoreIntegration, values: Iterable[str]) -> StoreIntegration:
    references = {name: f"secret:{_typed(store, name)}" for name in values}
    return replace(store, credentials={**store.credentials, **references})


def _left_behind(connection: sa.Connection, old: StoreIntegration, new: StoreIntegration) -> set[str]:
    """The names of the credentials that may not go where the store's address now leads."""
    try:
        if recipients(old) == recipients(new):
            return set()
    except UsageError:  # the old address is of a kind that is refused today
        pass
    return {name for name, reference in old.credentials.items() if not usable(connection, reference, new)}


def _secret_names(connection: sa.Connection) -> list[str]:
    return [name for name, _ in secrets.list_secrets(connection)]


def _secrets_of(store: StoreIntegration) -> set[str]:
    return {name for reference in store.credentials.values() if (name := secret_name(reference))}


def _described(store: StoreIntegration) -> str:
    references = ", ".join(f"{name}={reference}" for name, reference in store.credentials.items())
    private = ", private addresses allowed" if store.allow_private else ""
    return one_line(f"{store.platform} at {store.url}{private}{', ' if references else ''}{references}")
