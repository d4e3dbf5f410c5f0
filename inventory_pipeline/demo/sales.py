"""Customers and deliveries: a seeded simulator that moves a catalogue's stock, step by step."""

from datetime import datetime, timedelta
from random import Random

from inventory_pipeline.demo.catalogue import OPENED, Catalogue, Item

STEP = timedelta(minutes=1)  # of the shop's own time, for the modification dates


class Sales:
    """Sells and restocks. The same catalogue, seed and number of steps give the same stock.

    A sale leaves `modified` alone, as an order does on a real WooCommerce; a delivery is somebody's edit and moves it.
    """

    def __init__(self, catalogue: Catalogue, *, seed: int = 0, orders: int = 5) -> None:
        """`orders` is how many lines are sold in one step."""
        self.catalogue = catalogue
        self.orders = orders
        self.steps = 0
        self._random = Random(f"sales {seed}")

    def step(self, times: int = 1) -> set[int]:
        """Lets `times` steps pass and returns the ids of the items whose stock moved (of a pool, the parent's)."""
        moved: set[int] = set()
        with self.catalogue.lock:
            for _ in range(times):
                self.steps += 1
                pools = [item for item in self.catalogue.pools if item.status == "publish"]
                moved |= self._sell(pools) | self._restock(pools)
        return moved

    def _sell(self, pools: list[Item]) -> set[int]:
        best = pools[::8]  # most orders go to few lines, which then run low
        moved = set()
        for _ in range(self.orders if pools else 0):
            item = self._random.choice(best if self._random.random() < 0.8 else pools)
            wanted = self._random.choice((1, 1, 1, 2, 3, 6))
            sold = wanted if item.backorders != "no" and item.quantity > -20 else min(wanted, max(item.quantity, 0))
            if sold:
                self.catalogue.change(item, quantity=item.quantity - sold)
                moved.add(item.id)
        return moved

    def _restock(self, pools: list[Item]) -> set[int]:
        empty = [item for item in pools if item.quantity <= 0]
        if not empty or self._random.random() > 0.4:
            return set()
        item = self._random.choice(empty)
        arrived = item.quantity + self._random.choice((12, 24, 60))
        self.catalogue.change(item, quantity=arrived, modified=self._now())
        return {item.id} | self._flip_untracked()

    def _flip_untracked(self) -> set[int]:
        """Now and then the shop says that something it does not count is gone, or here again."""
        untracked = [item for item in self.catalogue.lines if not item.tracked]
        if not untracked or self._random.random() > 0.2:
            return set()
        item = self._random.choice(untracked)
        word = "outofstock" if item.availability == "instock" else "instock"
        self.catalogue.change(item, availability=word, modified=self._now())
        return {item.id}

    def _now(self) -> datetime:
        return OPENED + timedelta(days=60) + self.steps * STEP
