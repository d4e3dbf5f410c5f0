"""Where a credential may be sent: to the hosts that it is bound to, by connectors of its platform, and nowhere else."""

from collections.abc import Iterable, Sequence
from functools import cache

import sqlalchemy as sa
from publicsuffixlist import PublicSuffixList

from inventory_pipeline.connectors.registry import connector_for, platforms
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.integrations import secrets
from inventory_pipeline.db.integrations.secrets import Binding
from inventory_pipeline.http.hosts import Host


def recipients(store: StoreIntegration) -> tuple[Host, ...]:
    """The hosts at which the store's connector sends its credentials. Raises UsageError for an address of two readings."""
    return connector_for(store.platform).info.recipients(store)


def asked_hosts(hosts: Iterable[str], platform: str | None) -> tuple[tuple[Host, ...], str | None]:
    """The hosts and platform that a person names, checked. Raises UsageError.

    Without hosts, those of a platform that has no others. A pattern may cover no public suffix, below which anybody may
    have a host; but a platform's own domain it may, and then belongs to that platform.
    """
    info = connector_for(platform).info if platform else None
    found = tuple(dict.fromkeys(map(Host.of_text, hosts)))
    if not found and info and len(info.fixed_hosts) == len(info.secret_hosts):
        found = info.fixed_hosts
    for host in found:
        if host.pattern_of is None or not _public_suffixes().is_public(host.pattern_of):
            continue
        owner = next((it.platform for it in platforms() if host in map(Host.of_text, it.host_patterns)), None)
        if owner is None or platform not in (None, owner):
            raise UsageError(
                f"below {host.pattern_of} anybody may have a host, so a secret cannot be bound to {host}; name each host, such as"
                f" shop.{host.pattern_of}"
            )
        platform = owner
    return found, platform


def refusal(connection: sa.Connection, reference: str, store: StoreIntegration, hosts: Sequence[Host]) -> str | None:
    """Why the store's connector may not send this credential to `hosts`, and the way out; None where it may.

    Names this credential alone: whoever asks must not learn of others.
    """
    binding = secrets.get_binding(connection, reference)
    name = reference.removeprefix("secret:")
    named = " ".join(f"--host {host}" for host in hosts)
    if binding is None:
        return (
            f"{reference} is bound to no host yet, and so sent nowhere;"
            f" `inventory-pipeline credentials bind {name} {named}` on the command line binds it"
        )
    if binding.platform not in (None, store.platform):
        return (
            f"{reference} belongs to {binding.platform} and not to {store.platform}; if that is meant,"
            f" `inventory-pipeline credentials bind {name} --platform {store.platform} {named}` on the command line moves it"
        )
    foreign = [host for host in hosts if not any(bound.covers(host) for bound in binding.hosts)]
    if not foreign:
        return None
    if any(bound.covers(Host(foreign[0].name)) for bound in binding.hosts):
        return (
            f"{reference} goes to {foreign[0].name} over https only; give the store its https address, or let it go unencrypted:"
            f" `inventory-pipeline credentials bind {name} {named}` on the command line"
        )
    return (
        f"{reference} may be sent to {_listed(binding.hosts)} and not to {foreign[0]}; if that is meant,"
        f" `inventory-pipeline credentials bind {name} {named}` on the command line moves it"
    )


def usable(connection: sa.Connection, reference: str, store: StoreIntegration) -> bool:
    """Whether the store may use the credential as its address is now."""
    try:
        hosts = recipients(store)
    except UsageError:
        return False
    return bool(hosts) and refusal(connection, reference, store, hosts) is None


def refusals(connection: sa.Connection, store: StoreIntegration) -> list[str]:
    """Why credentials of the store may not be sent where its address leads, each with the way out."""
    try:
        hosts = recipients(store) if store.credentials else ()
    except UsageError as error:
        return [str(error)]
    asked = dict.fromkeys(store.credentials.values()) if hosts else ()
    return [why for reference in asked if (why := refusal(connection, reference, store, hosts))]


def described(binding: Binding) -> str:
    """`shop.example (woocommerce)`: for notes and the audit log."""
    return _listed(binding.hosts) + (f" ({binding.platform})" if binding.platform else "")


def _listed(hosts: Sequence[Host]) -> str:
    shown = ", ".join(map(str, hosts[:3]))
    return f"{shown} and {len(hosts) - 3} more" if len(hosts) > 3 else shown


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()
