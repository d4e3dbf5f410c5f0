"""Syncs: started by a button, watched while they run, canceled, accepted where one was quarantined; and the log of all."""

from dataclasses import dataclass
from typing import get_args

from starlette.responses import Response

from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.sync import Outcome
from inventory_pipeline.db.integrations import audit
from inventory_pipeline.db.sync.snapshots import QuarantinedRead, last_quarantined
from inventory_pipeline.defs.sync.sync_log import SyncLogRow
from inventory_pipeline.services.sync.guards import Acceptance
from inventory_pipeline.web.runs import Launched
from inventory_pipeline.web.view import NotFound, Page, View

_LOG = 50
_LOOKED_AT = 500
ACCEPTANCES: tuple[Acceptance, ...] = get_args(Acceptance)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True)
class SyncState:
    """The store's latest sync, as its page shows it. `is_running` also while it waits in the queue; `waits` says what for.

    `doubted` is what that sync read and did not believe.
    """

    row: SyncLogRow | None
    is_running: bool
    waits: str = ""
    doubted: QuarantinedRead | None = None


def sync_state(view: View, store: StoreIntegration) -> SyncState:
    runs = view.site.runs
    latest = next(iter(runs.latest([store.key], limit=1)), None)
    if latest is None or latest.outcome is not None:
        return SyncState(latest, is_running=False, doubted=latest and _doubted(view, store, latest))
    waits = ""
    if latest.started_at is None:
        waits = "waits in the queue" if runs.has_daemon else "waits: no Dagster daemon is running to start it"
    return SyncState(latest, is_running=True, waits=waits)


def _doubted(view: View, store: StoreIntegration, latest: SyncLogRow) -> QuarantinedRead | None:
    if latest.outcome != "quarantined":
        return None
    with view.site.database.connect() as connection:
        kept = last_quarantined(connection, store.key)
    # One that broke off, or a file that can be read two ways, kept nothing: what is there is of a sync before.
    return kept if kept is not None and kept.run_id == latest.run_id else None


def sync(view: View) -> Response:
    """Starts a sync through Dagster's queue, or attaches to the one that is under way."""
    return _launched(view, {})


def accept(view: View) -> Response:
    """Reads the store anew and publishes that read although it looks wrong: for one that was quarantined and is right."""
    decided = [str(what) for what in view.form.getlist("what")]
    if not decided or not set(decided) <= set(ACCEPTANCES):
        raise NotFound("there is no such decision")
    return _launched(view, dict.fromkeys(decided, True))


def _launched(view: View, config: dict[str, bool]) -> Response:
    store = view.store()
    if not store.is_active:
        return _back(view, store, wrong=f"{store.name} is inactive: no sync starts. Activate it first.")
    launched: Launched = view.site.runs.launch(store.key, store.platform, view.user.name, config)
    if not launched.is_new:
        return _back(view, store, done="A sync of this store was under way already: this is it.")
    with view.site.database.begin() as connection:
        detail = f"run {launched.run_id}{''.join(f', {name}' for name in config)}"
        audit.record(connection, view.site.clock(), view.actor, "accept" if config else "sync", store.key, detail)
    return _back(view, store, done="The sync is requested.")


def _back(view: View, store: StoreIntegration, *, done: str = "", wrong: str = "") -> Response:
    """The page again, or for htmx the part of it that shows the sync."""
    if view.is_fragment and not wrong:
        return view.page("sync_state.html", store=store, state=sync_state(view, store))
    return view.to(f"/stores/{store.key}", done=done, wrong=wrong)


def state(view: View) -> Response:
    """The part of a store's page that shows its sync: htmx asks for it while one runs."""
    store = view.store()
    now = sync_state(view, store)
    response = view.page("sync_state.html", store=store, state=now)
    if view.query("was") == "running" and not now.is_running:
        response.headers["HX-Refresh"] = "true"  # figures, history and alerts are others now
    return response


def cancel(view: View) -> Response:
    store = view.store()
    run_id = view.site.runs.under_way(store.key)
    if run_id is None:
        return view.to(f"/stores/{store.key}", done="No sync of this store is under way.")
    view.site.runs.cancel(run_id)
    with view.site.database.begin() as connection:
        audit.record(connection, view.site.clock(), view.actor, "cancel sync", store.key, f"run {run_id}")
    return view.to(f"/stores/{store.key}", done="The sync is being canceled; what was last published stays.")


def log(view: View) -> Response:
    """The sync log over all stores of the user. An outcome is looked for in the latest few hundred."""
    stores, key, outcome = view.stores, view.query("store"), view.query("outcome")
    if key and key not in stores:
        raise NotFound("there is no such store")
    asked = [key] if key else (None if view.user.groups is None else list(stores))
    before = view.query("before") or None
    rows = view.site.runs.latest(asked, limit=_LOOKED_AT if outcome else _LOG + 1, before=before)
    found = [row for row in rows if not outcome or outcome == (row.outcome or "running")]
    shown = found[:_LOG]
    older = shown[-1].run_id if len(found) > _LOG else (rows[-1].run_id if len(rows) == _LOOKED_AT else None)
    return view.page(
        "sync_log.html", rows=shown, older=older, store=key, outcome=outcome, outcomes=(*OUTCOMES, "running"), stores=stores
    )


PAGES = (
    Page("/stores/{key}/sync", state, "look"),
    Page("/stores/{key}/sync", sync, "sync", "POST"),
    Page("/stores/{key}/cancel", cancel, "sync", "POST"),
    Page("/stores/{key}/accept", accept, "accept", "POST"),
    Page("/syncs", log, "look"),
)
