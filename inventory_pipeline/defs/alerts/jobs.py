"""Decisions about alerts for people who know only the web UI: one job whose launchpad configuration is the form."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from inventory_pipeline.core.alerts import Alert
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.quantity import exact_number
from inventory_pipeline.core.thresholds import checked_threshold
from inventory_pipeline.defs import names
from inventory_pipeline.defs.resources import Inventory, form_of
from inventory_pipeline.defs.sync.interval import sync_interval

if TYPE_CHECKING:
    from inventory_pipeline.services.alerts.alerting import Alerting

ACTIONS = dg.Enum("AlertAction", [dg.EnumValue("acknowledge"), dg.EnumValue("snooze"), dg.EnumValue("set_threshold")])
SCOPES = dg.Enum("ThresholdScope", [dg.EnumValue(scope) for scope in ("location", "variant", "sku", "store", "global")])
FORM = {
    "action": dg.Field(
        ACTIONS,
        description=(
            "acknowledge (silence until it gets worse), snooze (silence for `hours`): both need `alerts`. set_threshold needs"
            " `scope` and `threshold`."
        ),
    ),
    "alerts": dg.Field([int], default_value=[], description="Their numbers, as the asset stock_alerts lists them: [17, 18]."),
    "hours": dg.Field(int, default_value=24, description="How long to snooze."),
    "scope": dg.Field(
        SCOPES,
        default_value="global",
        description=(
            "What the threshold is for: global (everything); store (needs `store`); variant (`store`, `variant`); location"
            " (`store`, `variant`, `location`); sku (`group`, `sku`)."
        ),
    ),
    # Any: people type 8 as well as '8'.
    "threshold": dg.Field(dg.Any, default_value="", description="Low is this many or fewer."),
    "margin": dg.Field(dg.Any, default_value="", description="Recovered is above threshold + margin. Empty: a fifth."),
    "cover_days": dg.Field(int, default_value=0, description="Also tell when it runs out within so many days; 0 for never."),
    "store": dg.Field(str, default_value="", description="The store's key."),
    "variant": dg.Field(str, default_value="", description="The platform's id of the variant, in quotes."),
    "location": dg.Field(str, default_value="", description="The location's id, in quotes."),
    "group": dg.Field(str, default_value="", description="The merchant's group of stores."),
    "sku": dg.Field(str, default_value="", description="The SKU, in quotes where it is a number."),
}


@dg.op(config_schema=FORM, out=dg.Out(dg.Nothing), description="Does what the form says, and says what it did.")
def decide(context: dg.OpExecutionContext, inventory: dg.ResourceParam[Inventory]) -> None:
    form, actor = context.op_config, f"dagster:{context.run_id}"
    with inventory.open_in_step(context) as services:
        alerting = services.alerting(sync_interval(services.environment))
        if form["action"] == "set_threshold":
            done = _set_threshold(alerting, form, actor)
        elif not form["alerts"]:
            raise UsageError(f"{form['action']} needs the numbers of alerts; the asset stock_alerts lists them")
        elif form["action"] == "acknowledge":
            done = f"acknowledged: {_numbers(alerting.decisions.acknowledge(form['alerts'], actor))}"
        else:
            until = services.clock() + timedelta(hours=form["hours"])
            done = f"snoozed until {show_instant(until)}: {_numbers(alerting.decisions.snooze(form['alerts'], until, actor))}"
    context.log.info(done)
    context.add_output_metadata({"done": done})


def _numbers(alerts: Sequence[Alert]) -> str:
    return ", ".join(str(alert.id) for alert in alerts)


def _set_threshold(alerting: "Alerting", form: Mapping[str, Any], actor: str) -> str:
    rule = checked_threshold(
        form["scope"],
        exact_number(form["threshold"], "threshold"),
        None if form["margin"] == "" else exact_number(form["margin"], "margin"),
        form["cover_days"] or None,
        store_key=form["store"],
        item_id=form["variant"],
        location_id=form["location"],
        group=form["group"],
        sku=form["sku"],
    )
    alerting.rules.set([rule], actor)
    return f"{rule.target}: {rule.threshold} or fewer is low"


@dg.job(
    config=form_of("decide", FORM),
    description="Acknowledges or snoozes alerts, or sets a threshold: fill in the form on the Launchpad tab.",
    name=names.MANAGE_ALERTS_JOB,
)
def manage_alerts() -> None:
    decide()
