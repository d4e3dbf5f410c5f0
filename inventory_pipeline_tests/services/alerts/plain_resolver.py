"""What the rules say of any stock, in plain Python, one subject at a time: what the set-based evaluation must agree with."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple, TypeVar

from inventory_pipeline.core.thresholds import BUILT_IN, Scope, Threshold

Each = TypeVar("Each")
Name = TypeVar("Name", str, tuple[str, ...])
Number = int | Decimal
# Kind, store, subject, location, group.
Subject = tuple[str, str, str, str, str]


class Line(NamedTuple):
    store: str
    item: str
    location: str
    state: str
    amount: Number | None
    sellable: bool | None
    oversell: bool | None
    pool: str | None
    sku: str | None
    status: str
    location_active: bool
    presence: str

    @property
    def judged(self) -> bool:
        return self.presence != "deleted" and self.status == "active" and self.location_active

    @property
    def unit(self) -> tuple[str, ...]:
        """What holds its quantity."""
        return ("pool", self.pool) if self.pool else ("line", self.item, self.location)


@dataclass(frozen=True)
class Store:
    """`mirror` is empty for a store of its own; `hours` is how long ago its last read ended, `days` its first."""

    key: str
    group: str
    mirror: str
    hours: int
    days: int
    same_sku: str = ""

    @property
    def stale(self) -> bool:
        return self.hours > 5


class Used(NamedTuple):
    units: Number
    events: int


class Stock(NamedTuple):
    """A sum: the known part, how many parts of it are unknown, how many sell uncounted, whether it may go below zero.

    `most`: the sum where equal numbers of one SKU are several stocks, and not one as in `known`; None where that is settled.
    `several`: more than one variant of a store has the SKU at one place.
    """

    known: Number | None
    unknown: int
    free: int
    oversell: bool
    most: Number | None = None
    several: bool = False


class Word(NamedTuple):
    """`items` are the variants of the store that the subject is about; none for a SKU."""

    verdict: str
    stock: Stock
    threshold: Number
    items: frozenset[str]


def resolve(
    stores: Sequence[Store], lines: Sequence[Line], rules: Sequence[Threshold], used: Mapping[tuple[str, str], Used]
) -> dict[Subject, Word]:
    """The word on every subject; of stale stores only in SKUs' totals."""
    resolver = _Resolver(rules, used)
    judged = [line for line in lines if line.judged]
    words: dict[Subject, Word] = {}
    for store in stores:
        if not store.stale:
            words |= resolver.store(store, [line for line in judged if line.store == store.key])
    return words | resolver.skus(stores, judged)


class _Resolver:
    def __init__(self, rules: Sequence[Threshold], used: Mapping[tuple[str, str], Used]) -> None:
        self.rules = {(rule.scope, rule.store_key, rule.item_id, rule.location_id): rule for rule in rules if rule.scope != "sku"}
        self.sku_rules = [rule for rule in rules if rule.scope == "sku"]
        self.used = used

    def rule(self, scope: Scope, store: str, item: str, location: str = "") -> Threshold | None:
        return self.rules.get((scope, store, item, location))

    def wide(self, store: str) -> Threshold:
        return self.rule("store", store, "") or self.rule("global", "", "") or BUILT_IN

    def store(self, store: Store, lines: list[Line]) -> dict[Subject, Word]:
        words: dict[Subject, Word] = {}
        variants = grouped(lines, lambda line: line.item)
        pools: dict[str, list[str]] = {}
        for item, own in variants.items():
            places = [line for line in own if self.rule("location", store.key, item, line.location)]
            for line in places:
                rule = self.rules["location", store.key, item, line.location]
                words["location", store.key, item, line.location, store.group] = self.word(store, item, [line], rule)
            pool = min((line.pool for line in own if line.pool), default=None)
            if pool is not None:
                pools.setdefault(pool, []).append(item)
            elif len(places) < len(own):
                rule = self.rule("variant", store.key, item) or self.wide(store.key)
                words["variant", store.key, item, "", store.group] = self.word(store, item, own, rule)
        for pool, items in pools.items():
            own_rules = [rule for item in items if (rule := self.rule("variant", store.key, item))]
            rule = max(own_rules, key=lambda rule: rule.threshold, default=self.wide(store.key))
            # Where two rules are alike high, the first variant's holds.
            rule = min((each for each in own_rules if each.threshold == rule.threshold), key=_item, default=rule)
            drawing = [line for item in items for line in variants[item]]
            words["pool", store.key, pool, "", store.group] = self.word(store, min(items), drawing, rule)
        return words

    def word(self, store: Store, item: str, lines: list[Line], rule: Threshold) -> Word:
        stock = total(lines)
        days = rule.cover_days or 0
        used = self.used.get((store.key, item))
        enough = days > 0 and used is not None and used.events >= 3 and store.days >= 3
        lasts = Decimal(stock.known or 0) * store.days / Decimal(used.units) if used and enough else None
        return Word(verdict(stock, rule, lasts), stock, rule.threshold, frozenset(line.item for line in lines))

    def skus(self, stores: Sequence[Store], lines: list[Line]) -> dict[Subject, Word]:
        words: dict[Subject, Word] = {}
        for rule in self.sku_rules:
            shops = [store for store in stores if store.group == rule.group]
            carried = {shop.key: [line for line in lines if line.store == shop.key and named(line) == rule.sku] for shop in shops}
            carrying = [shop for shop in shops if carried[shop.key]]
            mirrors = grouped(carrying, lambda shop: shop.mirror or f"alone {shop.key}")
            counted = [min(shown, key=lambda shop: (shop.hours, shop.key)) for shown in mirrors.values()]
            if counted:
                stock = _sum([_of_shop(shop, carried[shop.key]) for shop in counted])
                words["sku", "", rule.sku, "", rule.group] = Word(verdict(stock, rule, None), stock, rule.threshold, frozenset())
        return words


