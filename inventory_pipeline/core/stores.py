"""Store integrations: one connected shop, warehouse or feed, which is one partition."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.errors import UsageError

DEFAULT_GROUP = "default"
SYNC_INTERVAL = timedelta(hours=4)
FRESHNESS_FACTOR = 1.25
# A weekly file, and a day for whoever makes it.
DAYS_OF_A_FILE = 8.0
# Stores whose setting of this name agrees draw on one stock: of one SKU only the freshest store counts.
MIRROR_SETTING = "stock_pool"
# What lines with one SKU at one place of a store are, which no pool joins. Without it equal numbers may be either.
SAME_SKU_SETTING = "same_sku"
ONE_STOCK, NEVER_ONE = "one_stock", "never"

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreIntegration:
    """One store. `key` is the immutable partition key; `credentials` maps names to references, never to values.

    `settings` are the platform's options as text. `needs_reauthorization` holds the reason while the platform refuses
    the credentials. `freshness_limit` is how long a snapshot may be believed; None means 1.25 × the schedule's interval.
    `allow_private`: its address may be in a private network or without TLS; only the command line sets it.
    """

    key: str
    platform: str
    url: str
    name: str = ""
    group: str = DEFAULT_GROUP
    settings: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    is_active: bool = True
    auto_sync: bool = False
    allow_private: bool = False
    needs_reauthorization: str | None = None
    freshness_limit: timedelta | None = None
    created_at: datetime | None = None
    first_sync_at: datetime | None = None
    purged_at: datetime | None = None

    @property
    def host(self) -> str:
        return host_of(self.url)


def checked_key(key: str, what: str = "store key") -> str:
    """The key itself, or UsageError: a slug of lower-case letters, digits, `-` and `_`, at most 64 characters."""
    if not _SLUG.fullmatch(key):
        raise UsageError(
            f"{what} {key!r:.80} is not a slug: use lower-case letters, digits, '-' and '_' (at most 64): 'berlin-shop'"
        )
    return key


def host_of(url: str) -> str:
    """Scheme, host and port in lower case ("https://shop.example:8443"): where credentials would be sent.

    Another path on the same host keeps the credentials; another host, port or scheme is another place. Raises UsageError
    for an address that is none.
    """
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"the store's address cannot be read ({error}); it needs the form https://shop.example") from None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def freshness(store: StoreIntegration, interval: timedelta = SYNC_INTERVAL) -> timedelta:
    """How long after its read ended the store's last snapshot may be believed."""
    return store.freshness_limit or interval * FRESHNESS_FACTOR


def max_file_age(store: StoreIntegration) -> timedelta:
    """How long a file may go without being renewed."""
    try:
        return timedelta(days=float(store.settings.get("max_file_age", "").strip() or DAYS_OF_A_FILE))
    except (ValueError, OverflowError):  # the connector says so when the store is connected
        return timedelta(days=DAYS_OF_A_FILE)


def is_outdated(store: StoreIntegration, modified: datetime | None, now: datetime) -> bool:
    """Whether the store is a file that nobody has renewed for too long, however lately it was read."""
    return modified is not None and now > modified + max_file_age(store)


def is_stale(
    store: StoreIntegration, ended_at: datetime, modified: datetime | None, now: datetime, interval: timedelta = SYNC_INTERVAL
) -> bool:
    """Whether a snapshot whose read ended then, of a file written then, may not be believed at `now`."""
    return now > ended_at + freshness(store, interval) or is_outdated(store, modified, now)


def not_renewed(modified: datetime) -> str:
    return f"not renewed since {show_instant(modified)}"


def check_known(stores: Sequence[StoreIntegration], keys: Iterable[str], groups: Iterable[str] = ()) -> None:
    """Raises UsageError for the first key or group that none of the stores has.

    For rules and routes: one for a store or group that does not exist would never apply, without anybody noticing.
    """
    known_keys = {store.key for store in stores}
    known_groups = {DEFAULT_GROUP, *(store.group for store in stores)}
    for key in keys:
        if key not in known_keys:
            raise UsageError(f"no store {key!r:.80} is registered; `inventory-pipeline stores list` shows them")
    for group in groups:
        if group not in known_groups:
            raise UsageError(f"no store is in group {group!r:.80}; `inventory-pipeline stores list` shows the groups")
