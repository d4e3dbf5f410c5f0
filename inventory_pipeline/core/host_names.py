"""Host names of the web UI in one spelling each, so that what a browser sends compares with what a person set."""

import re
from ipaddress import IPv6Address

# RFC 3986's host and port, without a user name: whatever could be read in two ways is no authority.
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,254}))(?::([0-9]{0,5}))?")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")


def split_authority(text: str) -> tuple[str, int | None]:
    """Host name and port of `localhost:3000` or `[::1]:3000`, as in the headers Host and Origin. Raises ValueError."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise ValueError("not of the form name or name:port")
    return host_name(found[1] or found[2]), int(found[3]) if found[3] else None


def host_name(text: str) -> str:
    """Lower case, as ASCII, without a dot at its end; an IPv6 address at its shortest, without brackets. Raises ValueError."""
    if ":" in text:
        return str(IPv6Address(text.removeprefix("[").removesuffix("]")))
    name = text.encode("idna").decode().lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError("not a host name")
    return name
