"""The asset of the hourly check: which stock is low, which stores are stale, and whether people were told."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.alerts import SEVERITIES, SEVERITY, Alert
from inventory_pipeline.core.quantity import show_total, total_mark
from inventory_pipeline.defs import names
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.interval import sync_interval
from inventory_pipeline.defs.sync.outcome import cell
from inventory_pipeline.environment import load_environment

if TYPE_CHECKING:
    import sqlalchemy as sa

    from inventory_pipeline.db.alerts.notices import Notice
    from inventory_pipeline.services.alerts.check import CheckResult
    from inventory_pipeline.services.alerts.delivery import Delivered

ALERTS = dg.AssetKey("stock_alerts")
CHECK_JOB = "check_alerts"
NO_MORE_OUT, STORES_FRESH, DELIVERED = "nothing_newly_out_of_stock", "every_store_is_fresh", "notices_delivered"

_LISTED = 30
_CHARTS = 6
# How long a notice that was given up keeps its check red.
_LATELY = timedelta(days=1)


@dg.asset(
    key=ALERTS,
    deps=[names.SNAPSHOT],
    check_specs=[
        dg.AssetCheckSpec(
            NO_MORE_OUT, asset=ALERTS, description="Nothing has run out of stock or been oversold since the last check."
        ),
        dg.AssetCheckSpec(STORES_FRESH, asset=ALERTS, description="Every active store was read whole within its limit."),
        dg.AssetCheckSpec(DELIVERED, asset=ALERTS, description="Every notice reached its route."),
    ],
    group_name="inventory",
    owners=["team:inventory"],
    kinds={"python", "sql"},
    # Two checks may be missed: a run waits its turn.
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=max(3 * load_environment().alert_interval, timedelta(minutes=2))),
    description=(
        "What is low, out or oversold in all stores, and which stores are stale: checked each hour against the thresholds."
        " An alert is told once, when it opens or gets worse, and ends when the stock has recovered. `worst` lists the"
        " gravest by number; the job manage_alerts acknowledges or snoozes them, or sets a threshold. Freshness here says only"
        " that the check runs; whether each store's stock is fresh is the check every_store_is_fresh."
    ),
)
def stock_alerts(
    context: dg.AssetExecutionContext, inventory: dg.ResourceParam[Inventory]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    with inventory.open_in_step(context) as services:
        from inventory_pipeline.db.alerts.notices import undelivered
        from inventory_pipeline.db.alerts.records import list_alerts

        alerting = services.alerting(sync_interval(services.environment))
        result = alerting.check.run()
        # After the check is committed: what is told has happened. What fails waits in the outbox.
        delivered = alerting.delivery.run()
        services.say_all_is_well("alert checks")
        with services.database.connect() as connection:
            late = undelivered(connection, services.clock() - _LATELY)
            worst = list_alerts(connection, limit=_LISTED)
            charts = _worst_charts(connection, worst)
    context.log.info("%s stores: %s", result.stores, dict(result.counts))
    # In this order: what a check says is of the latest materialization that there is.
    yield _materialization(result, delivered, late, worst, charts)
    yield from _checks(result, delivered, late)


def _checks(result: "CheckResult", delivered: "Delivered", late: "Sequence[Notice]") -> Iterator[dg.AssetCheckResult]:
    # What is out stays out for weeks: a check that is always red says nothing. The alerts themselves are the asset's figures.
    newly_out, newly_oversold = result.worse.get("out", 0), result.worse.get("oversold", 0)
    out, oversold = result.live.get("out", 0), result.live.get("oversold", 0)
    new = f"{newly_out:,} newly out of stock, {newly_oversold:,} newly oversold" if newly_out or newly_oversold else "nothing new"
    yield dg.AssetCheckResult(
        check_name=NO_MORE_OUT,
        passed=not newly_out and not newly_oversold,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{new}; {out:,} out of stock, {oversold:,} oversold in all; the asset lists the gravest under `worst`",
        metadata={"newly_out": newly_out, "newly_oversold": newly_oversold, "out": out, "oversold": oversold},
    )
    # A stale store whose credentials are refused has that alert alone.
    stale = max(result.live.get("stale", 0), len(result.stale))
    yield dg.AssetCheckResult(
        check_name=STORES_FRESH,
        passed=not stale,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_stale(stale, result.stale) if stale else f"{result.stores} stores are fresh",
    )
    # Whatever run tried them: most attempts are made between two checks, by `deliver_notices`.
    lost = sum(letter.status == "given_up" for letter in late)
    routes = ", ".join(sorted({letter.route for letter in late}))
    yield dg.AssetCheckResult(
        check_name=DELIVERED,
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR if lost else dg.AssetCheckSeverity.WARN,
        description=(
            f"{delivered.sent} delivered, {len(late) - lost} will be tried again, {lost} given up since yesterday"
            + (f"; to {routes}: {late[0].error}" if late else "")
        ),
    )


def _stale(number: int, read_once: Sequence[str]) -> str:
    """The store alerts count more than the stores that were read once and are stale now."""
    never = number - len(read_once)
    told = [f"stale: {', '.join(read_once[:20])}"] if read_once else []
    return "; ".join([*told, f"{never:,} never read"] if never > 0 else told)


def _materialization(
    result: "CheckResult", delivered: "Delivered", late: "Sequence[Notice]", worst: list[Alert], charts: str
) -> dg.MaterializeResult:
    """Figures by severity as numbers, which the UI plots over time."""
    severities = dict.fromkeys(reversed(SEVERITIES), 0)
    for level, number in result.live.items():
        severities[SEVERITY[level]] += number
    return dg.MaterializeResult(
        metadata={
            **severities,
            "worst": dg.MetadataValue.md(_worst_table(worst)),
            **({"charts": dg.MetadataValue.md(charts)} if charts else {}),
            **result.counts,
            "stores": result.stores,
            "stale_stores": len(result.stale),
            "notices": result.notices,
            "delivered": delivered.sent,
            "undelivered": len(late),
            "dagster/row_count": sum(severities.values()),
        }
    )


def _worst_table(worst: Sequence[Alert]) -> str:
    """Markdown. It holds what `manage_alerts` asks for: the alert's number, and the variant's id."""
    if not worst:
        return "No alert is open."
    head = ["| alert | level | store | variant | SKU | title | available | rule | status | as of (UTC) |", f"|{'---|' * 10}"]
    return "\n".join([*head, *("| " + " | ".join(_cells(alert)) + " |" for alert in worst)])


def _cells(alert: Alert) -> list[str]:
    """The number opens the form that decides about the alert, the store its page; a SKU's alert belongs to a group."""
    form = f"action: acknowledge\nalerts: [{alert.id}]\n"
    number = f"[{alert.id}]({names.launchpad(names.MANAGE_ALERTS_JOB, form)})"
    amount = show_total(alert.available, alert.up_to, at_least=alert.at_least) or "–"
    words = "; ".join(filter(None, (alert.words, total_mark(alert.up_to, ambiguous=alert.ambiguous))))
    where = f"[{cell(alert.store_key)}]({names.store_page(alert.store_key)})" if alert.store_key else f"group {cell(alert.group)}"
    texts = (cell(alert.item_id), cell(alert.sku or ""), cell(words, 160), amount, cell(alert.because))
    return [number, alert.level, where, *texts, alert.status, f"{alert.as_of:%Y-%m-%d %H:%M}" if alert.as_of else "–"]


def _worst_charts(connection: "sa.Connection", worst: Sequence[Alert]) -> str:
    """Markdown with the pictures in it: the gravest alerts', then those of their stores."""
    from inventory_pipeline.services.stock.charts import alert_charts, data_uri, store_chart

    gravest = worst[:_CHARTS]
    pictures = [chart for alert in gravest for chart in alert_charts(connection, alert)]
    pictures += [store_chart(connection, key) for key in dict.fromkeys(alert.store_key for alert in gravest) if key]
    return "\n\n".join(f"![stock over time]({data_uri(svg)})" for svg in pictures)


check_alerts = dg.define_asset_job(
    CHECK_JOB,
    selection=dg.AssetSelection.assets(ALERTS),
    description="Holds all stock against the thresholds, and delivers what is to be told. Does no harm at any time.",
)
