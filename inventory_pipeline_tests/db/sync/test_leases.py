"""One sync per store at a time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from inventory_pipeline.core.errors import LeaseHeld
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.sync import leases
from inventory_pipeline_tests.db.shop import Shop
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON

RACERS, ROUNDS = 6, 5


@pytest.fixture
def key(database: Database) -> str:
    return Shop(database).key


def test_a_held_lease_names_its_run_and_since_when(database: Database, key: str) -> None:
    leases.acquire(database, key, "first", NOON, MINUTE)
    with pytest.raises(LeaseHeld, match=r"store 'berlin' is being synced by run first since 2026-11-23T12:00:00Z") as error:
        leases.acquire(database, key, "second", NOON + MINUTE, MINUTE)
    assert error.value.holder == "first"


def test_the_same_run_cannot_hold_it_twice(database: Database, key: str) -> None:
    leases.acquire(database, key, "first", NOON, MINUTE)
    with pytest.raises(LeaseHeld):
        leases.acquire(database, key, "first", NOON, MINUTE)


def test_a_released_lease_is_free(database: Database, key: str) -> None:
    leases.acquire(database, key, "first", NOON, HOUR)
    leases.release(database, key, "first")
    assert leases.current(database, key) is None
    leases.acquire(database, key, "second", NOON, HOUR)
    leases.release(database, key, "first")
    assert leases.current(database, key) == leases.Lease(key, "second", NOON, NOON, NOON + HOUR)


def test_a_lease_is_kept_by_its_heartbeat_and_lost_without(database: Database, key: str) -> None:
    leases.acquire(database, key, "first", NOON, MINUTE)
    assert leases.heartbeat(database, key, "first", NOON + MINUTE, MINUTE)
    assert leases.current(database, key) == leases.Lease(key, "first", NOON, NOON + MINUTE, NOON + 2 * MINUTE)
    with pytest.raises(LeaseHeld):
        leases.acquire(database, key, "second", NOON + 2 * MINUTE, MINUTE)
    leases.acquire(database, key, "second", NOON + 3 * MINUTE, MINUTE)
    assert not leases.heartbeat(database, key, "first", NOON + 3 * MINUTE, MINUTE)


def test_leases_without_heartbeat_are_listed_oldest_first(database: Database, key: str) -> None:
    for number, name in enumerate(("rome", "paris", "oslo")):
        Shop(database, name)
        leases.acquire(database, name, f"run {name}", NOON - number * MINUTE, MINUTE)
    assert [lease.run_id for lease in leases.stale(database, NOON + MINUTE)] == ["run oslo", "run paris"]


@pytest.mark.parametrize("now", [NOON, NOON + HOUR], ids=["free", "expired"])
def test_of_racing_runs_exactly_one_wins(
    database: Database, key: str, open_database: Callable[[], Database], now: datetime
) -> None:
    databases = [open_database() for _ in range(RACERS)]
    for number in range(ROUNDS):
        if now > NOON:
            leases.acquire(database, key, "dead", NOON, MINUTE)
        start = threading.Barrier(RACERS)

        def race(racer: int, start: threading.Barrier = start) -> str | None:
            start.wait()
            try:
                leases.acquire(databases[racer], key, f"run {racer}", now, MINUTE)
            except LeaseHeld:
                return None
            return f"run {racer}"

        with ThreadPoolExecutor(RACERS) as threads:
            winners = [run for run in threads.map(race, range(RACERS)) if run]
        held = leases.current(database, key)
        assert held is not None
        assert winners == [held.run_id], f"round {number}"
        leases.release(database, key, held.run_id)
