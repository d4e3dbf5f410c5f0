"""What the asset of the hourly check shows: a table of the gravest alerts, and pictures of how their stock went."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inventory_pipeline.core.alerts import Alert
from inventory_pipeline.core.quantity import show_total, total_mark
from inventory_pipeline.defs.links import launchpad, store_page
from inventory_pipeline.defs.sync.endings import cell

if TYPE_CHECKING:
    import sqlalchemy as sa

MANAGE_JOB = "manage_alerts"
_CHARTS = 6


def worst_table(worst: Sequence[Alert]) -> str:
    """Markdown. It holds what `manage_alerts` asks for: the alert's number, and the variant's id."""
    if not worst:
        return "No alert is open."
    head = ["| alert | level | store | variant | SKU | title | available | rule | status | as of (UTC) |", f"|{'---|' * 10}"]
    return "\n".join([*head, *("| " + " | ".join(_cells(alert)) + " |" for alert in worst)])


def _cells(alert: Alert) -> list[str]:
    """The number opens the form that decides about the alert, the store its page; a SKU's alert belongs to a group."""
    form = f"action: acknowledge\nalerts: [{alert.id}]\n"
    number = f"[{alert.id}]({launchpad(MANAGE_JOB, form)})"
    amount = show_total(alert.available, alert.up_to, at_least=alert.at_least) or "–"
    words = "; ".join(filter(None, (alert.words, total_mark(alert.up_to, ambiguous=alert.ambiguous))))
    where = f"[{cell(alert.store_key)}]({store_page(alert.store_key)})" if alert.store_key else f"group {cell(alert.group)}"
    texts = (cell(alert.item_id), cell(alert.sku or ""), cell(words, 160), amount, cell(alert.rule))
    return [number, alert.level, where, *texts, alert.status, f"{alert.as_of:%Y-%m-%d %H:%M}" if alert.as_of else "–"]


def worst_charts(connection: "sa.Connection", worst: Sequence[Alert]) -> str:
    """Markdown with the pictures in it: the gravest alerts', then those of their stores."""
    from inventory_pipeline.services.stock.charts import alert_charts, data_uri, store_chart

    gravest = worst[:_CHARTS]
    pictures = [chart for alert in gravest for chart in alert_charts(connection, alert)]
    pictures += [store_chart(connection, key) for key in dict.fromkeys(alert.store_key for alert in gravest) if key]
    return "\n\n".join(f"![stock over time]({data_uri(svg)})" for svg in pictures)
