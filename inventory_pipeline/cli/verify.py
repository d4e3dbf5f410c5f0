"""`inventory-pipeline verify`: one item, asked for now, beside what is stored."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from inventory_pipeline.cli.options import Json, StoreKey
from inventory_pipeline.cli.output import print_document
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.cli.tables import Column, print_table
from inventory_pipeline.cli.terminal import say
from inventory_pipeline.core.clock import show_instant

if TYPE_CHECKING:
    from inventory_pipeline.core.quantity import Number, State
    from inventory_pipeline.services.sync.verifying import Compared, Verified


def verify(
    context: typer.Context,
    store: StoreKey,
    sku: Annotated[str, typer.Argument(metavar="SKU", help="The item's SKU, or a variant's id.", show_default=False)],
    json: Json = False,
) -> None:
    """Ask a store for one item now, and say why it differs from what is stored. Changes nothing."""
    from inventory_pipeline.defs.sync.interval import sync_interval

    session = session_of(context)
    verified = session.services.verify(store, sku, sync_interval(session.environment))
    if json:
        print_document(_document(verified))
        return
    as_of = "nothing is stored yet" if verified.as_of is None else f"stored as of {show_instant(verified.as_of)}"
    requests = f"{verified.calls} request{'' if verified.calls == 1 else 's'}"
    say(f"Store {store} was asked just now, with {requests}; {as_of}. Nothing was changed.")
    columns = ("item", "SKU", "location", Column("stored", right=True), Column("now", right=True), Column("", below=True))
    print_table(columns, [_cells(line) for line in verified.lines])


def _cells(line: "Compared") -> tuple[object, ...]:
    stored = None if line.stored is None else _amount(line.stored.state, line.stored.available)
    now = None if line.now is None else _amount(*line.now.quantity)
    return line.item_id, line.sku, line.location_id, stored, now, line.why


def _amount(state: "State", value: "Number | None") -> object:
    return value if state == "tracked" else state


def _document(verified: "Verified") -> dict[str, Any]:
    return {
        "store": verified.store,
        "as_of": verified.as_of and show_instant(verified.as_of),
        "requests": verified.calls,
        "lines": [
            {
                "item_id": line.item_id,
                "location_id": line.location_id,
                "sku": line.sku,
                "title": line.title,
                "stored": None if line.stored is None else _side(line.stored.state, line.stored.available, line.stored),
                "now": None if line.now is None else _side(*line.now.quantity, line.now),
                "same": line.same,
                "why": line.why,
            }
            for line in verified.lines
        ],
    }


def _side(state: "State", available: "Number | None", line: Any) -> dict[str, Any]:
    names = ("status", "sellable", "oversell_allowed", "shared_pool")
    return {"state": state, "available": available} | {name: getattr(line, name) for name in names}
