"""The catalogues: the same from the same seed, and with everything that real ones have."""

from collections import Counter

from inventory_pipeline.demo.catalogue import Catalogue
from inventory_pipeline.demo.shops import demo_catalogue, supplier_catalogue, synthetic_catalogue


def fingerprint(catalogue: Catalogue) -> list[tuple[object, ...]]:
    return [
        (item.id, item.title, item.sku, item.stock, item.price, item.status) for item in catalogue.products + catalogue.variations
    ]


def test_a_seed_gives_the_same_shop_and_another_number_another() -> None:
    assert fingerprint(demo_catalogue(1)) == fingerprint(demo_catalogue(1))
    assert fingerprint(demo_catalogue(1)) != fingerprint(demo_catalogue(2))
    assert fingerprint(demo_catalogue(1)) != fingerprint(demo_catalogue(1, seed=7))


def test_a_shop_has_what_real_catalogues_have() -> None:
    for shop in (1, 2):
        catalogue = demo_catalogue(shop)
        lines = catalogue.lines
        assert 300 <= len(lines) <= 500
        assert {item.status for item in lines} == {"publish", "draft", "private", "pending", "future"}
        assert {item.tracking for item in lines} == {"own", "parent", "none"}
        assert {item.kind for item in catalogue.products} == {"simple", "variable", "grouped", "external"}
        assert min(pool.quantity for pool in catalogue.pools) < 0
        assert 0 in {pool.quantity for pool in catalogue.pools}
        skus = Counter(item.sku for item in lines)
        assert skus.pop("") > 0
        assert max(skus.values()) > 1
        assert any(sku != sku.strip() for sku in skus)
        assert any(not item.title.isascii() for item in lines)
        assert len(catalogue.pools) < len([item for item in lines if item.tracked])


def test_the_shops_and_their_supplier_share_skus() -> None:
    first, second = ({item.sku for item in demo_catalogue(shop).lines} for shop in (1, 2))
    supplied = [item.sku for item in supplier_catalogue().lines]
    assert len(first & second) > 250
    assert len(first & second & set(supplied)) > 150
    assert len(set(supplied)) == len(supplied)


def test_units_count_a_pool_once() -> None:
    catalogue = demo_catalogue(1)
    pooled = next(item for item in catalogue.lines if item.tracking == "parent")
    before = catalogue.units
    catalogue.change(pooled.pool, quantity=pooled.pool.quantity + 10)
    assert catalogue.units == before + 10


def test_a_synthetic_catalogue_has_as_many_lines_as_asked() -> None:
    for lines, variations in ((1003, 0.5), (1000, 0.0), (1000, 1.0)):
        catalogue = synthetic_catalogue(lines, variations=variations)
        assert len(catalogue.lines) == lines
        assert len(catalogue.variations) == lines * variations // 5 * 5
        assert len({item.sku for item in catalogue.lines}) == lines
