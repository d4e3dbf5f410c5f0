"""Alerts, thresholds, routes and the report, as people type them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from inventory_pipeline_tests.cli.conftest import Cli, edit, sync
from inventory_pipeline_tests.notify.receivers import HttpServer, running
from inventory_pipeline_tests.postgres import PostgresServer, cut

STOCK = "sku,title,available\nTEA-1,Green tea,3\nCUP-1,Cup <b>,0\nPOT-1,Pot,40\n"


@pytest.fixture
def supplier(feed_store: Callable[..., Path]) -> Path:
    """A synced store."""
    file = feed_store("supplier", STOCK)
    sync("supplier")
    return file


def test_a_check_whose_database_was_lost_is_made_once_more(
    cli: Cli, feed_store: Callable[..., Path], postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_server.create_database()
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    feed_store("supplier", STOCK)
    sync("supplier")
    cut(url, "alert_baselines")
    result = cli("check-alerts", "--json")
    assert (result.exit_code, json.loads(result.stdout)["opened"]) == (0, 2)
    assert result.stderr.startswith("inventory-pipeline: the inventory database (PostgreSQL database test_")
    assert "trying once more in 0 s" in result.stderr
    postgres_server.drop_database(url)


def good(cli: Cli, *arguments: str, stdin: str | None = None) -> str:
    result = cli(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(cli: Cli, *arguments: str, stdin: str | None = None) -> str:
    result = cli(*arguments, stdin=stdin)
    assert result.exit_code == 2
    return result.stderr


@pytest.mark.usefixtures("supplier")
def test_a_check_by_hand_tells_the_monitor_and_a_dry_run_does_not(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(HttpServer()) as monitor:
        monkeypatch.setenv("INVENTORY_HEARTBEAT_URL", monitor.url)
        good(cli, "check-alerts", "--dry-run")
        assert monitor.paths == []
        good(cli, "check-alerts")
        assert len(monitor.paths) == 1


@pytest.mark.usefixtures("supplier")
def test_a_check_opens_alerts_once_and_people_decide_about_them(cli: Cli) -> None:
    counts = {"opened": 2, "worsened": 0, "resolved": 0, "still_open": 0, "suppressed": 0}
    assert json.loads(good(cli, "check-alerts", "--dry-run", "--json")) == counts
    assert json.loads(good(cli, "check-alerts", "--json")) == counts
    listed = json.loads(good(cli, "alerts", "list", "--json"))
    assert [(alert["level"], alert["sku"], alert["severity"]) for alert in listed] == [
        ("out", "CUP-1", "critical"),
        ("low", "TEA-1", "warning"),
    ]
    numbers = [str(alert["alert"]) for alert in listed]
    assert "acknowledged by cli:" in good(cli, "alerts", "acknowledge", numbers[0])
    assert "snoozed until" in good(cli, "alerts", "snooze", numbers[1], "--until", "2d")
    again = json.loads(good(cli, "check-alerts", "--json"))
    assert again == {"opened": 0, "worsened": 0, "resolved": 0, "still_open": 0, "suppressed": 2}
    assert good(cli, "audit").count("alert") >= 2


@pytest.mark.usefixtures("supplier")
def test_the_check_the_list_and_the_explanation_agree(cli: Cli) -> None:
    good(cli, "thresholds", "set", "50", "--store", "supplier")
    good(cli, "thresholds", "set", "1", "--store", "supplier", "--variant", "TEA-1")
    low = [line["sku"] for line in json.loads(good(cli, "stock", "--low", "--json"))]
    good(cli, "check-alerts")
    alerted = [alert["sku"] for alert in json.loads(good(cli, "alerts", "list", "--json"))]
    assert sorted(low) == sorted(alerted) == ["CUP-1", "POT-1"]
    told = good(cli, "thresholds", "explain", "supplier", "TEA-1")
    assert "variant TEA-1 of store supplier: 1 or fewer, recovered above 2" in told
    assert " ".join(told.split()).endswith("fine too little data (0 days seen)")


def test_rules_go_out_and_come_back_as_csv(cli: Cli, feed_store: Callable[..., Path], tmp_path: Path) -> None:
    feed_store()
    good(cli, "thresholds", "set", "2.5", "--cover-days", "14")
    good(cli, "thresholds", "set", "20", "--sku", "TEA-1")
    good(cli, "thresholds", "set", "3", "--store", "supplier", "--variant", "a", "--location", "b", "--margin", "0")
    exported = good(cli, "thresholds", "export")
    good(cli, "thresholds", "remove")
    good(cli, "thresholds", "remove", "--sku", "TEA-1")
    file = tmp_path / "rules.csv"
    file.write_text(exported)
    assert good(cli, "thresholds", "import", str(file)) == "3 rules set\n"
    assert good(cli, "thresholds", "export") == exported
    assert "14" in good(cli, "thresholds", "list")


def test_rules_about_dangerous_names_come_back_exactly_and_are_no_formulas(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    for sku in ("=1+1", "'=1+1", "-5", "x;=1", "＝1"):
        good(cli, "thresholds", "set", "3", f"--sku={sku}")
    exported, rules = good(cli, "thresholds", "export"), good(cli, "thresholds", "list", "--json")
    assert [line.split(",")[5] for line in exported.splitlines()[1:]] == ["''=1+1", "'-5", "'=1+1", '"x;\'=1"', "'＝1"]
    raw = good(cli, "thresholds", "export", "--raw")
    assert [line.split(",")[5] for line in raw.splitlines()[1:]] == ["'=1+1", "-5", "=1+1", '"x;=1"', "＝1"]
    for text, options in ((exported, ()), (f"\ufeff{exported}", ()), (raw, ("--raw",))):
        for sku in ("=1+1", "'=1+1", "-5", "x;=1", "＝1"):
            good(cli, "thresholds", "remove", f"--sku={sku}")
        good(cli, "thresholds", "import", "-", *options, stdin=text)
        assert good(cli, "thresholds", "list", "--json") == rules


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scope,threshold,threshold\nglobal,4,5\n", "line 1: the file has twice the column 'threshold'"),
        ('scope,threshold\nglobal,4\nglobal,"5"5\n', "line 3: "),
        ("scope,threshold\nglobal,4\nglobal,x\n", "line 3: threshold 'x' is not a number"),
        ("scope,threshold\nglobal,4\nglobal,5\n", "line 3: global default was set in line 2 already"),
        ("scope,threshold\nstore,4\n", "line 2: a store rule needs a store"),
        ("scope,threshold,colour\nglobal,4,red\n", "line 1: the file has the unknown column 'colour'"),
        ("threshold\n4\n", "line 1: the file lacks the column 'scope'"),
        ("scope,store,threshold\nglobal,,4\nstore,nowhere,4\n", "line 3: no store 'nowhere' is registered"),
        ("scope,group,sku,threshold\nsku,nowhere,TEA,4\n", "line 2: no store is in group 'nowhere'"),
        ("scope,threshold\nglobal,4,5\n", "line 2: more cells than columns"),
        ("scope,threshold,cover_days\nglobal,4,1.5\n", "line 2: cover_days '1.5' is not a whole number of days"),
    ],
)
def test_a_wrong_line_leaves_all_rules_as_they_were(cli: Cli, text: str, says: str) -> None:
    assert says in refused(cli, "thresholds", "import", "-", stdin=text)
    assert json.loads(good(cli, "thresholds", "list", "--json"))[0]["threshold"] == 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("thresholds", "set", "-1"), "No such option"),
        (("thresholds", "set", "many"), "N 'many' is not a number"),
        (("thresholds", "set", "1", "--location", "x"), "a location rule needs a variant id"),
        (("thresholds", "set", "1", "--sku", "x", "--store", "y"), "a sku rule takes no store"),
        (("thresholds", "set", "1", "--sku", ""), "--sku is empty"),
        (("thresholds", "remove", "--store", " "), "--store is empty"),
        (("thresholds", "explain", "nowhere", "TEA-1"), "no store 'nowhere' is registered"),
        (("thresholds", "remove", "--store", "x"), "there is no rule for store x"),
        (("alerts", "acknowledge", "7"), "alert 7 does not exist"),
        (("alerts", "snooze", "7", "--until", "soon"), "nor a span such as 4h, 2d or 1w"),
        (("notify", "remove", "x"), "there is no route 'x'"),
        (("notify", "test", "x"), "there is no route 'x'"),
        (("notify", "add", "x", "--url", "https://a.example/secret"), "would stay in the shell's history"),
        (("notify", "add", "x", "--severity", "dire"), "--severity 'dire' is none of info, warning, critical"),
        (("notify", "add", "x", "--event", "birth"), "--event 'birth' is none of opened"),
        (("report", "--html", "/nowhere/report.html"), "/nowhere/report.html cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(cli: Cli, arguments: tuple[str, ...], says: str) -> None:
    told = refused(cli, *arguments)
    assert says in told
    assert told.count("\n") == 1


def test_routes_are_added_without_showing_their_address(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    told = good(cli, "notify", "add", "erp", "--store", "supplier", stdin="https://erp.example/hook/T0KEN-is-secret\n")
    assert "Route erp to https://erp.example is added" in told
    assert "route name 'Lena' is not a slug" in refused(cli, "notify", "add", "Lena", stdin="https://erp.example/hook\n")
    assert "signing secret, shown only now: " in told
    listed = good(cli, "notify", "list", "--json")
    assert json.loads(listed)[0]["stores"] == ["supplier"]
    assert "T0KEN" not in told + listed + good(cli, "credentials", "list") + good(cli, "audit")
    good(cli, "credentials", "rotate-key")
    good(cli, "notify", "remove", "erp")
    assert json.loads(good(cli, "notify", "list", "--json")) == []


def test_stores_that_show_one_stock_count_once(cli: Cli, feed_store: Callable[..., Path]) -> None:
    for key, units in (("web", 30), ("market", 12)):
        feed_store(key, f"sku,available\nTEA-1,{units}\n", "--setting", "stock_pool=hall")
        sync(key)
    good(cli, "thresholds", "set", "20", "--sku", "TEA-1")
    told = " ".join(good(cli, "thresholds", "explain", "web", "TEA-1").split())
    assert "sku TEA-1 12 SKU TEA-1 over group default: 20 or fewer" in told


def test_an_explanation_says_what_is_unknown_and_what_is_ambiguous(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store("web", "id,sku,available\na,TEA,3\nb,TEA,\n")
    sync("web")
    good(cli, "thresholds", "set", "20", "--sku", "TEA")
    *_, total = good(cli, "thresholds", "explain", "web", "TEA").splitlines()
    assert "at least 3" in total
    assert total.rstrip().endswith("unknown; several variants of one store have this SKU: added up")


def test_an_explanation_says_why_nothing_decides(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    assert "was never synced, or is inactive" in refused(cli, "thresholds", "explain", "supplier", "A")
    sync("supplier")
    assert "has no active line with SKU or variant id 'Z'" in refused(cli, "thresholds", "explain", "supplier", "Z")
    edit("UPDATE snapshots SET ended_at = '2020-01-01 00:00:00.000000'")
    assert "store supplier is stale" in refused(cli, "thresholds", "explain", "supplier", "A")


@pytest.mark.usefixtures("supplier")
def test_a_check_whose_notices_do_not_arrive_says_so_and_fails(cli: Cli) -> None:
    good(cli, "notify", "add", "erp", stdin="http://127.0.0.1:9/hook\n")
    result = cli("check-alerts")
    assert result.exit_code == 1
    assert "1 notices not delivered, 0 given up" in result.stderr
    assert "ConnectError" in good(cli, "notify", "list")


def test_a_table_of_the_report_is_no_formula_for_a_spreadsheet_either(
    cli: Cli, feed_store: Callable[..., Path], tmp_path: Path
) -> None:
    feed_store("supplier", "sku,title,available\n=1+1,@SUM(1),0\n")
    sync("supplier")
    good(cli, "check-alerts")
    good(cli, "report", "--html", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    assert "<td>&#x27;=1+1<td>" in page
    assert "<td>=" not in page
    assert "<td>@" not in page


@pytest.mark.usefixtures("supplier")
def test_the_report_is_one_page_that_fetches_nothing(cli: Cli, tmp_path: Path) -> None:
    good(cli, "check-alerts")
    file = tmp_path / "report.html"
    good(cli, "report", "--html", str(file))
    page = file.read_text()
    assert "Cup &lt;b&gt;" in page
    assert "<b>" not in page
    assert page.count("<svg ") == 3
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "Units of supplier" in page
    good(cli, "report", "--html", str(file), "--sku", " POT-1 ")
    assert file.read_text().count("<svg ") == 4
    assert "POT-1 (supplier)" in file.read_text()
