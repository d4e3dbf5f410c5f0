"""Notices: what one says, and which route gets it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

from inventory_pipeline.core.alerts import SEVERITIES, Event, Severity

# An address that Apprise knows, or one of ours that takes signed JSON.
RouteKind = Literal["apprise", "webhook"]
Payload = dict[str, Any]

SCHEMA = "inventory-pipeline/notice/1"
# The events that a route takes unless told otherwise: those that need a person, and what the trouble told of before hid.
USUAL_EVENTS: tuple[Event, ...] = ("opened", "worsened", "reminded", "caught_up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where notices go, and which. An empty filter takes everything; `skus` are patterns such as `TEA-*`.

    `shown` is the address without its secrets; `allow_private`: it may be in a private network or without TLS. A SKU alert
    belongs to a group and to no store, so a route that filters by stores or
    platforms does not get it.
    """

    name: str
    kind: RouteKind
    shown: str
    allow_private: bool = False
    severity: Severity = "warning"
    events: Sequence[Event] = USUAL_EVENTS
    groups: Sequence[str] = ()
    stores: Sequence[str] = ()
    platforms: Sequence[str] = ()
    skus: Sequence[str] = ()
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeEntry:
    """One event of one alert, as a notice tells it. `facts` is the entry's part of the payload, as JSON values.

    The greater `urgency`, the earlier it is listed. `alert_identity` identifies an alert that has no id yet.
    """

    event: Event
    severity: Severity
    urgency: int
    group: str
    store: str
    platform: str
    sku: str
    facts: Payload = field(default_factory=dict)
    alert_identity: tuple[str, ...] | None = None


def wants(route: Route, entry: NoticeEntry) -> bool:
    """Whether the route's filters take the entry. A completed sync has no severity to filter by."""
    return (
        entry.event in route.events
        and (entry.event == "sync_completed" or SEVERITIES.index(entry.severity) >= SEVERITIES.index(route.severity))
        and (not route.groups or entry.group in route.groups)
        and (not route.stores or entry.store in route.stores)
        and (not route.platforms or entry.platform in route.platforms)
        and (not route.skus or any(fnmatchcase(entry.sku, pattern) for pattern in route.skus))
    )
