"""Which host an address leads to, in one spelling. Read so strictly that none can look like one host and lead to another."""

import ipaddress
import re
import socket
from dataclasses import dataclass, replace

import idna

from inventory_pipeline.core.errors import UsageError

_ADDRESS = re.compile(r"(https?)://([^/?#]*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::[0-9]{0,5})?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}")
# A last label that is a number, decimal or hexadecimal, makes the name an IPv4 address (URL standard, "ends in a number").
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ANY = "*."


@dataclass(frozen=True, slots=True, order=True)
class Host:
    """A host by name, without port: lower case, punycode, no dot at its end; an IP address as its digits.

    `is_plain`: reached over http; of a host that a secret is bound to: http is allowed as well. Such a one may also be a
    pattern, whose `*.` stands for exactly one label, as in a certificate.
    """

    name: str
    is_plain: bool = False

    @classmethod
    def of_address(cls, url: str) -> "Host":
        """Where the client would connect to for an http(s) address. Raises UsageError, repeating nothing of it, where a user
        name, a backslash or the like leaves room for two readings."""
        found = _ADDRESS.match(url.strip())
        if found is None:
            raise UsageError("the address needs the form https://shop.example")
        return cls(_name(found[2]), found[1].lower() == "http")

    @classmethod
    def of_text(cls, text: str) -> "Host":
        """The host that a person names: `shop.example`, `*.shop.example`, or an address. Raises UsageError.

        Without `http://` it means https; on this machine, where nothing can be overheard, http too.
        """
        scheme, found, rest = text.strip().rpartition("://")
        domain = rest.removeprefix(_ANY)
        if "*" in domain or not domain:
            raise UsageError(
                f"{text.strip()!r:.100} names no host; it needs the form shop.example, or of a pattern *.shop.example"
            )
        host = cls.of_address(f"{scheme if found else 'https'}://{domain}")
        if domain != rest:
            if _is_ip(host.name):
                raise UsageError(f"{text.strip()!r:.100} is a pattern of an IP address; name each address")
            return replace(host, name=f"{_ANY}{host.name}")
        return host if found else replace(host, is_plain=host.is_loopback)

    @property
    def is_loopback(self) -> bool:
        return self.name == "localhost" or (_is_ip(self.name) and ipaddress.ip_address(self.name).is_loopback)

    @property
    def pattern_of(self) -> str | None:
        """The domain below which the pattern lies; None for a host of one name."""
        return self.name[len(_ANY) :] if self.name.startswith(_ANY) else None

    def covers(self, other: "Host") -> bool:
        """Whether what is bound to this host may be sent to the other."""
        if other.is_plain and not self.is_plain:
            return False
        if self.pattern_of is None:
            return self.name == other.name
        return other.name.partition(".")[2] == self.pattern_of

    def __str__(self) -> str:
        """As `of_text` reads it back."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        if self.is_plain:
            return f"http://{name}"
        return f"https://{name}" if self.is_loopback else name


def _name(authority: str) -> str:
    """The host of `host:port` in its one spelling."""
    found = _AUTHORITY.fullmatch(authority)
    try:
        if found is None:
            raise ValueError("user name, backslash or no host")
        return _ipv6(found[1]) if found[1] else _dns_name(found[2])
    except (ValueError, OSError):  # UnicodeError of idna is a ValueError
        raise UsageError(
            "the host in the address cannot be read; it needs the form https://shop.example, without user name or backslash"
        ) from None


def _ipv6(text: str) -> str:
    address = ipaddress.IPv6Address(text)
    return str(address.ipv4_mapped or address)


def _dns_name(text: str) -> str:
    # As httpx does it, down to what it leaves alone: another version of IDNA would read other hosts.
    name = text.lower() if text.isascii() else idna.encode(text.lower()).decode("ascii").lower()
    labels = name.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # By the C library's own reading, which the resolver shares: 127.1, 0x7f.1 and 2130706433 are one address.
        return socket.inet_ntoa(socket.inet_aton(".".join(labels)))
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("no host name")
    return ".".join(labels)


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
