"""A supplier's stock list over HTTP, as suppliers send them: CSV with a byte-order mark, plain or gzipped, with ETags."""

import csv
import hashlib
import io

from inventory_pipeline.demo.catalogue import Catalogue, Item
from inventory_pipeline.demo.faults import Faults
from inventory_pipeline.demo.messages import Answer, Body, Request
from inventory_pipeline.demo.server import DemoServer

COLUMNS = ("Item No", "SKU", "Description", "Available", "EAN", "Price", "Status")


def feed_csv(catalogue: Catalogue) -> bytes:
    """The list: UTF-8 with a byte-order mark, `;` between the columns of COLUMNS, CRLF line ends.

    "Available" is empty where nothing is tracked; "Status" is active or discontinued; prices are in EUR.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(COLUMNS)
    with catalogue.lock:
        writer.writerows(_row(item) for item in catalogue.lines)
    return text.getvalue().encode("utf-8-sig")


def _row(item: Item) -> tuple[object, ...]:
    available = "" if item.stock is None else item.stock
    status = "active" if item.status == "publish" else "discontinued"
    return f"N-{item.id}", item.sku, item.title, available, item.barcode, item.price, status


class DemoFeed(DemoServer):
    """Serves `/stock.csv` and `/stock.csv.gz`; 304 to whoever already has the current list."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.faults = Faults()
        super().__init__(self.faults)
        self.catalogue = catalogue

    def answer(self, request: Request) -> Answer:
        if request.path not in ("/stock.csv", "/stock.csv.gz"):
            return Answer(404, {"Content-Type": "text/plain"}, Body(b"Not found\n"))
        list_now = feed_csv(self.catalogue)
        zipped = request.path.endswith(".gz")
        etag = f'"{hashlib.sha256(list_now).hexdigest()[:32]}{"-gz" if zipped else ""}"'
        if etag in request.headers.get("if-none-match", ""):
            return Answer(304, {"ETag": etag})
        if zipped:
            return Answer(200, {"Content-Type": "application/gzip", "ETag": etag}, Body(Body(list_now).zipped))
        return Answer(200, {"Content-Type": "text/csv; charset=utf-8", "ETag": etag}, Body(list_now))
