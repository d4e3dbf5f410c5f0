"""`inventory-pipeline demo`: the whole thing on this machine, with shops that sell while one looks."""

import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from inventory_pipeline.cli.demo_folder import demo_folder, program_on
from inventory_pipeline.cli.demo_shops import Shop, demo_shops, register_shops
from inventory_pipeline.cli.session import Session, alerting_of, session_of
from inventory_pipeline.cli.stock import print_stock
from inventory_pipeline.cli.sync_all import fail_unless_published, sync_now
from inventory_pipeline.cli.sync_log import print_sync_log
from inventory_pipeline.cli.sync_rows import sync_heading, sync_line
from inventory_pipeline.cli.terminal import say
from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.private_files import make_folder
from inventory_pipeline.web.serving import HOST, PORT, Served, SiteOptions, listen, serving

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOK_SECONDS = 2.0
_STOCK_SHOWN = 25
_USER = "demo"


def demo(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Sync, print what came of it, leave nothing running.")] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Of the web UI; 3000 or a free one unless given.")] = None,
) -> None:
    """Start three demo shops, a supplier feed and Dagster, until Ctrl-C. Keeps its data apart: in `demo` in the data folder."""
    outer = session_of(context)
    for number in _SIGNALS:
        signal.signal(number, _interrupt_once)
    try:
        with demo_folder(outer.environment) as folder, Session() as session:
            session.start(verbose=outer.verbose, debug=outer.debug)
            logs = session.environment.log_file.parent
            make_folder(logs)
            with demo_shops(folder.path, logs / "demo_stores.log", seconds_between_sales=1 if once else 20) as shops:
                register_shops(session.integrations, shops)
                if once:
                    _sync_once(session, [shop["key"] for shop in shops])
                else:
                    _until_interrupted(session, shops, port, folder.lock)
    except KeyboardInterrupt:
        typer.echo("The demo has ended.")


def _interrupt_once(*_: object) -> None:
    """The first Ctrl-C ends the demo; further ones must not break into its clean-up."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _sync_once(session: Session, stores: Sequence[str]) -> None:
    rows = sync_now(session, stores, concurrency=2, verbose=session.verbose)
    here = program_on(session.environment.data_dir)
    typer.echo(f"\nStock (the first lines; all: {here} stock)")
    print_stock(session, limit=_STOCK_SHOWN)
    typer.echo("\nSync log")
    from inventory_pipeline.defs.sync.sync_log import list_syncs

    print_sync_log(list_syncs(session.dagster))
    result = alerting_of(session).check.run()
    typer.echo(f"\nAlerts opened: {result.counts['opened']}; they are listed by: {here} alerts list")
    fail_unless_published(rows)


def _until_interrupted(session: Session, shops: Sequence[Shop], port: int | None, lock: int) -> None:
    listeners = _listen(port)
    url = f"http://{HOST}:{listeners[0].getsockname()[1]}"
    log = session.environment.log_file.parent / "dagster.log"
    before = {row.run_id for row in _ended(session)}
    typer.echo(f"\n  {url}/link/{_link(session)}\n\nOpen this address: it signs you in, once, as soon as Dagster has started…")
    with log.open("ab") as output, serving(listeners, output=output, pass_fds=(lock,), site=SiteOptions()) as served:
        try:
            served.wait_until_ready()
            for line in _welcome(url, shops, session.environment.data_dir).splitlines():
                text = line.lstrip()
                # A command stays uncut, to be pasted.
                typer.echo(line) if "INVENTORY_DATA_DIR=" in line else say(text, line.removesuffix(text))
            _show_syncs(session, before, served, max(len(shop["key"]) for shop in shops))
            served.wait()
        except InventoryError as error:
            raise InventoryError(f"{error}; {log} holds what it said") from error


def _listen(port: int | None) -> list[socket.socket]:
    """At the port that was asked for; unless one was, at 3000 where nobody has it, else anywhere."""
    if port is not None:
        return listen(HOST, port)
    try:
        return listen(HOST, PORT)
    except InventoryError:
        return listen(HOST, 0)


def _link(session: Session) -> str:
    """The token of a link that signs in the demo's admin."""
    from inventory_pipeline.services.users.users import Users

    users = Users(session.services.database, session.services.clock, actor="demo")
    if all(user.name != _USER for user in users.list()):
        users.add(_USER, "admin", None)
    return users.sign_in_link(_USER)


def _show_syncs(session: Session, shown: set[str], served: Served, width: int) -> None:
    """A line for each sync as it ends, until Dagster does."""
    typer.echo(sync_heading(width))
    while served.is_running:
        for row in _ended(session):
            if row.run_id not in shown:
                shown.add(row.run_id)
                typer.echo(sync_line(row, width))
        time.sleep(_LOOK_SECONDS)


def _ended(session: Session) -> list:
    from inventory_pipeline.defs.sync.sync_log import list_syncs

    return [row for row in reversed(list_syncs(session.dagster, limit=20)) if row.ended_at is not None]


def _welcome(url: str, shops: Sequence[Shop], folder: Path) -> str:
    here = program_on(folder)
    first = shops[0]["key"]
    listed = "\n".join(f"  {shop['name']:36} {shop['key']:16} {shop['url']}" for shop in shops)
    return f"""
The demo is running; Ctrl-C ends it and all that it started.

{listed}

Look, at {url}
  Overview: what to do now, each store's stock and age, open alerts, the last syncs
  Stores: one of them, its units over time and every sync; press Sync Products and watch
  Stock: search a SKU; Alerts: what is low, checked every minute here, every hour in earnest
  Dagster: the engineers' view; its schedule syncs every 5 minutes here, every 4 hours in earnest

Try
  In the browser: connect one of the shops once more under another key; deactivate it; look at Audit
  Another sign-in: {here} users reset {_USER}
  In another terminal:
    {here} stock --low
    {here} sync-log
    {here} stores check {first}
    {here} sync-all-stores

The shops sell and restock all the time. Everything is kept in {folder}; without that folder the demo begins anew.
"""
