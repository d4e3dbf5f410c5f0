"""Connections that libraries open by themselves, checked against an AddressPolicy.

Apprise sends through requests, smtplib and others and follows redirects; fsspec reads S3, sftp and ftp through boto,
asyncssh and ftplib. None of them lets its connections be checked. Python itself reports each one before it is opened, with
the address that the name resolved to: audit events, PEP 578.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from inventory_pipeline.core.addresses import AddressPolicy, AddressRefused, address_in

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(slots=True)
class ConnectionCheck:
    """The connections opened under one policy. `refused` holds why connections were not opened, in order.

    `host` is the name that addresses are looked up for, until another look-up is seen. The environment's proxies may have
    any address; which hosts are requested through them cannot be seen here.
    """

    policy: AddressPolicy
    host: str = ""
    refused: list[str] = field(default_factory=list)
    _proxies: set[tuple[str, int]] = field(default_factory=lambda: set(_proxy_addresses()))

    def check(self, target: Any) -> None:
        """Raises AddressRefused for a socket address, as `socket.connect` takes it, that the policy refuses."""
        if not isinstance(target, tuple) or tuple(target[:2]) in self._proxies:
            return  # a Unix socket is on no network
        for address in [target[0]] if address_in(target[0]) else addresses_of(target[0]):
            # Whether TLS is spoken cannot be seen here, so http is not asked about.
            refusal = self.policy.refusal("https", self.host or address, ip_address(address))
            if refusal is not None:
                self.refused.append(refusal)
                raise AddressRefused(refusal)


_current_check: ContextVar[ConnectionCheck | None] = ContextVar("current_check", default=None)


@contextmanager
def checked_connections(policy: AddressPolicy, host: str = "") -> Iterator[ConnectionCheck]:
    """Within the block every new connection is checked, in this thread and in those that take its context along."""
    _install_hook()
    check = ConnectionCheck(policy, host)
    token = _current_check.set(check)
    try:
        yield check
    finally:
        _current_check.reset(token)


def host_refusal(policy: AddressPolicy, host: str) -> str | None:
    """Why nothing may be sent to the host, by its name and the addresses that this machine resolves it to; else None.

    For requests through a proxy, whose connections are opened elsewhere.
    """
    refusals = (policy.refusal("https", host, ip_address(address)) for address in addresses_of(host))
    return next(filter(None, refusals), None) or policy.refusal("https", host, final=True)


def has_proxy() -> bool:
    return any(scheme != "no" for scheme in getproxies())


def addresses_of(host: str) -> list[str]:
    """The addresses that this machine resolves the host to; none where it cannot be looked up."""
    try:
        return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


@cache
def _install_hook() -> None:
    """Once in each process: an audit hook cannot be removed. Outside of `checked_connections` it does nothing."""
    sys.addaudithook(_on_audit_event)


def _on_audit_event(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    check = _current_check.get()
    if check is None:
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        check.check(arguments[1])
    elif event == "socket.getaddrinfo" and arguments[0]:
        host = arguments[0]
        check.host = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)


def _proxy_addresses() -> Iterator[tuple[str, int]]:
    for scheme, proxy in getproxies().items():
        if scheme == "no":
            continue
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.hostname:
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
            yield from ((address, port) for address in addresses_of(parts.hostname))
