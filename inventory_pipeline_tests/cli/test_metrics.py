"""`inventory-pipeline metrics`: what a monitor reads."""

import re
from collections.abc import Callable
from pathlib import Path

from inventory_pipeline.db.alerts import outbox
from inventory_pipeline.environment import load_environment
from inventory_pipeline.wiring import open_services
from inventory_pipeline_tests.cli.conftest import Cli, edit, sync

_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[\d.e+]+)')


def samples(cli: Cli) -> dict[tuple[str, str], float]:
    """Value by name and labels, of lines that are what Prometheus' text format allows."""
    result = cli("metrics")
    assert result.exit_code == 0, result.stderr
    found: dict[tuple[str, str], float] = {}
    for line in result.stdout.splitlines():
        if not line.startswith(("# HELP ", "# TYPE ")):
            match = _SAMPLE.fullmatch(line)
            assert match, line
            found[match[1], match[2] or ""] = float(match[3])
    return found


def labels(store: str, group: str = "default") -> str:
    return f'store="{store}",group="{group}",platform="feed"'


def test_each_active_store_its_age_and_what_is_wrong_with_it(cli: Cli, feed_store: Callable[..., Path]) -> None:
    for key in ("fresh", "stale", "never", "off"):
        feed_store(key, "sku,available\nA,3\nB,0\n", "--group", 'a "b\\')
    for key in ("fresh", "stale"):
        sync(key)
    cli("stores", "deactivate", "off")
    edit("UPDATE snapshots SET ended_at = '2026-01-01 00:00:00.000000' WHERE store_key = 'stale'")
    edit("UPDATE store_integrations SET needs_reauthorization = '401' WHERE key = 'never'")
    cli("check-alerts")
    found = samples(cli)
    group = 'a \\"b\\\\'
    assert found["inventory_store_last_good_read_timestamp_seconds", labels("stale", group)] == 1767225600
    assert ("inventory_store_last_good_read_timestamp_seconds", labels("never", group)) not in found
    for name, bad in (("inventory_store_stale", "stale"), ("inventory_store_needs_reauthorization", "never")):
        shown = {key: found[name, labels(key, group)] for key in ("fresh", "stale", "never")}
        assert shown == {"fresh": 0, "stale": 0, "never": 0} | {bad: 1}
    assert not any("off" in told for _, told in found)
    assert found["inventory_alerts", 'severity="warning",level="low",status="open"'] == 1
    assert found["inventory_alerts", 'severity="critical",level="stale",status="open"'] == 1
    assert found["inventory_notices_undelivered", ""] == 0


def test_notices_that_did_not_arrive_are_counted(cli: Cli) -> None:
    assert cli("notify", "add", "office", stdin="http://127.0.0.1:9/hook").exit_code == 0
    with open_services(load_environment()) as services, services.database.begin() as connection:
        outbox.enqueue(connection, "office", {"key": "k", "created_at": "t"}, services.clock())
    assert cli("check-alerts").exit_code == 1
    assert samples(cli)["inventory_notices_undelivered", ""] == 1
