"""Whatever a store says, in whatever pages: the counts add up, and every snapshot can be read back exactly."""

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count, pairwise
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline.core.stock import RejectedLine, StockLine
from inventory_pipeline.core.sync import Counts
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.stock.stock import StockFilter, stock_as_of, stock_now
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline_tests.db.shop import Shop

Identity = tuple[str, str]
Entry = StockLine | RejectedLine
# What a person sees of a store: presence, title and quantity of each line.
Picture = dict[Identity, tuple[str, str, Quantity]]

items, locations = st.sampled_from("abc"), st.sampled_from(["default", "2", "-"])
quantities = st.one_of(
    st.sampled_from([UNKNOWN, UNTRACKED, Quantity.of(Decimal("0.000001"))]), st.integers(-2, 2).map(Quantity.of)
)
titles = st.sampled_from(["", "T"])
good = st.tuples(items, locations, quantities, titles).map(
    lambda told: StockLine(item_id=told[0], location_id=told[1], quantity=told[2], title=told[3])
)
bad = st.tuples(st.none() | items, st.none() | locations).map(lambda told: RejectedLine("broken", *told))


class Read(NamedTuple):
    """One read of a store: what it shows in order, where its pages end, whether a small gap stays."""

    entries: list[Entry]
    cuts: list[int]
    gap: bool


def one_kind_per_page(read: Read) -> Read:
    """A page hands over its lines before its rejected ones: where both are of one line, they must be two pages."""
    turns = [at for at, (left, right) in enumerate(pairwise(read.entries), 1) if type(left) is not type(right)]
    return read._replace(cuts=sorted({*turns, *(cut for cut in read.cuts if cut < len(read.entries))}))


reads = st.tuples(
    st.lists(st.one_of(good, good, good, bad), max_size=10),
    st.lists(st.integers(0, 10), max_size=3),
    st.sampled_from([False, False, False, True]),
).map(lambda told: one_kind_per_page(Read(*told)))


@dataclass(frozen=True)
class Expected:
    """The rules in plain Python, one line at a time. Deleted lines keep their place in `lines`."""

    lines: Picture
    counts: Counts

    def after(self, read: Read) -> "Expected":
        last: dict[Identity, Entry] = {}
        nameless = 0
        for entry in read.entries:
            if entry.item_id is None or entry.location_id is None:
                nameless += 1
            else:
                last[entry.item_id, entry.location_id] = entry
        lines, tally = dict(self.lines), dict.fromkeys(Counts.__slots__, 0)
        for identity, entry in last.items():
            before = self.lines.get(identity, ("deleted", "", UNKNOWN))
            if isinstance(entry, RejectedLine):
                tally["rejected"] += 1
                if before[0] != "deleted":
                    lines[identity] = ("present", before[1], UNKNOWN)
                continue
            lines[identity] = ("present", entry.title, entry.quantity)
            known = "skipped" if before == lines[identity] else "updated"
            tally["created" if before[0] == "deleted" else known] += 1
        located = {item for item, location in last if location != "-"}
        rejected = {entry.item_id for entry in read.entries if isinstance(entry, RejectedLine) and entry.location_id is None}
        for identity, (presence, title, _) in self.lines.items():
            if identity in last or presence == "deleted":
                continue
            item, location = identity
            if location == "-" and item in located:
                lines[identity] = ("deleted", title, UNKNOWN)
            elif item in rejected:
                lines[identity] = ("present", title, UNKNOWN)
            elif not read.gap:
                gone = "missing" if presence == "present" else "deleted"
                lines[identity] = (gone, title, UNKNOWN)
                tally[gone] += 1
        tally["rejected"] += nameless
        tally["seen"] = len(last) + nameless
        tally["repeats"] = len(read.entries) - nameless - len(last)
        return Expected(lines, Counts(**tally))

    @property
    def shown(self) -> Picture:
        return {identity: line for identity, line in self.lines.items() if line[0] != "deleted"}


NOTHING = Expected({}, Counts(seen=0, created=0, updated=0, skipped=0, rejected=0))
keys = count()
each_database = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def publish(shop: Shop, read: Read) -> Counts:
    with Stage(shop.database, shop.key, batch=2) as stage:
        for start, end in pairwise([0, *read.cuts, len(read.entries)]):
            page = read.entries[start:end]
            stage.add([e for e in page if isinstance(e, StockLine)], [e for e in page if isinstance(e, RejectedLine)])
        return shop.publish(stage, unseen_go_missing=not read.gap).counts


def picture(rows: list) -> Picture:
    return {(row.item_id, row.location_id): (row.presence, row.title, Quantity(row.state, row.available)) for row in rows}


@each_database
@given(history=st.lists(reads, min_size=1, max_size=5))
def test_any_sequence_of_reads_in_any_pages_follows_the_rules(database: Database, history: list[Read]) -> None:
    shop = Shop(database, f"shop-{next(keys)}")
    only = StockFilter(stores=[shop.key])
    expected, shown = NOTHING, []
    for read in history:
        expected = expected.after(read)
        counts = publish(shop, read)
        assert counts == expected.counts
        assert counts.seen == counts.created + counts.updated + counts.skipped + counts.rejected
        shown.append((shop.now, expected.shown))
    with database.connect() as connection:
        assert picture(list(stock_now(connection, only, now=shop.now))) == expected.shown
        for when, then in shown:
            assert picture(list(stock_as_of(connection, when, only))) == then


@each_database
@given(read=reads)
def test_a_read_published_twice_changes_nothing_the_second_time(database: Database, read: Read) -> None:
    shop = Shop(database, f"shop-{next(keys)}")
    first = publish(shop, read)
    again = replace(first, created=0, skipped=first.created)
    assert publish(shop, read) == again
