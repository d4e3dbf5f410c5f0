"""`inventory-pipeline stores`: store integrations, connected and looked after."""

import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_pipeline.cli.options import AllowPrivate, StoreKey, ask_allow_private
from inventory_pipeline.cli.pairs import read_pairs
from inventory_pipeline.cli.secret_input import FROM_INPUT, read_secret
from inventory_pipeline.cli.session import Session, session_of
from inventory_pipeline.cli.stores_shown import check, list_, show_
from inventory_pipeline.cli.terminal import complain, say
from inventory_pipeline.core.addresses import store_refusal, urls_of
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import DEFAULT_GROUP, StoreIntegration, checked_key

if TYPE_CHECKING:
    from inventory_pipeline.services.integrations.service import Change

app = typer.Typer(help="Connect stores, and look after them.", pretty_exceptions_enable=False)

Credentials = Annotated[
    list[str] | None,
    typer.Option(
        "--credential", metavar="NAME=secret:S|env:V|-", help="A reference; `-` asks for the value and stores it encrypted."
    ),
]
Settings = Annotated[list[str] | None, typer.Option("--setting", metavar="NAME=VALUE", help="As `platforms` lists them.")]


@app.command()
def add(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Chosen once, never renamed: lower-case letters, digits, - and _.")],
    platform: Annotated[str, typer.Option(metavar="P", help="As `platforms` lists them.")],
    url: Annotated[str, typer.Option(metavar="URL", help="The store's address; for a feed, also a path under the feed folder.")],
    name: Annotated[str, typer.Option(metavar="N", help="For people; the key unless given.")] = "",
    group: Annotated[str, typer.Option(metavar="G", help="The merchant: sums over stores stay within a group.")] = DEFAULT_GROUP,
    credential: Credentials = None,
    setting: Settings = None,
    allow_private: AllowPrivate = None,
    inactive: Annotated[bool, typer.Option("--inactive", help="Register only: nothing syncs it until it is activated.")] = False,
    auto_sync: Annotated[bool, typer.Option("--auto-sync", help="Sync for the first time as soon as it is active.")] = False,
) -> None:
    """Connect a store. Calls no network: `stores check KEY` does."""
    session = session_of(context)
    checked_key(key)
    if any(store.key == key for store in session.integrations.list()):
        raise UsageError(f"store key {key!r} is taken; `stores set {key}` changes that store, or choose another key")
    references, values = _credentials(key, credential or [])
    store = StoreIntegration(
        key=key,
        platform=platform,
        url=url,
        name=name,
        group=group,
        settings=read_pairs("--setting", setting or ()),
        is_active=not inactive,
        auto_sync=auto_sync,
    )
    _ask_about_twins(session, store)
    store = replace(store, allow_private=_allowed(session, store, allow_private, registered=False), credentials=references)
    change = session.integrations.add(store, values, reuse=_is_forgotten(session, key))
    _tell(session, f"Store {key} is registered", change, new=True)


for command in (list_, show_, check):
    app.command(command.__name__.rstrip("_"))(command)


