"""`inventory-pipeline thresholds`: when stock is low."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from inventory_pipeline.cli.options import Json, Raw, store_keys
from inventory_pipeline.cli.output import print_csv, print_documents
from inventory_pipeline.cli.session import actor, alerting_of, session_of
from inventory_pipeline.cli.tables import Column, print_table
from inventory_pipeline.cli.terminal import say
from inventory_pipeline.core.alerts import NOT_FOR_SALE
from inventory_pipeline.core.errors import LineRejected, UsageError
from inventory_pipeline.core.quantity import Number, exact_number, show_total, total_mark
from inventory_pipeline.core.stores import DEFAULT_GROUP
from inventory_pipeline.core.thresholds import BUILT_IN, Threshold, checked_threshold

if TYPE_CHECKING:
    from inventory_pipeline.db.alerts.explanations import EvaluatedTarget
    from inventory_pipeline.services.alerts.rules import Explanation

_SAYS = {"held": "unknown", "recovering": "within the margin"}

app = typer.Typer(help="Say when stock is low: the most specific rule decides.", pretty_exceptions_enable=False)

Store = Annotated[str | None, typer.Option(metavar="KEY", help="The store.", autocompletion=store_keys)]
Variant = Annotated[str | None, typer.Option(metavar="ID", help="The platform's id of the variant, as `stock --json` shows it.")]
Location = Annotated[str | None, typer.Option(metavar="ID", help="The location's id; with --variant.")]
Group = Annotated[str | None, typer.Option(metavar="G", help="The group, with --sku; `default` unless given.")]
Sku = Annotated[str | None, typer.Option(metavar="SKU", help="The SKU, over its group.")]


@app.command("set")
def set_(
    context: typer.Context,
    threshold: Annotated[str, typer.Argument(metavar="N", help="Low is this many or fewer; 0 tells only of what is out.")],
    store: Store = None,
    variant: Variant = None,
    location: Location = None,
    group: Group = None,
    sku: Sku = None,
    margin: Annotated[str | None, typer.Option(metavar="M", help="Recovered is above N + M; a fifth of N unless given.")] = None,
    cover_days: Annotated[int | None, typer.Option(metavar="DAYS", help="Also when it runs out within so many days.")] = None,
) -> None:
    """Set a rule: for a variant (at a location), a SKU over a group, a store, or without options for everything."""
    amount = _number(threshold, "N")
    wide = None if margin is None else _number(margin, "--margin")
    scope, parts = _about(store, variant, location, group, sku)
    rule = checked_threshold(scope, amount, wide, cover_days, **parts)
    alerting_of(session_of(context)).rules.set([rule], actor())
    say(f"{rule.target}: {rule.threshold} or fewer is low, recovered above {rule.threshold + rule.margin}")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List the rules, most specific scopes first."""
    rules = alerting_of(session_of(context)).rules.list_rules()
    if all(rule.scope != "global" for rule in rules):
        rules.append(BUILT_IN)
    if json:
        print_documents(_document(rule) for rule in rules)
        return
    columns = ("scope", "about", "threshold", "margin", "cover days")
    print_table(columns, ((rule.scope, rule.target, rule.threshold, rule.margin, rule.cover_days) for rule in rules))


@app.command()
def remove(
    context: typer.Context,
    store: Store = None,
    variant: Variant = None,
    location: Location = None,
    group: Group = None,
    sku: Sku = None,
) -> None:
    """Remove a rule; the next more general one decides from then on."""
    scope, parts = _about(store, variant, location, group, sku)
    rule = checked_threshold(scope, 0, None, None, **parts)
    alerting_of(session_of(context)).rules.remove(rule, actor())
    typer.echo(f"{rule.target}: no rule of its own any more")


@app.command()
def explain(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The store.", autocompletion=store_keys)],
    sku: Annotated[str, typer.Argument(metavar="SKU", help="The SKU, or a variant id.")],
) -> None:
    """Say which rules decide about a SKU of a store, and what they say now."""
    found = alerting_of(session_of(context)).rules.explain(key, sku)
    columns = ("looks at", "available", Column("rule", below=True), "says", Column("days of cover", below=True))
    print_table(columns, (_explained(each) for each in found))


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV; - reads standard input.")],
    raw: Raw = False,
) -> None:
    """Set all rules of a CSV file, or none of them if one line is wrong."""
    rules = alerting_of(session_of(context)).rules
    try:
        with _opened(file) as source:
            number = rules.import_csv(source, actor(), raw=raw)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{'standard input' if file == '-' else file} cannot be read: {error}") from None
    typer.echo(f"{number:,} rules set")


@app.command("export")
def export(context: typer.Context, raw: Raw = False) -> None:
    """Print all rules as CSV, as `thresholds import` reads it."""
    from inventory_pipeline.services.alerts.rules import CSV_COLUMNS, csv_row

    print_csv(CSV_COLUMNS, (csv_row(rule) for rule in alerting_of(session_of(context)).rules.list_rules()), raw=raw)


def _opened(file: str) -> TextIO:
    """The file, or standard input for `-`: a byte order mark is passed over, and line breaks stay as they are."""
    if file == "-":
        return TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline="")
    return Path(file).open(encoding="utf-8-sig", newline="")


def _about(
    store: str | None, variant: str | None, location: str | None, group: str | None, sku: str | None
) -> tuple[str, dict[str, str]]:
    """The scope that the options mean, and its parts."""
    given = {"store": store, "variant": variant, "location": location, "group": group, "sku": sku}
    for name, value in given.items():
        # As from an unset variable in a script: it would silently widen the rule.
        if value is not None and not value.strip():
            raise UsageError(f"--{name} is empty: leave it out, or name one")
    if sku or group:
        scope, group = "sku", group or DEFAULT_GROUP
    elif variant or location:
        scope = "location" if location else "variant"
    else:
        scope = "store" if store else "global"
    parts = {"store_key": store, "item_id": variant, "location_id": location, "group": group, "sku": sku}
    return scope, {name: value for name, value in parts.items() if value is not None}


def _document(rule: Threshold) -> dict[str, object]:
    from inventory_pipeline.services.alerts.rules import csv_row

    return {name: value if value != "" else None for name, value in csv_row(rule).items()}


def _explained(each: "Explanation") -> list[object]:
    target = each.target
    available = show_total(target.available, target.up_to, at_least=target.at_least)
    unsold = target.verdict == "out" and target.available is None
    verdict = NOT_FOR_SALE if unsold else _SAYS.get(target.verdict, target.verdict)
    says = "; ".join(filter(None, (verdict, total_mark(target.up_to, ambiguous=target.ambiguous))))
    return [_target(target), available, each.rule, says, each.cover.removeprefix("days of cover: ")]


def _target(target: "EvaluatedTarget") -> str:
    return f"{target.kind} {target.subject}" + (f" at {target.location_id}" if target.location_id else "")


def _number(text: str, what: str) -> Number:
    try:
        return exact_number(text, what)
    except LineRejected as error:
        raise UsageError(str(error)) from None
