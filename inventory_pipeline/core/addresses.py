"""Which network addresses may be connected to. Pure: names are looked up elsewhere, at the moment of connecting."""

import re
import socket
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self
from urllib.parse import urlsplit

from inventory_pipeline.core.stores import StoreIntegration

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Of s3://, gs:// and the like the host is a bucket, at an address that the store does not choose.
_HOST_SCHEMES = ("http", "https", "ftp", "ftps", "sftp")
ALLOW_VARIABLE = "INVENTORY_ALLOW_PRIVATE_HOSTS"


class AddressRefused(OSError):
    """Nothing was connected to. The text names who wanted to, the address, and the way out.

    An OSError, since it is raised where a socket would have been made: aiohttp and the like pass it on as they do those.
    """


# Where clouds hand a machine its own keys. Their documentation: 100.100.100.200 and fd00:100::100:200 Alibaba,
# 168.63.129.16 Azure, 192.0.0.192 and fd00:c1::a9fe:a9fe Oracle, fd00:ec2::/32 Amazon, fd20:ce::254 Google,
# fd00:42::42 Scaleway, fd00:a9fe:a9fe::1 Linode; all others answer on link-local addresses.
_METADATA = "100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::/32 fd00:100::100:200 fd00:c1::a9fe:a9fe fd20:ce::254 \
fd00:42::42 fd00:a9fe:a9fe::1"
# The names that they have there: behind a proxy, which looks names up itself, nothing else tells.
_METADATA_NAMES = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
]
_LINK_LOCAL = "169.254.0.0/16 fe80::/10"

# IANA's special-purpose registries, RFC 6890 and its updates, with what a person calls each.
_PRIVATE = {
    "a loopback address": "127.0.0.0/8 ::1",
    "a private address": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10",
    "a carrier's shared address": "100.64.0.0/10",
    "an unspecified address": "0.0.0.0/8 ::",
    "a multicast address": "224.0.0.0/4 ff00::/8",
    "a reserved address": "192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 \
2001::/23 2001:db8::/32 2620:4f:8000::/48 3fff::/20",
}
# All that was ever given out of IPv6 to be reached from everywhere (IANA's address space registry).
_GLOBAL_V6 = ip_network("2000::/3")


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part) for part in text.split())


_NEVER_NETWORKS = _networks(f"{_LINK_LOCAL} {_METADATA}")
_PRIVATE_NETWORKS = [(network, words) for words, text in _PRIVATE.items() for network in _networks(text)]
_MAPPED, _NAT64, _SIX_TO_FOUR, _TEREDO = _networks("::ffff:0:0/96 64:ff9b::/96 2002::/16 2001::/32")
_LOCAL_NAT64, _COMPATIBLE, _TRANSLATED = _networks("64:ff9b:1::/48 ::/96 ::ffff:0:0:0/96")

# Names that no public domain has: RFC 6761, 6762, 8375, and ICANN's own for private use.
_LOCAL_NAME = re.compile(r"[^.]+|(?:.+\.)?(?:localhost|local|internal|home\.arpa)")


def host_name(host: str) -> str:
    """A host name or literal as it is compared: one spelling for capitals, dots at the end, Unicode and brackets."""
    plain = unicodedata.normalize("NFKC", host).strip("[]").rstrip(".").lower()
    if plain.isascii():
        return plain
    try:
        return plain.encode("idna").decode()
    except UnicodeError:
        return plain


