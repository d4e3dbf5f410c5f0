"""Whether a run's process lives: what its thread says, and how that is judged."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from inventory_pipeline.core.clock import system_clock
from inventory_pipeline.core.errors import DatabaseUnavailable, RunClosed
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.sync import heartbeats
from inventory_pipeline.db.sync.heartbeats import Process, RunHeartbeat
from inventory_pipeline.services.sync.run_life import Heartbeat, Patience, bar, death_of, is_gone, process_exists, this_process
from inventory_pipeline_tests.defs.live import until
from inventory_pipeline_tests.postgres import PostgresServer

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PATIENCE = Patience(10 * SECOND)
QUICK = timedelta(milliseconds=20)
ELSEWHERE = Process("elsewhere", "another boot", 1)


class TestTheThread:
    @pytest.fixture
    def beating(self) -> Iterator[Heartbeat]:
        heartbeat = Heartbeat("run", "berlin", system_clock)
        yield heartbeat
        heartbeat.end()

    def test_it_beats_until_the_body_ends_and_not_any_more(
        self, database: Database, database_url: str, beating: Heartbeat
    ) -> None:
        beating.begin(database_url, QUICK)
        begun = life_of(database)
        assert begun is not None
        assert begun.process == this_process()
        until(lambda: moved(database, begun))
        beating.end()
        ended = life_of(database)
        assert ended is not None
        assert ended.ended_at is not None
        until(lambda: not threads())

    def test_one_that_was_left_behind_by_a_first_attempt_stops_with_the_second(
        self, database_url: str, beating: Heartbeat
    ) -> None:
        beating.begin(database_url, QUICK)
        second = Heartbeat("run", "berlin", system_clock)
        second.begin(database_url, QUICK)
        second.end()
        until(lambda: not threads())

    def test_a_barred_run_does_not_begin_and_one_that_was_barred_stops_beating(
        self, database: Database, database_url: str, beating: Heartbeat
    ) -> None:
        beating.begin(database_url, QUICK)
        until(lambda: bar(database, lambda: NOON, "run", "berlin", life_of(database), certain=True))
        until(lambda: not threads())
        with pytest.raises(RunClosed):
            Heartbeat("run", "berlin", system_clock).begin(database_url, QUICK)

    def test_a_beat_waits_for_another_writer_and_is_then_written_with_the_time_of_that_moment(
        self, database: Database, database_url: str, beating: Heartbeat, caplog: pytest.LogCaptureFixture
    ) -> None:
        """On SQLite a publishing transaction keeps every other writer waiting."""
        beating.begin(database_url, QUICK)
        with database.begin() as publishing:
            publishing.exec_driver_sql("UPDATE run_heartbeats SET pid = pid")
            before = life_of(database)
        assert before is not None
        until(lambda: moved(database, before))
        assert not caplog.records

    def test_a_beat_that_fails_is_logged_once_and_the_next_one_is_written(
        self, door: "Door", caplog: pytest.LogCaptureFixture
    ) -> None:
        heartbeat = Heartbeat("run", None, system_clock)
        heartbeat.begin(door.url, QUICK)
        door.shut()
        until(lambda: "could not be written" in caplog.text)
        door.open()
        with opened(door.url) as database:
            begun = life_of(database)
            assert begun is not None
            until(lambda: moved(database, begun))
        heartbeat.end()
        assert len([record for record in caplog.records if "could not be written" in record.message]) == 1

    def test_where_the_database_is_away_at_the_first_act_the_thread_says_it_when_it_is_back(self, door: "Door") -> None:
        heartbeat = Heartbeat("run", None, system_clock)
        door.shut()
        with pytest.raises(DatabaseUnavailable):
            heartbeat.begin(door.url, QUICK)
        door.open()
        with opened(door.url) as database:
            until(lambda: life_of(database))
        heartbeat.end()


class Door:
    """A database that lets nobody in while it is shut."""

    def __init__(self, server: PostgresServer) -> None:
        self.url = server.create_database()
        self._folder, self._name = str(server.folder), str(make_url(self.url).database)

    def shut(self) -> None:
        self._allow(False)

    def open(self) -> None:
        self._allow(True)

    def _allow(self, allowed: bool) -> None:
        statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(self._name), sql.Literal(allowed))
        with psycopg.connect(host=self._folder, user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def door(postgres_server: PostgresServer) -> Iterator[Door]:
    door = Door(postgres_server)
    yield door
    postgres_server.recycle_database(door.url)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


class TestTheJudgement:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"heartbeat_at": NOON - 59 * SECOND}, None),
            ({"heartbeat_at": NOON - 60 * SECOND}, False),
            ({"heartbeat_at": NOON + 60 * SECOND}, False),
            ({"heartbeat_at": NOON - 60 * SECOND, "boot_id": "here", "pid": "gone"}, True),
            ({"heartbeat_at": NOON - 60 * SECOND, "boot_id": "here", "pid": "own"}, False),
            ({"heartbeat_at": NOON - 5 * SECOND, "boot_id": "here", "pid": "gone"}, None),
            ({"heartbeat_at": NOON - 99 * SECOND, "ended_at": NOON - 59 * SECOND}, None),
            ({"heartbeat_at": NOON, "ended_at": NOON - 60 * SECOND}, False),
            ({"heartbeat_at": NOON - 99 * SECOND, "barred_at": NOON - 59 * SECOND}, None),
            ({"heartbeat_at": NOON - 99 * SECOND, "barred_at": NOON - 60 * SECOND}, True),
        ],
    )
    def test_a_minute_of_silence_is_death_and_certain_where_the_process_is_gone(
        self, changes: dict[str, Any], expected: bool | None
    ) -> None:
        own = this_process()
        numbers = {"gone": ended_process(), "own": own.pid}
        changes = {name: {"here": own.boot_id, **numbers}.get(value, value) for name, value in changes.items()}
        # Begun long ago, but after this test's own process: a number counts only for the process that had it then.
        life = RunHeartbeat("run", "berlin", *ELSEWHERE, datetime.now(UTC), None, None, None)._replace(**changes)
        death = death_of(life, NOON, PATIENCE)
        assert (death and death.certain) == expected

    def test_the_reason_says_when_and_where_it_was_heard_last(self) -> None:
        life = RunHeartbeat("run", "berlin", *ELSEWHERE, NOON, NOON, None, None)
        death = death_of(life, NOON + 90 * SECOND, PATIENCE)
        assert death is not None
        assert death.reason == "its last heartbeat on elsewhere was at 2026-11-23T12:00:00Z"


class TestTheProcess:
    def test_a_process_that_ended_is_gone_one_of_another_boot_is_not_known_to_be(self) -> None:
        own, now = this_process(), datetime.now(UTC)
        assert not is_gone(own, now)
        assert is_gone(own._replace(pid=ended_process()), now)
        assert not is_gone(ELSEWHERE._replace(pid=ended_process()), now)
        assert not is_gone(Process("a system that does not say", "", ended_process()), now)

    def test_a_zombie_is_gone_and_a_later_process_of_the_same_number_is_another(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", ""])
        until(lambda: not process_exists(child.pid, datetime.now(UTC)))
        child.wait()
        assert not process_exists(this_process().pid, datetime.now(UTC) - timedelta(days=400))


def test_a_silent_process_on_sqlite_gets_its_turn_to_write_before_it_is_barred(
    database: Database, open_database: Callable[[], Database]
) -> None:
    """It waited for another writer for so long that it looks dead: it writes as soon as that one has ended."""
    heartbeats.begin(database, "run", "berlin", ELSEWHERE, lambda: NOON)
    seen, waiting = life_of(database), threading.Event()

    def beat() -> datetime:
        waiting.set()
        return NOON + SECOND

    other = open_database()
    with database.begin() as publishing:
        publishing.exec_driver_sql("UPDATE run_heartbeats SET pid = pid")
        thread = threading.Thread(target=heartbeats.beat, args=(other, "run", beat))
        thread.start()
        assert not bar(open_database(), lambda: NOON, "run", "berlin", seen, certain=False), "somebody is writing"
    assert not bar(open_database(), lambda: NOON, "run", "berlin", seen, certain=False), "it has written by now"
    thread.join()
    living = life_of(database)
    assert living is not None
    assert living.barred_at is None


def life_of(database: Database) -> RunHeartbeat | None:
    return heartbeats.of_runs(database, ["run"]).get("run")


def moved(database: Database, before: RunHeartbeat) -> bool:
    now = life_of(database)
    return now is not None and now.heartbeat_at != before.heartbeat_at


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "heartbeat of run run"]


def ended_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid
