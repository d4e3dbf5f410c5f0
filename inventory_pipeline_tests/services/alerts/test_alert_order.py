"""What a check says does not depend on which store it looks at first, and each alert says why it is there."""

import itertools

from inventory_pipeline.core.alerts import SEVERITY
from inventory_pipeline.core.quantity import UNTRACKED
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.db.alerts import alerts
from inventory_pipeline.db.alerts.alert_stores import alert_stores
from inventory_pipeline.db.alerts.collecting import collect
from inventory_pipeline.db.alerts.findings import changes
from inventory_pipeline.db.database import Database
from inventory_pipeline.services.alerts.check import AlertCheck
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.times import MINUTE


def fill(database: Database) -> Shop:
    shops = [Shop(database, key) for key in ("a", "b", "c")]
    for number, shop in enumerate(shops):
        shop.sync(
            [line("tea", number * 4 - 1), line("cup", 4, shared_pool="p"), line("gone", quantity=UNTRACKED, sellable=False)]
        )
    return shops[0]


def test_the_order_of_stores_does_not_matter(database: Database) -> None:
    now = fill(database).now + MINUTE
    seen: list[list[tuple[object, ...]]] = []
    with database.begin() as connection:
        stores = alert_stores(connection, now, SYNC_INTERVAL)
        for order in itertools.permutations(stores):
            collect(connection, order, now)
            seen.append([finding[:12] for finding in changes(connection, now)])
    assert len(seen) == 6
    assert all(each == seen[0] for each in seen)
    assert len(seen[0]) == 8


def test_each_alert_names_its_rule_its_severity_and_its_time(database: Database) -> None:
    shop = fill(database)
    AlertCheck(database=database, clock=lambda: shop.now + MINUTE, interval=SYNC_INTERVAL).run()
    with database.connect() as connection:
        found = alerts.list_alerts(connection)
    assert len(found) == 8
    assert all(alert.rule and alert.as_of is not None and alert.severity == SEVERITY[alert.level] for alert in found)
