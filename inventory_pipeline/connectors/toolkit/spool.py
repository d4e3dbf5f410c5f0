"""Variants and stock levels put together by inventory item on disk, where a platform lists them apart or in any order.

One inventory item may stand behind several variants, so nothing is known of a variant until the last entry is read. SQLite
sorts in a private file that vanishes with the connection; memory stays the same however many facts there are.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec


class Fact(Protocol):
    """What is kept of an entry until it is used, of a type that msgspec can store."""

    @property
    def item(self) -> str:
        """The inventory item that brings facts together."""
        ...


VariantT = TypeVar("VariantT", bound=Fact)
LevelT = TypeVar("LevelT", bound=Fact)
_encode = msgspec.msgpack.Encoder().encode


class Spool(Generic[VariantT, LevelT]):
    """Facts in, inventory items out. A context manager, for one read in one thread."""

    def __init__(self, variant: type[VariantT], level: type[LevelT]) -> None:
        self._level = level
        self._variant_of = msgspec.msgpack.Decoder(variant).decode
        self._level_of = msgspec.msgpack.Decoder(level).decode

    def __enter__(self) -> Self:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("CREATE TABLE fact (item TEXT, is_level INTEGER, body BLOB)")
        self._file.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, facts: Iterable[VariantT | LevelT]) -> None:
        rows: Iterable[Any] = ((fact.item, isinstance(fact, self._level), _encode(fact)) for fact in facts)
        self._file.executemany("INSERT INTO fact VALUES (?, ?, ?)", rows)

    def clear(self) -> None:
        """Forgets every fact: for a download that starts again."""
        self._file.execute("DELETE FROM fact")

    def items(self) -> Iterator[tuple[list[VariantT], list[LevelT]]]:
        """Each inventory item's variants and levels, in the order in which they came."""
        rows = self._file.execute("SELECT item, is_level, body FROM fact ORDER BY item, rowid")
        for _, group in groupby(rows, key=lambda row: row[0]):
            variants: list[VariantT] = []
            levels: list[LevelT] = []
            for _, is_level, body in group:
                if is_level:
                    levels.append(self._level_of(body))
                else:
                    variants.append(self._variant_of(body))
            yield variants, levels
