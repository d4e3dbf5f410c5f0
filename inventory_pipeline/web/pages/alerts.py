"""Alerts: open ones first, acknowledged, snoozed, explained."""

from datetime import timedelta
from typing import get_args

from starlette.responses import Response

from inventory_pipeline.core.alerts import SEVERITIES, Alert, Status
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.db.alerts.records import list_alerts
from inventory_pipeline.web.view import NotFound, Page, View, numbers

_PER_PAGE = 100
STATUSES: tuple[Status, ...] = get_args(Status)
SPANS = {"4h": timedelta(hours=4), "1d": timedelta(days=1), "3d": timedelta(days=3), "1w": timedelta(weeks=1)}


def alerts(view: View) -> Response:
    key, status, severity = view.query("store"), view.query("status"), view.query("severity")
    if key and key not in view.stores:
        raise NotFound("there is no such store")
    page = max([1, *numbers([view.query("page")])])
    with view.site.database.connect() as connection:
        rows = list_alerts(
            connection,
            include_resolved=status == "resolved",
            store_key=key or None,
            groups=view.user.groups,
            status=next((known for known in STATUSES if known == status), None),
            severity=next((known for known in SEVERITIES if known == severity), None),
            limit=_PER_PAGE + 1,
            offset=(min(page, 10_000) - 1) * _PER_PAGE,
        )
    names = {known: store.name for known, store in view.stores.items()}
    return view.page(
        "alerts.html",
        rows=rows[:_PER_PAGE],
        more=len(rows) > _PER_PAGE,
        at=page,
        names=names,
        asked={"store": key, "status": status, "severity": severity},
        statuses=STATUSES,
        severities=SEVERITIES,
        spans=SPANS,
    )


def alert(view: View) -> Response:
    """One alert: why it is one, and what each rule that looks at it says."""
    one = _own(view, [view.request.path_params["number"]])[0]
    explained, why_not = [], ""
    if one.store_key and one.kind in ("variant", "pool", "location") and one.store_key in view.stores:
        try:
            explained = view.site.alerting.rules.explain(one.store_key, one.item_id)
        except UsageError as error:
            why_not = str(error)
    return view.page(
        "alert.html", alert=one, explained=explained, why_not=why_not, spans=SPANS, store=view.stores.get(one.store_key)
    )


def decide(view: View) -> Response:
    """Acknowledges or snoozes one alert or several."""
    chosen = [value for value in view.form.getlist("alert") if isinstance(value, str)]
    found = _own(view, chosen) if chosen else []
    back = "/alerts" if len(found) != 1 or not view.typed("one") else f"/alerts/{found[0].id}"
    if not found:
        return view.to(back, wrong="No alert was chosen: tick the boxes in the first column.")
    ids = [one.id for one in found]
    action, decisions = view.typed("action"), view.site.alerting.decisions
    if action == "acknowledge":
        decisions.acknowledge(ids, view.actor)
        done = "seen: you hear of it again when it gets worse"
    elif action == "snooze" and view.typed("for") in SPANS:
        decisions.snooze(ids, view.site.clock() + SPANS[view.typed("for")], view.actor)
        done = "snoozed"
    else:
        raise UsageError("there is no such decision; nothing was changed")
    return view.to(back, done=f"{len(ids):,} {'alert' if len(ids) == 1 else 'alerts'} {done}.")


def _own(view: View, texts: list[str]) -> list[Alert]:
    """The alerts of these numbers. Raises NotFound where one is none, or is another group's."""
    ids = numbers(texts)
    with view.site.database.connect() as connection:
        found = list_alerts(connection, include_resolved=True, ids=ids, groups=view.user.groups) if ids else []
    if not ids or len(ids) != len(texts) or len(found) != len(set(ids)):
        raise NotFound("there is no such alert")
    return found


PAGES = (
    Page("/alerts", alerts, "look"),
    Page("/alerts/decide", decide, "acknowledge", "POST"),
    Page("/alerts/{number}", alert, "look"),
)
