"""A list in numbered pages: several requested at once, handed on in order, and the proof that the list is whole.

Pages by number are offsets. A deletion moves every later item one place forward, so that the first item of a page not yet
read slips onto the page before it. An addition comes at the end where the list is sorted by id, as it must be: sorted by a
date, items of the same moment are repeated and lost, whatever the totals say (seen on WooCommerce and Medusa).
"""

import asyncio
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from itertools import count
from typing import Any, Generic, Protocol, TypeVar

from inventory_pipeline.core.errors import IncompleteRead, LineRejected
from inventory_pipeline.core.stock import DEFAULT_LOCATION, Completeness, ListCoverage, Page, RejectedLine, StockLine
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.client import in_order


class Entry(Protocol):
    """One item of a list, known by its number."""

    id: Any


Item = TypeVar("Item", bound=Entry)
Raw = TypeVar("Raw")


@dataclass(slots=True)
class ListPage(Generic[Item]):
    """One page. `total` is how many items the platform says the whole list has, None where it does not say.

    `rejected` are the page's entries that could not be decoded. `is_new` says for each item whether it is shown the first
    time in this read; the list fills it in.
    """

    number: int
    items: list[Item]
    rejected: list[RejectedLine]
    total: int | None
    is_new: list[bool] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.items and not self.rejected


class SeenIds:
    """A set of ids that come almost always in rising order, at eight bytes each."""

    def __init__(self) -> None:
        self._rising = array("q")
        self._late: set[int] = set()

    def __len__(self) -> int:
        return len(self._rising) + len(self._late)

    def __contains__(self, number: int) -> bool:
        place = bisect_left(self._rising, number)
        return (place < len(self._rising) and self._rising[place] == number) or number in self._late

    def add(self, item_id: Any) -> bool:
        """Adds an id, a whole number or a text of one. Returns whether it is new."""
        number = int(item_id)
        if not self._rising or number > self._rising[-1]:
            self._rising.append(number)
            return True
        if number in self:
            return False
        self._late.add(number)
        return True


class PageBuilder:
    """Collects one Page from the items of a list: lines, rejected lines, and counts of what is excluded on purpose."""

    def __init__(self, rejected: Iterable[RejectedLine] = ()) -> None:
        self._lines: list[StockLine] = []
        self._rejected = list(rejected)
        self._excluded = Counter[str]()

    def add(
        self, item_id: object, item: Raw, parse: Callable[[Raw], StockLine], location_id: str | None = DEFAULT_LOCATION
    ) -> None:
        """Adds the item's line; where `parse` raises LineRejected, a rejected line with its reason."""
        try:
            self._lines.append(parse(item))
        except LineRejected as error:
            self._rejected.append(RejectedLine.of(error, str(item_id), location_id, one_line(item)))

    def add_all(self, lines: Iterable[StockLine]) -> None:
        self._lines.extend(lines)

    def exclude(self, reason: str, count: int = 1) -> None:
        self._excluded[reason] += count

    def page(self) -> Page:
        return Page(self._lines, self._rejected, self._excluded)


def joined(pages: Iterable[Page]) -> Page:
    """Few pages as one."""
    whole, excluded = Page(), Counter[str]()
    for page in pages:
        whole.lines.extend(page.lines)
        whole.rejected.extend(page.rejected)
        whole.notes.extend(page.notes)
        excluded.update(page.excluded)
    return Page(whole.lines, whole.rejected, +excluded, whole.notes)