def address_in(host: str) -> Address | None:
    """The address that a host is, in each spelling that systems take (127.1, 0x7f000001, 2130706433); None for a name."""
    host = host_name(host)
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        # What the C library takes beside four decimal numbers. It stops at a space, and a host holds none.
        return None if " " in host else IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def embedded_ipv4(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for or is sent on to."""
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if any(address in network for network in (_MAPPED, _NAT64, _LOCAL_NAT64, _COMPATIBLE, _TRANSLATED)):
        yield IPv4Address(number & 0xFFFF_FFFF)
    if address in _LOCAL_NAT64:  # RFC 6052, 2.2: behind 48 bits of prefix it goes around the byte of zeros
        yield IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def is_forbidden(address: Address) -> bool:
    """Whether nothing is ever connected to it, whoever allows what: link-local addresses, and where clouds keep keys."""
    return any(each in network for each in (address, *embedded_ipv4(address)) for network in _NEVER_NETWORKS)


def private_kind(address: Address) -> str | None:
    """`a loopback address`, `a private address` …: what it is where it cannot be reached from everywhere, else None."""
    if isinstance(address, IPv6Address) and any(address in network for network in (_MAPPED, _NAT64, _SIX_TO_FOUR)):
        return private_kind(next(embedded_ipv4(address)))
    for network, words in _PRIVATE_NETWORKS:
        if address in network:
            return words
    return "a reserved address" if isinstance(address, IPv6Address) and address not in _GLOBAL_V6 else None


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """What INVENTORY_ALLOW_PRIVATE_HOSTS names: host names (`*.corp.example` for all below it), addresses and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Entries separated by commas or spaces. Raises ValueError naming the one that is neither."""
        names: set[str] = set()
        networks: list[Network] = []
        for entry in re.split(r"[\s,]+", text.strip()):
            if not entry:
                continue
            address = address_in(entry)
            try:
                networks.append(ip_network(address if address is not None else entry, strict=False))
                continue
            except ValueError:
                pass
            if not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", host_name(entry)):
                raise ValueError(entry)
            names.add(host_name(entry))
        return cls(frozenset(names), tuple(networks))

    def has_name(self, host: str) -> bool:
        parts = host_name(host).split(".")
        return host_name(host) in self.names or any(f"*.{'.'.join(parts[at:])}" in self.names for at in range(1, len(parts)))

    def has_address(self, address: Address) -> bool:
        return any(each in network for each in (address, *embedded_ipv4(address)) for network in self.networks)


NO_HOSTS = AllowedHosts()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """Where one store's requests, or one route's notices, may go: over https to public addresses, and with
    `allow_private`, or where `allowed` names it, to private ones and over plain http too.

    `subject` is whose they are, for messages; `way_out` what a person types to allow it.
    """

    subject: str = "this request"
    allow_private: bool = False
    allowed: AllowedHosts = NO_HOSTS
    way_out: str = ""

    def refusal(self, scheme: str, host: str, address: Address | None = None, *, final: bool = False) -> str | None:
        """Why `scheme://host` may not be connected to at `address`; None where it may.

        Without an address, only what the host itself tells is judged: a name is judged again once it was looked up,
        unless this look is the last.
        """
        address = address if address is not None else address_in(host)
        if address is not None and is_forbidden(address):
            found = self._found(host, address, "a link-local or metadata address")
            return f"{found}; nothing is ever read from there or sent there"
        if host_name(host) in _METADATA_NAMES:
            return f"{self.subject}: {host:.100} is where a cloud keeps its keys; nothing is ever read from there or sent there"
        if self.allow_private or self.allowed.has_name(host) or (address is not None and self.allowed.has_address(address)):
            return None
        if address is None and self.allowed.networks and not final:
            return None  # it may turn out to be in one of them
        if address is not None and (words := private_kind(address)):
            return f"{self._found(host, address, words)}; {self._ways_out(host)}"
        if address is None and _LOCAL_NAME.fullmatch(host_name(host)):
            return f"{self.subject}: {host:.100} is the name of a host in a private network; {self._ways_out(host)}"
        if scheme == "http":
            return (
                f"{self.subject}: http://{host:.100} is not encrypted, so keys and stock could be read and changed on the way:"
                f" give an https address; {self._ways_out(host)}"
            )
        return None

    def refusal_of(self, url: str) -> str | None:
        """As `refusal`, for a whole URL before anything is looked up. None for what names no host, such as a file."""
        try:
            parts = urlsplit(url.strip())
            host = parts.hostname
        except ValueError:
            return None
        return self.refusal(parts.scheme, host) if host and parts.scheme in _HOST_SCHEMES else None

    def _found(self, host: str, address: Address, words: str) -> str:
        """`store 'berlin': shop.example resolves to 10.0.0.5, a private address`."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if host_name(host) == str(address):
            return f"{self.subject}: {host:.100} is {words}"
        return f"{self.subject}: {host:.100} {'is' if address_in(host) else 'resolves to'} {address}, {words}"

    def _ways_out(self, host: str) -> str:
        named = f"{ALLOW_VARIABLE}={host:.100} in the environment"
        return f"where that is meant, {self.way_out} allows it, or {named}" if self.way_out else f"{named} allows it"


def urls_of(store: StoreIntegration) -> list[str]:
    """The URLs that the store names: its own, and those among its settings, such as the endpoint of an S3 of one's own."""
    return [store.url.strip(), *(value.strip() for _, value in sorted(store.settings.items()) if "://" in value)]


def store_refusal(store: StoreIntegration, allowed: AllowedHosts, *, registered: bool = True) -> str | None:
    """Why the store may not be connected to, as far as its URLs tell before anything is looked up; None where it may."""
    policy = policy_of(store, allowed, registered=registered)
    return next(filter(None, map(policy.refusal_of, urls_of(store))), None)


def policy_of(store: StoreIntegration, allowed: AllowedHosts, *, registered: bool = True) -> AddressPolicy:
    """Where the store's requests may go."""
    command = (
        f"`inventory-pipeline stores {'set' if registered else 'add'} {store.key}{'' if registered else ' …'} --allow-private`"
    )
    return AddressPolicy(subject=f"store {store.key!r}", allow_private=store.allow_private, allowed=allowed, way_out=command)
