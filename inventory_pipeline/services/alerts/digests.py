"""One digest per route and check, built while the check runs. Memory holds only the entries that will be listed."""

import heapq
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from inventory_pipeline.core.alerts import Event
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.notices import SCHEMA, NoticeEntry, Payload, Route, wants
from inventory_pipeline.db.alerts import notices

# More than a person reads; the notice gives the number of the others.
LISTED = 30


class _Digest:
    """The entries of one route: all are counted, the LISTED most urgent ones are kept."""

    def __init__(self) -> None:
        self.total = 0
        self.counts: Counter[str] = Counter()
        self.stores: set[str] = set()
        # A heap of (urgency, minus available, minus number, entry): the least urgent entry is its first.
        self._kept: list[tuple[int, float, int, NoticeEntry]] = []

    def add(self, entry: NoticeEntry, number: int) -> None:
        """`number` counts up through the check, so that no two entries compare as equal."""
        self.total += 1
        self.counts["resolved" if entry.event == "resolved" else entry.facts["level"]] += 1
        self.stores.add(entry.store or f"group {entry.group}")
        ranked = (entry.urgency, -(entry.facts["available"] or 0), -number, entry)
        if len(self._kept) < LISTED:
            heapq.heappush(self._kept, ranked)
        else:
            heapq.heappushpop(self._kept, ranked)

    def listed(self) -> list[NoticeEntry]:
        """The most urgent first; of one level, the fewest available first."""
        return [entry for *_, entry in sorted(self._kept, reverse=True)]


class Digests:
    """What one check tells, by route. `first_look` are the stores that it evaluates for the first time."""

    def __init__(self, routes: Sequence[Route], first_look: Sequence[str] = ()) -> None:
        self._routes = {route.name: route for route in routes}
        self._digests: dict[str, _Digest] = {}
        self._first_look = frozenset(first_look)
        self._numbers = itertools.count()

    def wants(self, event: Event) -> bool:
        """Whether any route takes such events."""
        return any(event in route.events for route in self._routes.values())

    def add(self, entry: NoticeEntry) -> None:
        """Adds the entry to the digest of every route that wants it."""
        number = next(self._numbers)
        for route in self._routes.values():
            if wants(route, entry):
                self._digests.setdefault(route.name, _Digest()).add(entry, number)

    def listed(self) -> list[NoticeEntry]:
        """The entries that any notice will list, each once: only these need `add_details`."""
        return list({id(entry): entry for digest in self._digests.values() for entry in digest.listed()}.values())

    def enqueue(
        self, connection: sa.Connection, now: datetime, as_of: Mapping[str, datetime | None], key: str | None = None
    ) -> int:
        """Puts one notice into the outbox for each route that has entries, and returns how many.

        `as_of` is when the last read of each store began. `key` identifies the event where it may be reported twice: a
        notice with the same key and route is not put in again.
        """
        sent = 0
        for route, digest in sorted(self._digests.items()):
            payload = self._payload(route, digest, now, as_of)
            sent += notices.enqueue(connection, route, payload, now, None if key is None else f"{key}:{route}")
        return sent

    def _payload(self, route: str, digest: _Digest, now: datetime, as_of: Mapping[str, datetime | None]) -> Payload:
        listed = digest.listed()
        read = {entry.store: _shown(as_of.get(entry.store)) for entry in listed if entry.store}
        return {
            "schema": SCHEMA,
            "route": route,
            "created_at": show_instant(now),
            "counts": dict(digest.counts.most_common()),
            # An alert about a SKU belongs to no store: `add_details` has put its own `as_of` into its facts.
            "alerts": [{"as_of": read.get(entry.store)} | entry.facts for entry in listed],
            "omitted": digest.total - len(listed),
            "stores": len(digest.stores),
            "first_look": sorted(digest.stores & self._first_look)[:LISTED],
            "as_of": dict(sorted(read.items())),
        }


def _shown(instant: datetime | None) -> str | None:
    return None if instant is None else show_instant(instant)