class SeenTexts:
    """A set of text ids. It keeps a digest of eight bytes of each."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def add(self, item_id: str) -> bool:
        """Adds an id. Returns whether it is new."""
        before = len(self._digests)
        self._digests.add(blake2b(item_id.encode(), digest_size=8).digest())
        return len(self._digests) > before


@dataclass
class PagedList(Generic[Item]):
    """One list, read once. `fetch` requests the page of a number, counted from 1; at most `width` are requested at once.

    `pages` may be followed by another list, whose first page is requested as soon as this one has no page left to request.
    Once `pages` has ended, `coverage` says what was read. `total` is the last total that the platform told, `moved` whether
    it changed meanwhile, `shown` counts distinct items and `repeats` those shown again.
    """

    name: str
    fetch: Callable[[int], Awaitable[ListPage[Item]]]
    per_page: int
    width: int
    repeated_page_cure: str = ""  # what a person can do where a server gives one page for another
    seen: SeenIds | SeenTexts = field(default_factory=SeenIds)
    total: int | None = None
    moved: bool = False
    shown: int = 0
    repeats: int = 0
    _first: "asyncio.Future[ListPage[Item]] | None" = None
    _again: set[int] = field(default_factory=set)
    _highest: int = 0

    def start(self) -> None:
        """Requests the first page now. Whoever starts a list closes it."""
        if self._first is None:
            self._first = asyncio.ensure_future(self.fetch(1))

    async def close(self) -> None:
        """Leaves no request under way."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)

    async def pages(self, followed_by: "PagedList[Any] | None" = None) -> AsyncGenerator[ListPage[Item]]:
        """Every page in order. Raises IncompleteRead for a page that only repeats the items of earlier ones.

        1. The first page tells the total, and the total how many pages there are. A page may be short, or even empty,
           without being the last: platforms count rows that they cannot show. Without a total the first empty page ends it.
        2. Where the total moved, the pages that items may have slipped onto, and the end, are read once more.
        """
        first = await (self._first or self.fetch(1))
        self.total = first.total
        yield self._counted(first)
        if self.total is None:
            async with aclosing(self._requested(() if first.is_empty else count(2))) as pages:
                async for page in pages:
                    if page.is_empty:
                        return
                    yield self._counted(page)
            return
        last = self._last_page()
        async with aclosing(self._requested(_then_start(range(2, last + 1), followed_by))) as pages:
            async for page in pages:
                self._watch_total(page)
                yield self._counted(page)
        if self.moved:
            self._again.update(range(last, self._last_page() + 1))
            async with aclosing(self._requested(sorted(self._again))) as pages:
                async for page in pages:
                    self.total = page.total or self.total
                    yield self._counted(page)

    async def whole(self) -> ListPage[Item]:
        """A short list as one page: what is asked for by id or SKU."""
        found: ListPage[Item] = ListPage(1, [], [], None)
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                found.items += page.items
                found.is_new += page.is_new
                found.rejected += page.rejected
        return found

    @property
    def coverage(self) -> ListCoverage:
        """What the list proves. Items beyond its total are not counted: they would hide a gap of another list."""
        return ListCoverage(self.name, self.total, self.shown if self.total is None else min(self.shown, self.total))

    def _requested(self, numbers: Iterable[int]) -> AsyncGenerator[ListPage[Item]]:
        return in_order((partial(self.fetch, number) for number in numbers), self.width)

    def _watch_total(self, page: ListPage[Item]) -> None:
        if page.total is not None and page.total != self.total:
            self.moved = True
            self.total = page.total
            self._again.add(page.number - 1)

    def _last_page(self) -> int:
        return max(1, -(-(self.total or 0) // self.per_page))

    def _counted(self, page: ListPage[Item]) -> ListPage[Item]:
        # An entry whose id cannot be read was shown all the same.
        rejected_new = [entry.item_id is None or self.seen.add(entry.item_id) for entry in page.rejected]
        page.is_new = [self.seen.add(item.id) for item in page.items]
        new = sum(rejected_new) + sum(page.is_new)
        self.shown += new
        self.repeats += len(rejected_new) + len(page.is_new) - new
        if page.number > max(self._highest, 1) and page.items and not new:
            raise IncompleteRead(
                f"page {page.number} of {self.name} only repeats items of earlier pages{self.repeated_page_cure}"
            )
        self._highest = max(self._highest, page.number)
        return page


async def whole_lists(
    lists: Iterable[tuple[Raw, PagedList[Item]]], width: int
) -> AsyncGenerator[tuple[Raw, PagedList[Item], list[ListPage[Item]]]]:
    """Reads small lists to their ends, `width` lists at once. Yields each with its owner and its pages, in order."""

    async def read(owner: Raw, pages: PagedList[Item]) -> tuple[Raw, PagedList[Item], list[ListPage[Item]]]:
        return owner, pages, [page async for page in pages.pages()]

    async with aclosing(in_order((partial(read, owner, pages) for owner, pages in lists), width)) as whole:
        async for one in whole:
            yield one


class ProofBuilder:
    """Adds up what the lists of one read prove, each by its own total. Many small lists may count as one, by its name."""

    def __init__(self) -> None:
        self._lists: dict[str, ListCoverage] = {}
        self._repeats = 0
        self._moved = False

    def add(self, pages: PagedList[Any], name: str | None = None) -> None:
        """Adds a list that has been read to its end."""
        name, coverage = name or pages.name, pages.coverage
        before = self._lists.get(name, ListCoverage(name, 0, 0))
        self._lists[name] = ListCoverage(name, _sum(before.expected, coverage.expected), before.read + coverage.read)
        self._repeats += pages.repeats
        self._moved |= pages.moved

    def judge(self, name: str, named: Iterable[int], seen: SeenIds, *, surplus_is_gap: bool) -> int:
        """Judges the gap of a list by the ids that another list says it should show.

        1. A named id that the list did not show is *hidden*: its line keeps its stock, unverified. Hidden ids explain the gap.
        2. What is left of the gap is the *surplus*: entries that the list counts, never shows, and no other list names.
        3. With `surplus_is_gap` the surplus stays a gap, and 0 is returned. Otherwise it is taken out of the expected total,
           and its size is returned.
        """
        told = self._lists[name]
        # Where the total says that all was shown, what is named but not shown was deleted meanwhile.
        hidden = () if told.expected is not None and not told.gap else tuple(number for number in named if number not in seen)
        gap = min(len(hidden), told.gap)
        if surplus_is_gap and gap < told.gap:
            return 0
        expected = None if told.expected is None else told.read + gap
        self._lists[name] = ListCoverage(name, expected, told.read, tuple(map(str, hidden)))
        return told.gap - gap

    def completeness(self, how: str) -> Completeness:
        """The proof. `how` says what proves each list's end."""
        lists = tuple(self._lists.values())
        expected: int | None = 0
        for one in lists:
            expected = _sum(expected, one.expected)
        read = sum(one.read for one in lists)
        return Completeness(expected, read, how, self._repeats, self._moved, lists=lists)


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


def _then_start(numbers: Iterable[int], following: PagedList[Any] | None) -> Iterator[int]:
    yield from numbers
    if following is not None:
        following.start()
