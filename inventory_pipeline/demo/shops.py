"""Catalogues: two web shops and their supplier, drawn from one assortment, and big plain ones for benchmarks.

The shops share most SKUs, so that a total over the group means something, and each has what real catalogues have: shared
pools, drafts, backorders below zero, untracked goods, missing and repeated SKUs.
"""

from datetime import datetime, timedelta
from random import Random

from inventory_pipeline.demo.assortment import Design, assortment
from inventory_pipeline.demo.catalogue import OPENED, Catalogue, Item, Status

STATUSES: tuple[Status, ...] = ("draft", "private", "pending", "future")


def demo_catalogue(shop: int, seed: int = 2026) -> Catalogue:
    """The catalogue of web shop number `shop`: more than 300 lines, most of them in the other shops too."""
    random = Random(f"shop {shop} of {seed}")
    catalogue = Catalogue()
    for number, design in enumerate(assortment(seed)):
        if random.random() >= 0.07:
            catalogue.add(stocked(design, catalogue.next_id, random, OPENED + timedelta(days=number // 12)))
    singles = [item for item in catalogue.products if item.kind == "simple" and item.tracking == "own"]
    for i, item in enumerate(random.sample(singles, 24)):
        if i < 10:  # may be sold below zero, and some have been
            item.backorders = ("yes", "notify")[i % 2]
            item.quantity = random.randrange(-12, 9)
        elif i < 22:
            item.status = STATUSES[i % 4] if i % 3 else "draft"
        else:
            item.sku = f" {item.sku} "
    for item in singles[::10]:
        item.low_stock = 5
    table = Item(id=catalogue.next_id, kind="grouped", title="Breakfast table", sku="HP-SET", tracking="none")
    table.members = singles[:3]
    catalogue.add(table)
    catalogue.add(Item(id=catalogue.next_id, kind="external", title="Tide tables", sku="HP-EXT", price="7.90", tracking="none"))
    return catalogue


def supplier_catalogue(seed: int = 2026) -> Catalogue:
    """The shops' supplier: most tracked lines of the assortment that have an SKU, each once, in bigger quantities."""
    random = Random(f"supplier of {seed}")
    lines: dict[str, Item] = {}
    for design in assortment(seed):
        for option in design.options or ("",):
            sku, title = (design.sku_of(option), f"{design.title}, {option}") if option else (design.sku, design.title)
            if design.tracking == "own" and sku and sku not in lines and random.random() < 0.8:
                lines[sku] = Item(
                    id=10_000 + len(lines),
                    kind="simple",
                    title=title,
                    sku=sku,
                    barcode=design.barcode,
                    price=f"{float(design.price) * 0.6:.2f}",
                    status="draft" if len(lines) % 40 == 39 else "publish",
                    quantity=random.choice((0, 6, 24, 48, 120, 480)),
                )
    return Catalogue(lines.values())


def synthetic_catalogue(lines: int, *, variations: float = 0.5, per_parent: int = 5, seed: int = 1) -> Catalogue:
    """A big plain catalogue: `variations` of its lines are variations, and every fifth of their parents is a shared pool."""
    random, catalogue = Random(seed), Catalogue()
    parents = int(lines * variations) // per_parent
    options = [f"{number:04}" for number in range(1, per_parent + 1)]
    for i in range(lines - parents * per_parent):
        catalogue.add(stocked(Design(title=f"Product {i}", sku=f"S-{i}"), catalogue.next_id, random))
    for i in range(parents):
        tracking = "own" if i % 5 else "parent"
        design = Design(title=f"Family {i}", sku=f"V-{i}", option="Option", options=options, tracking=tracking)
        catalogue.add(stocked(design, catalogue.next_id, random))
    return catalogue


def stocked(design: Design, first_id: int, random: Random, created: datetime = OPENED) -> Item:
    """The design as a shop has it: with ids from `first_id` on, and a quantity wherever one is tracked."""
    tracking = design.tracking
    if design.options:
        tracking = "own" if design.tracking == "parent" else "none"
    product = Item(
        id=first_id,
        kind="variable" if design.options else "simple",
        title=design.title,
        sku=design.sku,
        barcode=design.barcode,
        price=design.price,
        tracking=tracking,
        quantity=_quantity(random),
        option=design.option,
        created=created,
        modified=created,
    )
    product.variations = [
        Item(
            id=first_id + number,
            kind="variation",
            title=option,
            sku=design.sku_of(option),
            price=design.price,
            tracking=design.tracking,
            quantity=_quantity(random),
            parent=product,
            created=created,
            modified=created,
        )
        for number, option in enumerate(design.options, 1)
    ]
    return product


def _quantity(random: Random) -> int:
    return random.choices((0, random.randrange(1, 6), random.randrange(6, 120)), (6, 12, 82))[0]
