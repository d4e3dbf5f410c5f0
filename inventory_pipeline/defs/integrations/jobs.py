"""Store integrations for people who know only the web UI: two jobs whose launchpad configuration is the form.

The forms are plain schemas of loose strings, checked in the op: a field of `dg.Config` takes {"env": NAME} for any NAME of
the server's environment, and a constrained one prints the value that it refuses into the event log.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.clock import system_clock
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import DEFAULT_GROUP, StoreIntegration
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs.integrations.partitions import add_partitions, no_run_carries
from inventory_pipeline.defs.integrations.sensor import first_sync
from inventory_pipeline.defs.private_dagster import RawMetadataValue
from inventory_pipeline.defs.resources import Inventory, form_of
from inventory_pipeline.defs.sync.interval import sync_interval

if TYPE_CHECKING:
    from inventory_pipeline.connectors.base import CheckItem
    from inventory_pipeline.services.integrations.service import Change, Integrations


# Member names are what the form shows and takes. A test holds them to the connectors.
PLATFORMS = dg.Enum(
    "Platform",
    [dg.EnumValue(name) for name in ("woocommerce", "shopify", "prestashop", "medusa", "saleor", "vendure", "feed")],
)
REGISTER_FORM = {
    "key": dg.Field(
        str,
        description=(
            "What every list calls the store, chosen once and never changed: lower-case letters, digits, - and _, as in"
            " berlin-shop."
        ),
    ),
    "platform": dg.Field(PLATFORMS, description="What the store runs on; feed is a file or an address of one."),
    "url": dg.Field(
        str, default_value="", description="The store's address, https and public, without any key or password in it."
    ),
    "name": dg.Field(str, default_value="", description="For people. Empty: the key."),
    "group": dg.Field(str, default_value=DEFAULT_GROUP, description="The merchant: totals never go beyond a group."),
    "settings": dg.Field(
        dg.Map(str, str), default_value={}, description="The platform's options, all in quotes: per_page: '50'."
    ),
    "credentials": dg.Field(
        dg.Map(str, str),
        default_value={},
        description=(
            "woocommerce: consumer_key and consumer_secret. shopify: access_token, or client_id and client_secret."
            " prestashop: key. medusa: api_key. saleor: token. vendure: api_key, or username and password. feed: none,"
            " or username and password, or token, or query.PARAMETER. Each as a reference, never the secret itself, since this"
            " form is kept and shown: secret:NAME (stored by `inventory-pipeline credentials set NAME --host H`) or"
            " env:INVENTORY_CRED_NAME. It is sent only to the hosts that it was bound to on the command line."
        ),
    ),
    "is_active": dg.Field(bool, default_value=True, description="Whether it may be synced."),
    "auto_sync": dg.Field(bool, default_value=False, description="Whether its first sync starts as soon as it is active."),
    "check": dg.Field(
        bool,
        default_value=False,
        description="true asks the store itself first: it is registered only if address, credentials and permissions are right.",
    ),
}
ACTIONS = dg.Enum("StoreAction", [dg.EnumValue(name) for name in ("activate", "deactivate", "check", "change", "verify")])
CHANGEABLE = ("url", "name", "group", "settings", "credentials")
_MERGED = "Named ones are set, one with '' is taken away, the others stay."
_STAYS = "For change; left empty it stays as it is."
MANAGE_FORM = {
    "key": dg.Field(str, description="The store's key."),
    "action": dg.Field(
        ACTIONS,
        description=(
            "activate; deactivate (no more syncs, its stock and history stay); check (asks the store whether address,"
            " credentials and permissions are right); change (what is filled in below); or verify (asks the store for one item,"
            " `sku`, and changes nothing)."
        ),
    ),
    "url": dg.Field(str, default_value="", description=f"{_STAYS} Another host needs credentials that are bound to it."),
    "name": dg.Field(str, default_value="", description=_STAYS),
    "group": dg.Field(str, default_value="", description=_STAYS),
    "settings": dg.Field(dg.Map(str, str), default_value={}, description=f"{_STAYS} {_MERGED}"),
    "credentials": dg.Field(dg.Map(str, str), default_value={}, description=f"{_STAYS} {_MERGED} References, never secrets."),
    "sku": dg.Field(str, default_value="", description="For verify: the item's SKU or the variant's id, in quotes."),
}


@dg.op(config_schema=REGISTER_FORM, out=dg.Out(dg.Nothing), description="Says the store's state, and what starts its first sync.")
def register(context: dg.OpExecutionContext, inventory: dg.ResourceParam[Inventory]) -> None:
    started = system_clock()
    form = dict(context.op_config)
    check_first = form.pop("check")
    with _integrations(context, inventory) as integrations:
        store = StoreIntegration(**{**form, "key": form["key"].strip()})
        reuse = no_run_carries(context.instance, store.key)
        if problems := integrations.problems(store, reuse=reuse):
            raise UsageError(_all_told(problems))
        if check_first:
            _refuse_what_is_not_well(integrations.try_out(store, {}), f"store {store.key} was not registered: it is not well")
        change = integrations.add(store, reuse=reuse)
    _tell(context, change, started)


@dg.op(config_schema=MANAGE_FORM, out=dg.Out(dg.Nothing), description="Says the store's state, or what the check found.")
def manage(context: dg.OpExecutionContext, inventory: dg.ResourceParam[Inventory]) -> None:
    started = system_clock()
    key, action = context.op_config["key"].strip(), context.op_config["action"]
    if action == "verify":
        _verify(context, inventory, key, context.op_config["sku"])
        return
    with _integrations(context, inventory) as integrations:
        if action == "check":
            findings = integrations.check(key)
            _refuse_what_is_not_well(findings, f"store {key} is not well")
            context.log.info("Store %s is well", key)
            context.add_output_metadata({"store": key, **_lines(findings)})
            return
        given = {name: context.op_config[name] for name in CHANGEABLE if context.op_config[name]}
        if given and action != "change":
            raise UsageError(f"{action} takes no {', '.join(given)}: launch it with action: change")
        match action:
            case "activate":
                change = integrations.activate(key)
            case "deactivate":
                change = integrations.deactivate(key)
            case _:
                if not given:
                    raise UsageError(f"nothing to change: fill in one of {', '.join(CHANGEABLE)}")
                change = integrations.set(key, **given)
    _tell(context, change, started)


@dg.job(
    config=form_of("register", REGISTER_FORM),
    description="Connects a store: fill in the form on the Launchpad tab. The run says whether the first sync was requested.",
)
def register_store_integration() -> None:
    register()


@dg.job(
    config=form_of("manage", MANAGE_FORM),
    description="Activates, deactivates, checks or changes a store: fill in the form on the Launchpad tab.",
)
def manage_store_integration() -> None:
    manage()


@contextmanager
def _integrations(context: dg.OpExecutionContext, inventory: Inventory) -> "Iterator[Integrations]":
    """The use cases; what they refuse becomes the run's failure, in their own words."""
    with inventory.open_in_step(context) as services:
        from inventory_pipeline.services.integrations.service import Integrations

        actor = f"dagster:{context.run_id}"
        yield Integrations(services.database, services.vault, services.connect, services.clock, actor=actor)


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


