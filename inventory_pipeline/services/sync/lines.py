"""The last look at what a connector yields: every line is checked here, so that no connector can forget to."""

from collections import defaultdict
from collections.abc import Iterable

from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.stock import LineNote, Page, RejectedLine, StockLine, checked_line, storable_line
from inventory_pipeline.core.text import clean_text, one_line

_EXAMPLES = 3


class LineNotes:
    """The notes on a read's lines: each reason counted, with its first few examples."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._examples: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, notes: Iterable[LineNote]) -> None:
        for note in notes:
            self._counts[note.reason] += 1
            if len(self._examples[note.reason]) < _EXAMPLES:
                self._examples[note.reason].append(f"item {note.item_id}: {note.value}" if note.value else f"item {note.item_id}")

    def sentences(self) -> tuple[str, ...]:
        """One sentence a reason, such as "2 × number beyond …: taken as unknown (item 7: quantity 2147483647; item 9: …)"."""
        return tuple(
            f"{count:,} × {reason} ({one_line('; '.join(self._examples[reason]), 200)}{'; …' if count > _EXAMPLES else ''})"
            for reason, count in self._counts.items()
        )


def checked_page(page: Page) -> Page:
    """The page with storable lines only; what cannot be stored is among its rejected lines, with its reason."""
    lines: list[StockLine] = []
    rejected = [_storable(line) for line in page.rejected]
    notes = list(page.notes)
    for line in page.lines:
        try:
            lines.append(checked_line(line))
        except LineRejected:
            # The usual line is looked at once; only one that cannot be kept as it is costs more.
            storable, changed = storable_line(line)
            try:
                lines.append(checked_line(storable))
                notes += changed
            except LineRejected as error:
                rejected.append(_storable(RejectedLine.of(error, line.item_id, line.location_id, repr(line))))
    return Page(lines, rejected, page.excluded, notes)


def _storable(line: RejectedLine) -> RejectedLine:
    texts = (one_line(line.excerpt), one_line(line.field, 100), one_line(line.value, 100))
    return RejectedLine(one_line(line.reason), _text(line.item_id), _text(line.location_id), *texts)


def _text(identity: object) -> str | None:
    return clean_text(identity, 255) if isinstance(identity, str) and identity else None
