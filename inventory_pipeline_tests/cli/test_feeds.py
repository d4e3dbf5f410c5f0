"""`feeds preview`: from a file to a working store in one reading."""

import json
import os
import shlex
import time
from pathlib import Path

import pytest
from typer.testing import Result

from inventory_pipeline_tests.cli.conftest import Cli
from inventory_pipeline_tests.connectors.test_feed_presets import EXPORTS

LONG_AGO = time.time() - 3600
MADE = Path(__file__).parent.parent / "connectors" / "feeds"

# Ten files of this project's own making: each takes no setting, or one that the preview names.
OWN = {
    "plain.csv": "sku,title,stock\nA,Tea,5\nB,Cup,0\n",
    "german.csv": "Preisliste\n\nArt.-Nr.;Bezeichnung;Bestand\nA;Tee;1.250\nB;Tasse;2,5\n",
    "thousands.csv": "Artikelnummer;Bestand\nA;1.250\nB;12\n",
    "old.txt": "SKU\tName\tQty\nA\tTea\t10+\nB\tCup\tcall\n",
    "depots.csv": "SKU;Depot;Qty\nA;North;1\nA;South;2\n",
    "warehouses.csv": "SKU,WH North,WH South\nA,1,2\n",
    "shop.json": '{"data": {"items": [{"sku": "A", "qty": 5}]}, "page": 1}',
    "map.json": '{"A": {"qty": 5}, "B": {"qty": 6}}',
    "shop.xml": "<shop><item><sku>A</sku><qty>5</qty></item><item><sku>B</sku><qty>0</qty></item></shop>",
    "twice.csv": "sku,qty,name,qty\nA,5,Tea,7\n",
    "noheading.txt": "sku|stock\nA|5\nTotal|5\n",
}


def run(cli: Cli, *arguments: str, status: int | None = 0) -> Result:
    result = cli(*arguments)
    assert status is None or result.exit_code == status, result.output
    return result


def written(path: Path, content: str | bytes) -> Path:
    """A file that has rested since an hour ago."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


@pytest.mark.parametrize("name", OWN)
def test_one_reading_leads_from_a_file_to_a_store(name: str, cli: Cli, data_dir: Path, tmp_path: Path):
    path = written(tmp_path / name, OWN[name])
    shown = json.loads(run(cli, "feeds", "preview", str(path), "--json", status=None).stdout)
    copy, *ways = shown["connect"]
    assert copy == f"mkdir -p {data_dir}/feeds && cp {path} {data_dir}/feeds/"
    program, *arguments = shlex.split(ways[0])
    assert (program, ways[0].count("--setting") <= 1) == ("inventory-pipeline", True)
    written(data_dir / "feeds" / name, OWN[name])
    run(cli, *arguments)
    items = json.loads(run(cli, "stores", "check", arguments[2], "--json").stdout)
    assert all(item["ok"] for item in items)


@pytest.mark.parametrize("name", EXPORTS)
def test_a_known_export_takes_no_setting(name: str, cli: Cli, tmp_path: Path):
    path = written(tmp_path / "export.txt", EXPORTS[name][0])
    shown = json.loads(run(cli, "feeds", "preview", str(path), "--json").stdout)
    assert shown["preset"] == name
    assert (shown["error"], shown["rejected"], shown["lines"]) == (None, [], len(EXPORTS[name][1]))
    assert "--setting" not in shown["connect"][-1]


def test_a_preview_says_what_is_what_and_why(cli: Cli, tmp_path: Path):
    path = written(tmp_path / "total-row.csv", (MADE / "total-row.csv").read_bytes())
    text = run(cli, "feeds", "preview", str(path)).stdout
    for told in ("CSV, utf-8, comma between cells, 3 headings", "common heading", "2 lines (2 tracked), 37 units",
                 "1: a total", "line 5: Total, , 37", "stores add total-row --platform feed --url total-row.csv"):  # fmt: skip
        assert told in text


def test_a_preview_of_what_a_sync_would_refuse_names_all_headings_and_the_ways_out(cli: Cli, tmp_path: Path):
    headings = [f"Column {chr(65 + number)}" for number in range(20)]
    rows = (["sku", "qty", *headings, "qty"], ["A", "5", *["x"] * 20, "7"])
    path = written(tmp_path / "twice.csv", "".join(",".join(row) + "\n" for row in rows))
    result = run(cli, "feeds", "preview", str(path), status=1)
    assert all(heading in result.stdout for heading in headings)
    assert "with --setting 'column.available=#2': 1 lines, 5 units, 0 rejected" in result.stdout
    assert "with --setting 'column.available=#23': 1 lines, 7 units, 0 rejected" in result.stdout


def test_a_setting_of_the_preview_goes_into_the_line(cli: Cli, data_dir: Path):
    written(data_dir / "feeds" / "a b.csv", "sku,qty\nA,viel\n")
    result = run(cli, "feeds", "preview", str(data_dir / "feeds" / "a b.csv"), "--setting", "words.viel=5")
    assert "stores add a-b --platform feed --url 'a b.csv' --setting words.viel=5" in result.stdout
    assert "mkdir" not in result.stdout


@pytest.mark.parametrize("address", ["gopher://x/y", "../x\0y"])
def test_an_address_that_cannot_be_used_is_wrong_usage(address: str, cli: Cli):
    run(cli, "feeds", "preview", address, status=2)


def test_a_file_that_is_not_there_is_said(cli: Cli, tmp_path: Path):
    assert "there is no feed file" in run(cli, "feeds", "preview", str(tmp_path / "gone.csv"), status=1).stdout


@pytest.mark.parametrize(
    ("address", "setting", "foreign"),
    [
        ("https://evil.example/x.csv", "format=csv", "evil.example"),
        ("s3://bucket/x.csv", "endpoint=https://evil.example", "evil.example"),
        ("s3://bucket/x.csv", "format=csv", "s3.amazonaws.com"),
    ],
)
def test_a_preview_sends_a_stored_secret_to_its_own_hosts_only(cli: Cli, address: str, setting: str, foreign: str):
    assert cli("credentials", "set", "KEY", "--host", "feeds.example", stdin="key-value-1\n").exit_code == 0
    credentials = ("--credential", "access_key=secret:KEY", "--credential", "secret_key=secret:KEY")
    shown = run(cli, "feeds", "preview", address, "--setting", setting, *credentials, status=1)
    assert f"secret:KEY may be sent to feeds.example and not to {foreign}" in shown.stderr


def test_an_address_with_a_key_is_refused_as_everywhere(cli: Cli):
    refused = run(cli, "feeds", "preview", "https://feeds.example/x.csv?key=abcdef", status=2)
    assert "the address holds a password or key (the value of key)" in refused.stderr
    assert "query.key=secret:NAME" in refused.stderr
    assert "abcdef" not in refused.output
