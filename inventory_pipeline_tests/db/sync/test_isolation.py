"""A reader never sees half a snapshot, and a process killed at any moment leaves the last one."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from inventory_pipeline.db.database import Database
from inventory_pipeline.db.stock.levels import StockFilter, stock_now
from inventory_pipeline.db.sync import snapshots
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.sync import victim
from inventory_pipeline_tests.db.sync.statements import COMPARING, WRITING_LEVELS, before
from inventory_pipeline_tests.db.times import HOUR

ROOT = Path(__file__).parents[3]


def units(database: Database, shop: Shop) -> tuple[int, list[tuple[str, object]]]:
    """How many snapshots there are, and the stock."""
    with database.connect() as connection:
        rows = stock_now(connection, StockFilter(), now=shop.now)
        return len(snapshots.list_snapshots(connection, shop.key)), [(row.item_id, row.available) for row in rows]


def test_a_reader_during_a_publish_sees_the_last_snapshot_whole(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1), line("b", 1)])
    seen = []
    with before("INSERT INTO audit_log", lambda: seen.append(units(database, shop))):
        shop.sync([line("a", 2), line("c", 2)], accepted=["accept_shrink"])
    assert seen == [(1, [("a", 1), ("b", 1)])]
    assert units(database, shop) == (2, [("a", 2), ("b", None), ("c", 2)])


def test_a_reader_that_began_before_a_publish_ends_with_what_it_began_with(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line(f"{number:05}", 1) for number in range(6_000)])
    with database.connect() as connection:
        rows = stock_now(connection, StockFilter(), now=shop.now)
        first = next(rows)
        shop.sync([line(f"{number:05}", 2) for number in range(6_000)])
        assert {first.available, *(row.available for row in rows)} == {1}


def test_staging_does_not_hold_up_other_stores(database: Database) -> None:
    berlin, rome = Shop(database), Shop(database, "rome")
    berlin.sync([line("a", 1)])
    with Stage(database, berlin.key, batch=1) as stage:
        stage.add([line("a", 2)])
        stage.measure()
        assert rome.sync([line("z", 1)]).counts.created == 1
        assert berlin.publish(stage).counts.updated == 1


def test_two_stores_publish_at_once(database: Database) -> None:
    berlin, rome = Shop(database), Shop(database, "rome")
    other = threading.Thread(target=rome.sync, args=([line("z", 1)],))
    with before(WRITING_LEVELS, other.start):
        berlin.sync([line("a", 1)])
    other.join()
    assert units(database, berlin)[1] == [("a", 1), ("z", 1)]


@pytest.mark.parametrize("words", ["staged", COMPARING, WRITING_LEVELS, "INSERT INTO snapshots"])
def test_a_killed_process_leaves_the_last_snapshot_and_the_next_sync_works(
    database: Database, database_url: str, words: str
) -> None:
    shop = Shop(database)
    shop.sync([line("00000", 1)])
    command = [sys.executable, "-m", victim.__name__, database_url, shop.key, words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reached\n"
        process.kill()
    assert units(database, shop) == (1, [("00000", 1)])
    shop.now = victim.STARTED + HOUR
    assert shop.sync([line("00000", 2)]).counts.updated == 1
    assert units(database, shop) == (2, [("00000", 2)])