def _all_told(problems: Sequence[str]) -> str:
    """A form that is wrong in three places should not have to be launched four times."""
    if len(problems) == 1:
        return problems[0]
    return f"{len(problems)} things are wrong: " + "; ".join(f"({n}) {problem}" for n, problem in enumerate(problems, 1))


def _lines(items: "Sequence[CheckItem]") -> dict[str, str]:
    """A line for each finding: a table would be hidden behind a link on the run's page."""
    return {item.check: one_line(redact(f"{'well' if item.ok else 'NOT WELL'}: {_finding(item)}"), 1_000) for item in items}


def _refuse_what_is_not_well(items: "Sequence[CheckItem]", verdict: str) -> None:
    """Raises Failure where a finding is not well, with all of them beside it."""
    wrong = [f"{item.check}: {_finding(item)}" for item in items if not item.ok]
    if wrong:
        raise dg.Failure(one_line(redact(f"{verdict}: {'; '.join(wrong)}"), 2_000), metadata=_lines(items), allow_retries=False)


def _verify(context: dg.OpExecutionContext, inventory: Inventory, key: str, sku: str) -> None:
    """A line for each of the item's lines, as the command says it."""
    if not sku.strip():
        raise dg.Failure("verify needs an SKU or a variant's id in `sku`", allow_retries=False)
    with inventory.open_in_step(context) as services:
        verified = services.verify(key, sku, sync_interval(services.environment))
    found = {f"{line.item_id} at {line.location_id}": one_line(redact(line.why), 1_000) for line in verified.lines}
    for where, why in found.items():
        context.log.info("%s: %s", where, why)
    shown: dict[str, RawMetadataValue] = {"store": key, "requests": verified.calls, **found}
    context.add_output_metadata(shown)


def _finding(item: "CheckItem") -> str:
    return item.detail + (f" ({item.cure})" if item.cure else "")
