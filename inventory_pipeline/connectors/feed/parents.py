"""Rows that share the stock of another row: WooCommerce's export writes `parent` where a variation has none of its own."""

from inventory_pipeline.core.quantity import Quantity
from inventory_pipeline.core.stock import Page, RejectedLine, StockLine


class Parents:
    """Stock of the excluded rows, and the lines that came before the row they draw on.

    Only an excluded row can be a parent: one that is a line itself would be counted beside its pool.
    """

    def __init__(self) -> None:
        self._stock: dict[str, tuple[str, Quantity]] = {}
        self._waiting: list[tuple[StockLine, str]] = []

    def remember(self, item_id: str, sku: str | None, quantity: Quantity) -> None:
        """Rows are named by SKU, by id, or as `id:44`; where one row's SKU is another's id, the SKU is meant."""
        for name in (item_id, f"id:{item_id}"):
            self._stock.setdefault(name, (item_id, quantity))
        if sku:
            self._stock[sku] = (item_id, quantity)

    def draw(self, line: StockLine, parent: str) -> StockLine | None:
        """The line with its parent's stock, or None while the parent has not been seen: `rest` then gives it."""
        if parent not in self._stock:
            self._waiting.append((line, parent))
            return None
        item_id, quantity = self._stock[parent]
        pool = item_id if quantity.state == "tracked" else None
        return line._replace(quantity=quantity, shared_pool=pool)

    def rest(self) -> Page:
        """What waited, now that all rows were seen."""
        waiting, self._waiting = self._waiting, []
        page = Page()
        for line, parent in waiting:
            drawn = self.draw(line, parent)
            if drawn is not None:
                page.lines.append(drawn)
                continue
            reason = f"its stock is that of {parent!r:.60}, and no excluded row has this SKU or id"
            page.rejected.append(RejectedLine(reason, line.item_id, line.location_id, line.title))
        return page
