"""Threshold rules: when stock is low, for a variant at one location, a variant, a SKU over its group, a store, or all."""

from dataclasses import dataclass
from typing import Literal, cast

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.quantity import ABSURD, Number

Scope = Literal["location", "variant", "sku", "store", "global"]
# The most specific first; the most specific rule of a line decides. SKU rules are apart: they are about a group's total, and
# the other rules apply beside them.
SCOPES: tuple[Scope, ...] = ("location", "variant", "sku", "store", "global")

# The threshold where no rule is set.
DEFAULT_THRESHOLD = 5
_MARGIN_DIVISOR = 5
LONGEST_COVER_DAYS = 365

_WORDS = {"store_key": "store", "item_id": "variant id", "location_id": "location id", "group": "group", "sku": "SKU"}
# The parts of a rule's identity that each scope needs; the others stay empty.
_PARTS: dict[Scope, tuple[str, ...]] = {
    "location": ("store_key", "item_id", "location_id"),
    "variant": ("store_key", "item_id"),
    "sku": ("group", "sku"),
    "store": ("store_key",),
    "global": (),
}


def default_margin(threshold: Number) -> int:
    """A fifth of the threshold, rounded up, at least one unit."""
    return max(1, -(-int(threshold) // _MARGIN_DIVISOR))


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One rule. Its identity is the scope and the parts that belong to it; the other parts are empty.

    Stock is low where `threshold` or fewer units are available, and recovered above `threshold` + `margin`. With
    `cover_days` it is also low when it will be used up within so many days at the pace of the last weeks.
    """

    scope: Scope
    threshold: Number
    margin: Number
    cover_days: int | None = None
    store_key: str = ""
    item_id: str = ""
    location_id: str = ""
    group: str = ""
    sku: str = ""

    @property
    def target(self) -> str:
        """What the rule is about, for a person."""
        return describe(self.scope, self.store_key, self.item_id, self.location_id, self.group, self.sku)


def describe(scope: Scope, store_key: str = "", item_id: str = "", location_id: str = "", group: str = "", sku: str = "") -> str:
    """What a rule with this scope and these parts is about, for a person."""
    match scope:
        case "location":
            return f"variant {item_id} of store {store_key} at location {location_id}"
        case "variant":
            return f"variant {item_id} of store {store_key}"
        case "sku":
            return f"SKU {sku} over group {group}"
        case "store":
            return f"store {store_key}"
    return "global default"


BUILT_IN = Threshold(scope="global", threshold=DEFAULT_THRESHOLD, margin=default_margin(DEFAULT_THRESHOLD))


def checked_threshold(
    scope: str,
    threshold: Number,
    margin: Number | None = None,
    cover_days: int | None = None,
    *,
    store_key: str = "",
    item_id: str = "",
    location_id: str = "",
    group: str = "",
    sku: str = "",
) -> Threshold:
    """The rule, with the default margin where none is given. Raises UsageError naming what does not fit together."""
    if scope not in SCOPES:
        raise UsageError(f"scope {scope!r:.40} is none of {', '.join(SCOPES)}")
    known = cast(Scope, scope)
    given = {"store_key": store_key, "item_id": item_id, "location_id": location_id, "group": group, "sku": sku}
    where = {name: value.strip() for name, value in given.items()}
    parts, needed = {name for name, value in where.items() if value}, set(_PARTS[known])
    for name in sorted(needed - parts):
        raise UsageError(f"a {scope} rule needs a {_WORDS[name]}")
    for name in sorted(parts - needed):
        raise UsageError(f"a {scope} rule takes no {_WORDS[name]}")
    if not 0 <= threshold <= ABSURD:
        raise UsageError(f"threshold {threshold} is not between 0 and {ABSURD:,}; 0 tells only of what is out of stock")
    if margin is not None and not 0 <= margin <= ABSURD:
        raise UsageError(f"margin {margin} is not between 0 and {ABSURD:,}")
    if cover_days is not None and not 1 <= cover_days <= LONGEST_COVER_DAYS:
        raise UsageError(f"cover days {cover_days} is not between 1 and {LONGEST_COVER_DAYS}")
    wide = default_margin(threshold) if margin is None else margin
    return Threshold(
        scope=known,
        threshold=threshold,
        margin=wide,
        cover_days=cover_days,
        store_key=where["store_key"],
        item_id=where["item_id"],
        location_id=where["location_id"],
        group=where["group"],
        sku=where["sku"],
    )
