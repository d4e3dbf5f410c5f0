"""`inventory-pipeline stock`: for people, as JSON, as CSV; now and then."""

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from inventory_pipeline.core.clock import show_instant, system_clock
from inventory_pipeline_tests.cli.conftest import Cli, edit, sync

FIELDS = (
    *("store", "group", "platform", "product_id", "item_id", "sku", "title", "status", "location_id", "location", "state"),
    *(
        "available",
        "on_hand",
        "committed",
        "incoming",
        "sellable",
        "oversell_allowed",
        "shared_pool",
        "presence",
        "as_of",
        "stale",
        "file_written_at",
        "unverified",
    ),
)
STOCK = "sku,title,available\nA,Apple [red],3\nB,Bee,\nC,Cup,40\nD,Dill,2.5\nE,Egg,-1\n"


@pytest.fixture
def supplier(feed_store: Callable[..., Path]) -> None:
    """A synced store: `sync-all-stores` itself is another test's matter."""
    feed_store("supplier", STOCK)
    sync("supplier")


def lines(cli: Cli, *arguments: str) -> list[dict]:
    result = cli("stock", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.usefixtures("supplier")
def test_json_has_every_field_and_null_stays_null(cli: Cli) -> None:
    found = {line["sku"]: line for line in lines(cli)}
    assert tuple(found["A"]) == FIELDS
    assert (found["A"]["state"], found["A"]["available"], found["A"]["stale"]) == ("tracked", 3, False)
    assert (found["B"]["state"], found["B"]["available"]) == ("unknown", None)
    assert found["D"]["available"] == 2.5


@pytest.mark.usefixtures("supplier")
def test_csv_leaves_empty_what_is_unknown(cli: Cli) -> None:
    rows = {row["sku"]: row for row in csv.DictReader(cli("stock", "--csv").stdout.splitlines())}
    assert tuple(rows["A"]) == FIELDS
    assert (rows["A"]["available"], rows["B"]["available"], rows["D"]["available"]) == ("3", "", "2.5")
    assert (rows["A"]["stale"], rows["A"]["sellable"]) == ("false", "")


def test_csv_holds_no_formula_and_its_numbers_stay_numbers(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store("supplier", "sku,title,available\n=A1,=HYPERLINK(1),-1\n'-B,x;=1,2.5\n")
    sync("supplier")
    rows = list(csv.DictReader(cli("stock", "--csv").stdout.splitlines()))
    assert {row["sku"]: (row["title"], row["available"]) for row in rows} == {
        "'=A1": ("'=HYPERLINK(1)", "-1"),
        "'-B": ("x;'=1", "2.5"),  # the feed's own apostrophe is a spreadsheet's mark of text
    }
    raw = list(csv.DictReader(cli("stock", "--csv", "--raw").stdout.splitlines()))
    assert {row["sku"]: row["title"] for row in raw} == {"=A1": "=HYPERLINK(1)", "-B": "x;=1"}


@pytest.mark.usefixtures("supplier")
def test_people_read_words_for_what_is_no_number(cli: Cli) -> None:
    shown = cli("stock").stdout.splitlines()
    assert shown[0].split() == ["store", "SKU", "title", "location", "available", "on", "hand", "as", "of"]
    assert any("Bee" in line and " unknown " in line for line in shown)
    assert any("Apple [red]" in line for line in shown)


@pytest.mark.usefixtures("supplier")
def test_low_means_at_most_five(cli: Cli) -> None:
    assert [line["sku"] for line in lines(cli, "--low")] == ["A", "D", "E"]


@pytest.mark.usefixtures("supplier")
def test_low_at_a_past_instant_is_by_the_thresholds_of_today(cli: Cli) -> None:
    edit("UPDATE snapshots SET ended_at = '2026-01-05 12:00:00.000000'")
    then, later = "2026-01-05T13:00:00Z", "2026-01-09T13:00:00Z"
    assert [line["sku"] for line in lines(cli, "--low", "--at", then)] == ["A", "D", "E"]
    cli("thresholds", "set", "2")
    result = cli("stock", "--low", "--at", then, "--json")
    assert [line["sku"] for line in json.loads(result.stdout)] == ["E"]
    assert result.stderr == "inventory-pipeline: low by the thresholds of today: those of then are not kept\n"
    assert lines(cli, "--low", "--at", later) == []


@pytest.mark.usefixtures("supplier")
def test_lines_are_chosen_by_store_sku_group_and_location(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store("other", "sku,available\nA,7\n", "--group", "north")
    sync("other")
    assert [(line["store"], line["available"]) for line in lines(cli, "--sku", "A")] == [("other", 7), ("supplier", 3)]
    assert [line["store"] for line in lines(cli, "--sku", "A", "--group", "north")] == ["other"]
    assert {line["store"] for line in lines(cli, "--store", "supplier")} == {"supplier"}
    assert lines(cli, "--location", "elsewhere") == []
    assert "No stock line matches" in cli("stock", "--location", "elsewhere").stdout


@pytest.mark.usefixtures("supplier")
def test_stock_as_of_before_the_first_sync_is_no_line(cli: Cli) -> None:
    assert lines(cli, "--at", "2020-01-01") == []
    assert len(lines(cli, "--at", show_instant(system_clock()))) in (0, 5)  # of a sync in this very second: not yet


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--at", "yesterday"], "'yesterday' is not an ISO 8601 instant"),
        (["--at", show_instant(system_clock() + timedelta(days=2))], "lies in the future"),
        (["--store", "nope"], "stores list"),
        (["--raw"], "--raw is about --csv"),
        (["--group", "nope"], "no store is in group 'nope'"),
        (["--json", "--csv"], "choose one of --json and --csv"),
        (["--low", "--drift"], "choose one of --low and --drift"),
        (["--elsewhere", "--at", "2026-01-01"], "--elsewhere is about the stock of now"),
        (["--drift", "--location", "x"], "--drift is about a store's total"),
    ],
)
def test_what_cannot_be_answered_is_wrong_usage(cli: Cli, arguments: list[str], message: str) -> None:
    result = cli("stock", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.usefixtures("supplier")
def test_old_stock_is_marked_as_stale(cli: Cli) -> None:
    assert {line["stale"] for line in lines(cli)} == {False}
    edit("UPDATE snapshots SET ended_at = '2026-01-01 00:00:00.000000'")
    assert {line["stale"] for line in lines(cli)} == {True}
    assert "stale" in cli("stock").stdout


def test_what_is_left_elsewhere_is_shown_to_people_and_programs(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store("berlin", "sku,title,available,sellable\nTEA,Green tea,0,yes\nCUP,Cup,-1,yes\n")
    feed_store("paris", "sku,title,available\nTEA,Green tea,3\n=CUP,Cup,1\n")
    for store in ("berlin", "paris"):
        sync(store)
    shown = cli("stock", "--elsewhere").stdout
    assert "for sale, though the group has none to sell" in shown
    assert "left in paris 3" in shown
    found = json.loads(cli("stock", "--elsewhere", "--json").stdout)
    assert [(row["finding"], row["sku"], row["total"]) for row in found] == [
        ("oversell_risk", "CUP", -1),
        ("left_elsewhere", "TEA", 3),
    ]
    assert [(place["store"], place["available"]) for place in found[1]["elsewhere"]] == [("paris", 3)]
    [_, row] = csv.DictReader(cli("stock", "--elsewhere", "--csv").stdout.splitlines())
    assert (row["store"], row["available"], row["elsewhere"], row["at_least"]) == ("berlin", "0", "paris 3", "false")
    assert json.loads(cli("stock", "--elsewhere", "--store", "paris", "--json").stdout) == []
    assert "None: no SKU is out" in cli("stock", "--elsewhere", "--sku", "nope").stdout


def test_drift_is_about_stores_that_are_declared_to_share_their_stock(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store("berlin", "sku,title,available\nTEA,Green tea,9\n")
    assert "stores set KEY --setting stock_pool=NAME" in cli("stock", "--drift").stdout
    feed_store("paris", "sku,title,available\nTEA,Green tea,4\n")
    for store in ("berlin", "paris"):
        assert cli("stores", "set", store, "--setting", "stock_pool=hall").exit_code == 0
        sync(store)
    shown = cli("stock", "--drift").stdout
    assert "hall" in shown
    assert "berlin 9, paris 4" in shown
    [found] = json.loads(cli("stock", "--drift", "--json").stdout)
    assert (found["sku"], found["by"], found["waits_for"]) == ("TEA", 5, ["berlin"])
    [row] = csv.DictReader(cli("stock", "--drift", "--csv").stdout.splitlines())
    assert (row["stores"], row["by"], row["since"]) == ("berlin 9, paris 4", "5", found["since"])


def test_what_cannot_be_bought_and_what_still_can_are_lists_of_lines(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store("shop", "sku,title,available,sellable\nA,Apple,3,no\nB,Bee,0,yes\nC,Cup,4,yes\n")
    sync("shop")
    assert [each["sku"] for each in lines(cli, "--unbuyable")] == ["A"]
    assert [each["sku"] for each in lines(cli, "--still-open")] == ["B"]


def test_lines_stand_by_sku_and_those_without_one_last(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store("supplier", "id,sku,available\n1,b,1\n2,,2\n3, A,3\n4,a,4\n", "--setting", "column.id=id")
    sync("supplier")
    assert [line["item_id"] for line in lines(cli)] == ["3", "4", "1", "2"]
    edit("UPDATE snapshots SET ended_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-5 seconds') || '000'")
    assert [line["item_id"] for line in lines(cli, "--at", show_instant(system_clock()))] == ["3", "4", "1", "2"]


def test_the_history_of_a_sku_is_its_steps_newest_first(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed = feed_store("supplier", "")
    for available in (7, 7, 4):
        feed.write_text(f"sku,available\nA,{available}\nB,1\n")
        sync("supplier")
    steps = json.loads(cli("stock", "--sku", "A", "--history", "--json").stdout)
    assert [(step["store"], step["available"], step["change"]) for step in steps] == [("supplier", 4, -3), ("supplier", 7, None)]
    assert cli("stock", "--sku", "A", "--history").stdout.splitlines()[1].split()[-2:] == ["4", "-3"]
    assert "No stock line matches" in cli("stock", "--sku", "Z", "--history").stdout
    assert "takes --sku" in cli("stock", "--history").stderr


@pytest.mark.usefixtures("supplier")
def test_an_instant_without_a_zone_is_in_the_schedules_and_that_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_TIMEZONE", "Europe/Berlin")
    result = cli("stock", "--at", "2026-11-23T16:00")
    assert "no time zone: taken as Europe/Berlin (INVENTORY_TIMEZONE), so 2026-11-23T15:00:00Z" in result.stderr
    assert cli("stock", "--at", "2026-11-23T16:00:00Z").stderr == ""
