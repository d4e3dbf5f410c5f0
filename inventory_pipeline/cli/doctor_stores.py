"""What `doctor` looks at in the project's own data: database, keys, feed folder, and whether each store is fresh."""

import stat
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inventory_pipeline.cli.findings import Finding
from inventory_pipeline.cli.session import Session
from inventory_pipeline.core.addresses import AllowedHosts, store_refusal
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.stores import StoreIntegration, freshness, is_outdated, max_file_age, not_renewed

if TYPE_CHECKING:
    from inventory_pipeline.db.sync.snapshots import Snapshot

# Beyond this a snapshot "from the future" is not a matter of two machines' clocks differing a little.
CLOCK_TOLERANCE = timedelta(minutes=2)


def look_at_database(session: Session) -> Iterator[Finding]:
    from inventory_pipeline.db.migrate import HEAD

    database = session.services.database
    database.migrate()
    yield Finding("database", "ok", f"{database.describe()}, schema {HEAD}")


def look_at_stores(session: Session) -> Iterator[Finding]:
    from inventory_pipeline.db.integrations.stores import list_stores
    from inventory_pipeline.db.sync.snapshots import last_published
    from inventory_pipeline.defs.sync.interval import sync_interval

    interval = sync_interval(session.environment)
    now = session.services.clock()
    with session.services.database.connect() as connection:
        active = [store for store in list_stores(connection) if store.is_active]
        last = [(store, last_published(connection, store.key)) for store in active]
    yield _clock(last, now)
    troubles = [finding for store, snapshot in last for finding in _store(store, snapshot, now, interval)]
    troubles += [finding for store in active for finding in _address(store, session.environment.allowed_hosts)]
    yield from troubles
    if not active:
        yield Finding("stores", "warn", "no active store", "`inventory-pipeline stores add` registers one")
    elif not troubles:
        yield Finding("stores", "ok", f"{len(active):,} active, each fresh")


def _store(store: StoreIntegration, last: "Snapshot | None", now: datetime, interval: timedelta) -> Iterator[Finding]:
    name = f"store {store.key}"
    again = (
        f"`inventory-pipeline sync-all-stores --store {store.key}` syncs it; `sync-log --store {store.key}` says why it failed"
    )
    if store.needs_reauthorization:
        cure = f"`inventory-pipeline stores set {store.key} --credential NAME=-` gives it new credentials"
        read = f"last good snapshot of {show_instant(last.started_at)}" if last else "never synced"
        yield Finding(name, "fail", f"needs re-authorization: {store.needs_reauthorization}; {read}", cure)
    elif last is None:
        yield Finding(name, "warn", "never synced", again)
    elif now - last.ended_at > freshness(store, interval):
        hours = (now - last.ended_at).total_seconds() / 3600
        yield Finding(name, "fail", f"stale: last good snapshot of {show_instant(last.started_at)}, {hours:.1f} h ago", again)
    elif last.modified is not None and is_outdated(store, last.modified, now):
        days = max_file_age(store) / timedelta(days=1)
        cure = f"have its maker renew it; `inventory-pipeline stores set {store.key} --setting max_file_age=DAYS` (now {days:g})"
        yield Finding(name, "fail", f"stale: its file is {not_renewed(last.modified)}", cure)
    if last is not None and last.gap:
        cure = "look for what hides entries from the store's key: a filter, a plugin, a missing permission"
        yield Finding(name, "warn", f"{last.gap_told}; lines that this keeps alive are marked unverified", cure)
    for note in () if last is None else last.notes:
        detail, _, cure = note.rpartition("; ")
        yield Finding(name, "warn", detail or note, cure)


def _address(store: StoreIntegration, allowed: AllowedHosts) -> Iterator[Finding]:
    refusal = store_refusal(store, allowed)
    if refusal is not None:
        detail, _, cure = refusal.partition("; ")
        yield Finding(f"store {store.key}", "fail", detail, cure)


