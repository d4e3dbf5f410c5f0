"""Faults of WooCommerce sites: of WordPress, of its lists and its headers, of single items."""

from dataclasses import replace
from typing import Any, Unpack

from inventory_pipeline.demo.catalogue import Catalogue, Item
from inventory_pipeline.demo.faults import Faults, When
from inventory_pipeline.demo.messages import Answer, Body, Request, Respond

NUL_TITLE = "Candle\0holder"
SURROGATE_TITLE = "Candle \ud83d holder"  # half of an emoji
HUGE_TITLE = "Candle holder " * 375_000  # 5 MB
ABSURD_QUANTITY = 10**15


class WooFaults(Faults):
    """Faults of one store; those that move its total change its catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self._catalogue = catalogue

    def maintenance(self, **when: Unpack[When]) -> None:
        """WordPress is updating itself: 503 HTML with Retry-After 600."""
        self._die(503, "Maintenance", "Briefly unavailable for scheduled maintenance. Check back in a minute.", "600", **when)

    def database_down(self, **when: Unpack[When]) -> None:
        """500 HTML."""
        self._die(500, "Database Error", "<h1>Error establishing a database connection</h1>", **when)

    def _die(self, status: int, title: str, message: str, retry_after: str | None = None, **when: Unpack[When]) -> None:
        headers = {"Content-Type": "text/html; charset=UTF-8"} | ({"Retry-After": retry_after} if retry_after else {})
        page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body>{message}</body>\n</html>\n"
        answer = Answer(status, headers, Body(page.encode()))
        self.add(lambda _request, _respond: answer, **when)

    def error(self, status: int, code: str, message: str, **when: Unpack[When]) -> None:
        """An error in WordPress's JSON, such as a security plugin's 403."""
        body = Body.of_json({"code": code, "message": message, "data": {"status": status}})
        answer = Answer(status, {"Content-Type": "application/json; charset=UTF-8"}, body)
        self.add(lambda _request, _respond: answer, **when)

    def repeated_page(self, page: int = 2, **when: Unpack[When]) -> None:
        """Page `page` shows the items of the page before it."""

        def repeat(request: Request, respond: Respond) -> Answer:
            params = request.params
            if params.get("page") == str(page):
                params = {**params, "page": str(page - 1)}
            return respond(replace(request, params=params))

        self.add(repeat, **when)

    def short_total(self, by: int = 5, **when: Unpack[When]) -> None:
        """X-WP-Total says `by` fewer than there are."""

        def shorten(answer: Answer) -> Answer:
            total = answer.headers.get("X-WP-Total")
            return answer if total is None else replace(answer, headers={**answer.headers, "X-WP-Total": str(int(total) - by)})

        self._change(shorten, when)

    def no_totals(self, **when: Unpack[When]) -> None:
        """A proxy strips the X-WP headers."""

        def strip(answer: Answer) -> Answer:
            kept = {name: value for name, value in answer.headers.items() if not name.startswith("X-WP-")}
            return replace(answer, headers=kept)

        self._change(strip, when)

    def hidden(self, *item_ids: int, **when: Unpack[When]) -> None:
        """Items that X-WP-Total counts and no page shows, as unreadable ones are on real sites."""
        self._edit_items(lambda item: None if item["id"] in item_ids else item, when)

    def moving_total(self, *, added: int = 0, removed: int = 0, **when: Unpack[When]) -> None:
        """Before each answer so many products are added at the end, or the first ones removed."""

        def move(request: Request, respond: Respond) -> Answer:
            for _ in range(added):
                number = self._catalogue.next_id
                self._catalogue.add(Item(id=number, kind="simple", title=f"Novelty {number}", sku=f"NEW-{number}", price="5.00"))
            for product in self._catalogue.products[:removed]:
                self._catalogue.remove(product)
            return respond(request)

        self.add(move, **when)

    def item(self, item_id: int, /, **fields: Any) -> None:
        """Shows other values in the fields of one item: `item(12, stock_quantity=ABSURD_QUANTITY)`."""
        self._edit_items(lambda item: {**item, **fields} if item["id"] == item_id else item, {})

    def sells_by_weight(self, **when: Unpack[When]) -> None:
        """Each tracked quantity as three sales of 0.05 leave it where WooCommerce subtracts in binary floating point."""

        def sold(item: dict[str, Any]) -> dict[str, Any]:
            left = item.get("stock_quantity")
            return item if left is None else {**item, "stock_quantity": left - 0.05 - 0.05 - 0.05}

        self._edit_items(sold, when)

    def ids_as_strings(self, **when: Unpack[When]) -> None:
        self._edit_items(lambda item: {**item, "id": str(item["id"])}, when)

    def _edit_items(self, change: Any, when: When) -> None:
        def edit(body: Any) -> Any:
            return [changed for item in body if (changed := change(item)) is not None] if isinstance(body, list) else body

        self.edit_json(edit, **when)
