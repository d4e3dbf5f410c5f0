"""What notices say, not only how many there are."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from inventory_pipeline.core.alerts import EVENTS
from inventory_pipeline.core.notices import Route
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.stock import Completeness
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.core.sync import Outcome
from inventory_pipeline.db.alerts import notices, records
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.stock.history import Point
from inventory_pipeline.db.tables.alerts import outbox
from inventory_pipeline.services.alerts.alerting import Decisions
from inventory_pipeline.services.alerts.check import AlertCheck
from inventory_pipeline.services.alerts.store_alerts import SyncNotices
from inventory_pipeline.services.stock.charts import step_chart
from inventory_pipeline.services.stock.metrics import prometheus_text
from inventory_pipeline.services.stock.report import html_report
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON


@pytest.fixture
def shop(database: Database) -> Shop:
    with database.begin() as connection:
        notices.insert_route(connection, Route(name="all", kind="webhook", shown="", events=EVENTS), "", NOON)
    return Shop(database)


def check(database: Database, shop: Shop, after: timedelta = MINUTE) -> None:
    AlertCheck(database=database, clock=lambda: shop.now + after, interval=SYNC_INTERVAL).run()


def sent(database: Database) -> list[dict[str, Any]]:
    """The payloads since the last call, oldest first."""
    with database.begin() as connection:
        payloads = list(connection.scalars(sa.select(outbox.c.payload).order_by(outbox.c.id)))
        connection.execute(outbox.delete())
    return payloads


def told(database: Database) -> list[tuple[str, str, str]]:
    return [(fact["event"], fact["level"], fact["store"]) for payload in sent(database) for fact in payload["alerts"]]


def test_stale_stores_and_refused_credentials_are_sent(database: Database, shop: Shop) -> None:
    shop.sync([line("tea", 9)])
    check(database, shop)
    check(database, shop, 9 * HOUR)
    [payload] = sent(database)
    [fact] = payload["alerts"]
    assert (fact["event"], fact["level"], fact["kind"], fact["store"]) == ("opened", "stale", "store", "berlin")
    assert "was last read whole at" in fact["detail"]
    with database.begin() as connection:
        stores.set_needs_reauthorization(connection, "berlin", "401: the key was revoked")
    check(database, shop, 10 * HOUR)
    [payload] = sent(database)
    [fact] = payload["alerts"]
    assert (fact["event"], fact["level"], fact["kind"]) == ("opened", "needs_reauthorization", "sync")
    assert fact["detail"] == "401: the key was revoked"
    assert isinstance(fact["alert"], int)


def test_what_is_sent_of_an_end_names_what_ended_and_nothing_that_lives(database: Database, shop: Shop) -> None:
    shop.sync([line("tea", 3), line("cup", 0)])
    check(database, shop)
    sent(database)
    shop.sync([line("tea", 3, status="draft"), line("cup", 0)])
    check(database, shop)
    [payload] = sent(database)
    assert [(fact["event"], fact["item_id"]) for fact in payload["alerts"]] == [("resolved", "tea")]
    shop.sync([line("tea", 3, status="draft"), line("cup", 40)])
    check(database, shop)
    [payload] = sent(database)
    assert [(fact["event"], fact["item_id"]) for fact in payload["alerts"]] == [("resolved", "cup")]


def test_a_decision_shows_the_alerts_that_it_is_about_and_no_others(database: Database, shop: Shop) -> None:
    shop.sync([line("tea", 3), line("cup", 0), line("pot", 1)])
    check(database, shop)
    with database.connect() as connection:
        numbers = {alert.item_id: alert.id for alert in records.list_alerts(connection)}
    decisions = Decisions(database=database, clock=lambda: shop.now)
    assert [alert.item_id for alert in decisions.acknowledge([numbers["tea"]], "lena")] == ["tea"]
    assert [alert.item_id for alert in decisions.snooze([numbers["pot"]], shop.now + HOUR, "lena")] == ["pot"]


def test_a_store_that_was_stale_at_its_first_check_gets_one_baseline_when_it_is_fresh(database: Database, shop: Shop) -> None:
    shop.sync([line(f"tea{number}", 1) for number in range(3)])
    check(database, shop, 9 * HOUR)
    assert told(database) == [("opened", "stale", "berlin")]
    shop.now += 9 * HOUR
    shop.sync([line(f"tea{number}", 1) for number in range(3)])
    check(database, shop)
    [payload] = sent(database)
    assert payload["first_look"] == ["berlin"]
    assert all(fact["baseline"] for fact in payload["alerts"] if fact["event"] == "opened")
    shop.sync([*(line(f"tea{number}", 1) for number in range(3)), line("new", 1)])
    check(database, shop)
    [payload] = sent(database)
    assert payload["first_look"] == []
    assert [fact["baseline"] for fact in payload["alerts"]] == [False]


def test_quarantined_after_failed_is_told_as_worse_and_failed_after_quarantined_is_not(database: Database, shop: Shop) -> None:
    shop.sync([line("tea", 9)])
    ends = SyncNotices(database=database, clock=lambda: shop.now + HOUR, interval=SYNC_INTERVAL)
    course: list[tuple[Outcome, list[tuple[str, str, str]]]] = [
        ("failed", [("opened", "failed", "berlin")]),
        ("failed", []),
        ("quarantined", [("worsened", "quarantined", "berlin")]),
        ("failed", []),
        ("canceled", []),
        ("refused", []),
    ]
    for number, (outcome, expected) in enumerate(course):
        ends.sync_ended("berlin", f"run {number}", outcome, "why", shop.now + HOUR)
        assert told(database) == expected, outcome


def test_the_metric_counts_what_waits_and_what_was_given_up(database: Database, shop: Shop) -> None:
    shop.sync([line("tea", 3)])
    check(database, shop)

    def metric() -> str:
        with database.connect() as connection:
            found = list(prometheus_text(connection, shop.now + HOUR, SYNC_INTERVAL))
        return next(text for text in found if text.startswith("inventory_notices_undelivered "))

    assert metric().endswith(" 0")
    for status, expected in (("given_up", "1"), ("sent", "0")):
        with database.begin() as connection:
            connection.execute(outbox.update().values(status=status, attempts=3, error="refused"))
        assert metric().endswith(f" {expected}"), status


def test_the_report_names_store_sku_and_figures_where_their_headings_are(database: Database, shop: Shop) -> None:
    shop.sync([line("7", 3, sku="TEA-01", title="Green tea")])
    check(database, shop)
    with database.connect() as connection:
        page = "".join(html_report(connection, shop.now + MINUTE, SYNC_INTERVAL))
    assert "<tr><th>level<th>store<th>SKU<th>title<th class=n>available<th>rule" in page
    assert '<td class="warning">low<td>berlin<td>TEA-01<td>Green tea<td class=n>3<td>' in page
    assert "<h2>" in page
    assert "<p>Store berlin, " in page


def test_a_chart_goes_in_steps() -> None:
    numbers: list[Number] = [10, 4]
    chart = step_chart("tea", [Point(NOON + HOUR * hour, number) for hour, number in enumerate(numbers)])
    path = chart.split('<path d="')[1].split('"')[0]
    # From the left at the first number, along to the second read, and only there down.
    assert path.startswith("M64.0 26.0H628.0V")
    assert path.count("H") == 1


def test_a_file_that_its_maker_does_not_renew_is_sent_as_stale_with_the_cure(database: Database, shop: Shop) -> None:
    old = Completeness(None, 1, "read to its end", modified=shop.now - timedelta(days=30))
    shop.sync([line("tea", 9)], proof=old)
    with database.begin() as connection:
        stores.update_store(connection, "berlin", settings={"max_file_age": "3"})
    check(database, shop)
    [payload] = sent(database)
    [fact] = [fact for fact in payload["alerts"] if fact["kind"] == "store"]
    assert (fact["event"], fact["level"]) == ("opened", "stale")
    assert "more than 3 days ago" in fact["detail"]
    assert "max_file_age" in fact["detail"]
