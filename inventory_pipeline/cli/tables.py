"""Tables for people. On a terminal nothing is wider than it and no word is broken; elsewhere a row is one line, uncut.

Where a terminal is too narrow, long texts go under their row, then the least wanted columns are left out, and at last each
row becomes a block of its own.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

import typer

from inventory_pipeline.cli.terminal import hanging, say, styled, terminal_width, text_width, wrap
from inventory_pipeline.core.text import one_line

_GAP, _INDENT, _BETWEEN = "  ", "    ", "; "


@dataclass(frozen=True, slots=True)
class Column:
    """`below`: under its row where there is no room beside it. `spare`: left out before those with a smaller number.

    `width` is kept for it where rows are printed as they come. `least`: it may shrink to so many places, and is cut then.
    """

    name: str
    width: int = 0
    right: bool = False
    below: bool = False
    spare: int = 0
    least: int = 0


class Fact(NamedTuple):
    """What is known of one thing, under its name; several texts stand below each other."""

    name: str
    value: object


class Coloured(NamedTuple):
    """A cell in a colour, where the terminal has any."""

    text: str
    colour: str


def print_table(columns: Sequence[str | Column], rows: Iterable[Sequence[object]], *, none: str = "None.") -> None:
    """A table, or `none` where there are no rows. Numbers stand to the right.

    Texts from stores are shown as they are, without markup or control codes.
    """
    shown = [list(row) for row in rows]
    if not shown:
        say(none)
        return
    known = [column if isinstance(column, Column) else Column(column) for column in columns]
    table = Table([_fitting(column, [row[index] for row in shown]) for index, column in enumerate(known)])
    if table.heading:
        typer.echo(table.heading)
    for row in shown:
        typer.echo(table.text(row))
    table.print_left_out()


def print_facts(facts: Iterable[Fact]) -> None:
    """A line for each fact, the names to the left."""
    shown = list(facts)
    names = max(text_width(fact.name) for fact in shown)
    for name, value in shown:
        lead = f"{name}{' ' * (names - text_width(name))}{_GAP}"
        for text in value if isinstance(value, list) else [value]:
            say(show(text), lead)
            lead = " " * len(lead)


def _fitting(column: Column, cells: Sequence[object]) -> Column:
    numbers = any(isinstance(cell, int | float | Decimal) and not isinstance(cell, bool) for cell in cells)
    width = max(text_width(show(cell)) for cell in cells)
    return replace(column, width=width, right=column.right or numbers)


class Table:
    """A table whose rows are printed as they come. Each column has the width that it was given, or its name's."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = [replace(column, width=max(column.width, text_width(column.name))) for column in columns]
        self._room = terminal_width()
        self._beside, self._below, self._left_out = list(range(len(columns))), list[int](), list[int]()
        if not self._fits:
            self._below = [index for index in self._beside if columns[index].below]
            self._beside = [index for index in self._beside if not columns[index].below]
        spare = sorted((index for index in self._beside if columns[index].spare), key=lambda index: columns[index].spare)
        while spare and not self._fits:
            self._left_out.append(spare.pop())
            self._beside.remove(self._left_out[-1])
        self._shrink()

    @property
    def _fits(self) -> bool:
        """Whether a row is a line; else it is a block."""
        return (
            self._room is None
            or self._taken([self._columns[i].least or self._columns[i].width for i in self._beside]) <= self._room
        )

    def _shrink(self) -> None:
        for index in self._beside:
            over = self._taken([self._columns[i].width for i in self._beside]) - (self._room or sys.maxsize)
            column = self._columns[index]
            if column.least and over > 0:
                self._columns[index] = replace(column, width=max(column.width - over, column.least))

    @staticmethod
    def _taken(widths: Sequence[int]) -> int:
        return sum(widths) + len(_GAP) * (len(widths) - 1)

    @property
    def heading(self) -> str:
        """The columns' names; empty where rows are blocks."""
        names = _GAP.join(self._padded(index, self._columns[index].name) for index in self._beside)
        return styled(names.rstrip(), bold=True) if self._fits else ""

    def print_left_out(self) -> None:
        """Says what there was no room for."""
        if self._left_out and self._fits:
            names = ", ".join(self._columns[index].name for index in sorted(self._left_out))
            typer.echo("\n".join(wrap(f"(no room for {names}: widen the terminal, or pipe it)", self._room)))

    def text(self, row: Sequence[object]) -> str:
        """One row: a line and what stands under it, or a block."""
        texts = [show(cell) for cell in row]
        colours = [cell.colour if isinstance(cell, Coloured) else None for cell in row]
        cells = {index: self._padded(index, self._cut(index, texts[index])) for index in self._beside}
        last = next(reversed(cells))
        cells[last] = cells[last].rstrip()
        # A cell may be wider than was thought when the first row was printed.
        if not self._fits or (self._room is not None and self._taken([text_width(cell) for cell in cells.values()]) > self._room):
            return "\n".join(self._block(texts, colours))
        line = _GAP.join(styled(cell, colours[index]) for index, cell in cells.items()).rstrip()
        return "\n".join([line, *self._under(texts)])

    def _cut(self, index: int, text: str) -> str:
        column = self._columns[index]
        if not column.least or self._room is None or text_width(text) <= column.width:
            return text
        return f"{wrap(text, column.width - 1)[0]}…"

    def _padded(self, index: int, text: str) -> str:
        padding = " " * (self._columns[index].width - text_width(text))
        return padding + text if self._columns[index].right else text + padding

    def _under(self, texts: Sequence[str]) -> Iterator[str]:
        """The texts that found no room beside the others; on one line where they fit."""
        named = [(self._columns[index].name, texts[index]) for index in self._below if texts[index] not in ("", "–")]
        parts = [f"{name}: {text}" if name else text for name, text in named]
        together = _INDENT + _BETWEEN.join(parts)
        if parts and self._room is not None and text_width(together) <= self._room:
            yield together
            return
        for part in parts:
            yield from hanging(_INDENT, part, self._room)

    def _block(self, texts: Sequence[str], colours: Sequence[str | None]) -> Iterator[str]:
        assert self._room is not None
        yield from (styled(line, colours[0], bold=True) for line in wrap(texts[0], self._room))
        names = max(text_width(column.name) for column in self._columns[1:])
        for column, text, colour in zip(self._columns[1:], texts[1:], colours[1:], strict=True):
            if text not in ("", "–"):
                lead = f"{_GAP}{column.name}{' ' * (names - text_width(column.name))}{_GAP}"
                first, *more = hanging(lead, text, self._room)
                yield first.removesuffix(text) + styled(text, colour) if first.endswith(text) else first
                yield from more


def show(value: object) -> str:
    """A value for a person: `–` where there is none, yes and no for booleans, one line of printable text."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return one_line(value.text if isinstance(value, Coloured) else value, 1_000)
