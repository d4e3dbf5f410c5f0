"""A signal handler's exception ends staging and publishing at once; what was published before stays."""

from contextlib import suppress

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from inventory_pipeline.core.stock import StockLine
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit
from inventory_pipeline.db.interruptible import InterruptibleConnection
from inventory_pipeline.db.stock.stock import StockFilter, stock_now
from inventory_pipeline.db.sync import leases
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline_tests.canceling import ENDLESS, Signal
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.sync.statements import COMPARING, WRITING_LEVELS, before
from inventory_pipeline_tests.db.times import HOUR, NOON

MANY = 200_000


@pytest.fixture(scope="module")
def catalogue() -> list[StockLine]:
    return [line(f"{number:06}", 1) for number in range(MANY)]


def units(shop: Shop) -> list[tuple[str, object]]:
    with shop.database.connect() as connection:
        return [(row.item_id, row.available) for row in stock_now(connection, StockFilter(), now=shop.now)]


@pytest.mark.parametrize("words", [COMPARING, WRITING_LEVELS])
def test_a_cancel_during_a_publish_rolls_it_back(
    database: Database, cancel: Signal, catalogue: list[StockLine], words: str
) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1)])
    with Stage(database, shop.key) as stage:
        stage.add([line("a", 2), *catalogue])
        with cancel.cancels(), before(words, cancel.send):
            shop.publish(stage)
    assert leases.current(database, shop.key) is None
    assert units(shop) == [("a", 1)]
    assert shop.sync([line("a", 3)]).counts.updated == 1


def test_a_cancel_during_staging_ends_it(database: Database, cancel: Signal, catalogue: list[StockLine]) -> None:
    shop = Shop(database)

    with cancel.cancels(), Stage(database, shop.key) as stage:
        cancel.send_soon()
        for _ in range(30):  # far longer than until the signal, and yet not for ever where it is lost
            stage.add(catalogue)
    assert units(shop) == []


def test_a_cancel_ends_a_statement_that_would_run_for_ever(database: Database, cancel: Signal) -> None:
    endless = sa.text(ENDLESS[database.dialect])
    connection = InterruptibleConnection(database)
    with cancel.cancels(), before(endless.text, cancel.send):
        connection.run(lambda connection: connection.execute(endless).all(), "stage")


def test_a_cancel_ends_the_wait_for_another_writer(database: Database, cancel: Signal) -> None:
    shop = Shop(database)
    leases.acquire(database, shop.key, "run", shop.now, HOUR)
    beat = sa.text("UPDATE sync_leases SET heartbeat_at = heartbeat_at")
    connection = InterruptibleConnection(database)
    with database.begin() as other:
        other.execute(beat)
        cancel.send_soon()
        with cancel.cancels():
            connection.run(lambda connection: connection.execute(beat), "write")


def test_work_that_ends_after_its_cancel_is_not_committed(database: Database, cancel: Signal) -> None:
    def work(connection: sa.Connection) -> None:
        audit.record(connection, NOON, "nobody", "writes", "something")
        with suppress(DBAPIError):
            connection.execute(sa.text(ENDLESS[database.dialect])).all()

    connection = InterruptibleConnection(database)
    with cancel.cancels(), before(ENDLESS[database.dialect], cancel.send):
        connection.run(work, "write")
    with database.connect() as reading:
        assert audit.list_audit(reading) == []


def test_a_failing_statement_reaches_the_caller_and_the_connection_goes_on(database: Database) -> None:
    connection = InterruptibleConnection(database)
    with pytest.raises(DBAPIError):
        connection.run(lambda connection: connection.execute(sa.text("SELECT nothing FROM nowhere")), "stage")
    assert connection.run(lambda connection: connection.scalar(sa.text("SELECT 1")), "stage") == 1
    connection.close()
    connection.close()
