"""Decisions about alerts for people who know only the web UI: one job whose launchpad configuration is the form."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from inventory_pipeline.core.errors import InventoryError, UsageError
from inventory_pipeline.core.quantity import exact_number
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.core.thresholds import checked_threshold
from inventory_pipeline.defs.interval import sync_interval
from inventory_pipeline.defs.resources import Inventory

if TYPE_CHECKING:
    from inventory_pipeline.services.alerts.alerting import Alerting

ACTIONS = dg.Enum("AlertAction", [dg.EnumValue("acknowledge"), dg.EnumValue("snooze"), dg.EnumValue("set_threshold")])
SCOPES = dg.Enum("ThresholdScope", [dg.EnumValue(scope) for scope in ("location", "variant", "sku", "store", "global")])
FORM = {
    "action": dg.Field(ACTIONS, description="acknowledge and snooze need alerts; set_threshold needs scope and threshold."),
    "alerts": dg.Field([int], default_value=[], description="Numbers of alerts, as `alerts list` shows them."),
    "hours": dg.Field(int, default_value=24, description="How long to snooze."),
    "scope": dg.Field(SCOPES, default_value="global", description="What the threshold is for."),
    "threshold": dg.Field(str, default_value="", description="Low is this many or fewer."),
    "margin": dg.Field(str, default_value="", description="Recovered is above threshold + margin. Empty: a fifth."),
    "cover_days": dg.Field(int, default_value=0, description="Also tell when it runs out within so many days; 0 for never."),
    "store": dg.Field(str, default_value="", description="The store's key, for location, variant and store."),
    "variant": dg.Field(str, default_value="", description="The platform's id of the variant, for location and variant."),
    "location": dg.Field(str, default_value="", description="The location's id, for location."),
    "group": dg.Field(str, default_value="", description="The group, for sku."),
    "sku": dg.Field(str, default_value="", description="The SKU, for sku."),
}


@dg.op(config_schema=FORM, out=dg.Out(dg.Nothing))
def decide(context: dg.OpExecutionContext, inventory: dg.ResourceParam[Inventory]) -> None:
    form, actor = context.op_config, f"dagster:{context.run_id}"
    try:
        with inventory.open() as services:
            alerting = services.alerting(sync_interval(services.environment))
            if form["action"] == "set_threshold":
                told = _set_threshold(alerting, form, actor)
            elif not form["alerts"]:
                raise UsageError(f"{form['action']} needs the numbers of alerts; the asset stock_alerts lists them")
            elif form["action"] == "acknowledge":
                told = f"{len(alerting.decisions.acknowledge(form['alerts'], actor))} alerts acknowledged"
            else:
                until = services.clock() + timedelta(hours=form["hours"])
                told = f"{len(alerting.decisions.snooze(form['alerts'], until, actor))} alerts snoozed"
    except InventoryError as error:
        raise dg.Failure(one_line(redact(str(error)), 2_000), allow_retries=False) from None
    context.log.info(told)
    context.add_output_metadata({"done": told})


def _set_threshold(alerting: "Alerting", form: Mapping[str, Any], actor: str) -> str:
    rule = checked_threshold(
        form["scope"],
        exact_number(form["threshold"], "threshold"),
        exact_number(form["margin"], "margin") if form["margin"].strip() else None,
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
    # The launchpad shows the form alone, not nested under `ops`.
    config=dg.ConfigMapping(config_schema=FORM, config_fn=lambda form: {"ops": {"decide": {"config": form}}}),
    description="Acknowledges or snoozes alerts, or sets a threshold.",
)
def manage_alerts() -> None:
    decide()
