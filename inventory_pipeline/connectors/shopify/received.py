"""What a read has received so far, whichever way it came: an export's lines or the nodes of pages."""

from collections.abc import Sequence

from inventory_pipeline.connectors.shopify.nodes import Read, facts_of
from inventory_pipeline.connectors.shopify.spool import Spool
from inventory_pipeline.core.errors import IncompleteRead
from inventory_pipeline.core.stock import RejectedLine

# A read with more is not believed anyway, and must not fill the memory.
MOST_REJECTED = 10_000


class Received:
    """Counts nodes and puts their facts into the spool. `rejected` are the nodes of which no stock can be told."""

    def __init__(self, spool: Spool) -> None:
        self.nodes = 0
        self.rejected: list[RejectedLine] = []
        self._spool = spool

    @property
    def unread_variants(self) -> int:
        """Rejected nodes that are a variant for certain, since they say which."""
        return sum(line.item_id is not None for line in self.rejected)

    def add(self, nodes: Sequence[Read]) -> None:
        """Raises IncompleteRead where there is no end of nodes that cannot be read."""
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
