"""Secrets under their names: set, bound to hosts, listed, removed, re-encrypted. Values never come out here."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.errors import StoreMisconfigured, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.alerts import notices
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, secrets, stores
from inventory_pipeline.db.integrations.secrets import Binding
from inventory_pipeline.services.integrations.bindings import asked_hosts, described, recipients, usable
from inventory_pipeline.services.integrations.credentials import binding_reference, secret_name
from inventory_pipeline.services.integrations.vault import Vault

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class StoredSecret(NamedTuple):
    """A stored secret, or a variable of the environment (`env:NAME`) that is bound.

    `used_by` are the keys of the stores that refer to it; `platform` (None: any) and `hosts` say where it may be sent;
    `readable`: the present key opens it, None for a variable, which other processes may see or not.
    """

    name: str
    created_at: datetime
    used_by: tuple[str, ...]
    readable: bool | None
    platform: str | None = None
    hosts: tuple[str, ...] = ()


class StoredSecrets:
    """Every change is audited under `actor`, by name only."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, actor: str) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._actor = actor

    @contextmanager
    def changing(self) -> Iterator[sa.Connection]:
        """A transaction in which secrets may be put."""
        with self._vault.settled(), self._database.begin() as connection:
            yield connection

    def put(
        self, connection: sa.Connection, name: str, value: str, hosts: Iterable[str] = (), platform: str | None = None
    ) -> tuple[str, ...]:
        """Stores or replaces a secret, and binds it. Without hosts it keeps the binding that it has.

        Stores that use it are no longer marked as needing re-authorization. A line break at the end, which standard input
        brings, is not part of the value. Returns notes for the person. Raises UsageError.
        """
        value = value.rstrip("\r\n")
        redact.add(value)
        if not _NAME.fullmatch(name):
            raise UsageError(
                "the name of a secret has 1 to 100 letters, digits, '.', '_' and '-', beginning with a letter or digit"
            )
        if not value or not value.isprintable():
            raise UsageError(f"the value for {name} is empty or holds a line break or the like; nothing was stored")
        secrets.put_secret(connection, name, self._vault.encrypt(value), self._clock())
        return self._bind(connection, f"secret:{name}", hosts, platform, "credentials set")

    def bind(self, connection: sa.Connection, name: str, hosts: Iterable[str], platform: str | None = None) -> tuple[str, ...]:
        """Moves the binding of a stored secret, or of a variable (`env:NAME`), to these hosts; its value stays.

        Without a platform it keeps the one it has. Returns notes for the person. Raises UsageError.
        """
        reference = binding_reference(name)
        stored = secret_name(reference)
        if stored and secrets.get_secret(connection, stored) is None:
            raise UsageError("there is no secret of this name; `inventory-pipeline credentials list` shows the names")
        return self._bind(connection, reference, hosts, platform, "credentials bind")

    def bind_first(self, connection: sa.Connection, references: Iterable[str], store: StoreIntegration) -> tuple[str, ...]:
        """Binds what is bound to no host yet to those of the store. Returns notes for the person."""
        hosts = recipients(store)
        unbound = [it for it in dict.fromkeys(references) if hosts and secrets.get_binding(connection, it) is None]
        for reference in unbound:
            self._bind(connection, reference, map(str, hosts), store.platform, "credentials bind")
        return tuple(f"{reference} is bound to {', '.join(map(str, hosts))} from now on" for reference in unbound)

    def _bind(
        self, connection: sa.Connection, reference: str, named: Iterable[str], platform: str | None, action: str
    ) -> tuple[str, ...]:
        old, users = secrets.get_binding(connection, reference), _users(reference, stores.list_stores(connection))
        before = {store.key for store in users if usable(connection, reference, store)}
        hosts, owner = asked_hosts(named, platform)
        if old and owner and not hosts:
            hosts, owner = asked_hosts(map(str, old.hosts), platform)
        name, detail = reference.removeprefix("secret:"), ""
        if hosts:
            secrets.put_binding(connection, reference, owner or (old and old.platform), hosts, self._clock())
            detail = " → ".join(described(it) for it in (old, secrets.get_binding(connection, reference)) if it)
        elif old is None:
            raise UsageError(
                f"say where {name} may be sent: --host H, such as --host shop.example, for each host name; nothing was stored"
            )
        now = {store.key for store in users if usable(connection, reference, store)}
        # A new value may be what the platform wants; new hosts alone only end our own refusal.
        for key in now if action == "credentials set" else now - before:
            stores.set_needs_reauthorization(connection, key, None)
        audit.record(connection, self._clock(), self._actor, action, name, detail)
        return tuple(f"store {key} may no longer use it, since its address is elsewhere" for key in sorted(before - now))

    def is_bound(self, name: str) -> bool:
        with self._database.connect() as connection:
            return secrets.get_binding(connection, f"secret:{name}") is not None

    def entries(self) -> list[StoredSecret]:
        """By name; then the variables."""
        with self._database.connect() as connection:
            known = stores.list_stores(connection)
            bindings = {binding.reference: binding for binding in secrets.list_bindings(connection)}
            stored = [
                _entry(name, created_at, known, bindings.get(f"secret:{name}"), self._opens(connection, name))
                for name, created_at in secrets.list_secrets(connection)
            ]
        variables = [binding for binding in bindings.values() if secret_name(binding.reference) is None]
        return stored + [_entry(binding.reference, binding.bound_at, known, binding, None) for binding in variables]

    def remove(self, name: str) -> None:
        """Raises UsageError where there is no such secret or a store still uses it. For `env:NAME` only the binding goes."""
        with self._database.begin() as connection:
            route = next(
                (route.name for route in notices.list_routes(connection) if notices.route_secret(route.name) == name), None
            )
            if route is not None:
                raise UsageError(
                    f"secret {name} is a notice route's address; `inventory-pipeline notify remove {route}` removes both"
                )
            reference = binding_reference(name)
            stored = secret_name(reference)
            users = [store.key for store in _users(reference, stores.list_stores(connection))]
            if users:
                raise UsageError(
                    f"secret {stored or name} is used by {', '.join(users)}; give those stores another credential first"
                )
            bound = secrets.remove_binding(connection, reference)
            if not (secrets.remove_secret(connection, stored) if stored else bound):
                raise UsageError("there is no secret of this name; `inventory-pipeline credentials list` shows the names")
            audit.record(connection, self._clock(), self._actor, "credentials remove", stored or name)

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

    def _opens(self, connection: sa.Connection, name: str) -> bool:
        try:
            self._vault.decrypt(secrets.get_secret(connection, name) or "")
        except StoreMisconfigured:
            return False
        return True


def _entry(
    name: str, at: datetime, known: Iterable[StoreIntegration], binding: Binding | None, readable: bool | None
) -> StoredSecret:
    reference = name if name.startswith("env:") else f"secret:{name}"
    users = tuple(store.key for store in _users(reference, known))
    if binding is None:
        return StoredSecret(name, at, users, readable)
    return StoredSecret(name, at, users, readable, binding.platform, tuple(map(str, binding.hosts)))


def _users(reference: str, known: Iterable[StoreIntegration]) -> list[StoreIntegration]:
    return [store for store in known if reference in store.credentials.values()]
