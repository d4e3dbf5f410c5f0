"""`inventory-pipeline sync-all-stores`: sync now, without a daemon."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, nullcontext
from itertools import count
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_pipeline.cli.options import Json, OnlyStores
from inventory_pipeline.cli.output import print_documents
from inventory_pipeline.cli.session import Session, alerting_of, session_of
from inventory_pipeline.cli.sync_rows import sync_heading, sync_line
from inventory_pipeline.cli.terminal import complain
from inventory_pipeline.core.errors import UsageError

if TYPE_CHECKING:
    from inventory_pipeline.defs.sync.sync_log import SyncLogRow


def sync_all_stores(
    context: typer.Context,
    store: OnlyStores = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only stores whose last sync failed or was quarantined.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="How many at once.")] = 4,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Publish although much of the stock is gone; needs --store.")
    ] = False,
    accept_unreadable: Annotated[
        bool, typer.Option("--accept-unreadable", help="Publish although many lines would be unknown; needs --store.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show each request.")] = False,
    json: Json = False,
) -> None:
    """Sync all active stores now, and wait for them. Needs no daemon; works beside one."""
    session = session_of(context)
    if accept_shrink and not store:
        raise UsageError("--accept-shrink publishes a store that lost much of its stock: name the store with --store KEY")
    if accept_unreadable and not store:
        raise UsageError("--accept-unreadable publishes a store much of which is unknown: name the store with --store KEY")
    said = {"accept_shrink": accept_shrink, "accept_unreadable": accept_unreadable}
    accept = [name for name, is_said in said.items() if is_said]
    close_stuck_runs(session)
    chosen = choose_stores(session, store or [], failed)
    rows = sync_now(session, chosen, concurrency, accept=accept, verbose=verbose or session.verbose, quiet=json)
    if json:
        print_documents(row.as_json() for row in rows)
    elif not chosen:
        typer.echo("No store to sync" + (": the last sync of each was published" if failed else "; `stores add` registers one"))
    fail_unless_published(rows)


def close_stuck_runs(session: Session) -> None:
    """What `stuck_sync_sensor` does where a daemon runs: a run whose process is gone must hold up no store."""
    from inventory_pipeline.defs.sync.stuck_runs import StuckRunWatch

    for stuck in StuckRunWatch(session.dagster, session.services).look_until_settled():
        complain(f"closed the {stuck.description}: {stuck.death.reason}")


def choose_stores(session: Session, named: Sequence[str], failed: bool) -> list[str]:
    """The active stores, or those named, which must exist; an inactive one that is named is let run and be refused."""
    known = {store.key: store for store in session.integrations.list()}
    unknown = [key for key in named if key not in known]
    if unknown:
        raise UsageError(f"no store {unknown[0]!r} is registered; `inventory-pipeline stores list` shows them")
    keys = list(dict.fromkeys(named)) or [key for key, store in known.items() if store.is_active]
    if not failed:
        return keys
    from inventory_pipeline.defs.sync.sync_log import failed_stores

    return failed_stores(session.dagster, keys)


def sync_now(
    session: Session,
    stores: Sequence[str],
    concurrency: int,
    *,
    accept: Sequence[str] = (),
    verbose: bool = False,
    quiet: bool = False,
) -> "list[SyncLogRow]":
    """Syncs the stores and returns their rows of the sync log, in the order in which they ended.

    Unless `quiet`, prints a row as each ends; on a terminal, a progress bar below them.
    """
    if not stores:
        return []
    from inventory_pipeline.cli.sync_workers import workers
    from inventory_pipeline.defs.integrations.partitions import add_partitions
    from inventory_pipeline.defs.sync.launch import Start, sync_stores

    width = max(map(len, stores))

    async def run(start: Start, show: Callable[[str], None]) -> "list[SyncLogRow]":
        rows: list[SyncLogRow] = []
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        options = {"concurrency": concurrency, "accept": accept, "verbose": verbose}
        syncs = sync_stores(session.dagster, session.services, stores, start=start, **options)
        async with aclosing(syncs):
            async for row in syncs:
                rows.append(row)
                # As the sensors do where a daemon runs; the same end is told once.
                if row.store is not None and row.outcome is not None:
                    notices.sync_ended(row.store, row.run_id, row.outcome, row.error, row.ended_at)
                if not quiet:
                    show(sync_line(row, width))
        return rows

    chosen = [store for store in session.integrations.list() if store.key in stores]
    session.services.database.close()  # nothing may be open where workers are forked; it is opened again at its next use
    bar = sys.stdout.isatty() and not quiet and not verbose
    with workers(chosen) as start, _above_a_bar(len(stores)) if bar else nullcontext(typer.echo) as show:
        add_partitions(session.dagster, stores)
        notices = alerting_of(session).sync_notices
        if not quiet:
            show(sync_heading(width))
        try:
            return asyncio.run(run(start, show))
        except asyncio.CancelledError:
            raise typer.Exit(128 + signal.SIGTERM) from None


@contextmanager
def _above_a_bar(total: int) -> Iterator[Callable[[str], None]]:
    """Prints a heading, then a row for each sync, which moves the bar below them on."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    parts = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*parts, transient=True) as progress:
        bar, printed = progress.add_task("syncing", total=total), count()

        def show(line: str) -> None:
            progress.console.print(Text.from_ansi(line), soft_wrap=True)
            progress.update(bar, completed=next(printed))

        yield show


def fail_unless_published(rows: "Sequence[SyncLogRow]") -> None:
    """Names on standard error the stores that were not synced, and ends with exit status 1."""
    bad = [f"{row.store} ({row.outcome})" for row in rows if row.outcome != "published"]
    if bad:
        complain(f"{len(bad)} of {len(rows)} stores not synced: {', '.join(bad)}")
        raise typer.Exit(1)
