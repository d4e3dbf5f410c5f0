"""Thirty days of a merchant's stock in a minute: how often a person hears of it, against a mail every hour.

    python -m benchmarks.alert_month [--days 30]

Two demo shops that sell and restock, synced each four hours, checked each hour, at a clock of our own. Paris cannot be
read for eight hours on day ten. One route takes what routes take unless told otherwise.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet

from inventory_pipeline.core.quantity import UNTRACKED, Quantity
from inventory_pipeline.core.stock import Completeness, Status, StockLine
from inventory_pipeline.core.stores import SYNC_INTERVAL, StoreIntegration
from inventory_pipeline.core.sync import StoreRead
from inventory_pipeline.db.alerts import notices, records
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.sync import leases
from inventory_pipeline.db.sync.publish import Publication, publish
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline.demo.catalogue import Catalogue
from inventory_pipeline.demo.sales import Sales
from inventory_pipeline.demo.shops import demo_catalogue
from inventory_pipeline.services.alerts.alerting import Alerting
from inventory_pipeline.services.integrations.vault import Vault

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
STATUSES: dict[str, Status] = {"publish": "active", "draft": "draft"}
# Sales are drawn in steps of a few lines each; these many in four hours.
STEPS = 4


def lines_of(catalogue: Catalogue) -> Iterator[StockLine]:
    for item in catalogue.lines:
        status = STATUSES.get(item.status, "draft")
        quantity = UNTRACKED if item.stock is None else Quantity.of(item.stock)
        pool = None if item.pool is item else str(item.pool.id)
        yield StockLine(
            item_id=str(item.id),
            sku=item.sku or None,
            title=item.title,
            status=status,
            quantity=quantity,
            oversell_allowed=item.pool.backorders != "no",
            shared_pool=pool,
        )


def sync(database: Database, key: str, catalogue: Catalogue, now: datetime) -> None:
    leases.acquire(database, key, now.isoformat(), now, HOUR)
    with Stage(database, key) as stage:
        stage.add(list(lines_of(catalogue)), [])
        read = StoreRead(started_at=now, ended_at=now, proof=Completeness(expected=None, read=0, how="simulated"))
        publish(stage, Publication(store_key=key, run_id=now.isoformat(), read=read, now=now))
    leases.release(database, key, now.isoformat())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=30)
    days = parser.parse_args().days
    now = START
    told: Counter[str] = Counter()
    notices_by_day: Counter[int] = Counter()
    hours_with_low = opened_items = 0
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/inventory.db")
        vault = Vault([Fernet.generate_key().decode()])
        alerting = Alerting(database=database, clock=lambda: now, interval=SYNC_INTERVAL, vault=lambda: vault)
        shops = {f"shop-{number}": demo_catalogue(number) for number in (1, 2)}
        sales = [Sales(catalogue, seed=number, orders=1) for number, catalogue in enumerate(shops.values())]
        for key in shops:
            with database.begin() as connection:
                store = StoreIntegration(key=key, platform="woocommerce", url="https://shop.example", created_at=START)
                stores.insert_store(connection, store, START)
        alerting.routes.add("person", "https://person.example/", "simulation")
        for hour in range(days * 24):
            now = START + hour * HOUR
            if hour % 4 == 0:
                for each in sales:
                    each.step(STEPS)
                unreachable = "shop-2" if 10 * 24 <= hour < 10 * 24 + 8 else ""
                for key, catalogue in shops.items():
                    if key != unreachable:
                        sync(database, key, catalogue, now)
            now += timedelta(minutes=5)
            result = alerting.check.run()
            notices_by_day[hour // 24] += result.notices
            told.update({name: number for name, number in result.counts.items() if name in ("opened", "worsened", "resolved")})
            hours_with_low += bool(result.live)
            opened_items += result.counts["opened"] + result.counts["worsened"]
        with database.connect() as connection:
            enqueued = notices.list_notices(connection, limit=10_000)
            open_now = sum(records.count_unresolved(connection).values())
        database.close()
    lines = sum(len(catalogue.lines) for catalogue in shops.values())
    busiest = max(notices_by_day.values())
    sys.stdout.write(
        f"{days} days, {days * 24} checks, {len(shops)} stores, {lines} lines: {len(enqueued)} notices"
        f" ({len(enqueued) / days:.1f} a day, at most {busiest}); a mail every hour in which something is low: {hours_with_low};"
        f" one mail per event: {opened_items}; {dict(told)}, {open_now} open at the end\n"
    )


if __name__ == "__main__":
    main()
