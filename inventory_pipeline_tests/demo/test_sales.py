"""Sales and deliveries: repeatable, believable, and such that the next sync has something to show."""

from inventory_pipeline.demo.catalogue import Catalogue
from inventory_pipeline.demo.sales import Sales
from inventory_pipeline.demo.shops import demo_catalogue


def stocks(catalogue: Catalogue) -> dict[int, int | None]:
    return {item.id: item.stock for item in catalogue.lines}


def test_the_same_seed_and_number_of_steps_give_the_same_stock() -> None:
    first, second, other = (demo_catalogue(1) for _ in range(3))
    Sales(first, seed=1).step(50)
    in_two_goes = Sales(second, seed=1)
    in_two_goes.step(20)
    in_two_goes.step(30)
    Sales(other, seed=2).step(50)
    assert in_two_goes.steps == 50
    assert stocks(first) == stocks(second) != stocks(other)


def test_a_step_names_exactly_the_items_that_moved() -> None:
    catalogue = demo_catalogue(1)
    before = {item.id: (item.quantity, item.availability) for item in catalogue.products + catalogue.variations}
    moved = Sales(catalogue).step(20)
    after = {item.id: (item.quantity, item.availability) for item in catalogue.products + catalogue.variations}
    assert moved >= {item for item in after if after[item] != before[item]} != set()


def test_lines_run_low_sell_out_and_come_back() -> None:
    catalogue = demo_catalogue(1)
    sales = Sales(catalogue)
    gone: set[int] = set()
    back: set[int] = set()
    low_before = sum(0 < pool.quantity <= 5 for pool in catalogue.pools)
    sold_out_before = {pool.id for pool in catalogue.pools if pool.quantity <= 0}
    low = low_before
    for _ in range(300):
        sales.step()
        low = max(low, sum(0 < pool.quantity <= 5 for pool in catalogue.pools))
        empty = {pool.id for pool in catalogue.pools if pool.quantity <= 0}
        gone |= empty - sold_out_before
        back |= gone - empty
    assert low > low_before
    assert len(gone) > 5
    assert len(back) > 2


def test_only_backorders_go_below_zero_and_drafts_do_not_sell() -> None:
    catalogue = demo_catalogue(1)
    sales = Sales(catalogue)
    drafts = {item.id: item.quantity for item in catalogue.lines if item.status != "publish"}
    sales.step(300)
    assert all(pool.quantity >= 0 for pool in catalogue.pools if pool.backorders == "no")
    for pool in catalogue.pools:
        catalogue.change(pool, backorders="notify")
    sales.step(100)
    assert min(pool.quantity for pool in catalogue.pools) < 0
    assert {item.id: item.quantity for item in catalogue.lines if item.status != "publish"} == drafts


def test_a_sale_leaves_the_modification_date_alone_and_a_delivery_moves_it() -> None:
    catalogue = demo_catalogue(1)
    before = {pool.id: (pool.quantity, pool.modified) for pool in catalogue.pools}
    Sales(catalogue).step(40)
    sold = [pool for pool in catalogue.pools if pool.quantity < before[pool.id][0]]
    delivered = [pool for pool in catalogue.pools if pool.quantity > before[pool.id][0]]
    assert sold
    assert delivered
    assert all(pool.modified > before[pool.id][1] for pool in delivered)
    assert any(pool.modified == before[pool.id][1] for pool in sold)


def test_every_sale_moves_the_revision_that_servers_watch() -> None:
    catalogue = demo_catalogue(1)
    before = catalogue.revision
    assert Sales(catalogue).step()
    assert catalogue.revision > before
