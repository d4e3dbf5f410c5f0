"""`inventory-pipeline sync-all-stores` and `sync-log`: real Dagster runs in child processes."""

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from inventory_pipeline.demo.messages import Answer, Request, Respond
from inventory_pipeline.demo.shops import synthetic_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline_tests.cli.conftest import Cli, command, stuck_run, sync
from inventory_pipeline_tests.processes import processes_on

COUNTS = ("seen", "created", "updated", "skipped", "rejected", "missing")
HEADING = ["store", "outcome", *COUNTS, "calls", "seconds"]
FIELDS = [
    *("run_id", "store", "platform", "trigger", "status", "outcome", "started_at", "ended_at"),
    *COUNTS,
    "api_calls",
    "error",
    "note",
]
BROKEN = 'sku,available\nA,"1\n'  # a quotation mark that never closes: not provably whole


def test_all_active_stores_are_synced_and_land_in_the_log(cli: Cli, feed_store: Callable[..., Path]) -> None:
    for key in ("one", "two", "off"):
        feed_store(key)
    cli("stores", "deactivate", "off")
    result = cli("sync-all-stores", "--concurrency", "2")
    assert result.exit_code == 0, result.output
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == HEADING
    assert sorted(row.split()[:4] for row in rows) == [["one", "published", "3", "3"], ["two", "published", "3", "3"]]
    logged = json.loads(cli("sync-log", "--json").stdout)
    assert {(row["store"], row["trigger"], row["status"], row["outcome"], row["seen"]) for row in logged} == {
        ("one", "manual", "SUCCESS", "published", 3),
        ("two", "manual", "SUCCESS", "published", 3),
    }
    assert [row["store"] for row in json.loads(cli("sync-log", "--store", "two", "--json").stdout)] == ["two"]


def test_a_store_that_fails_is_named_and_the_others_are_synced(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store("good")
    broken = feed_store("broken", BROKEN)
    result = cli("sync-all-stores", "--json")
    assert result.exit_code == 1
    assert result.stderr == "inventory-pipeline: 1 of 2 stores not synced: broken (quarantined)\n"
    rows = json.loads(result.stdout)
    assert list(rows[0]) == FIELDS
    ended = {row["store"]: row for row in rows}
    assert (ended["good"]["outcome"], ended["broken"]["seen"]) == ("published", None)
    assert "not provably complete" in ended["broken"]["error"]
    open_alerts = [(alert["store"], alert["level"]) for alert in json.loads(cli("alerts", "list", "--json").stdout)]
    assert open_alerts == [("broken", "quarantined")], "told without a daemon"
    assert "not provably complete" in cli("alerts", "list").stdout
    broken.write_text("sku,available\nA,1\n")
    result = cli("sync-all-stores", "--failed", "--json")
    assert [(row["store"], row["outcome"]) for row in json.loads(result.stdout)] == [("broken", "published")]
    assert json.loads(cli("alerts", "list", "--json").stdout) == []
    assert "the last sync of each was published" in cli("sync-all-stores", "--failed").stdout


def test_a_run_whose_process_is_gone_is_closed_first_and_counts_as_failed(cli: Cli, feed_store: Callable[..., Path]) -> None:
    for key in ("dead", "other"):
        feed_store(key)
        sync(key)
    run_id = stuck_run("dead")
    result = cli("sync-all-stores", "--failed", "--json")
    assert result.stderr.startswith(f"inventory-pipeline: closed the sync of store dead, run {run_id}: its last heartbeat on ")
    assert [(row["store"], row["outcome"]) for row in json.loads(result.stdout)] == [("dead", "published")]
    logged = json.loads(cli("sync-log", "--store", "dead", "--json").stdout)
    assert [(row["outcome"], row["status"]) for row in logged] == [("published", "SUCCESS"), ("failed", "FAILURE")]
    assert "the run's process is gone" in logged[1]["error"]


def test_a_shrunken_store_is_published_when_a_person_accepts_it(cli: Cli, feed_store: Callable[..., Path]) -> None:
    whole = "sku,available\n" + "".join(f"S-{number},{number}\n" for number in range(60))
    file = feed_store("supplier", whole)
    sync("supplier")
    file.write_text("sku,available\nS-1,1\n")
    assert cli("sync-all-stores", "--accept-shrink").exit_code == 2
    assert cli("sync-all-stores", "--store", "supplier", "--accept-shrink").exit_code == 0
    presence = [line["presence"] for line in json.loads(cli("stock", "--json").stdout)]
    assert sorted(presence) == ["missing"] * 59 + ["present"]


def test_an_unknown_store_is_wrong_usage(cli: Cli) -> None:
    for arguments in (("sync-all-stores", "--store", "nope"), ("sync-log", "--store", "nope")):
        result = cli(*arguments)
        assert result.exit_code == 2
        assert "stores list" in result.stderr


def test_without_stores_it_says_how_to_add_one(cli: Cli) -> None:
    result = cli("sync-all-stores")
    assert (result.exit_code, result.stdout) == (0, "No store to sync; `stores add` registers one\n")
    assert json.loads(cli("sync-all-stores", "--json").stdout) == []
    assert "No sync yet" in cli("sync-log").stdout


def test_ctrl_c_cancels_the_sync_and_leaves_no_process(cli: Cli, data_dir: Path) -> None:
    with DemoStore(synthetic_catalogue(500)) as shop:
        cli(
            *("stores", "add", "slow", "--platform", "woocommerce", "--url", shop.url),
            *("--credential", "consumer_key=-", "--credential", "consumer_secret=-", "--allow-private"),
            stdin=f"{shop.key}\n{shop.secret}\n",
        )
        asked = threading.Event()

        def never_answer(request: Request, respond: Respond) -> Answer:
            asked.set()
            shop.closing.wait(60)
            return respond(request)

        shop.faults.add(never_answer)
        process = command("sync-all-stores")
        assert asked.wait(30)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert [row["outcome"] for row in json.loads(cli("sync-log", "--json").stdout)] == ["canceled"]
    assert processes_on(data_dir) == []


def test_verbose_shows_each_request_and_the_log_file_keeps_it_redacted(cli: Cli, data_dir: Path) -> None:
    with DemoStore(synthetic_catalogue(5)) as shop:
        cli(
            *("stores", "add", "berlin", "--platform", "woocommerce", "--url", shop.url),
            *("--credential", "consumer_key=-", "--credential", "consumer_secret=-", "--allow-private"),
            stdin=f"{shop.key}\n{shop.secret}\n",
        )
        process = command("sync-all-stores", "--verbose")
        shown, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "GET" not in shown
    log = (data_dir / "logs" / "inventory_pipeline.log").read_text()
    for text in (errors, log):
        assert "GET http://127.0.0.1" in text
        assert shop.key not in text
        assert shop.secret not in text
