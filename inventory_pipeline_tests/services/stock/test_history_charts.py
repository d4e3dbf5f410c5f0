"""How stock went, from the ledger, and the picture of it."""

from xml.etree import ElementTree

from inventory_pipeline.core.cover import Consumption, days_of_cover, to_reorder
from inventory_pipeline.core.quantity import UNTRACKED
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.core.thresholds import checked_threshold
from inventory_pipeline.db.alerts.records import list_alerts
from inventory_pipeline.db.alerts.thresholds import put_thresholds
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.stock.history import Point, stock_history
from inventory_pipeline.services.alerts.check import AlertCheck
from inventory_pipeline.services.stock.charts import alert_charts, data_uri, sku_charts, step_chart
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.times import HOUR, NOON


def units(database: Database, items: list[str] | None = None) -> list[object]:
    with database.connect() as connection:
        return [point.units for point in stock_history(connection, "berlin", items)]


def test_history_follows_every_kind_of_change(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("tea", 10), line("cup", 5)])
    shop.sync([line("tea", 7), line("cup", 5), line("pot", 100)])
    shop.sync([line("tea", 7), line("pot", 90)])
    shop.sync([line("tea"), line("pot", 90)])
    shop.sync([line("tea", 4), line("pot", quantity=UNTRACKED), line("cup", 1)])
    assert units(database) == [15, 112, 97, 90, 5]
    assert units(database, ["tea"]) == [10, 7, 7, None, 4]
    assert units(database, ["pot"]) == [None, 100, 90, 90, None]


def test_a_chart_of_a_place_shows_that_place(database: Database) -> None:
    shop = Shop(database)
    rule = checked_threshold("location", 4, store_key="berlin", item_id="tea", location_id="shelf")
    with database.begin() as connection:
        put_thresholds(connection, [rule], NOON)
    shop.sync([line("tea", 3, location_id="shelf"), line("tea", 90, location_id="cellar")])
    AlertCheck(database=database, clock=lambda: shop.now, interval=SYNC_INTERVAL).run()
    with database.connect() as connection:
        [alert] = list_alerts(connection)
        [svg] = alert_charts(connection, alert)
    assert "tea (berlin, shelf)" in svg
    assert ">4</text>" in svg, "the threshold is the highest value there"
    assert ">93</text>" not in svg


def test_the_chart_of_a_sku_sums_its_variants(database: Database) -> None:
    Shop(database).sync([line("a", 3, sku="TEA"), line("b", 4, sku=" TEA "), line("c", 90, sku="tea")])
    with database.connect() as connection:
        [svg] = sku_charts(connection, "berlin", "TEA")
        assert list(sku_charts(connection, "berlin", "CUP")) == []
    assert ">7</text>" in svg


def test_a_pool_counts_once(database: Database) -> None:
    shop = Shop(database)
    for available in (8, 6):
        shop.sync([line(item, available, shared_pool="p") for item in ("red", "blue")] + [line("tea", 1)])
    assert units(database) == [9, 7]


def test_the_picture_is_well_formed_whatever_is_in_it() -> None:
    points = [Point(NOON + HOUR * hour, number) for hour, number in enumerate((5, 0, -3, 40))]
    for title, shown, limit in (("Tea <b> & \x00", points, 5.0), ("one", points[:1], None), ("none", [], None)):
        svg = step_chart(title, shown, limit)
        assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
        assert data_uri(svg).startswith("data:image/svg+xml;base64,")


def test_the_line_breaks_off_where_no_number_is_known() -> None:
    units = (None, 5, 5, None, 4)
    svg = step_chart("Tea", [Point(NOON + HOUR * hour, number) for hour, number in enumerate(units)])
    assert svg.count("M") == 2
    assert "no number is known" in step_chart("Tea", [Point(NOON, None)])


def test_cover_says_how_sure_it_is() -> None:
    assert days_of_cover(20, Consumption(56, 12), 28).text == "lasts about 10 days at 2.0 a day (last 28 days, high confidence)"
    assert days_of_cover(20, Consumption(10, 3), 5).confidence == "low"
    assert days_of_cover(20, Consumption(56, 2), 28).text == "days of cover: too little data (28 days seen)"
    assert days_of_cover(20, Consumption(56, 12), 2).text == "days of cover: too little data (2 days seen)"
    assert days_of_cover(20, None, 28).text == "nothing used up in 28 days"
    assert days_of_cover(-5, Consumption(56, 12), 28).days == 0


def test_what_to_reorder_is_what_the_pace_uses_up_and_the_stock_does_not_cover() -> None:
    pace = days_of_cover(4, Consumption(28, 5), 14)
    assert [to_reorder(available, pace, days) for available, days in ((4, 14), (0, None), (-3, 7), (28, 14), (None, 14))] == [
        24,
        56,
        17,
        None,
        None,
    ]
    assert to_reorder(4, days_of_cover(4, None, 14), 14) is None
    assert to_reorder(4, days_of_cover(4, Consumption(28, 1), 14), 14) is None
