"""What every page of the site works with: the use cases, Dagster's runs, templates, and figures that are kept."""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import sqlalchemy as sa

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.stores import StoreIntegration, is_stale
from inventory_pipeline.core.sync import StockTotals
from inventory_pipeline.db.alerts.monitored_stores import SnapshotRange
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.sync.totals import stock_totals
from inventory_pipeline.environment import Environment
from inventory_pipeline.services.users.sign_in import SignIn
from inventory_pipeline.web import shown
from inventory_pipeline.web.runs import SyncRuns

if TYPE_CHECKING:
    from inventory_pipeline.services.alerts.alerting import Alerting
    from inventory_pipeline.wiring import Services

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"
# So many stores' totals are kept.
_KEPT = 20_000


class Templates:
    """Jinja2 with escaping always on; an undefined name is an error."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "plain": shown.plain,
            "shop_text": shown.shop_text,
            "number": shown.number,
            "sentence": shown.sentence,
            "message": shown.message,
            "web_link": shown.web_link,
        }
        self._environment.globals |= {"quantity": shown.quantity, "static": static_address, "shown": shown}

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        return self._environment.get_template(name).render(values)


class Site:
    """What every page works with."""

    def __init__(self, services: "Services", runs: SyncRuns, interval: timedelta) -> None:
        self.services, self.runs, self.interval = services, runs, interval
        self.templates = Templates()
        self.sign_in = SignIn(services.database, services.clock)
        self.alerting: Alerting = services.alerting(interval)
        self.figures = Figures(services.database, services.clock, interval)

    @property
    def environment(self) -> Environment:
        return self.services.environment

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def clock(self) -> Clock:
        return self.services.clock


class Figures:
    """Totals of stores, which change only with a snapshot: reckoned once for each."""

    def __init__(self, database: Database, clock: Clock, interval: timedelta) -> None:
        self._database, self._clock, self._interval = database, clock, interval
        self._totals: dict[tuple[str, int], StockTotals] = {}

    def totals(self, connection: sa.Connection, key: str, snapshot_id: int) -> StockTotals:
        kept = self._totals.get((key, snapshot_id))
        if kept is None:
            if len(self._totals) > _KEPT:
                self._totals.clear()
            kept = self._totals[key, snapshot_id] = stock_totals(connection, key)
        return kept

    def is_stale(self, store: StoreIntegration, last: SnapshotRange | None) -> bool:
        """Whether the store's numbers are older than they may be believed."""
        return last is not None and is_stale(store, last.last_ended_at, last.last_modified, self._clock(), self._interval)


def static_address(name: str) -> str:
    """With the file's hash: browsers keep it for good, and load it anew when it changes."""
    return f"/static/{name}?{_hashes()[name]}"


def _hashes(known: dict[str, str] = {}) -> dict[str, str]:  # noqa: B006 - reckoned once in a process
    if not known:
        known |= {file.name: sha256(file.read_bytes()).hexdigest()[:12] for file in STATIC.iterdir()}
    return known
