"""Whether a read was whole, by every count that Shopify gives."""

from dataclasses import dataclass

from inventory_pipeline.connectors.shopify.lines import Tally
from inventory_pipeline.core.stock import Completeness


@dataclass(frozen=True, slots=True)
class Counts:
    """What Shopify counts. `before` and `after` are the shop's variants; `objects` (variants and levels) and `roots`
    (variants) are an export's own, None where they are no proof."""

    before: int
    after: int
    objects: int | None = None
    roots: int | None = None


def proof(counts: Counts, nodes: int, tally: Tally, unread: int, how: str) -> Completeness:
    """Compares `nodes` received, `unread` variants among them, with every count; the largest gap counts.

    A shop's total that moves while it is read proves its smaller value only.
    """
    shop = min(counts.before, counts.after)
    variants = tally.variants + unread  # what cannot be read was shown all the same
    objects = nodes if counts.objects is None else counts.objects
    roots = 0 if counts.roots is None else counts.roots
    missing = max(objects - nodes, roots - variants - tally.repeats, shop - variants, 0)
    return Completeness(
        expected=nodes + missing,
        read=nodes,
        how=f"{how}: {nodes:,} variants and levels; {tally.variants:,} variants of {shop:,} that the shop counts",
        repeats=tally.repeats,
        moved=counts.before != counts.after,
    )
