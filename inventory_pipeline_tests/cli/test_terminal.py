"""What a person at a terminal reads: every list at several widths, help, errors, completion."""

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from inventory_pipeline.cli.terminal import text_width
from inventory_pipeline_tests.cli.conftest import Cli, at_a_terminal, edit, sync

# Runs one command after another in one process: starting one costs more than what it does.
_RUN_ALL = """
import json, sys
from inventory_pipeline.cli.main import app
for arguments in json.loads(sys.argv[1]):
    try:
        app(arguments)
    except SystemExit as end:
        print(f"\\n== {end.code}", flush=True)
"""
LISTS = [
    ["stores", "list"],
    ["stores", "show", "northern-supply-warehouse"],
    ["stores", "check", "northern-supply-warehouse"],
    ["alerts", "list"],
    ["stock"],
    ["stock", "--sku", "TEE-BLUE-M", "--history"],
    ["thresholds", "list"],
    ["thresholds", "explain", "northern-supply-warehouse", "TEE-BLUE-M"],
    ["sync-log"],
    ["credentials", "list"],
    ["notify", "list"],
    ["audit"],
    ["platforms"],
    ["doctor"],
    ["feeds", "preview", "supplier.csv"],
    ["stores", "nothing"],
    *([*noun, "--help"] for noun in ([], ["stores", "add"], ["stock"], ["credentials", "set"])),
]

TEXT = 'sku,title,available\nTEE-BLUE-M,"A blue T-shirt of heavy organic cotton, round neck, short sleeves 東京",3\n,No SKU,7\n'


def at_a_terminal_of(columns: int, commands: list[list[str]], folder: Path) -> list[str]:
    """What each command shows, without colours. Runs in `folder`."""
    person, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**os.environ, "NO_COLOR": "1"}
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN_ALL, json.dumps(commands)],
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True, env=environment, cwd=folder,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal says that its last program has ended
        while part := os.read(person, 10_000):
            shown += part
    os.close(person)
    assert process.wait(60) == 0, shown.decode()
    parts = shown.decode().replace("\r\n", "\n").split("\n== ")
    assert len(parts) == len(commands) + 1
    return parts[:-1]


@pytest.fixture
def long_names(cli: Cli, feed_store: Callable[..., Path], data_dir: Path) -> None:
    """A store whose every text is long, with an alert, a rule, a route, a secret and a sync that failed."""
    key = "northern-supply-warehouse"
    feed_store(key, TEXT, "--name", "Northern Supply, the warehouse by the harbour", "--group", "northern-merchants")
    sync(key)
    (data_dir / "supplier.csv").write_text(TEXT)
    for arguments, stdin in (
        (
            ("credentials", "set", "northern-supply-token", "--host", "a-rather-long-host-name.of-a-shop.example"),
            "a-secret-value\n",
        ),
        (("notify", "add", "the-people-of-the-warehouse", "--severity", "info"), "https://127.0.0.1:9/warehouse/notices\n"),
        (("thresholds", "set", "12", "--store", key, "--cover-days", "14"), None),
    ):
        assert cli(*arguments, stdin=stdin).exit_code == 0
    assert "1 notices not delivered" in cli("check-alerts").stderr
    edit("UPDATE store_integrations SET needs_reauthorization = 'the platform refused the token: make a new one'")
    (data_dir / "feeds" / f"{key}.csv").write_text("nothing of use\n")
    assert cli("sync-all-stores").exit_code == 1


@pytest.mark.usefixtures("long_names")
def test_nothing_is_wider_than_the_terminal_and_no_word_is_broken(
    cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data_dir)
    piped = {" ".join(arguments): cli(*arguments).output.split() for arguments in LISTS if arguments[-1] != "--help"}
    for columns in (80, 56):
        for arguments, shown in zip(LISTS, at_a_terminal_of(columns, LISTS, data_dir), strict=True):
            to_paste = ("  inventory-pipeline ", "  mkdir ")
            lines = [line for line in shown.splitlines() if not line.startswith(to_paste)]
            assert [line for line in lines if text_width(line) > columns] == [], (columns, arguments)
            words = piped.get(" ".join(arguments), ())
            whole = {word for word in words if 3 < len(word) < columns - 24}  # longer ones may be broken
            ends = [line.split() or [""] for line in lines]
            broken = {above[-1] + below[0] for above, below in pairwise(ends) if above[-1] and below[0]} & whole
            assert broken == set(), (columns, arguments)


def test_piped_a_row_is_one_uncut_line(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store("supplier", TEXT, "--name", "Northern Supply, the warehouse by the harbour, behind the lighthouse")
    sync("supplier")
    heading, row, *_ = cli("stock").stdout.splitlines()
    assert heading.split()[:3] == ["store", "SKU", "title"]
    assert "organic cotton, round neck, short sleeves" in row
    assert row.endswith("Z")
    assert len(cli("stores", "list").stdout.splitlines()) == 2


def completed(*words: str) -> list[str]:
    """What bash would offer for the last of these words."""
    asking = {"_INVENTORY_PIPELINE_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(("inventory-pipeline", *words))}
    script = Path(sys.executable).with_name("inventory-pipeline")
    environment = {**os.environ, **asking, "COMP_CWORD": str(len(words))}
    return subprocess.run([script], env=environment, capture_output=True, text=True, check=True).stdout.split()


def test_a_shell_completes_store_keys(feed_store: Callable[..., Path]) -> None:
    feed_store("berlin")
    feed_store("bern")
    feed_store("zurich")
    assert completed("stores", "show", "ber") == ["berlin", "bern"]
    assert completed("stock", "--store", "z") == ["zurich"]
    assert completed("thresholds", "explain", "berl") == ["berlin"]


def test_the_version_is_told(cli: Cli) -> None:
    assert cli("--version").stdout.startswith("inventory-pipeline 0.")
    assert "Dagster 1." in cli("--version").stdout


def test_help_is_plain_and_names_no_type_of_a_switch(cli: Cli) -> None:
    shown = cli("stores", "add", "--help").stdout
    assert "--credential NAME=secret:S|env:V|-" in shown
    assert "--no-allow-private" in shown
    assert "bool" not in shown
    assert "╭" not in shown
    listed = cli("--help").stdout
    assert "…" not in listed
    assert "..." not in listed.replace("[ARGS]...", "")


def test_a_second_store_with_the_same_address_is_asked_about(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store("one")
    arguments = ("stores", "add", "two", "--platform", "feed", "--url", "one.csv")
    piped = cli(*arguments)
    assert piped.exit_code == 0
    assert "store one has the same address: its stock would be counted twice" in piped.stderr
    shown, status = at_a_terminal("stores", "add", "three", *arguments[3:], answer=b"n\n")
    assert "Register three all the same?" in shown
    assert status == 1
    assert [store["key"] for store in json.loads(cli("stores", "list", "--json").stdout)] == ["one", "two"]