@app.command("set")
def set_(
    context: typer.Context,
    key: StoreKey,
    name: Annotated[str | None, typer.Option(metavar="N", help="For people.")] = None,
    group: Annotated[str | None, typer.Option(metavar="G", help="The merchant.")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Another host discards the credentials.")] = None,
    allow_private: AllowPrivate = None,
    credential: Credentials = None,
    setting: Settings = None,
    auto_sync: Annotated[
        bool | None, typer.Option("--auto-sync/--no-auto-sync", help="Sync as soon as it is first active.")
    ] = None,
    fresh_hours: Annotated[
        float | None,
        typer.Option(min=0, metavar="H", help="How long a snapshot is believed; 0 for 1.25 intervals of the schedule."),
    ] = None,
) -> None:
    """Change a store. Settings and credentials are added to those it has; NAME= with nothing after it takes one away."""
    session = session_of(context)
    settings = read_pairs("--setting", setting or ())
    if all(value is None for value in (name, group, url, allow_private, credential, setting, auto_sync, fresh_hours)):
        raise UsageError(f"nothing to change: `inventory-pipeline stores set {key}` needs an option such as --url")
    old = session.integrations.get(key)
    new = replace(old, url=old.url if url is None else url, settings={**old.settings, **settings})
    if urls_of(new) != urls_of(old):
        allow_private = _allowed(session, new, allow_private, registered=True)
    references, values = _credentials(key, credential or [])
    change = session.integrations.set(
        key,
        name=name,
        group=group,
        url=url,
        allow_private=allow_private,
        settings=settings,
        credentials=references,
        values=values,
        auto_sync=auto_sync,
        freshness_limit=None if fresh_hours is None else timedelta(hours=fresh_hours),
    )
    _tell(session, f"Store {key} is changed", change)


@app.command()
def activate(context: typer.Context, key: StoreKey) -> None:
    """Let syncs of a store run. One that waits for its first sync gets it."""
    session = session_of(context)
    _tell(session, f"Store {key} is active", session.integrations.activate(key))


@app.command()
def deactivate(context: typer.Context, key: StoreKey) -> None:
    """Let no sync of a store start. Its stock and history stay, and grow stale."""
    session = session_of(context)
    _tell(session, f"Store {key} is inactive", session.integrations.deactivate(key))


@app.command()
def purge(
    context: typer.Context,
    key: StoreKey,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a store's stock, history and references for ever. Its key stays taken while a run in the history carries it."""
    session = session_of(context)
    session.integrations.get(key)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"purging {key} deletes its stock and history for ever: say --yes")
        typer.confirm(f"Delete the stock and history of {key} for ever?", abort=True, err=True)
    _tell(session, f"Store {key} is purged", session.integrations.purge(key))


def _is_forgotten(session: Session, key: str) -> bool:
    """Whether a purged store's key may be used again. (Loads Dagster only where there was one.)"""
    from inventory_pipeline.db.integrations.stores import get_store

    with session.services.database.connect() as connection:
        if get_store(connection, key) is None:
            return False
    from inventory_pipeline.defs.integrations.partitions import no_run_carries

    return no_run_carries(session.dagster, key)


def _ask_about_twins(session: Session, store: StoreIntegration) -> None:
    """Two stores of one shop count its stock twice, unless their settings read different parts of it."""
    address = store.url.strip().rstrip("/").lower()
    twins = [one.key for one in session.integrations.list() if one.url.strip().rstrip("/").lower() == address]
    if not twins:
        return
    told = f"store {twins[0]} has the same address: its stock would be counted twice"
    if sys.stdin.isatty():
        typer.confirm(f"{told}. Register {store.key} all the same?", abort=True, err=True)
    else:
        complain(told)


def _allowed(session: Session, store: StoreIntegration, given: bool | None, *, registered: bool) -> bool:
    def refusal(allow_private: bool) -> str | None:
        asked = replace(store, allow_private=allow_private)
        return store_refusal(asked, session.environment.allowed_hosts, registered=registered)

    return ask_allow_private(given, refusal)


def _credentials(key: str, given: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The references by name, and the values of those given as `-`."""
    references = read_pairs("--credential", given)
    values = {name: read_secret(f"{name} of {key}") for name, reference in references.items() if reference == FROM_INPUT}
    return {name: reference for name, reference in references.items() if name not in values}, values


def _tell(session: Session, done: str, change: "Change", *, new: bool = False) -> None:
    typer.echo(done)
    if new:
        # Whatever is to sync it, `dagster asset materialize --partition` too, asks Dagster for its partition.
        from inventory_pipeline.defs.integrations.partitions import add_partitions

        add_partitions(session.dagster, [change.store.key])
    for note in change.notes:
        say(note, "  ")
    store = change.store
    if store.auto_sync and store.first_sync_at is None and store.purged_at is None:
        from inventory_pipeline.defs.integrations.sensor import first_sync

        say(first_sync(session.dagster, store).text, "  ")
