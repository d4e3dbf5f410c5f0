"""The last look at what a connector yields: every line is checked here, so that no connector can forget to."""

from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.stock import Page, RejectedLine, StockLine, checked_line
from inventory_pipeline.core.text import clean_text, one_line


def checked_page(page: Page) -> Page:
    """The page with storable lines only; what cannot be stored is among its rejected lines, with its reason."""
    lines: list[StockLine] = []
    rejected = [_storable(line) for line in page.rejected]
    for line in page.lines:
        try:
            lines.append(checked_line(line))
        except LineRejected as error:
            rejected.append(_storable(RejectedLine(str(error), line.item_id, line.location_id, repr(line))))
    return Page(lines, rejected, page.excluded)


def _storable(line: RejectedLine) -> RejectedLine:
    return RejectedLine(one_line(line.reason), _text(line.item_id), _text(line.location_id), one_line(line.excerpt))


def _text(identity: object) -> str | None:
    return clean_text(identity, 255) if isinstance(identity, str) and identity else None
