"""Credentials: what a store may hold is a reference; here references are checked, and resolved when a connector is made."""

import os
import re
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import permutations
from urllib.parse import quote, quote_plus

import sqlalchemy as sa

from inventory_pipeline.core.errors import CredentialsRejected, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.integrations import secrets
from inventory_pipeline.services.integrations.bindings import recipients, refusal
from inventory_pipeline.services.integrations.vault import Vault, load_vault

__all__ = [
    "ENV_PREFIX",
    "Vault",
    "binding_reference",
    "check_reference",
    "hide",
    "load_vault",
    "resolve",
    "secret_name",
    "stand_ins",
]

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


def binding_reference(name: str) -> str:
    """The reference that a person means: NAME or secret:NAME, or env:NAME. Raises UsageError, which does not repeat it."""
    if _ENV.fullmatch(name):
        return name
    if _SECRET.fullmatch(reference := f"secret:{name.removeprefix('secret:')}"):
        return reference
    raise UsageError(f"this is neither the name of a stored secret nor env:{ENV_PREFIX}…; `credentials list` shows the names")


def stand_ins(references: Iterable[str]) -> dict[str, str]:
    """Values for a connector that is made to look at a store's address and settings, and has nothing to send."""
    return dict.fromkeys(references, "stand-in")


def resolve(
    connection: sa.Connection, vault: Vault, store: StoreIntegration, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The values of the store's credentials by name; each is hidden in every log line from here on.

    The one way to a value, and so the one place that holds each to the hosts that it is bound to: whoever makes a connector
    comes through here. Raises CredentialsRejected naming the reference that leads nowhere, or that may not be sent to the
    store's hosts; StoreMisconfigured where the key does not fit. Where the store's address is none of the web, nothing can
    be sent, and nothing is opened.
    """
    hosts = recipients(store) if store.credentials else ()
    values: dict[str, str] = {}
    for name, reference in store.credentials.items():
        check_reference(name, reference)
        if not hosts:
            continue
        stored = secret_name(reference)
        found = environ.get(reference.removeprefix("env:")) if stored is None else secrets.get_secret(connection, stored)
        if not found:
            cure = f"`inventory-pipeline credentials set {stored}` stores it" if stored else "set it where the syncs run"
            raise CredentialsRejected(f"store {store.key!r}: credential {name} is {reference}, which does not exist; {cure}")
        if why := refusal(connection, reference, store, hosts):
            raise CredentialsRejected(f"store {store.key!r}: {why}")
        values[name] = found if stored is None else vault.decrypt(found)
    hide(values)
    return values if hosts else stand_ins(store.credentials)


def hide(values: Mapping[str, str]) -> None:
    """Hides the values of credentials in every log line and message from here on."""
    redact.add(*_spellings(values.values()))


def _spellings(values: Collection[str]) -> Iterator[str]:
    """The values as they are and as requests carry them, which a server may repeat: in a query, and in a Basic login."""
    for value in values:
        yield from (value, quote(value, safe=""), quote(value), quote_plus(value))
    for user, password in permutations(values, 2):
        yield b64encode(f"{user}:{password}".encode()).decode()
