"""Three recorded shops, read whole over a socket. They hold one catalogue, so nearly every figure is the same."""

from collections import Counter

import pytest

from inventory_pipeline.connectors.woocommerce.lines import EXTERNAL, GROUPED, UNUSED_POOL, VARIABLE
from inventory_pipeline.core.stock import StockLine
from inventory_pipeline_tests.connectors.reading import Whole, check_shop, read_shop
from inventory_pipeline_tests.connectors.recorded_shop import VERSIONS, RecordedShop


@pytest.fixture(params=VERSIONS, scope="module")
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def whole(version: str) -> Whole:
    return read_recorded(version)


def read_recorded(version: str) -> Whole:
    with RecordedShop(version).serve() as server:
        whole = read_shop(server.url)
        assert whole.api_calls == len(server.requests)
        assert server.all_closed()
    return whole


def by_name(whole: Whole) -> dict[tuple[str | None, str], list[StockLine]]:
    """Lines without their ids, which each shop gave out for itself, and without the barcodes that 7.0.0 does not list."""
    lines: dict[tuple[str | None, str], list[StockLine]] = {}
    for line in whole.lines.values():
        bare = line._replace(item_id="", product_id=None, barcode=None, shared_pool=line.shared_pool and "pool")
        lines.setdefault((line.sku, line.title), []).append(bare)
    return lines


def test_every_product_and_variation_is_a_line_or_excluded_with_its_reason(whole: Whole) -> None:
    assert (whole.proof.expected, whole.proof.read, whole.proof.gap, whole.proof.repeats) == (330 + 284, 614, 0, 0)
    assert len(whole.lines) == 569
    assert len({line.item_id for line in whole.lines.values()}) == 569
    assert whole.excluded == {VARIABLE: 42, UNUSED_POOL: 1, GROUPED: 1, EXTERNAL: 1}
    assert whole.rejected == []
    assert len(whole.lines) + whole.excluded.total() == whole.proof.read


def test_lines_by_state_and_status(whole: Whole) -> None:
    found = Counter((line.quantity.state, line.status) for line in whole.lines.values())
    assert found == {("tracked", "active"): 491, ("untracked", "active"): 44, ("tracked", "draft"): 34}
    assert Counter(line.sellable for line in whole.lines.values()) == {True: 538, False: 31}


def test_units_count_each_pool_once(whole: Whole) -> None:
    tracked = [line for line in whole.lines.values() if line.quantity.value is not None]
    pools = {line.shared_pool: line.quantity.value for line in tracked if line.shared_pool}
    own = sum(line.quantity.value or 0 for line in tracked if not line.shared_pool)
    assert (len(pools), own + sum(value or 0 for value in pools.values())) == (15, 16_042)
    assert sum(1 for line in tracked if line.shared_pool) == 50
    assert min(line.quantity.value or 0 for line in tracked) == -10


def test_ids_are_unique_where_skus_are_not(whole: Whole) -> None:
    skus = Counter(line.sku for line in whole.lines.values() if line.sku is not None)
    assert sum(line.sku is None for line in whole.lines.values()) == 27
    assert max(skus.values()) == 4
    assert any(sku != sku.strip() for sku in skus), "spaces around SKUs are the shop's own"


def test_variations_of_a_draft_product_are_drafts(whole: Whole) -> None:
    drafts = [line for line in whole.lines.values() if line.title.startswith("Var draft parent")]
    assert [line.status for line in drafts] == ["draft"] * 4


def test_calls_follow_the_version(version: str, whole: Whole) -> None:
    # 4 pages of products, and 3 of variations; 7.0.0 has no flat list (1 refusal), so 43 products are asked, one of them
    # in two pages.
    assert whole.api_calls == {"7.0.0": 4 + 1 + 43 + 1, "10.3.6": 4 + 3, "11.0.1": 4 + 3}[version]


def test_the_three_shops_hold_one_catalogue() -> None:
    oldest, middle, newest = (by_name(read_recorded(version)) for version in VERSIONS)
    assert oldest == middle == newest


def test_a_check_says_what_it_sees(version: str) -> None:
    with RecordedShop(version).serve() as server:
        items = check_shop(server.url)
    assert [item.ok for item in items.values()] == [True] * 4
    assert "330" in items["permissions"].detail
    assert ("one list" in items["version"].detail) == (version != "7.0.0")
