"""One digest per route and check, built while the check runs: memory holds the gravest few, however many there are."""

import heapq
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from inventory_pipeline.core.alerts import Event
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.notices import SCHEMA, Payload, Route, Told, wants
from inventory_pipeline.db.alerts import outbox

# More than a person reads; the rest is a number, and `alerts list`.
LISTED = 30


class _Digest:
    """The part of a check that one route gets."""

    def __init__(self) -> None:
        self.total = 0
        self.counts: Counter[str] = Counter()
        self.stores: set[str] = set()
        self.gravest: list[tuple[int, float, int, Told]] = []

    def add(self, told: Told, number: int) -> None:
        self.total += 1
        self.counts["resolved" if told.event == "resolved" else told.facts["level"]] += 1
        self.stores.add(told.store or f"group {told.group}")
        # Of the same level, the fewest first.
        entry = (told.gravity, -(told.facts["available"] or 0), -number, told)
        if len(self.gravest) < LISTED:
            heapq.heappush(self.gravest, entry)
        else:
            heapq.heappushpop(self.gravest, entry)

    def listed(self) -> list[Told]:
        return [told for *_, told in sorted(self.gravest, reverse=True)]


class Digests:
    """What one check tells, by route. `first_look` are the stores that it evaluated for the first time."""

    def __init__(self, routes: Sequence[Route], first_look: Sequence[str] = ()) -> None:
        self._routes = {route.name: route for route in routes}
        self._digests: dict[str, _Digest] = {}
        self._first_look = frozenset(first_look)
        self._numbers = itertools.count()

    def wants(self, event: Event) -> bool:
        """Whether any route hears of such events at all."""
        return any(event in route.events for route in self._routes.values())

    def add(self, told: Told) -> None:
        number = next(self._numbers)
        for route in self._routes.values():
            if wants(route, told):
                self._digests.setdefault(route.name, _Digest()).add(told, number)

    def listed(self) -> list[Told]:
        """What any route will list, each once: only these need their details looked up."""
        return list({id(told): told for digest in self._digests.values() for told in digest.listed()}.values())

    def enqueue(
        self, connection: sa.Connection, now: datetime, as_of: Mapping[str, datetime | None], key: str | None = None
    ) -> int:
        """Puts one notice per route that has something to tell into the outbox; how many.

        `key` names what is told, where it may be told of twice: the same is then not put in again.
        """
        sent = 0
        for route, digest in sorted(self._digests.items()):
            payload = self._payload(route, digest, now, as_of)
            sent += outbox.enqueue(connection, route, payload, now, None if key is None else f"{key}:{route}")
        return sent

    def _payload(self, route: str, digest: _Digest, now: datetime, as_of: Mapping[str, datetime | None]) -> Payload:
        listed = digest.listed()
        read = {told.store: _shown(as_of.get(told.store)) for told in listed if told.store}
        return {
            "schema": SCHEMA,
            "route": route,
            "created_at": show_instant(now),
            "counts": dict(digest.counts.most_common()),
            # A SKU's alert is of no store; what it stands on was looked up with its details.
            "alerts": [{"as_of": read.get(told.store)} | told.facts for told in listed],
            "omitted": digest.total - len(listed),
            "stores": len(digest.stores),
            "first_look": sorted(digest.stores & self._first_look)[:LISTED],
            "as_of": dict(sorted(read.items())),
        }


def _shown(instant: datetime | None) -> str | None:
    return None if instant is None else show_instant(instant)
