"""Rows of a feed, whatever its format: in batches, with the cells that are wanted, in the order they are wanted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from inventory_pipeline.core.stock import RejectedLine

# So few that the loop is never held up for long, so many that the work per batch does not show.
BATCH = 1000

Row = Sequence[object]  # text, int, Decimal, bool or None; whatever JSON holds


@dataclass(frozen=True, slots=True)
class Batch:
    """Up to `BATCH` rows; of these the ones with more cells than headings apart, and what could not be read as a row."""

    rows: list[Row] = field(default_factory=list)
    overlong: list[Row] = field(default_factory=list)
    rejected: list[RejectedLine] = field(default_factory=list)


class Rows(Protocol):
    """An opened feed. `headings` are its columns; `fixed` is False where later rows may have others (JSON).
    `empty`: there are neither rows nor headings."""

    headings: list[str]
    fixed: bool
    empty: bool

    def __str__(self) -> str:
        """Format and what was found out about it, for a person."""
        ...

    def batches(self, wanted: Sequence[str]) -> Iterator[Batch]:
        """All rows, once, with the cells of the wanted headings. Raises IncompleteRead where the end is missing."""
        ...
