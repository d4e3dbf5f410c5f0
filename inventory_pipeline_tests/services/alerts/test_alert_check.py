"""The hourly check over real tables: what fires, what stays silent, and why."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from inventory_pipeline.core.alerts import Alert
from inventory_pipeline.core.notices import Route
from inventory_pipeline.core.quantity import UNTRACKED, Quantity
from inventory_pipeline.core.stock import Completeness, StockLine
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.core.thresholds import checked_threshold
from inventory_pipeline.db.alerts import notices, records
from inventory_pipeline.db.alerts.explanations import low_then
from inventory_pipeline.db.alerts.monitored_stores import monitored_stores
from inventory_pipeline.db.alerts.sku_totals import total_of_sku
from inventory_pipeline.db.alerts.thresholds import put_thresholds
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.tables.alerts import outbox
from inventory_pipeline.services.alerts.check import AlertCheck, CheckResult
from inventory_pipeline_tests.canceling import ENDLESS, Signal
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.sync.statements import EVALUATING, before, instead
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON


def check(database: Database, shop: Shop, after: timedelta = MINUTE, **options: Any) -> CheckResult:
    return AlertCheck(database=database, clock=lambda: shop.now + after, interval=SYNC_INTERVAL).run(**options)


def live(database: Database, **options: Any) -> dict[str, Alert]:
    with database.connect() as connection:
        return {alert.item_id or alert.kind: alert for alert in records.list_alerts(connection, **options)}


def rule(database: Database, scope: str, threshold: int, **parts: Any) -> None:
    with database.begin() as connection:
        put_thresholds(connection, [checked_threshold(scope, threshold, **parts)], NOON)


def levels(database: Database) -> dict[str, str]:
    return {item: alert.level for item, alert in live(database).items()}


def test_each_kind_of_line_gets_the_level_it_deserves(database: Database) -> None:
    shop = Shop(database)
    shop.sync(
        [
            line("plenty", 6),
            line("low", 5),
            line("out", 0),
            line("oversold", -2),
            line("backorder", -2, oversell_allowed=True),
            line("unknown"),
            line("untracked", quantity=UNTRACKED, sellable=True),
            line("unsellable", quantity=UNTRACKED, sellable=False),
            line("silent", quantity=UNTRACKED),
            line("draft", 0, status="draft"),
            line("archived", 0, status="archived"),
            line("closed", 0, location_active=False),
        ]
    )
    result = check(database, shop)
    told = {"low": "low", "out": "out", "oversold": "oversold", "backorder": "backorder", "unsellable": "out"}
    assert levels(database) == told
    assert result.counts == {"opened": 5, "worsened": 0, "resolved": 0, "still_open": 0, "suppressed": 0}
    alert = live(database)["low"]
    assert (alert.available, alert.threshold, alert.rule, alert.baseline) == (5, 5, "global default: 5 or fewer", True)
    assert alert.as_of == shop.now - MINUTE


def test_a_second_check_of_the_same_stock_says_nothing(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("tea", 3), line("cup", 0)])
    check(database, shop)
    assert check(database, shop, HOUR).counts == {"opened": 0, "worsened": 0, "resolved": 0, "still_open": 2, "suppressed": 0}


def test_an_alert_ends_above_threshold_and_margin_and_only_then_may_come_back(database: Database) -> None:
    shop = Shop(database)
    course = [
        (5, "opened"),
        (6, "still_open"),
        (5, "still_open"),
        (0, "worsened"),
        (4, "still_open"),
        (7, "resolved"),
        (5, "opened"),
    ]
    for available, expected in course:
        shop.sync([line("tea", available)])
        counts = check(database, shop).counts
        assert [name for name, number in counts.items() if number] == [expected], available


def test_a_notice_names_the_numbers_of_the_alerts_that_it_tells_of(database: Database) -> None:
    shop = Shop(database)
    rule(database, "sku", 9, group="default", sku="TEA")
    rule(database, "location", 9, store_key="berlin", item_id="tea", location_id="default")
    with database.begin() as connection:
        notices.insert_route(connection, Route(name="erp", kind="webhook", shown=""), "", NOON)
    shop.sync([line("tea", 3, sku="TEA"), line("cup", 0, sku="TEA"), line("pot", 1, shared_pool="p")])
    check(database, shop)
    with database.connect() as connection:
        [payload] = connection.scalars(sa.select(outbox.c.payload))
        numbers = {(alert.kind, alert.item_id): alert.id for alert in records.list_alerts(connection)}
    assert {(told["kind"], told["item_id"]): told["alert"] for told in payload["alerts"]} == numbers
    assert len(numbers) == 4


def test_stock_within_the_margin_is_low_and_no_longer_out(database: Database) -> None:
    shop = Shop(database)
    for available in (0, 6):
        shop.sync([line("tea", available)])
        result = check(database, shop)
    assert result.live == {"low": 1}
    assert live(database)["tea"].available == 6


def test_an_alert_that_its_margin_keeps_open_says_what_was_and_what_ends_it(database: Database) -> None:
    shop = Shop(database)
    rule(database, "global", 10, margin=3)
    for available, told in (
        (3, "global default: 10 or fewer"),
        (12, "global default: 10 or fewer; was 3, closes above 13"),
        (11, "global default: 10 or fewer; was 3, closes above 13"),
        (4, "global default: 10 or fewer"),
        (13, "global default: 10 or fewer; was 4, closes above 13"),
    ):
        shop.sync([line("tea", available)])
        check(database, shop)
        assert live(database)["tea"].because == told
    rule(database, "global", 10, margin=5)
    check(database, shop)
    assert live(database)["tea"].because.endswith("was 4, closes above 15")
    shop.sync([line("tea", 16)])
    check(database, shop)
    assert live(database, include_resolved=True)["tea"].because == "global default: 10 or fewer"


def test_what_nobody_counts_and_the_platform_does_not_sell_is_said_to_be_that(database: Database) -> None:
    shop = Shop(database)
    totals = shop.sync(
        [
            line("card", quantity=UNTRACKED, sellable=False),
            line("tea", 0),
            line("service", quantity=UNTRACKED, sellable=True),
            line("draft", quantity=UNTRACKED, sellable=False, status="draft"),
        ]
    ).totals
    assert totals.out_of_stock == check(database, shop).live["out"] == 2
    told = live(database)
    assert (told["card"].because, told["card"].available) == ("not for sale", None)
    assert told["tea"].because == "global default: 5 or fewer"


def test_a_dry_run_changes_nothing(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("tea", 3)])
    assert check(database, shop, dry_run=True).counts["opened"] == 1
    assert live(database) == {}
    assert check(database, shop).counts["opened"] == 1


def test_a_cancel_ends_a_long_evaluation_and_leaves_nothing_of_it(database: Database, cancel: Signal) -> None:
    shop = Shop(database)
    shop.sync([line("tea", 3)])
    endless = ENDLESS[database.dialect]
    with cancel.cancels(), instead(EVALUATING, endless), before(endless, cancel.send_soon):
        check(database, shop)
    assert live(database) == {}
    result = check(database, shop)
    assert (result.counts["opened"], result.first_look) == (1, ("berlin",))


def test_the_most_specific_rule_decides_and_is_named(database: Database) -> None:
    shop = Shop(database)
    rule(database, "global", 1)
    rule(database, "store", 2, store_key="berlin")
    rule(database, "variant", 3, store_key="berlin", item_id="tea")
    shop.sync([line("tea", 3), line("cup", 3), line("pot", 2)])
    check(database, shop)
    assert {item: alert.rule for item, alert in live(database).items()} == {
        "tea": "variant tea of store berlin: 3 or fewer",
        "pot": "store berlin: 2 or fewer",
    }


def test_store_rules_look_at_the_sum_and_location_rules_at_the_place(database: Database) -> None:
    shop = Shop(database)
    rule(database, "location", 4, store_key="berlin", item_id="tea", location_id="shelf")
    shop.sync(
        line(item, available, location_id=place)
        for item, place, available in (
            ("tea", "shelf", 4),
            ("tea", "cellar", 4),
            ("cup", "shelf", 2),
            ("cup", "cellar", 3),
            ("pot", "shelf", 2),
            ("pot", "cellar", 9),
        )
    )
    check(database, shop)
    found = live(database)
    assert {item: (alert.kind, alert.location_id, alert.available) for item, alert in found.items()} == {
        "tea": ("location", "shelf", 4),
        "cup": ("variant", "", 5),
    }


def test_a_variant_with_a_rule_at_each_of_its_places_is_judged_by_those_alone(database: Database) -> None:
    shop = Shop(database)
    rule(database, "location", 0, store_key="berlin", item_id="tea", location_id="default")
    shop.sync([line("tea", 3)])
    assert check(database, shop).counts["opened"] == 0


def test_one_pool_is_one_alert_under_its_highest_rule(database: Database) -> None:
    shop = Shop(database)
    rule(database, "variant", 8, store_key="berlin", item_id="red")
    rule(database, "variant", 3, store_key="berlin", item_id="blue")
    shop.sync([line("red", 7, shared_pool="p"), line("blue", 7, shared_pool="p"), line("green", 7)])
    check(database, shop)
    [alert] = live(database).values()
    assert (alert.kind, alert.available, alert.rule) == ("pool", 7, "variant red of store berlin: 8 or fewer")


def test_pools_at_several_places_are_summed_once_each(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line(item, 3, location_id=place, shared_pool=f"i@{place}") for item in ("a", "b") for place in ("x", "y")])
    assert check(database, shop).counts["opened"] == 0
    shop.sync([line(item, 2, location_id=place, shared_pool=f"i@{place}") for item in ("a", "b") for place in ("x", "y")])
    check(database, shop)
    assert [alert.available for alert in live(database).values()] == [4]


def test_unknown_lines_hold_an_alert_and_open_none(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("tea", 3), line("cup", 9)])
    check(database, shop)
    shop.sync([line("tea"), line("cup")])
    assert check(database, shop).counts == {"opened": 0, "worsened": 0, "resolved": 0, "still_open": 1, "suppressed": 0}
    shop.sync([line("tea", 9), line("cup", 9)])
    assert check(database, shop).counts["resolved"] == 1


def test_a_missing_line_holds_its_alert_until_it_is_deleted(database: Database) -> None:
    shop = Shop(database)
    others = [line(f"other-{number}", 50) for number in range(3)]
    shop.sync([line("tea", 3), *others])
    check(database, shop)
    shop.sync(others)
    assert check(database, shop).counts["still_open"] == 1
    shop.sync(others)
    assert check(database, shop).counts["resolved"] == 1


def test_a_stale_store_is_said_to_be_stale_and_its_stock_is_not_judged(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("tea", 9)])
    check(database, shop)
    shop.sync([line("tea", 3)])
    result = check(database, shop, 5 * HOUR + MINUTE)
    assert result.stale == ("berlin",)
    assert levels(database) == {"store": "stale"}
    shop.now += 6 * HOUR
    shop.sync([line("tea", 3)])
    assert check(database, shop).counts == {"opened": 1, "worsened": 0, "resolved": 1, "still_open": 0, "suppressed": 0}


def test_a_file_that_nobody_renews_makes_its_store_stale_and_alerts_once(database: Database) -> None:
    shop = Shop(database, settings={"max_file_age": "2"})
    written = shop.now - 46 * HOUR
    proof = Completeness(None, 1, "test", modified=written)
    shop.sync([line("tea", 3)], proof=proof)
    assert check(database, shop).counts["opened"] == 1
    assert levels(database) == {"tea": "low"}
    for opened, still_open in ((1, 1), (0, 2), (0, 2)):
        shop.sync([line("tea", 3)], proof=proof)
        counts = check(database, shop).counts
        assert (counts["opened"], counts["still_open"]) == (opened, still_open)
    with database.connect() as connection:
        stale = next(alert for alert in records.list_alerts(connection) if alert.kind == "store")
    assert "not renewed since 2026-11-21T14:00:00Z, more than 2 days ago; have its maker renew it" in stale.detail
    shop.sync([line("tea", 3)], proof=Completeness(None, 1, "test", modified=shop.now))
    assert check(database, shop).counts["resolved"] == 1


def three_twins(*units: int) -> list[StockLine]:
    return [line(name, number, sku="TEA") for name, number in zip(("en", "de", "fr"), units, strict=True)]


@pytest.mark.parametrize(
    ("units", "setting", "told"),
    [
        ((6, 6, 6), "", (6, 18, True)),
        ((6, 6, 4), "", (16, None, True)),
        ((0, 0, 0), "", (0, None, True)),
        ((6, 6, 6), "one_stock", (6, None, False)),
        ((6, 6, 4), "one_stock", (4, None, False)),
        ((6, 6, 6), "never", (18, None, False)),
    ],
)
def test_equal_numbers_of_one_sku_may_be_one_stock_or_several(
    database: Database, units: tuple[int, ...], setting: str, told: tuple[int, int | None, bool]
) -> None:
    shop = Shop(database, settings={"same_sku": setting} if setting else {})
    rule(database, "sku", 20, **SKU)
    shop.sync(three_twins(*units))
    check(database, shop)
    alert = sku_alert(database)
    assert alert is not None
    assert (alert.available, alert.up_to, alert.ambiguous) == told
    with database.connect() as connection:
        stores_then = monitored_stores(connection, shop.now, SYNC_INTERVAL)
        (total,) = total_of_sku(connection, stores_then, "TEA")
    assert (total.available, total.up_to, total.ambiguous) == told


def test_at_two_places_equal_numbers_are_two_stocks_and_over_two_stores_ranges_add_up(database: Database) -> None:
    berlin, paris = Shop(database), Shop(database, "paris")
    rule(database, "sku", 50, **SKU)
    berlin.sync([line("a", 6, sku="TEA", location_id="x"), line("b", 6, sku="TEA", location_id="y")])
    paris.sync([line("c", 5, sku="TEA"), line("d", 5, sku="TEA")])
    check(database, berlin)
    alert = sku_alert(database)
    assert alert is not None
    assert (alert.available, alert.up_to) == (17, 22)


def test_a_store_that_was_never_read_is_stale_after_its_limit(database: Database) -> None:
    shop = Shop(database)
    assert check(database, shop).counts["opened"] == 0
    check(database, shop, 6 * HOUR)
    assert levels(database) == {"store": "stale"}


def test_an_inactive_store_has_no_alerts(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("tea", 3)])
    check(database, shop)
    with database.begin() as connection:
        stores.update_store(connection, "berlin", is_active=False)
    assert check(database, shop, 9 * HOUR).counts["resolved"] == 1
    assert live(database) == {}


def test_a_refused_credential_is_an_alert_until_the_platform_takes_it_again(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("tea", 9)])
    for reason, expected in (("401: the key was revoked", "opened"), ("401 again", "still_open"), (None, "resolved")):
        with database.begin() as connection:
            stores.set_needs_reauthorization(connection, "berlin", reason)
        counts = check(database, shop).counts
        assert [name for name, number in counts.items() if number] == [expected]


def test_refused_credentials_are_one_alert_though_the_store_grows_stale_of_it(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("tea", 9)])
    with database.begin() as connection:
        stores.set_needs_reauthorization(connection, "berlin", "401: the key was revoked")
    check(database, shop)
    result = check(database, shop, 9 * HOUR)
    assert (result.counts["opened"], result.stale) == (0, ("berlin",))
    assert levels(database) == {"sync": "needs_reauthorization"}
    with database.begin() as connection:
        stores.set_needs_reauthorization(connection, "berlin", None)
    assert check(database, shop, 9 * HOUR).counts["opened"] == 1  # still stale, and nothing else says so
    with database.begin() as connection:
        stores.set_needs_reauthorization(connection, "berlin", "401 again")
    check(database, shop, 10 * HOUR)
    assert sorted(levels(database).values()) == ["needs_reauthorization", "stale"]


SKU = {"group": "default", "sku": "TEA"}


def sku_alert(database: Database) -> Alert | None:
    with database.connect() as connection:
        return next((alert for alert in records.list_alerts(connection) if alert.kind == "sku"), None)


def test_a_sku_rule_looks_at_the_group_and_silences_none(database: Database) -> None:
    berlin, paris = Shop(database), Shop(database, "paris")
    rule(database, "sku", 20, **SKU)
    berlin.sync([line("b1", 3, sku=" TEA "), line("b2", 90, sku="tea")])
    paris.sync([line("p1", 16, sku="TEA", shared_pool="x"), line("p2", 16, shared_pool="x"), line("p3", 50, sku="")])
    check(database, berlin)
    alert = sku_alert(database)
    assert alert is not None
    assert (alert.available, alert.rule, alert.ambiguous) == (19, "SKU TEA over group default: 20 or fewer", False)
    with database.connect() as connection:
        assert ("variant", "b1") in {(each.kind, each.item_id) for each in records.list_alerts(connection)}


def test_of_mirrored_stores_the_freshest_counts(database: Database) -> None:
    rule(database, "sku", 20, **SKU)
    old, new = (Shop(database, key, settings={"stock_pool": "hall"}) for key in ("a-old", "b-new"))
    old.sync([line("x", 50, sku="TEA")])
    new.now += HOUR
    new.sync([line("y", 15, sku="TEA")])
    check(database, new)
    alert = sku_alert(database)
    assert alert is not None
    assert alert.available == 15


def test_unknown_lines_make_a_total_at_least_that_much(database: Database) -> None:
    rule(database, "sku", 20, **SKU)
    shop = Shop(database)
    shop.sync([line("x", 15, sku="TEA"), line("y", sku="TEA")])
    assert check(database, shop).counts["opened"] == 0
    shop.sync([line("x", 15, sku="TEA"), line("y", 1, sku="TEA")])
    check(database, shop)
    alert = sku_alert(database)
    assert alert is not None
    assert alert.ambiguous
    shop.sync([line("x", 10, sku="TEA"), line("y", sku="TEA")])
    assert check(database, shop).counts["still_open"] >= 1
    alert = sku_alert(database)
    assert alert is not None
    assert (alert.available, alert.at_least) == (10, True)


def test_stock_that_will_be_used_up_soon_is_told_where_a_rule_asks(database: Database) -> None:
    shop = Shop(database)
    rule(database, "store", 5, store_key="berlin", cover_days=7)
    for day, available in enumerate((100, 90, 80, 70, 60)):
        shop.now = NOON + timedelta(days=day)
        shop.sync([line("tea", available), line("slow", 60 - (day == 4))])
    check(database, shop)
    assert levels(database) == {"tea": "runs_out"}
    alert = live(database)["tea"]
    assert alert.rule == "store berlin: 5 or fewer, or used up within 7 days"


def test_an_alert_for_days_of_cover_stays_until_the_stock_lasts_a_quarter_longer(database: Database) -> None:
    shop = Shop(database)
    rule(database, "store", 5, store_key="berlin", cover_days=7)
    for day, available in enumerate((100, 90, 80, 70, 60)):
        shop.now = NOON + timedelta(days=day)
        shop.sync([line("tea", available)])
    check(database, shop)
    assert levels(database) == {"tea": "runs_out"}
    # Ten a day: 80 last eight days, longer than seven and not longer than eight and three quarters.
    for available, expected in ((80, {"tea": "runs_out"}), (90, {})):
        shop.now += MINUTE
        shop.sync([line("tea", available)])
        check(database, shop)
        assert levels(database) == expected, available


def test_what_was_used_up_later_does_not_make_stock_low_before(database: Database) -> None:
    shop = Shop(database)
    rule(database, "store", 5, store_key="berlin", cover_days=7)
    for day, available in enumerate((100, 99, 98, 97, 10)):
        shop.now = NOON + timedelta(days=day)
        shop.sync([line("tea", available)])
    with database.connect() as connection:
        low = [low_then(connection, shop.now - timedelta(days=days), SYNC_INTERVAL).variants for days in (0, 1)]
    assert low == [{("berlin", "tea")}, set()]


@pytest.mark.parametrize("name", ["it's 100% \\ odd", "grün"])
def test_names_of_people_do_not_break_the_statements(database: Database, name: str) -> None:
    shop = Shop(database, group=name, settings={"stock_pool": name})
    rule(database, "sku", 20, group=name, sku="TEA")
    shop.sync([line("tea", 6, sku="TEA")])
    check(database, shop)
    alert = sku_alert(database)
    assert alert is not None
    assert alert.group == name


def test_fractions_stay_exact(database: Database) -> None:
    shop = Shop(database)
    shop.sync(
        [StockLine("tea", quantity=Quantity.of(Decimal("5.00001"))), StockLine("rice", quantity=Quantity.of(Decimal("4.5")))]
    )
    check(database, shop)
    assert {item: alert.available for item, alert in live(database).items()} == {"rice": Decimal("4.5")}
