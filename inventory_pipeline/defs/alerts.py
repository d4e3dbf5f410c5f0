"""The asset of the hourly check: which stock is low, which stores are stale, and whether people were told."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.alerts import SEVERITIES, SEVERITY, Alert
from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs import names
from inventory_pipeline.defs.endings import cell
from inventory_pipeline.defs.interval import sync_interval
from inventory_pipeline.defs.links import launchpad, store_page
from inventory_pipeline.defs.resources import Inventory

if TYPE_CHECKING:
    import sqlalchemy as sa

    from inventory_pipeline.services.alerts.check import CheckResult
    from inventory_pipeline.services.alerts.delivery import Delivered

ALERTS = dg.AssetKey("stock_alerts")
CHECK_JOB, MANAGE_JOB = "check_alerts", "manage_alerts"
NOTHING_OUT, STORES_FRESH, TOLD = "nothing_out_of_stock", "every_store_is_fresh", "notices_delivered"

_LISTED, _CHARTS = 30, 6


@dg.asset(
    key=ALERTS,
    deps=[names.SNAPSHOT],
    check_specs=[
        dg.AssetCheckSpec(NOTHING_OUT, asset=ALERTS, description="Warning: something is out of stock. Error: oversold."),
        dg.AssetCheckSpec(STORES_FRESH, asset=ALERTS, description="Every active store was read whole within its limit."),
        dg.AssetCheckSpec(TOLD, asset=ALERTS, description="Every notice reached its route, or will be tried again."),
    ],
    group_name="inventory",
    owners=["team:inventory"],
    kinds={"python", "sql"},
    description=(
        "What is low, out or oversold in all stores, and which stores are stale: checked each hour against the thresholds."
        " An alert is told once, when it opens or gets worse, and ends when the stock has recovered. `worst` lists the"
        " gravest by number; the job manage_alerts acknowledges or snoozes them, or sets a threshold."
    ),
)
def stock_alerts(
    context: dg.AssetExecutionContext, inventory: dg.ResourceParam[Inventory]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    try:
        with inventory.open() as services:
            from inventory_pipeline.db.alerts import list_alerts

            alerting = services.alerting(sync_interval(services.environment))
            result = alerting.check.run()
            # After the check is committed: what is told has happened. What fails waits in the outbox.
            delivered = alerting.delivery.run()
            with services.database.connect() as connection:
                worst = list_alerts(connection, limit=_LISTED)
                charts = _charts(connection, worst)
    except InventoryError as error:
        raise dg.Failure(one_line(redact(str(error)), 2_000), allow_retries=False) from None
    context.log.info("%s stores: %s", result.stores, dict(result.counts))
    # In this order: what a check says is of the latest materialization that there is.
    yield _materialization(result, delivered, worst, charts)
    yield from _checks(result, delivered)


def _checks(result: "CheckResult", delivered: "Delivered") -> Iterator[dg.AssetCheckResult]:
    out = {level: result.live.get(level, 0) for level in ("out", "oversold")}
    yield dg.AssetCheckResult(
        check_name=NOTHING_OUT,
        passed=not any(out.values()),
        # Somewhere something is always out of stock: were that an error, nobody would look at one any more.
        severity=dg.AssetCheckSeverity.ERROR if out["oversold"] else dg.AssetCheckSeverity.WARN,
        description=f"{out['out']:,} out of stock, {out['oversold']:,} oversold; the asset lists the gravest under `worst`",
        metadata=dict(out),
    )
    stale = result.live.get("stale", 0)
    yield dg.AssetCheckResult(
        check_name=STORES_FRESH,
        passed=not stale,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"stale: {', '.join(result.stale[:20]) or 'never read'}" if stale else f"{result.stores} stores are fresh",
    )
    lost, late = delivered.given_up, delivered.failed
    yield dg.AssetCheckResult(
        check_name=TOLD,
        passed=not lost and not late,
        severity=dg.AssetCheckSeverity.ERROR if lost else dg.AssetCheckSeverity.WARN,
        description=(
            f"{delivered.sent} delivered, {late} will be tried again, {lost} given up"
            + ("; `inventory-pipeline notify list` says why" if lost or late else "")
        ),
    )


def _materialization(result: "CheckResult", delivered: "Delivered", worst: list[Alert], charts: str) -> dg.MaterializeResult:
    """Figures by severity as numbers, which the UI plots over time."""
    severities = dict.fromkeys(reversed(SEVERITIES), 0)
    for level, number in result.live.items():
        severities[SEVERITY[level]] += number
    return dg.MaterializeResult(
        metadata={
            **severities,
            "worst": dg.MetadataValue.md(_table(worst)),
            **({"charts": dg.MetadataValue.md(charts)} if charts else {}),
            **result.counts,
            "stores": result.stores,
            "stale_stores": len(result.stale),
            "notices": result.notices,
            "delivered": delivered.sent,
            "undelivered": delivered.failed + delivered.given_up,
            "dagster/row_count": sum(severities.values()),
        }
    )


def _table(worst: list[Alert]) -> str:
    if not worst:
        return "No alert is open."
    head = ["| alert | level | store | SKU | title | available | rule | status | as of (UTC) |", f"|{'---|' * 9}"]
    return "\n".join([*head, *("| " + " | ".join(_cells(alert)) + " |" for alert in worst)])


def _cells(alert: Alert) -> list[str]:
    """The number opens the form that decides about the alert, the store its page; a SKU's alert belongs to a group."""
    form = f"action: acknowledge\nalerts: [{alert.id}]\n"
    number = f"[{alert.id}]({launchpad(MANAGE_JOB, form)})"
    amount = "–" if alert.available is None else f"{'≥ ' if alert.at_least else ''}{alert.available:,}"
    where = f"[{cell(alert.store_key)}]({store_page(alert.store_key)})" if alert.store_key else f"group {cell(alert.group)}"
    texts = (cell(alert.sku or alert.item_id), cell(alert.title or alert.detail), amount, cell(alert.rule))
    return [number, alert.level, where, *texts, alert.status, f"{alert.as_of:%Y-%m-%d %H:%M}" if alert.as_of else "–"]


def _charts(connection: "sa.Connection", worst: list[Alert]) -> str:
    """How the stock of the gravest went, and of their stores, as pictures inside the text."""
    from inventory_pipeline.db.history import stock_history
    from inventory_pipeline.services.charts import data_uri, step_chart

    pictures: Mapping[str, str] = {
        alert.store_key: step_chart(f"Units of store {alert.store_key}", stock_history(connection, alert.store_key))
        for alert in worst[:_CHARTS]
        if alert.store_key
    }
    about = [alert for alert in worst if alert.kind in ("variant", "pool", "location")][:_CHARTS]
    lines = [
        step_chart(
            redact(f"{alert.sku or alert.item_id} {alert.title} ({alert.store_key})"),
            stock_history(connection, alert.store_key, [alert.item_id]),
            None if alert.threshold is None else float(alert.threshold),
        )
        for alert in about
    ]
    return "\n\n".join(f"![stock over time]({data_uri(svg)})" for svg in (*lines, *pictures.values()))


check_alerts = dg.define_asset_job(
    CHECK_JOB,
    selection=dg.AssetSelection.assets(ALERTS),
    description="Holds all stock against the thresholds, and delivers what is to be told. Does no harm at any time.",
)
