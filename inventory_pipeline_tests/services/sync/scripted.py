"""A connector that plays reads written down in a test: what the sync core must cope with, without a network."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import ClassVar

from inventory_pipeline.connectors.base import CheckItem, PlatformInfo
from inventory_pipeline.core.quantity import Quantity
from inventory_pipeline.core.stock import Completeness, Page, StockLine
from inventory_pipeline.core.stores import StoreIntegration

Item = Page | Completeness | BaseException


def whole(*lines: StockLine, expected: int | None = None) -> list[Item]:
    """A read of these lines in pages of two, proved by its total (or short of `expected`)."""
    pages: list[Item] = [Page(list(lines[start : start + 2])) for start in range(0, len(lines), 2)]
    read = len({line.item_id for line in lines})
    return [*pages, Completeness(expected=read if expected is None else expected, read=read, how="total")]


def lines(count: int, units: int = 5) -> list[StockLine]:
    return [StockLine(str(number), sku=f"SKU-{number}", quantity=Quantity.of(units)) for number in range(count)]


class Scripted:
    """Plays one read after another; the last one again where more are asked for. Doubles as the service's `connect`."""

    info: ClassVar = PlatformInfo(
        platform="scripted", title="Scripted", versions="", auth="", scopes=(), calls_per_100k="", proved_by=""
    )

    def __init__(self, *reads: Sequence[Item]) -> None:
        self._reads = list(reads)
        self.memos: list[Mapping[str, str]] = []
        self.reads_made = 0
        self.abandoned = 0

    def __call__(self, _store: StoreIntegration, memo: Mapping[str, str]) -> "Scripted":
        self.memos.append(memo)
        return self

    @property
    def api_calls(self) -> int:
        return 1

    async def check(self) -> list[CheckItem]:
        return []

    async def read(self) -> AsyncGenerator[Page | Completeness, None]:
        script = self._reads[min(self.reads_made, len(self._reads) - 1)]
        self.reads_made += 1
        try:
            for item in script:
                if isinstance(item, BaseException):
                    raise item
                yield item
        except GeneratorExit:
            self.abandoned += 1
            raise
