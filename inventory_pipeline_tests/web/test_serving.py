"""How `serve` and `dev` start, end and are refused: real processes, as systemd, a terminal and a killer treat them."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inventory_pipeline.cli.main import app
from inventory_pipeline.demo.messages import Answer, Request, Respond
from inventory_pipeline.demo.shops import synthetic_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.environment import PROJECT_ROOT
from inventory_pipeline_tests.cli.conftest import command
from inventory_pipeline_tests.postgres import PostgresServer
from inventory_pipeline_tests.processes import free_port
from inventory_pipeline_tests.web.served import PATIENCE, Served, ours

OPERATIONS = (PROJECT_ROOT / "docs" / "operations.md").read_text()
# The unit that the document gives for good.
(COMMAND,) = (line.split()[1:] for line in OPERATIONS.splitlines() if line.startswith("ExecStart="))
assert "KillMode=mixed\n" in OPERATIONS
ASK = ("POST", "/graphql", ["Content-Type: application/json"], json.dumps({"query": "{ version }"}))


@contextmanager
def slow_shop() -> Iterator[tuple[DemoStore, threading.Event, threading.Event]]:
    """A shop, whether it was asked, and whether it may answer."""
    asked, may_answer = threading.Event(), threading.Event()

    def wait(request: Request, respond: Respond) -> Answer:
        asked.set()
        may_answer.wait(PATIENCE)
        return respond(request)

    with DemoStore(synthetic_catalogue(5)) as shop:
        shop.faults.add(wait)
        try:
            yield shop, asked, may_answer
        finally:
            may_answer.set()


def cli(*arguments: str, stdin: str | None = None, **environment: str) -> str:
    result = CliRunner().invoke(app, arguments, input=stdin, env=environment)
    assert result.exit_code == 0, result.output
    return result.stdout


def connect(key: str, shop: DemoStore, **environment: str) -> None:
    cli(
        *("stores", "add", key, "--platform", "woocommerce", "--url", shop.url, "--auto-sync"),
        *("--credential", "consumer_key=-", "--credential", "consumer_secret=-", "--allow-private"),
        stdin=f"{shop.key}\n{shop.secret}\n",
        **environment,
    )


def test_sigterm_lets_a_running_sync_end_and_leaves_nothing(data_dir: Path) -> None:
    with slow_shop() as (shop, asked, may_answer), Served(*COMMAND, DAGSTER_HOME=str(PROJECT_ROOT)) as served:
        assert served.output.startswith(f"http://127.0.0.1:{served.port} is starting; Ctrl-C ends it\nNobody can sign in yet")
        connect("drained", shop)
        assert asked.wait(PATIENCE)
        served.process.terminate()  # as systemd does, with the document's KillMode
        served.wait_for(" may take up to 50 s to end")
        with pytest.raises(ConnectionRefusedError):
            served.send(*ASK)
        may_answer.set()
        assert served.wait() == 0
    assert "Ending…" in served.output
    assert "temporary" not in served.output
    (sync,) = json.loads(cli("sync-log", "--store", "drained", "--json"))
    assert sync["outcome"] == "published"
    assert ours(data_dir) == {}


@pytest.mark.slow
def test_dev_loads_changed_code_and_a_second_signal_ends_it_at_once(data_dir: Path, postgres_server: PostgresServer) -> None:
    """Also: history in PostgreSQL, listening everywhere, and a host name of one's own."""
    history = {"INVENTORY_DAGSTER_DATABASE_URL": postgres_server.create_empty_database()}
    everywhere = {"INVENTORY_WEB_HOSTS": "Stock.example"}
    with slow_shop() as (shop, asked, _), Served("dev", "--host", "0.0.0.0", **history, **everywhere) as served:
        assert served.output.startswith(f"http://stock.example:{served.port} is starting")
        assert "It answers only to stock.example" in served.output
        method, target, headers, body = ASK
        assert served.send(method, target, headers, body).status == 421
        assert served.send(method, target, [*headers, "Host: stock.example"], body).status == 200
        assert served.open_socket("Host: stock.example", "Origin: https://stock.example").status == 101

        os.utime(PROJECT_ROOT / "inventory_pipeline" / "definitions.py")
        served.wait_for("definitions.py changed: loaded in")

        connect("cut", shop, **history)
        assert asked.wait(PATIENCE)
        served.process.terminate()
        served.wait_for(" may take up to 50 s to end")
        told = time.monotonic()
        served.process.send_signal(signal.SIGINT)
        served.wait()
        assert time.monotonic() - told < 20
    assert ours(data_dir) == {}


def test_the_daemons_death_ends_it_with_the_reason(data_dir: Path) -> None:
    with Served("serve") as served:
        (daemon,) = [pid for pid, words in ours(data_dir).items() if "web.server daemon" in words]
        os.kill(daemon, signal.SIGKILL)
        assert served.wait() == 1
    assert "inventory-pipeline: the web UI has ended: Dagster's daemon has ended by itself (exit status -9)" in served.output
    assert ours(data_dir) == {}


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    return result.stderr


def test_a_port_in_use_is_said_in_plain_words_before_anything_starts(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for command in ("serve", "dev"):
            assert refused(command, "--port", port) == (
                f"inventory-pipeline: port {port} of 127.0.0.1 is in use by another program; end that, or choose another with"
                " --port\n"
            )
    assert ours(data_dir) == {}


@pytest.mark.parametrize("host", ["nowhere.invalid", "http://localhost", "192.0.2.1"])
def test_a_host_that_is_not_this_machines_is_refused(host: str) -> None:
    assert f"--host {host} is " in refused("serve", "--host", host)


@pytest.mark.parametrize("word", ["https://stock.example", "stock.example:3000", "*", "*.example", "a..b"])
def test_a_web_host_that_is_none_is_refused_with_the_form_it_takes(word: str) -> None:
    result = CliRunner().invoke(app, ["platforms"], env={"INVENTORY_WEB_HOSTS": f"localhost, {word}"})
    assert result.exit_code == 2
    assert f"INVENTORY_WEB_HOSTS holds {word!r}, which is no host name" in result.stderr


def test_a_history_that_cannot_be_opened_is_said_and_nothing_stays(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "nowhere"))
    _, errors = (process := command("serve", "--port", str(free_port()))).communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert f'could not start: Dagster\'s history cannot be opened: $DAGSTER_HOME "{tmp_path / "nowhere"}"' in errors
    assert ours(data_dir) == {}