def verdict(stock: Stock, rule: Threshold, lasts: Decimal | None) -> str:
    """`lasts` in days; None where no rule asks or nobody can say."""
    recovered = stock.known is not None and stock.known > rule.threshold + rule.margin
    if stock.free:
        return "fine"
    if stock.unknown:
        return "fine" if recovered else "held"
    if stock.known is None:
        return "out"
    if stock.known < 0:
        return "backorder" if stock.oversell else "oversold"
    if stock.known == 0:
        return "out"
    if stock.known <= rule.threshold:
        return "low"
    if lasts is not None and lasts <= (rule.cover_days or 0):
        return "runs_out"
    if lasts is not None and lasts * 4 <= (rule.cover_days or 0) * 5:
        return "recovering"
    return "fine" if recovered else "recovering"


def total(lines: Iterable[Line]) -> Stock:
    """Each quantity once."""
    return _sum([_quantity(unit) for unit in _units(lines)])


def named(line: Line) -> str:
    return (line.sku or "").strip()


def grouped(them: Iterable[Each], key: Callable[[Each], Name]) -> dict[Name, list[Each]]:
    return {name: list(each) for name, each in groupby(sorted(them, key=key), key)}


def _units(lines: Iterable[Line]) -> list[list[Line]]:
    return list(grouped(lines, lambda line: line.unit).values())


def _quantity(lines: list[Line]) -> Stock:
    """What the lines of one quantity say together: a number before "unknown", the smallest number first."""
    numbers = [line.amount for line in lines if line.state == "tracked" and line.amount is not None]
    unknown = not numbers and any(line.state == "unknown" for line in lines)
    free = not numbers and not unknown and any(line.sellable is not False for line in lines if line.state == "untracked")
    return Stock(min(numbers, default=None), int(unknown), int(free), any(line.oversell for line in lines))


def _sum(parts: Sequence[Stock]) -> Stock:
    numbers = [part.known for part in parts if part.known is not None]
    unknown, free = sum(part.unknown for part in parts), sum(part.free for part in parts)
    stock = Stock(sum(numbers) if numbers else None, unknown, free, any(part.oversell for part in parts))
    if any(part.most is not None for part in parts):
        stock = stock._replace(most=sum((part.known or 0) if part.most is None else part.most for part in parts))
    return stock._replace(several=any(part.several for part in parts))


def _of_shop(shop: Store, lines: list[Line]) -> Stock:
    """The SKU's stock in one store, place by place."""
    by_place = list(grouped(lines, lambda line: line.location).values())
    units = by_place if shop.same_sku == "one_stock" else _units(lines)
    if shop.stale:
        return Stock(None, len(units), 0, total(lines).oversell)
    places = grouped(units, lambda unit: min(line.location for line in unit))
    return _sum([_at_place(shop, together) for together in places.values()])


def _at_place(shop: Store, units: list[list[Line]]) -> Stock:
    """Equal numbers n of k variants may be one stock or k; different ones can only be several."""
    stock = _sum([_quantity(unit) for unit in units])
    several = len({min(line.item for line in unit) for unit in units}) > 1 and shop.same_sku != "never"
    numbers = [known for unit in units if (known := _quantity(unit).known) is not None]
    if several and len(numbers) > 1 and len(set(numbers)) == 1 and numbers[0]:
        return stock._replace(known=numbers[0], most=sum(numbers), several=True)
    return stock._replace(several=several)


def _item(rule: Threshold) -> str:
    return rule.item_id
