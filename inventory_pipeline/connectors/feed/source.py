"""Where a feed comes from, as bytes that can be read once from the start, and what its transport proves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import StoreIntegration


def _nothing() -> None:
    """The bytes lie in a copy of our own: nobody writes there."""


@dataclass(frozen=True, slots=True)
class Source:
    """An open feed. `ends_proved`: the transport told the length and all of it came. `memo` recognises it next time.

    `verify` raises IncompleteRead where the bytes changed while they were read; to be called after the last one.
    """

    file: IO[bytes]
    name: str
    ends_proved: bool
    how: str
    content_type: str = ""
    memo: Mapping[str, str] = field(default_factory=dict)
    verify: Callable[[], None] = _nothing


def is_remote(store: StoreIntegration) -> bool:
    """Whether the feed's address is a web address. Raises UsageError for other schemes (ftp, s3, …)."""
    scheme, separator, _ = store.url.strip().partition("://")
    if not separator or scheme.lower() == "file":
        return False
    if scheme.lower() in ("http", "https"):
        return True
    raise UsageError(f"a feed cannot be read over {scheme!r:.20}; give an https address, or a file under INVENTORY_FEED_DIR")
