"""A rule or a route for a store or a group that does not exist would be silence for ever."""

from collections.abc import Iterable, Sequence

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import DEFAULT_GROUP, StoreIntegration


def check_known(stores: Sequence[StoreIntegration], keys: Iterable[str], groups: Iterable[str] = ()) -> None:
    """UsageError for the first key or group that none of the stores has."""
    known, grouped = {store.key for store in stores}, {DEFAULT_GROUP, *(store.group for store in stores)}
    for key in keys:
        if key not in known:
            raise UsageError(f"no store {key!r:.80} is registered; `inventory-pipeline stores list` shows them")
    for group in groups:
        if group not in grouped:
            raise UsageError(f"no store is in group {group!r:.80}; `inventory-pipeline stores list` shows the groups")
