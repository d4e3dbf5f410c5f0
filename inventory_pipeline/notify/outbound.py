"""Libraries that open connections of their own, held to an AddressPolicy.

Apprise sends through requests, smtplib and others, and follows redirects; none of them lets a connection be judged. Python
itself tells of each one before it is opened, with the address that a name resolved to (audit events, PEP 578).
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

_PORTS = {"http": 80, "https": 443}


@dataclass(slots=True)
class Outbound:
    """What is sent under one policy. `refused` are the reasons why connections were not opened.

    A proxy of the environment may have any address; what is asked of it cannot be seen here.
    """

    policy: AddressPolicy
    refused: list[str] = field(default_factory=list)
    _looked_up: str = ""
    _proxies: set[tuple[str, int]] = field(default_factory=lambda: set(_proxy_addresses()))

    def note_look_up(self, host: Any) -> None:
        self._looked_up = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")

    def judge(self, target: Any) -> None:
        """Raises AddressRefused for a socket address that must not be sent to."""
        if not isinstance(target, tuple) or tuple(target[:2]) in self._proxies:
            return  # a socket in the file system is on no network
        for found in [target[0]] if address_in(target[0]) else addresses_of(target[0]):
            # With or without TLS is the service's own choice: Apprise's schemes do not tell it alike.
            refusal = self.policy.refusal("https", self._looked_up or found, ip_address(found))
            if refusal is not None:
                self.refused.append(refusal)
                raise AddressRefused(refusal)


_current: ContextVar[Outbound | None] = ContextVar("current_outbound", default=None)


@contextmanager
def held_to(policy: AddressPolicy) -> Iterator[Outbound]:
    """Within the block, and in threads that take its context along, nothing is sent to an address that `policy` refuses."""
    _install()
    outbound = Outbound(policy)
    token = _current.set(outbound)
    try:
        yield outbound
    finally:
        _current.reset(token)


def host_refusal(policy: AddressPolicy, host: str) -> str | None:
    """Why nothing may be sent to the host, by its name and by what this machine resolves it to; None where it may.

    For what a proxy connects to: then nobody here sees the connection.
    """
    refusals = (policy.refusal("https", host, ip_address(found)) for found in addresses_of(host))
    return next(filter(None, refusals), None) or policy.refusal("https", host, is_last=True)


def has_proxy() -> bool:
    return any(scheme != "no" for scheme in getproxies())


def addresses_of(host: str) -> list[str]:
    """What the host resolves to, as this machine sees it: nothing where it cannot be looked up."""
    try:
        return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


@cache
def _install() -> None:
    """Once in a process: an audit hook cannot be taken away again. Outside of `held_to` it does nothing."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    outbound = _current.get()
    if outbound is None:
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        outbound.judge(arguments[1])
    elif event == "socket.getaddrinfo":
        outbound.note_look_up(arguments[0])


def _proxy_addresses() -> Iterator[tuple[str, int]]:
    for scheme, proxy in getproxies().items():
        if scheme == "no":
            continue
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.hostname:
            port = parts.port or _PORTS.get(parts.scheme, 0)
            yield from ((address, port) for address in addresses_of(parts.hostname))
