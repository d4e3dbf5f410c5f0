"""Store integrations for people who know only the web UI: two jobs whose launchpad configuration is the form.

The forms are plain schemas of loose strings, checked in the op: a field of `dg.Config` takes {"env": NAME} for any NAME of
the server's environment, and a constrained one prints the value that it refuses into the event log.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.metadata import RawMetadataValue

from inventory_pipeline.core.clock import system_clock
from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import DEFAULT_GROUP, StoreIntegration
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs.first_sync import first_sync
from inventory_pipeline.defs.partitions import add_partitions
from inventory_pipeline.defs.resources import Inventory

if TYPE_CHECKING:
    from inventory_pipeline.connectors.base import CheckItem
    from inventory_pipeline.services.integrations import Change, Integrations

REGISTER_FORM = {
    "key": dg.Field(
        str,
        description=(
            "What every list calls the store, chosen once and never changed: lower-case letters, digits, - and _, as in"
            " berlin-shop."
        ),
    ),
    "platform": dg.Field(str, description="woocommerce, shopify or feed."),
    "url": dg.Field(str, default_value="", description="The store's address, without any key or password in it."),
    "name": dg.Field(str, default_value="", description="For people. Empty: the key."),
    "group": dg.Field(str, default_value=DEFAULT_GROUP, description="The merchant: totals never go beyond a group."),
    "settings": dg.Field(
        dg.Map(str, str), default_value={}, description="The platform's options, all in quotes: per_page: '50'."
    ),
    "credentials": dg.Field(
        dg.Map(str, str),
        default_value={},
        description=(
            "woocommerce: consumer_key and consumer_secret. shopify: access_token, or client_id and client_secret. feed: none, or"
            " username and password, or token. Each as a reference, never the secret itself, since this form is kept and shown:"
            " secret:NAME (stored by `inventory-pipeline credentials set NAME`) or env:INVENTORY_CRED_NAME."
        ),
    ),
    "is_active": dg.Field(bool, default_value=True, description="Whether it may be synced."),
    "auto_sync": dg.Field(bool, default_value=False, description="Whether its first sync starts as soon as it is active."),
}
ACTIONS = dg.Enum("StoreAction", [dg.EnumValue("activate"), dg.EnumValue("deactivate"), dg.EnumValue("check")])
MANAGE_FORM = {
    "key": dg.Field(str, description="The store's key."),
    "action": dg.Field(
        ACTIONS,
        description=(
            "activate; deactivate (no more syncs, its stock and history stay); or check (asks the store whether address,"
            " credentials and permissions are right)."
        ),
    ),
}


def _form_of(op: str, schema: Mapping[str, dg.Field]) -> dg.ConfigMapping:
    """The launchpad shows the op's form alone, not nested under `ops`."""
    return dg.ConfigMapping(config_schema=schema, config_fn=lambda form: {"ops": {op: {"config": form}}})


@dg.op(config_schema=REGISTER_FORM, out=dg.Out(dg.Nothing), description="Says the store's state, and what starts its first sync.")
def register(context: dg.OpExecutionContext, inventory: dg.ResourceParam[Inventory]) -> None:
    started = system_clock()
    with _integrations(context, inventory) as integrations:
        change = integrations.add(StoreIntegration(**context.op_config))
    _tell(context, change, started)


@dg.op(config_schema=MANAGE_FORM, out=dg.Out(dg.Nothing), description="Says the store's state, or what the check found.")
def manage(context: dg.OpExecutionContext, inventory: dg.ResourceParam[Inventory]) -> None:
    started = system_clock()
    key, action = context.op_config["key"].strip(), context.op_config["action"]
    with _integrations(context, inventory) as integrations:
        if action == "check":
            _tell_findings(context, key, integrations.check(key))
            return
        change = integrations.activate(key) if action == "activate" else integrations.deactivate(key)
    _tell(context, change, started)


@dg.job(
    config=_form_of("register", REGISTER_FORM),
    description="Connects a store: fill in the form on the Launchpad tab. The run says whether the first sync was requested.",
)
def register_store_integration() -> None:
    register()


@dg.job(
    config=_form_of("manage", MANAGE_FORM),
    description="Activates, deactivates or checks a store: fill in the form on the Launchpad tab.",
)
def manage_store_integration() -> None:
    manage()


@contextmanager
def _integrations(context: dg.OpExecutionContext, inventory: Inventory) -> "Iterator[Integrations]":
    """The use cases; what they refuse becomes the run's failure, in their own words."""
    try:
        with inventory.open() as services:
            from inventory_pipeline.services.integrations import Integrations

            actor = f"dagster:{context.run_id}"
            yield Integrations(services.database, services.vault, services.connect, services.clock, actor=actor)
    except InventoryError as error:
        raise dg.Failure(one_line(redact(str(error)), 2_000), allow_retries=False) from None


def _tell(context: dg.OpExecutionContext, change: "Change", since: datetime) -> None:
    store = change.store
    add_partitions(context.instance, [store.key])
    first = first_sync(context.instance, store, since=since)
    state = "active" if store.is_active else "inactive"
    context.log.info("Store %s is %s; %s", store.key, state, first.text)
    run = None if first.run_id is None else dg.MetadataValue.dagster_run(first.run_id)
    shown: dict[str, RawMetadataValue] = {"store": store.key, "state": state, "next_sync": run or first.text}
    if change.notes:
        shown["notes"] = "; ".join(change.notes)
    context.add_output_metadata(shown)


def _tell_findings(context: dg.OpExecutionContext, key: str, items: "Sequence[CheckItem]") -> None:
    """A line for each finding: a table would be hidden behind a link on the run's page."""
    findings = {item.check: one_line(redact(f"{'well' if item.ok else 'NOT WELL'}: {_finding(item)}"), 1_000) for item in items}
    wrong = [f"{item.check}: {_finding(item)}" for item in items if not item.ok]
    if wrong:
        text = one_line(redact(f"store {key} is not well: {'; '.join(wrong)}"), 2_000)
        raise dg.Failure(text, metadata=findings, allow_retries=False)
    context.log.info("Store %s is well", key)
    context.add_output_metadata({"store": key, **findings})


def _finding(item: "CheckItem") -> str:
    return item.detail + (f" ({item.cure})" if item.cure else "")
