"""One item, asked for now: against a demo shop that was changed since its sync."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.errors import InventoryError, UsageError
from inventory_pipeline.core.stores import SYNC_INTERVAL, StoreIntegration
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.demo.catalogue import Catalogue, Item
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.services.sync.service import InventorySyncService
from inventory_pipeline.services.sync.verifying import Verified, verify
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON


def goods() -> Catalogue:
    """A tea, two shirts on one quantity, two caps with quantities of their own."""
    shirt = Item(id=20, kind="variable", title="Shirt", sku="SHIRT", quantity=8)
    cap = Item(id=30, kind="variable", title="Cap", sku="", tracking="none")
    for product, first, names in ((shirt, 21, "SM"), (cap, 31, "SM")):
        for number, option in enumerate(names):
            tracking: Any = "parent" if product is shirt else "own"
            one = Item(
                id=first + number, kind="variation", title=product.title, sku=f"{product.title.upper()}-{option}", quantity=3
            )
            one.tracking, one.option, one.parent = tracking, option, product
            product.variations.append(one)
    return Catalogue([Item(id=10, kind="simple", title="Tea", sku="TEA", quantity=5), shirt, cap])


class Counter:
    """A shop's counter: the store as registered, and what is asked of it."""

    def __init__(self, database: Database, shop: DemoStore) -> None:
        self.database, self.shop, self.now = database, shop, NOON
        self.store = StoreIntegration(key="berlin", platform="woocommerce", url=shop.url, allow_private=True)
        with database.begin() as connection:
            stores.insert_store(connection, self.store, NOON)

    def connect(self, store: StoreIntegration, memo: Mapping[str, str]) -> Any:
        keys = {"consumer_key": self.shop.key, "consumer_secret": self.shop.secret}
        return connector_for(store.platform)(ConnectorContext(store=store, credentials=keys, memo=memo))

    def sync(self) -> None:
        InventorySyncService(database=self.database, connect=self.connect, clock=lambda: self.now).sync_all_products(
            "berlin", run_id=f"run {self.now}"
        )

    def verify(self, sku: str) -> Verified:
        return verify(self.database, self.connect, lambda: self.now + MINUTE, SYNC_INTERVAL, "berlin", sku)

    def why(self, sku: str) -> dict[str, str]:
        return {line.item_id: line.why for line in self.verify(sku).lines}


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    with DemoStore(goods()) as shop:
        counter = Counter(database, shop)
        counter.sync()
        yield counter


def test_an_item_is_shown_beside_its_stored_line_and_nothing_changes(counter: Counter) -> None:
    [tea] = counter.verify("TEA").lines
    assert (tea.same, tea.why, tea.item_id) == (True, "the same as stored", "10")
    counter.shop.catalogue.change(10, quantity=2)
    verified = counter.verify(" TEA ")
    [tea] = verified.lines
    assert tea.stored is not None
    assert tea.now is not None
    assert (tea.stored.available, tea.now.quantity.value, tea.same) == (5, 2, False)
    assert tea.why == "its stock changed since 2026-11-23T12:00:00Z: 5 → 2"
    assert (verified.calls, verified.as_of) == (1, NOON)
    assert counter.why("10") == {"10": tea.why}  # by its id


def test_why_an_item_differs_is_told(counter: Counter) -> None:
    catalogue = counter.shop.catalogue
    catalogue.change(20, quantity=6)
    shared = "its stock changed since 2026-11-23T12:00:00Z: 8 → 6, which it shares with others as 20"
    assert counter.why("SHIRT-S") == {"21": shared}
    catalogue.change(31, tracking="none", availability="outofstock")
    assert counter.why("CAP-S")["31"] == "its stock changed since 2026-11-23T12:00:00Z: 3 → not tracked; it is not for sale now"
    catalogue.change(10, status="draft")
    assert counter.why("TEA") == {"10": "it is draft now, and was active"}
    catalogue.remove(32)
    assert counter.why("CAP-M") == {
        "32": "the store no longer shows it: it was deleted, or the key may not see it; the next complete sync calls it missing"
    }
    assert counter.verify("CAP-M").calls == 2


def test_what_is_not_stored_is_looked_for_by_its_sku(counter: Counter) -> None:
    counter.shop.catalogue.add(Item(id=40, kind="simple", title="Pot", sku="POT", quantity=7))
    [pot] = counter.verify("POT").lines
    assert (pot.stored, pot.now and pot.now.quantity.value, pot.why) == (
        None,
        7,
        "not in the last snapshot; the next sync adds it",
    )
    counter.shop.catalogue.change(31, sku="NEW")
    assert counter.why("NEW") == {"31": "not in the last snapshot; the next sync adds it"}
    with pytest.raises(InventoryError, match="neither store berlin nor its last snapshot has an item"):
        counter.verify("nope")


def test_no_sku_asks_for_nothing(counter: Counter) -> None:
    asked = len(counter.shop.requests)
    with pytest.raises(UsageError, match="give an SKU or a variant's id"):
        counter.verify("  ")
    assert len(counter.shop.requests) == asked


def test_an_item_that_was_missing_and_is_shown_again_is_told(counter: Counter) -> None:
    tea = counter.shop.catalogue[10]
    counter.shop.catalogue.remove(10)
    counter.now += HOUR
    counter.sync()
    counter.shop.catalogue._items[10] = tea  # ids are never used twice, but the trash gives back
    counter.shop.catalogue.revision += 1
    assert counter.why("TEA")["10"].endswith("the last sync did not see it; the store shows it again")


def test_a_platform_that_cannot_be_asked_says_so_and_how_to_go_on(counter: Counter, tmp_path: Path) -> None:
    (tmp_path / "stock.csv").write_text("sku,available\nTEA,1\n")
    with counter.database.begin() as connection:
        stores.insert_store(connection, StoreIntegration(key="feed", platform="feed", url="stock.csv"), NOON)

    def connect(store: StoreIntegration, memo: Mapping[str, str]) -> Any:
        return connector_for("feed")(ConnectorContext(store=store, memo=memo, feed_dir=tmp_path))

    later = NOON + timedelta(hours=1)
    with pytest.raises(UsageError, match=r"cannot ask .* for one item: `inventory-pipeline sync-all-stores --store feed`"):
        verify(counter.database, connect, lambda: later, SYNC_INTERVAL, "feed", "TEA")
    with pytest.raises(UsageError, match="stores list"):
        verify(counter.database, connect, lambda: later, SYNC_INTERVAL, "nope", "TEA")
