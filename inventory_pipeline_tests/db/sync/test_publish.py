"""A staged read becomes the store's new snapshot."""

import re
from typing import Any

import pytest
import sqlalchemy as sa

from inventory_pipeline.core.errors import IncompleteRead, LeaseLost
from inventory_pipeline.core.stock import Completeness, RejectedLine
from inventory_pipeline.core.sync import Counts
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, stores
from inventory_pipeline.db.sync import leases, snapshots
from inventory_pipeline.db.sync.publish import publish
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline_tests.db.shop import Shop, line, publication, reasons
from inventory_pipeline_tests.db.times import HOUR, MINUTE

NOT_MODIFIED = Completeness(expected=None, read=0, how="304", unchanged=True)


def test_not_modified_holds_the_last_snapshot(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1), line("b", 1), line("c", 1)])
    shop.sync([line("a", 1), line("b", 1)], [RejectedLine("broken")])
    result = shop.sync(proof=NOT_MODIFIED)
    assert result.counts == Counts(seen=3, created=0, updated=0, skipped=2, rejected=1, deleted=1)
    assert reasons(result) == {"broken": 1}
    assert shop.presence("a", "b", "c") == ["present", "present", "deleted"]
    assert result.totals.units == 2
    again = shop.sync(proof=NOT_MODIFIED)
    assert again.counts == Counts(seen=3, created=0, updated=0, skipped=2, rejected=1)
    with database.connect() as connection:
        last = snapshots.last_published(connection, shop.key)
    assert last is not None
    assert (last.id, last.unchanged, last.ended_at) == (again.id, True, shop.now)


def test_not_modified_with_nothing_published_is_an_incomplete_read(database: Database) -> None:
    with pytest.raises(IncompleteRead, match="nothing of store 'berlin' was ever published"):
        Shop(database).sync(proof=NOT_MODIFIED)


def test_coverage_keeps_what_the_read_was(database: Database) -> None:
    shop = Shop(database)
    proof = Completeness(expected=10, read=9, how="X-WP-Total", memo={"etag": '"x"'})
    fields: dict[str, Any] = {"api_calls": 7, "excluded": {"grouped product": 2}, "unseen_go_missing": False}
    result = shop.sync([line("a", 1)], proof=proof, **fields)
    with database.connect() as connection:
        assert snapshots.last_published(connection, "rome") is None
        [kept] = snapshots.list_snapshots(connection, shop.key)
    assert (kept.id, kept.store_key, kept.run_id, kept.counts) == (result.id, "berlin", "run-1", result.counts)
    assert (kept.started_at, kept.ended_at, kept.published_at) == (shop.now - MINUTE, shop.now, shop.now)
    assert (kept.expected, kept.read, kept.gap, kept.how) == (10, 9, 1, "X-WP-Total")
    assert (kept.memo, kept.api_calls, kept.excluded) == ({"etag": '"x"'}, 7, {"grouped product": 2})
    assert (kept.unchanged, kept.accepted_shrink) == (False, False)


def test_an_accepted_shrink_is_audited(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1), line("b", 1)])
    shop.sync([line("a", 1)], accepted=["accept_shrink"])
    with database.connect() as connection:
        [entry] = audit.list_audit(connection)
        last = snapshots.last_published(connection, shop.key)
    assert (entry.at, entry.actor, entry.action, entry.subject) == (shop.now, "run run-2", "accept_shrink", "store berlin")
    assert re.fullmatch(r"snapshot \d+: 1 of 2 lines gone accepted", entry.detail)
    assert last is not None
    assert last.accepted_shrink


def test_measuring_says_what_publishing_would_do_and_does_nothing(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1), line("b", 1), line("c", 1), line("d", 1)])
    with Stage(database, shop.key) as stage:
        stage.add([line("a", 2), line("b", 1), line("new", 1), line("new", 1)], [RejectedLine("broken", "c", "default")])
        measure = stage.measure()
        assert (measure.seen, measure.created, measure.updated, measure.skipped, measure.rejected) == (4, 1, 1, 1, 1)
        assert (measure.repeats, measure.missing_candidates, measure.present_before) == (1, 1, 4)
        stage.add([line("d", 1)])
        assert stage.measure().missing_candidates == 0
    assert shop.changes() == []
    assert shop.presence("a", "b", "c", "d") == ["present"] * 4


def test_a_cleared_stage_holds_nothing_of_the_first_read(database: Database) -> None:
    shop = Shop(database)
    with Stage(database, shop.key, batch=1) as stage:
        stage.add([line("a", 1), line("a", 2)], [RejectedLine("broken")])
        stage.clear()
        stage.add([line("b", 1)])
        assert shop.publish(stage).counts == Counts(seen=1, created=1, updated=0, skipped=0, rejected=0)


def test_a_run_that_lost_its_lease_publishes_nothing(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1)])
    with Stage(database, shop.key) as stage:
        stage.add([line("a", 2)])
        leases.acquire(database, shop.key, "late", shop.now, MINUTE)
        leases.acquire(database, shop.key, "next", shop.now + HOUR, HOUR)
        with pytest.raises(LeaseLost, match="run late no longer holds the lease of store 'berlin'"):
            publish(stage, publication(shop.key, "late", shop.now))
    assert shop.level("a")["available"] == 1
    with database.connect() as connection:
        assert len(snapshots.list_snapshots(connection, shop.key)) == 1


def test_a_store_purged_during_its_sync_gets_no_stock(database: Database) -> None:
    shop = Shop(database)
    with Stage(database, shop.key) as stage:
        stage.add([line("a", 2)])
        leases.acquire(database, shop.key, "run", shop.now, MINUTE)
        with database.begin() as connection:
            stores.purge_store(connection, shop.key, shop.now)
        with pytest.raises(LeaseLost, match="or the store was purged"):
            publish(stage, publication(shop.key, "run", shop.now))
    with database.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(stock_levels)) == 0
