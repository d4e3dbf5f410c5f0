"""Credentials: what a store may hold is a reference; here references are checked, and resolved when a connector is made."""

import os
import re
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from itertools import permutations
from urllib.parse import quote, quote_plus

from inventory_pipeline.core.errors import CredentialsRejected, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import secrets
from inventory_pipeline.services.integrations.vault import Vault, load_vault

__all__ = ["ENV_PREFIX", "Vault", "check_reference", "load_vault", "resolve", "secret_name"]

ENV_PREFIX = "INVENTORY_CRED_"
_SECRET = re.compile(r"secret:([A-Za-z0-9][A-Za-z0-9_.-]{0,99})")
_ENV = re.compile(rf"env:({ENV_PREFIX}[A-Za-z0-9_]{{1,100}})")
# Names of credentials hold neither digits nor capitals, secrets nearly always do: one put in the name's place is not shown.
_SHOWABLE = re.compile(r"[a-z._]{1,40}")


def check_reference(name: str, reference: str) -> None:
    """UsageError unless the reference is `secret:NAME`, or `env:NAME` with a NAME that begins INVENTORY_CRED_.

    The error repeats nothing of the reference: it may be the secret itself, already stored by Dagster's launchpad.
    """
    if _SECRET.fullmatch(reference) or _ENV.fullmatch(reference):
        return
    redact.add(reference)
    shown = f"credential {name}" if _SHOWABLE.fullmatch(name) else "a credential"
    if reference.startswith("env:"):
        raise UsageError(
            f"{shown} refers to a variable of the environment that does not begin with {ENV_PREFIX}; no other is read"
        )
    raise UsageError(
        f"{shown} is neither secret:NAME nor env:{ENV_PREFIX}…; if it is the secret itself, rotate it at the platform (it may"
        " be stored in Dagster's history already), give the new one to `inventory-pipeline credentials set NAME`, and refer to"
        " it as secret:NAME"
    )


def secret_name(reference: str) -> str | None:
    """The stored secret that the reference names; None for one to the environment."""
    found = _SECRET.fullmatch(reference)
    return found and found[1]


def resolve(database: Database, vault: Vault, store: StoreIntegration, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The values of the store's credentials by name; each is hidden in every log line from here on.

    Raises CredentialsRejected naming the reference that leads nowhere, StoreMisconfigured where the key does not fit.
    """
    values: dict[str, str] = {}
    for name, reference in store.credentials.items():
        check_reference(name, reference)
        stored = secret_name(reference)
        value = environ.get(reference.removeprefix("env:")) if stored is None else _stored(database, vault, stored)
        if not value:
            cure = f"`inventory-pipeline credentials set {stored}` stores it" if stored else "set it where the syncs run"
            raise CredentialsRejected(f"store {store.key!r}: credential {name} is {reference}, which does not exist; {cure}")
        values[name] = value
    redact.add(*_spellings(values.values()))
    return values


def _spellings(values: Collection[str]) -> Iterator[str]:
    """The values as they are and as requests carry them, which a server may repeat: in a query, and in a Basic login."""
    for value in values:
        yield from (value, quote(value, safe=""), quote(value), quote_plus(value))
    for user, password in permutations(values, 2):
        yield b64encode(f"{user}:{password}".encode()).decode()


def _stored(database: Database, vault: Vault, name: str) -> str | None:
    with database.connect() as connection:
        token = secrets.get_secret(connection, name)
    return None if token is None else vault.decrypt(token)
