"""What people are told, and which of it goes where."""

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
# How a fact says that nobody knows how long the stock will last; followed by what was seen.
TOO_LITTLE_DATA = "days of cover: too little data"
# Told unless a route says otherwise: what needs a person.
USUAL_EVENTS: tuple[Event, ...] = ("opened", "worsened", "reminded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where notices go and which. Empty filters take everything; `skus` are patterns such as `TEA-*`.

    `shown` is the address without what is secret in it; `allow_private`: it may be in a private network or without TLS.
    A SKU alert belongs to a group and to no store: a route for
    stores or platforms does not get it.
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
class Told:
    """One thing that happened. `facts` is what the notice says of it, as JSON values.

    `about` identifies the alert where its number is not known yet.
    """

    event: Event
    severity: Severity
    gravity: int
    group: str
    store: str
    platform: str
    sku: str
    facts: Payload = field(default_factory=dict)
    about: tuple[str, ...] | None = None


def wants(route: Route, told: Told) -> bool:
    """Whether the route is for this."""
    return (
        told.event in route.events
        and (told.event == "sync_completed" or SEVERITIES.index(told.severity) >= SEVERITIES.index(route.severity))
        and (not route.groups or told.group in route.groups)
        and (not route.stores or told.store in route.stores)
        and (not route.platforms or told.platform in route.platforms)
        and (not route.skus or any(fnmatchcase(told.sku, pattern) for pattern in route.skus))
    )
