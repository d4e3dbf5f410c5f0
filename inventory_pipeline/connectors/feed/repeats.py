"""Items that stand in a file more than once.

Equal rows count once. Rows that differ make the item unknown, unless the setting `duplicates` says how to join them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

from inventory_pipeline.connectors.feed.rows import doubt
from inventory_pipeline.core.quantity import UNKNOWN, Number, Quantity
from inventory_pipeline.core.stock import RejectedLine, StockLine
from inventory_pipeline.core.text import one_line

# Both must be exceeded for a file to be doubted as a whole; the bounds of rejected lines everywhere.
DOUBTED_SHARE, DOUBTED_ITEMS = 0.05, 20
_BITS = 27  # 16 MiB; of a million identities one in 130 is taken for one seen before, which costs only its holding back


class SeenBefore:
    """Which identities may come again (a Bloom filter): it never misses one, and now and then names one too many."""

    def __init__(self) -> None:
        self._bits = mmap(-1, 1 << (_BITS - 3))  # of which only what is touched takes memory
        self._again: set[int] = set()

    def note(self, identity: int) -> None:
        place = identity & ((1 << _BITS) - 1)
        byte, bit = place >> 3, 1 << (place & 7)
        if self._bits[byte] & bit:
            self._again.add(identity)
        else:
            self._bits[byte] |= bit

    def again(self, identity: int) -> bool:
        return identity in self._again


@dataclass(slots=True)
class _Item:
    """One item's rows so far: what they are together, where the first and the first that differs stand."""

    line: StockLine | RejectedLine
    number: int
    rows: int = 1
    other: StockLine | RejectedLine | None = None
    other_number: int = 0


class Repeats:
    """Takes the lines of items that may come again, and gives each item once."""

    def __init__(self, rule: str, identity: str, *, has_location: bool) -> None:
        self._rule, self._identity, self._has_location = rule, identity, has_location
        self._items: dict[tuple[str | None, str | None], _Item] = {}
        self.notes: Counter[str] = Counter()

    def add(self, line: StockLine | RejectedLine, number: int) -> None:
        """Takes one reading of an item; `number` is its row's."""
        key = (line.item_id, line.location_id)
        item = self._items.get(key)
        if item is None:
            self._items[key] = _Item(line, number)
            return
        item.rows += 1
        if self._rule != "ask" and isinstance(line, StockLine) and isinstance(item.line, StockLine):
            item.line = _together(self._rule, item.line, line)
        elif item.other is None and not _alike(item.line, line):
            item.other, item.other_number = line, number

    def settled(self) -> Iterator[tuple[StockLine | RejectedLine, int, int]]:
        """Each item once, with its row and how many more it had. One whose rows differ is a line with nothing known, and its
        second row is rejected with the reason: without identity, or it would be taken for a later reading of that line."""
        for item in self._items.values():
            extra = item.rows - 1
            if item.other is not None:
                doubted = self._doubted(item)
                known = next((line for line in (item.line, item.other) if isinstance(line, StockLine)), None)
                if known is None:
                    yield doubted, item.number, extra
                    continue
                yield known._replace(quantity=UNKNOWN, on_hand=None, committed=None, incoming=None, sellable=None), item.number, 0
                yield RejectedLine(doubted.reason, excerpt=doubted.excerpt), item.other_number, extra - 1
                continue
            if extra:
                note = (
                    "rows that say the same as another, counted once"
                    if self._rule == "ask"
                    else f"rows taken together by {self._rule}"
                )
                self.notes[note] += extra
            yield item.line, item.number, extra

    def check_share(self, differing: int, items: int) -> None:
        """Raises Quarantined where so many items have rows that differ that the whole file must be of another kind."""
        if differing > DOUBTED_ITEMS and differing > items * DOUBTED_SHARE:
            example = next((self._doubted(item) for item in self._items.values() if item.other is not None), None)
            if example is None:  # rows that could not be read, each alone
                return
            what, _, cure = example.reason.rpartition("; ")
            raise doubt(f"{differing:,} of {items:,} items stand in the file more than once with different cells: {what}", cure)

    def _doubted(self, item: _Item) -> RejectedLine:
        assert item.other is not None
        cells = [f"line {at:,} ({_told(line)})" for at, line in ((item.number, item.line), (item.other_number, item.other))]
        where = f" at location {item.line.location_id!r:.40}" if self._has_location else ""
        cures = ["duplicates=sum (or first, last, max)", "column.id= to several headings that tell them apart"]
        if not self._has_location:
            cures.insert(0, "column.location= where the rows are locations")
        reason = (
            f"{self._identity} {item.line.item_id!r:.60}{where} stands in {cells[0]} and {cells[1]} with different cells;"
            f" set {', or '.join(cures)}"
        )
        excerpt = ", ".join(line.title if isinstance(line, StockLine) else line.excerpt for line in (item.line, item.other))
        return RejectedLine(reason, item.line.item_id, item.line.location_id, one_line(f"{item.line.item_id}: {excerpt}"))


def _alike(one: StockLine | RejectedLine, other: StockLine | RejectedLine) -> bool:
    return one == other


def _told(line: StockLine | RejectedLine) -> str:
    if isinstance(line, RejectedLine):
        return "unreadable"
    return f"{line.quantity.value:,}" if line.quantity.value is not None else line.quantity.state


def _together(rule: str, one: StockLine, two: StockLine) -> StockLine:
    if rule == "first":
        return one
    if rule == "last":
        return two
    return one._replace(
        quantity=_quantity(rule, one.quantity, two.quantity),
        on_hand=_number(rule, one.on_hand, two.on_hand),
        committed=_number(rule, one.committed, two.committed),
        incoming=_number(rule, one.incoming, two.incoming),
        sellable=True if one.sellable or two.sellable else one.sellable if one.sellable == two.sellable else None,
    )


def _quantity(rule: str, one: Quantity, two: Quantity) -> Quantity:
    if one.value is None or two.value is None:
        return one if one == two else UNKNOWN
    return Quantity.of(one.value + two.value if rule == "sum" else max(one.value, two.value))


def _number(rule: str, one: Number | None, two: Number | None) -> Number | None:
    if one is None or two is None:
        return None
    return one + two if rule == "sum" else max(one, two)