def _clock(last: "Sequence[tuple[StoreIntegration, Snapshot | None]]", now: datetime) -> Finding:
    """A clock that was set back makes new stock look older than old stock."""
    newest = max((snapshot.published_at for _, snapshot in last if snapshot), default=now)
    if newest > now + CLOCK_TOLERANCE:
        detail = f"it is {show_instant(now)} here, and a snapshot was published at {show_instant(newest)}"
        return Finding("clock", "fail", detail, "set this machine's clock (NTP)")
    return Finding("clock", "ok", show_instant(now))


def look_at_credentials(session: Session) -> Iterator[Finding]:
    """Every stored secret must open with the present key, and a key file must be its owner's alone."""
    environment = session.environment
    stored = [entry for entry in session.integrations.list_credentials() if entry.readable is not None]
    file = environment.key_file
    if environment.secret_keys is None and file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding("key file", "fail", f"others on this machine can read {file}", f"chmod 600 {file}")
    closed = [entry.name for entry in stored if not entry.readable]
    if closed:
        cure = f"restore the key ({file} or INVENTORY_SECRET_KEY), or `inventory-pipeline credentials set` each anew"
        yield Finding("credentials", "fail", f"the present key does not open: {', '.join(closed)}", cure)
    else:
        yield Finding("credentials", "ok", f"{len(stored):,} stored and readable")


def look_at_bindings(session: Session) -> Iterator[Finding]:
    """Each credential must be bound to where its store's connector sends it, else the store's syncs are refused."""
    from inventory_pipeline.services.integrations.bindings import refusals

    active = [store for store in session.integrations.list() if store.is_active]
    with session.services.database.connect() as connection:
        refused = {(store.key, why) for store in active for why in refusals(connection, store)}
    for key, why in sorted(refused):
        detail, _, cure = why.partition("; ")
        yield Finding(f"store {key}", "fail", detail, cure)
    if not refused:
        yield Finding("bindings", "ok", "each credential in use is bound to its store's host")


def look_at_addresses(session: Session) -> Iterator[Finding]:
    """Addresses are shown, so no secret may stand in one. Those of before this was refused go on."""
    from inventory_pipeline.services.integrations.store_input import suspect_in, way_out

    suspects = [(store, suspect) for store in session.integrations.list() if (suspect := suspect_in(store.url))]
    for store, suspect in suspects:
        detail = f"its address holds a password or key ({suspect.kind}), and addresses are shown"
        cure = f"rotate it, take it out of the address (`stores set {store.key} --url`), and give it as "
        yield Finding(f"store {store.key}", "warn", detail, cure + way_out(suspect))
    if not suspects:
        yield Finding("addresses", "ok", "no store's address holds a password or key")


def look_at_feeds(session: Session) -> Iterator[Finding]:
    from inventory_pipeline.connectors.feed.sources import kind_of

    folder = session.environment.feed_dir
    feeds = [store for store in session.integrations.list() if store.platform == "feed" and store.is_active]
    files = [store.key for store in feeds if kind_of(store.url) == "file"]
    if not files or folder.is_dir():
        yield Finding("feeds", "ok", f"{len(feeds):,} active; files lie under {folder}")
    else:
        cure = "make the folder, or set INVENTORY_FEED_DIR to the one where the files are"
        yield Finding("feeds", "fail", f"{folder} is missing, where {', '.join(files)} should be", cure)


def look_at_notices(session: Session) -> Iterator[Finding]:
    from inventory_pipeline.db.alerts.notices import undelivered
    from inventory_pipeline.services.alerts.delivery import SHOWN_FOR

    with session.services.database.connect() as connection:
        troubled = undelivered(connection, session.services.clock() - SHOWN_FOR)
    if not troubled:
        yield Finding("notices", "ok", "none waits after a failed delivery, none was given up lately")
        return
    routes = ", ".join(sorted({letter.route for letter in troubled}))
    cure = "`inventory-pipeline notify list` says why, `inventory-pipeline notify test NAME` tries a route"
    yield Finding("notices", "warn", f"{len(troubled):,} not delivered, to {routes}", cure)
