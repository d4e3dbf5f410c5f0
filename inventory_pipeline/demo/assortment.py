"""What the made-up shops of the demo could sell: names, SKUs and prices, all following from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from inventory_pipeline.demo.catalogue import Tracking

# fmt: off
SIMPLE = (
    "Beeswax candle", "Oak chopping board", "Enamel mug", "Copper kettle", "Cast iron skillet", "Wicker basket", "Boot brush",
    "Linen tea towel", "Olive soap", "Brass bell", "Slate coaster", "Cedar box", "Glass carafe", "Stoneware jug", "Birch tray",
    "Wool duster", "Pepper mill", "Café au lait bowl", "Smørrebrød board", "日本茶 teapot", "Crème brûlée dish", "Twine holder",
    "Seed tin", "Door mat", "Letter opener", "Egg cup",
)
FINISHES = ("natural", "smoked", "small", "large", "No. 3", "ocean blue", "moss green")
VARIED = {
    ("Size", ("XS", "S", "M", "L", "XL")): (
        "Fisherman's jumper", "Canvas apron", "Garden clogs", "Rain smock", "Wool socks", "Work gloves", "Flannel nightshirt",
        "Sun hat ☀", "Ærø cardigan",
    ),
    ("Colour", ("chalk", "sand", "indigo", "rust")): (
        "Linen cushion", "Tote bag", "Picnic blanket", "Notebook", "Lampshade", "Table runner", "Umbrella", "Cotton throw",
        "Dinner plate", "Candle holder",
    ),
}
POOLED = {  # one stock, sold in several ways
    "Harbour espresso beans": ("Grind", ("whole bean", "filter", "moka pot", "espresso")),
    "Breakfast tea": ("Packing", ("loose", "tin", "gift box")),
    "Jute twine": ("Length", ("5 m", "10 m", "25 m")),
    "Engraved bread board": ("Engraving", ("none", "initials", "date", "motif")),
    "Pine resin incense": ("Packing", ("paper bag", "tin")),
    "Lighthouse print": ("Frame", ("unframed", "oak", "black", "white")),
}
UNTRACKED = ("Gift card", "Knife sharpening", "Candle workshop", "Gift wrapping", "Bread course", "Downloadable pattern")
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One entry of the assortment, before a shop gives it ids and stock. An empty `sku` is a missing one."""

    title: str
    sku: str
    price: str = "9.99"
    barcode: str = ""
    option: str = ""  # what its variations differ in
    options: Sequence[str] = ()
    tracking: Tracking = "own"  # of the variations, or of the product itself where it has none
    own_skus: bool = True  # False: the variations show their parent's

    def sku_of(self, option: str) -> str:
        return f"{self.sku}-{_code(option)}" if self.sku and self.own_skus else ""


def assortment(seed: int) -> list[Design]:
    """All designs, in a fixed order; a few have no SKU or share it with the one before."""
    random = Random(f"assortment {seed}")
    designs = [
        Design(
            title=f"{noun}, {finish}",
            sku=f"HP-{i:02}-{_code(finish)}",
            price=_price(random),
            barcode=f"20{random.randrange(10**11):011}",  # the GS1 range for use inside a shop
        )
        for i, noun in enumerate(SIMPLE, 1)
        for finish in random.sample(FINISHES, 6)
    ]
    for (option, options), titles in VARIED.items():
        for i, title in enumerate(titles, 1):
            for edition in ("Harbour", "Winter"):
                name, sku = f"{title}, {edition} edition", f"HP-{option[0]}{i:02}{edition[0]}"
                designs.append(Design(title=name, sku=sku, price=_price(random), option=option, options=options, own_skus=i != 5))
    for i, (title, (option, options)) in enumerate(POOLED.items(), 1):
        sku = f"HP-P{i:02}"
        designs.append(Design(title=title, sku=sku, price=_price(random), option=option, options=options, tracking="parent"))
    designs += [Design(title=title, sku=f"HP-U{i:02}", tracking="none") for i, title in enumerate(UNTRACKED, 1)]
    designs.append(Design(title="Driftwood lamp", sku="HP-D", option="Shade", options=("linen", "paper"), tracking="none"))
    for i in range(20, len(designs), 37):
        designs[i] = replace(designs[i], sku=designs[i - 1].sku if i % 2 else "")
    return designs


def _price(random: Random) -> str:
    return f"{random.randrange(300, 14000, 5) / 100:.2f}"


def _code(words: str) -> str:
    return "".join(filter(str.isalnum, words))[:4].upper()
