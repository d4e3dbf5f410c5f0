"""The lives of runs: a barred run can neither begin, nor take a lease, nor publish, and a living one is not barred."""

from collections.abc import Callable
from datetime import datetime

import pytest

from inventory_pipeline.core.errors import DatabaseBusy, RunClosed
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.sync import heartbeats, leases, snapshots
from inventory_pipeline.db.sync.heartbeats import Process, RunHeartbeat
from inventory_pipeline.db.sync.publish import publish
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline_tests.db.shop import Shop, line, publication
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON

HERE = Process("host", "boot", 4711)


def life(database: Database, run_id: str = "run") -> RunHeartbeat | None:
    return heartbeats.of_runs(database, [run_id]).get(run_id)


def begin(database: Database, now: datetime = NOON) -> None:
    heartbeats.begin(database, "run", "berlin", HERE, lambda: now)


def bar(database: Database, seen: RunHeartbeat | None, now: datetime = NOON + HOUR) -> bool:
    with database.begin(wait=False) as connection:
        return heartbeats.bar(connection, "run", "berlin", seen, now)


def test_a_life_begins_goes_on_and_ends(database: Database) -> None:
    begin(database)
    assert life(database) == RunHeartbeat("run", "berlin", "host", "boot", 4711, NOON, NOON, None, None)
    assert heartbeats.beat(database, "run", lambda: NOON + MINUTE)
    heartbeats.end(database, "run", NOON + HOUR)
    assert life(database) == RunHeartbeat("run", "berlin", "host", "boot", 4711, NOON, NOON + MINUTE, NOON + HOUR, None)
    assert not heartbeats.beat(database, "run", lambda: NOON + 2 * HOUR), "a thread that was left behind stops"


def test_the_second_attempt_after_a_retry_wait_is_the_same_life(database: Database) -> None:
    begin(database)
    begin(database, NOON + MINUTE)
    assert life(database) == RunHeartbeat("run", "berlin", "host", "boot", 4711, NOON, NOON + MINUTE, None, None)


def test_a_barred_run_can_neither_begin_nor_beat_nor_take_the_lease(database: Database) -> None:
    shop = Shop(database)
    begin(database)
    assert bar(database, life(database))
    assert not heartbeats.beat(database, "run", lambda: NOON)
    with pytest.raises(RunClosed, match="run run was closed while its process stood still"):
        begin(database)
    with pytest.raises(RunClosed):
        leases.acquire(database, shop.key, "run", NOON, HOUR)
    assert leases.current(database, shop.key) is None


def test_a_run_is_barred_before_it_has_begun(database: Database) -> None:
    assert bar(database, None)
    with pytest.raises(RunClosed):
        begin(database)
    barred = life(database)
    assert barred is not None
    assert (barred.heartbeat_at, barred.process, barred.barred_at) == (None, None, NOON + HOUR)


def test_barring_takes_the_lease_away_and_a_late_run_publishes_nothing(database: Database) -> None:
    shop = Shop(database)
    begin(database)
    leases.acquire(database, shop.key, "run", NOON, HOUR)
    with Stage(database, shop.key) as stage:
        stage.add([line("a", 1)])
        assert bar(database, life(database))
        assert leases.current(database, shop.key) is None
        # Were there a lease of this run still, its bar alone would keep it from publishing.
        with database.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO sync_leases (store_key, run_id, acquired_at, heartbeat_at, expires_at)"
                " SELECT key, 'run', created_at, created_at, created_at FROM store_integrations"
            )
        with pytest.raises(RunClosed):
            publish(stage, publication(shop.key, "run", NOON))
    with database.connect() as connection:
        assert snapshots.last_published(connection, shop.key) is None


@pytest.mark.parametrize("moved", ["beats", "ends", "begins"])
def test_a_life_that_moved_after_it_was_seen_is_not_barred(database: Database, moved: str) -> None:
    if moved != "begins":
        begin(database)
    seen = life(database)
    if moved == "beats":
        heartbeats.beat(database, "run", lambda: NOON + MINUTE)
    elif moved == "ends":
        heartbeats.end(database, "run", NOON)
    else:
        begin(database)
    assert not bar(database, seen)
    begin(database)


def test_of_two_who_bar_a_run_only_one_does(database: Database) -> None:
    begin(database)
    seen = life(database)
    assert bar(database, seen)
    assert not bar(database, seen)


def test_a_run_that_publishes_is_not_barred_meanwhile_and_nobody_waits_for_it(
    database: Database, open_database: Callable[[], Database]
) -> None:
    begin(database)
    seen = life(database)
    other = open_database()
    with database.begin() as publishing:
        heartbeats.hold_open(publishing, "run")
        with pytest.raises(DatabaseBusy):
            bar(other, seen)
    assert bar(other, seen)


def test_on_postgresql_a_heartbeat_does_not_wait_for_the_runs_own_publishing(
    database: Database, open_database: Callable[[], Database]
) -> None:
    if database.dialect != "postgresql":
        pytest.skip("SQLite has one writer at a time: services/test_run_life.py says how that is coped with")
    begin(database)
    other = open_database()
    with database.begin() as publishing:
        heartbeats.hold_open(publishing, "run")
        assert heartbeats.beat(other, "run", lambda: NOON + MINUTE)


def test_what_is_old_is_forgotten_but_for_unfinished_runs(database: Database) -> None:
    for run_id in ("ended", "silent", "unfinished", "barred"):
        heartbeats.begin(database, run_id, None, HERE, lambda: NOON)
    heartbeats.end(database, "ended", NOON)
    with database.begin(wait=False) as connection:
        heartbeats.bar(connection, "barred", None, life(database, "barred"), NOON)
    heartbeats.forget(database, NOON + MINUTE, NOON, ["unfinished"])
    assert set(heartbeats.of_runs(database, ["ended", "silent", "unfinished", "barred"])) == {"unfinished", "barred"}
    heartbeats.forget(database, NOON + MINUTE, NOON + MINUTE, [])
    assert heartbeats.of_runs(database, ["ended", "silent", "unfinished", "barred"]) == {}
