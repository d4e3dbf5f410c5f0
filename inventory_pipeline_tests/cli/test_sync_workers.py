"""Where the processes of `sync-all-stores` come from: forked on Linux, each started anew elsewhere."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inventory_pipeline.demo.messages import Answer, Request, Respond
from inventory_pipeline.demo.shops import synthetic_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline_tests.cli.conftest import Cli, command
from inventory_pipeline_tests.defs.live import until
from inventory_pipeline_tests.processes import pids_on, processes_on

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


@contextmanager
def two_syncs_under_way(cli: Cli) -> "Iterator[tuple[subprocess.Popen[str], threading.Event]]":
    """The command with two workers that wait for their shops, and what lets the shops answer."""
    answer = threading.Event()
    asked: set[int] = set()
    with DemoStore(synthetic_catalogue(5)) as north, DemoStore(synthetic_catalogue(5)) as south:
        for key, shop in (("north", north), ("south", south)):
            add = ("stores", "add", key, "--platform", "woocommerce", "--url", shop.url, "--allow-private")
            keys = ("--credential", "consumer_key=-", "--credential", "consumer_secret=-")
            assert cli(*add, *keys, stdin=f"{shop.key}\n{shop.secret}\n").exit_code == 0

            def wait(request: Request, respond: Respond, number: int = id(shop)) -> Answer:
                asked.add(number)
                answer.wait(60)
                return respond(request)

            shop.faults.add(wait)
        process = command("sync-all-stores", "--json")
        try:
            until(lambda: len(asked) == 2, 60)
            yield process, answer
        finally:
            answer.set()
            process.communicate(timeout=60)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_workers_are_forked_from_one_process_and_one_that_is_killed_costs_its_own_sync_only(cli: Cli, data_dir: Path) -> None:
    with two_syncs_under_way(cli) as (process, answer):
        assert not any("sync_process" in words for words in processes_on(data_dir))
        (nursery,) = (pid for pid in pids_on(data_dir) if parent_of(pid) == process.pid)
        workers = [pid for pid in pids_on(data_dir) if parent_of(pid) == nursery]
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        answer.set()
        shown, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    ended = sorted((row["outcome"], row["error"] or "") for row in json.loads(shown))
    assert [outcome for outcome, _ in ended] == ["failed", "published"]
    assert "the sync's process died" in ended[0][1]
    assert "1 of 2 stores not synced" in errors
    assert processes_on(data_dir) == []


def test_nothing_lives_on_where_the_command_is_killed(cli: Cli, data_dir: Path) -> None:
    with two_syncs_under_way(cli) as (process, answer):
        process.kill()
        answer.set()
        until(lambda: not processes_on(data_dir), 60)


def test_without_the_process_that_forks_the_command_goes_on(cli: Cli, data_dir: Path) -> None:
    with two_syncs_under_way(cli) as (process, answer):
        (nursery,) = (pid for pid in pids_on(data_dir) if parent_of(pid) == process.pid)
        os.kill(nursery, signal.SIGKILL)
        answer.set()
        shown, _ = process.communicate(timeout=60)
    assert [row["outcome"] for row in json.loads(shown)] == ["published", "published"]


ALONE = """
import sqlite3, sys, threading
from inventory_pipeline.cli.sync_workers import _is_alone
assert _is_alone()
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode = WAL")
assert not _is_alone()
connection.close()
assert _is_alone()
waiting = threading.Event()
threading.Thread(target=waiting.wait).start()
assert not _is_alone()
waiting.set()
"""


def test_a_process_that_is_not_alone_never_forks(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", ALONE, str(tmp_path / "a.db")], check=True)
