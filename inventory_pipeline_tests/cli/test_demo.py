"""`inventory-pipeline demo`, as a newcomer starts and ends it: real shops, real Dagster, real processes."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inventory_pipeline.demo.messages import Answer, Request, Respond
from inventory_pipeline.demo.shops import synthetic_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline_tests.cli.conftest import Cli, command
from inventory_pipeline_tests.modes import PRIVATE, modes_of
from inventory_pipeline_tests.processes import processes_on

PATIENCE = 240.0  # seconds; a machine that does other things as well


def test_once_syncs_prints_and_leaves_nothing_running(data_dir: Path) -> None:
    process = command("demo", "--once")
    shown, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    for store in ("demo-harbour", "demo-lighthouse", "demo-supplier", "demo-driftwood"):
        assert sum(line.startswith(store) and " published " in line for line in shown.splitlines()) == 1
    stock, log = shown.split("\nStock")[1].split("\nSync log\n")
    assert len(stock.splitlines()) == 27
    assert log.count(" published ") == 4
    assert processes_on(data_dir) == []
    assert modes_of(data_dir / "demo") == PRIVATE
    assert not (data_dir / "secret.key").exists(), "the demo must keep out of the real data folder"
    hint = re.search(r"^Stock \(the first lines; all: (.*)\)$", shown, re.M)
    assert hint is not None
    # As pasted into another shell, which knows nothing of the demo.
    for arguments, expected in ((" --sku HP-01-MOSS", "Beeswax candle"), ("", "demo-driftwood")):
        pasted = subprocess.run(hint[1] + arguments, shell=True, capture_output=True, text=True, env=a_shell(), check=True)
        assert expected in pasted.stdout
    doctor = subprocess.run(hint[1].replace(" stock", " doctor"), shell=True, capture_output=True, text=True, env=a_shell())
    assert "*/5 * * * *" in doctor.stdout


def a_shell() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("INVENTORY_", "DAGSTER_"))}


@contextmanager
def running_demo() -> "Iterator[tuple[subprocess.Popen[str], list[str]]]":
    """A demo whose four stores have been synced, and the lines that it has printed."""
    process = command("demo")
    killer = threading.Timer(PATIENCE, process.kill)
    killer.start()
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if sum(" published " in line for line in lines) == 4:
                break
        assert len(lines) > 10, process.stderr and process.stderr.read()
        yield process, lines
    finally:
        killer.cancel()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_it_runs_until_ctrl_c_which_ends_everything(cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def never_answer(request: Request, respond: Respond) -> Answer:
        asked.set()
        shop.closing.wait(PATIENCE)
        return respond(request)

    with DemoStore(synthetic_catalogue(5)) as shop:
        shop.faults.add(never_answer)
        with running_demo() as (process, lines):
            assert "Look, at http://127.0.0.1:" in "".join(lines)
            assert lines[1].startswith("  http://127.0.0.1:")
            assert "/link/" in lines[1]
            second = command("demo")
            _, refused = second.communicate(timeout=PATIENCE)
            assert second.returncode == 1
            assert f"a demo is running on {data_dir / 'demo'} already (process {process.pid})" in refused

            # A store of one's own beside the demo's: its first sync is requested at once, and it is under way at Ctrl-C.
            monkeypatch.setenv("INVENTORY_DATA_DIR", str(data_dir / "demo"))
            added = cli(
                *("stores", "add", "slow", "--platform", "woocommerce", "--url", shop.url, "--auto-sync"),
                *("--credential", "consumer_key=-", "--credential", "consumer_secret=-"),
                stdin=f"{shop.key}\n{shop.secret}\n",
            )
            assert "first sync requested: run " in added.stdout
            assert asked.wait(PATIENCE)
    assert process.returncode == 0
    assert processes_on(data_dir) == []
    slow = json.loads(cli("sync-log", "--store", "slow", "--json").stdout)
    assert [(row["trigger"], row["outcome"]) for row in slow] == [("auto_sync", "canceled")]
