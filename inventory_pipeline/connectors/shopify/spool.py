"""Decodes nodes in whatever order they come, each bad one apart from the rest, counts them and puts them into the spool."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from inventory_pipeline.connectors.shopify.answers import Level, Node, Variant
from inventory_pipeline.connectors.shopify.lines import Fact, LevelFact, VariantFact, level_fact, number_of, variant_fact
from inventory_pipeline.connectors.toolkit import spool as toolkit_spool
from inventory_pipeline.core.errors import IncompleteRead, LineRejected
from inventory_pipeline.core.stock import NO_LOCATION, RejectedLine
from inventory_pipeline.core.text import clean_text, one_line

# A read with more rejected nodes is not believed anyway, and must not fill the memory.
MOST_REJECTED = 10_000

# What a node becomes: itself; a fact with a fault where only its ids are readable; else a rejected line.
Read = Node | Fact | RejectedLine

_NODE = msgspec.json.Decoder(Node)


class Spool(toolkit_spool.Spool[VariantFact, LevelFact]):
    """Shopify's variants and levels: an export's children come after their parents, but not right after."""

    def __init__(self) -> None:
        super().__init__(VariantFact, LevelFact)


class Received:
    """Counts nodes and puts their facts into the spool. `rejected` are the nodes that gave no fact."""

    def __init__(self, spool: Spool) -> None:
        self.nodes = 0
        self.rejected: list[RejectedLine] = []
        self._spool = spool

    @property
    def unread_variants(self) -> int:
        """Rejected nodes that are a variant for certain, since they say which."""
        return sum(line.item_id is not None for line in self.rejected)

    def add(self, nodes: Sequence[Read]) -> None:
        """Adds nodes. Raises IncompleteRead where too many of them cannot be read."""
        self.nodes += len(nodes)
        facts, rejected = facts_of(nodes)
        self._spool.add(facts)
        self.rejected.extend(rejected)
        if len(self.rejected) > MOST_REJECTED:
            raise IncompleteRead(f"more than {MOST_REJECTED:,} nodes cannot be read, the first since {self.rejected[0].reason}")

    def clear(self) -> None:
        """For a download that starts again."""
        self.nodes = 0
        self.rejected.clear()
        self._spool.clear()


def decode_lines(block: bytes, first: int) -> list[Read]:
    """The nodes of a block of whole JSONL lines; `first` is the number of its first line, for messages.

    What is JSON but not as it should be comes as a fact with a fault where its ids are readable, else as a rejected
    line. Raises IncompleteRead for a line that is not whole JSON.
    """
    try:
        return [*_NODE.decode_lines(block)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        lines = (line for line in block.split(b"\n") if line.strip())
        return [decode_node(line, f"line {number:,} of the export") for number, line in enumerate(lines, first)]


def decode_node(raw: bytes | msgspec.Raw, where: str) -> Read:
    """One node, as `decode_lines`. Raises IncompleteRead naming `where`."""
    try:
        return _NODE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass  # a lone surrogate or a broken byte in a title must not cost the node
    try:
        loose = json.loads(bytes(raw).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise IncompleteRead(f"{where} is cut off or malformed JSON") from None
    try:
        return msgspec.convert(_storable(loose), Node)
    except msgspec.ValidationError as error:
        return _unreadable(loose, str(error))


def facts_of(nodes: Iterable[Read]) -> tuple[list[Fact], list[RejectedLine]]:
    facts: list[Fact] = []
    rejected: list[RejectedLine] = []
    for node in nodes:
        try:
            if isinstance(node, Variant):
                facts.append(variant_fact(node))
            elif isinstance(node, Level):
                facts.append(level_fact(node))
            elif isinstance(node, RejectedLine):
                rejected.append(node)
            else:
                facts.append(node)
        except LineRejected as error:
            rejected.append(RejectedLine(str(error), excerpt=one_line(node)))
    return facts, rejected


def _unreadable(loose: Any, reason: str) -> Fact | RejectedLine:
    """The ids, where they can be read: then the last stock of what they name becomes unknown instead of missing."""
    try:
        match loose:
            case {"id": str(gid), "inventoryItem": {"id": str(item)}}:
                return VariantFact(number_of(item), number_of(gid), fault=reason)
            case {"__typename": "ProductVariant", "id": str(gid)}:
                return RejectedLine(reason, number_of(gid), excerpt=one_line(loose))
            case {"item": {"id": str(item)}, "location": {"id": str(location)}}:
                return LevelFact(number_of(item), number_of(location), fault=reason)
            case {"item": {"id": str(item)}}:
                return LevelFact(number_of(item), NO_LOCATION, fault=reason)
    except LineRejected as error:
        reason = str(error)
    return RejectedLine(reason, excerpt=one_line(loose))


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_storable(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _storable(entry) for key, entry in value.items()}
    return value
