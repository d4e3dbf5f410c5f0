"""Whether a run's process lives: the process says so itself, in a row of ours, and whoever looks later judges by it.

Dagster shows a run as started for as long as nobody writes down its end, also when its process, the code server and the
daemon went down together. The lease tells less: a run has none before it reads, in its retry wait and after it published.

Times are each writer's own clock. A looker's clock may differ from that of the process's machine: a difference makes a
dead run be found so much later or earlier, and never a living one be closed, since a silence counts only after a second
look has found the very same heartbeat (or the process to be gone from this machine). That covers also what makes
everybody's heartbeat look old at once: a laptop that slept, a clock that was set, a database that was locked.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from inventory_pipeline.core.clock import Clock, show_instant
from inventory_pipeline.core.errors import DatabaseBusy, DatabaseUnavailable, RunClosed
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.sync import heartbeats
from inventory_pipeline.db.sync.heartbeats import Process, RunHeartbeat

logger = logging.getLogger(__name__)

# A row is of no use once Dagster has written its run's end; a barred one keeps out a process that stood still.
_ENDED_KEPT, _BARRED_KEPT = timedelta(days=1), timedelta(days=30)
# On SQLite a process that waits for its turn to write tries again within a fraction of this.
_A_TURN = 0.5
# The boot's time is known to the second, and moves when the clock is set.
_CLOCK_SLACK = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may last before they are a sign of death, all by how often a process beats."""

    heartbeat: timedelta

    @property
    def silence(self) -> timedelta:
        """Since the last heartbeat, the end of the body, or the start where no body has begun: a minute."""
        return 6 * self.heartbeat

    @property
    def second_look(self) -> timedelta:
        """Between two looks at the same silence: long enough for a living process to beat."""
        return 1.5 * self.heartbeat

    @property
    def start(self) -> timedelta:
        """How long a run may be starting where neither a code server nor a process can be asked."""
        return 9 * self.heartbeat


class Heartbeat:
    """One run's life. The first beat is written by `begin`, the others by a thread, until `end` or the process's end.

    Each beat takes a short database connection of its own, so that it depends on nothing else that the run does. One that
    fails is logged and harms nothing: the next follows.
    """

    def __init__(self, run_id: str, store_key: str | None, clock: Clock) -> None:
        self._run_id, self._store_key, self._clock = run_id, store_key, clock
        self._database: Database | None = None
        self._over = threading.Event()
        self._has_begun = False

    def begin(self, database_url: str, interval: timedelta) -> None:
        """Raises RunClosed where somebody has written down this run's end already, and what `Database` raises.

        Where the database is unavailable the run is going to wait for its retry: the thread writes the first beat then.
        """
        self._database, self._interval = Database(database_url, pooled=False), interval
        try:
            self._beat()
        except DatabaseUnavailable:
            self._go_on()
            raise
        self._go_on()

    def end(self) -> None:
        """The body has ended."""
        self._over.set()
        if self._database is None or not self._has_begun:
            return
        try:
            heartbeats.end(self._database, self._run_id, self._clock())
        except Exception as error:  # noqa: BLE001 - the run has ended as it has ended; its silence will tell the rest
            logger.warning("The end of run %s could not be noted: %s", self._run_id, error)

    def _go_on(self) -> None:
        # Beside the thread of the run's first attempt this may be a second: it does no harm, both stop at the run's end.
        threading.Thread(target=self._keep_beating, name=f"heartbeat of run {self._run_id}", daemon=True).start()

    def _keep_beating(self) -> None:
        failing = False
        while not self._over.wait(self._interval.total_seconds()):
            try:
                if not self._beat():
                    return
                failing = False
            except RunClosed:
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the run itself goes on
                if not failing:
                    logger.warning("The heartbeat of run %s could not be written: %s", self._run_id, error)
                failing = True

    def _beat(self) -> bool:
        assert self._database is not None
        if self._has_begun:
            return heartbeats.beat(self._database, self._run_id, self._clock)
        heartbeats.begin(self._database, self._run_id, self._store_key, this_process(), self._clock)
        self._has_begun = True
        return True


@dataclass(frozen=True, slots=True)
class Death:
    """Why a run is taken for dead; `certain` where no second look is needed."""

    reason: str
    certain: bool


def death_of(life: RunHeartbeat, now: datetime, patience: Patience) -> Death | None:
    """What the run's life says. None: it lives, as far as one can tell."""
    gone = life.process is not None and is_gone(life.process, life.started_at)
    if life.barred_at is not None:
        # Who barred it has died over writing down its end, or is about to write it.
        return Death(_last_sign(life), certain=True) if now - life.barred_at >= patience.silence else None
    last = life.ended_at or life.heartbeat_at
    if last is None or abs(now - last) < patience.silence:
        return None
    return Death(_last_sign(life), certain=gone)


def bar(
    database: Database, clock: Clock, run_id: str, store_key: str | None, seen: RunHeartbeat | None, *, certain: bool
) -> bool:
    """Bars a run whose life was `seen` to have ended, so that its end can be written down. False: not now, look again.

    Where its process is there and silent, a SQLite file must first be found free twice, so that a heartbeat that waited
    for a long publishing transaction gets its turn.
    """
    try:
        if not certain and database.dialect == "sqlite":
            with database.begin(wait=False):
                pass
            time.sleep(_A_TURN)
        with database.begin(wait=False) as connection:
            return heartbeats.bar(connection, run_id, store_key, seen, clock())
    except DatabaseBusy:
        return False


def forget_old(database: Database, now: datetime, unfinished: Sequence[str]) -> None:
    """Drops the rows that nobody needs any more; those of `unfinished` runs stay."""
    heartbeats.forget(database, now - _ENDED_KEPT, now - _BARRED_KEPT, unfinished)


def this_process() -> Process:
    return Process(socket.gethostname(), _boot_id(), os.getpid())


def is_gone(process: Process, begun: datetime) -> bool:
    """True only where it is certain: it ran under this machine's present boot, and is not among its processes."""
    return bool(process.boot_id) and process.boot_id == _boot_id() and not process_exists(process.pid, begun)


def process_exists(pid: int, begun: datetime) -> bool:
    """Whether this machine has the process that had this number at `begun`, not yet dead, and not a later one's number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        booted = next(line.split()[1] for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    except OSError:  # not Linux, not to be seen by this user, or it has just gone
        return True
    # Fields 3 and 22 of proc_pid_stat(5); the start is in ticks since the boot.
    state, started = fields[0], int(booted) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return state not in ("Z", "X") and started <= begun.timestamp() + _CLOCK_SLACK


def _boot_id() -> str:
    """The boot and its table of processes (a container has its own); empty where the system does not say."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _last_sign(life: RunHeartbeat) -> str:
    where = f" on {life.host}" if life.host else ""
    if life.ended_at is not None:
        return f"its last heartbeat{where} was its end at {show_instant(life.ended_at)}"
    if life.heartbeat_at is not None:
        return f"its last heartbeat{where} was at {show_instant(life.heartbeat_at)}"
    return "it never gave a sign of life"
