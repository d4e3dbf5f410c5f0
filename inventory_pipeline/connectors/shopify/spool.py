"""Variants and levels put together by inventory item, on disk: an export may hold millions, in hardly any order.

An export's children come after their parents, but not right after, and one inventory item may stand behind several
variants. So nothing is known of a variant until the last line is read. SQLite sorts in a private file that vanishes with
the connection; memory stays the same however many facts there are.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from types import TracebackType
from typing import Self

import msgspec

from inventory_pipeline.connectors.shopify.facts import Fact, LevelFact, VariantFact

_encode = msgspec.msgpack.Encoder().encode
_VARIANT = msgspec.msgpack.Decoder(VariantFact).decode
_LEVEL = msgspec.msgpack.Decoder(LevelFact).decode


class Spool:
    """Facts in, inventory items out. A context manager, for one read in one thread."""

    def __enter__(self) -> Self:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("CREATE TABLE fact (item TEXT, is_level INTEGER, body BLOB)")
        self._file.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, facts: Iterable[Fact]) -> None:
        rows = ((fact.item, isinstance(fact, LevelFact), _encode(fact)) for fact in facts)
        self._file.executemany("INSERT INTO fact VALUES (?, ?, ?)", rows)

    def clear(self) -> None:
        """Forgets every fact: for a download that starts again."""
        self._file.execute("DELETE FROM fact")

    def items(self) -> Iterator[tuple[list[VariantFact], list[LevelFact]]]:
        """Each inventory item's variants and levels, in the order in which they came."""
        rows = self._file.execute("SELECT item, is_level, body FROM fact ORDER BY item, rowid")
        for _, group in groupby(rows, key=lambda row: row[0]):
            variants: list[VariantFact] = []
            levels: list[LevelFact] = []
            for _, is_level, body in group:
                if is_level:
                    levels.append(_LEVEL(body))
                else:
                    variants.append(_VARIANT(body))
            yield variants, levels
