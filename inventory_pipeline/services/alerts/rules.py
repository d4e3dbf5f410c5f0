"""The threshold rules: set, removed, explained, and moved in and out as CSV."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TextIO

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.cover import Consumption, days_of_cover
from inventory_pipeline.core.errors import LineRejected, UsageError
from inventory_pipeline.core.quantity import Number, exact_number
from inventory_pipeline.core.spreadsheets import read_csv
from inventory_pipeline.core.stores import check_known
from inventory_pipeline.core.thresholds import Threshold, checked_threshold, describe
from inventory_pipeline.db.alerts import thresholds
from inventory_pipeline.db.alerts.evaluation import consumption_of
from inventory_pipeline.db.alerts.explanations import EvaluatedTarget, evaluated_targets
from inventory_pipeline.db.alerts.monitored_stores import monitored_stores
from inventory_pipeline.db.alerts.threshold_import import Incoming, ThresholdImport
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, stores

CSV_COLUMNS = ("scope", "store", "item_id", "location_id", "group", "sku", "threshold", "margin", "cover_days")

_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Explanation:
    """One target that a SKU or variant belongs to, and the rule that decides about it, for a person.

    `cover` says how long the stock lasts; empty for a single location and for a group's total.
    """

    target: EvaluatedTarget
    rule: str
    cover: str


class Rules:
    """Threshold rules. Every change is audited."""

    def __init__(self, *, database: Database, clock: Clock, interval: timedelta) -> None:
        self._database, self._clock, self._interval = database, clock, interval

    def list_rules(self) -> list[Threshold]:
        with self._database.connect() as connection:
            return thresholds.list_thresholds(connection)

    def set(self, rules: Sequence[Threshold], actor: str) -> None:
        """Stores the rules, all or none. Raises UsageError for a store or a group that does not exist."""
        with self._database.begin() as connection:
            now, known = self._clock(), stores.list_stores(connection)
            check_known(known, filter(None, [rule.store_key for rule in rules]), filter(None, [rule.group for rule in rules]))
            thresholds.put_thresholds(connection, rules, now)
            audit.record_all(connection, now, actor, "set threshold", [(rule.target, _figures(rule)) for rule in rules])

    def import_csv(self, source: TextIO, actor: str, *, raw: bool = False) -> int:
        """Stores the rules of a CSV file with the columns CSV_COLUMNS, all or none; how many. Memory does not grow with them.

        Texts are taken as `thresholds export` writes them; with `raw` as they stand. Raises UsageError naming the line
        that is wrong.
        """
        with self._database.connect() as connection:
            known = stores.list_stores(connection)
        found: set[tuple[str, str]] = set()
        number = 0
        with ThresholdImport(self._database) as incoming:
            batch: list[Incoming] = []
            for line, rule in _read_csv(source, raw):
                if (rule.store_key, rule.group) not in found:
                    with _in_line(line):
                        check_known(known, filter(None, [rule.store_key]), filter(None, [rule.group]))
                    found.add((rule.store_key, rule.group))
                batch.append(Incoming(line, rule, _figures(rule)))
                number += 1
                if len(batch) >= _BATCH:
                    incoming.add(batch)
                    batch.clear()
            incoming.add(batch)
            if (repeated := incoming.repeated()) is not None:
                again, before, target = repeated
                raise UsageError(f"line {again}: {target} was set in line {before} already")
            incoming.finish(self._clock(), actor)
        return number

    def remove(self, rule: Threshold, actor: str) -> None:
        """Raises UsageError where there is no such rule."""
        with self._database.begin() as connection:
            if not thresholds.remove_threshold(connection, rule):
                raise UsageError(f"there is no rule for {rule.target}; `inventory-pipeline thresholds list` shows them")
            audit.record(connection, self._clock(), actor, "remove threshold", rule.target)

    def explain(self, store_key: str, sku: str) -> list[Explanation]:
        """The targets that a SKU (or variant id) of a store belongs to. Raises UsageError saying why there are none."""
        now = self._clock()
        with self._database.connect() as connection:
            check_known(stores.list_stores(connection), [store_key])
            monitored = monitored_stores(connection, now, self._interval)
            found = evaluated_targets(connection, monitored, now, store_key, sku.strip())
            consumption = consumption_of(connection, store_key, {target.item_id for target in found}, now)
        if not found:
            stale = {store.key: store.stale for store in monitored}
            if store_key not in stale:
                raise UsageError(f"store {store_key} was never synced, or is inactive: its stock is not judged")
            if stale[store_key]:
                raise UsageError(f"store {store_key} is stale: its stock is not judged until a sync succeeds")
            raise UsageError(f"store {store_key} has no active line with SKU or variant id {sku!r:.80}: drafts are not judged")
        observed = {store.key: store.observed_days for store in monitored}
        return [Explanation(target, rule_text(target), _cover(target, consumption, observed)) for target in found]


def _cover(target: EvaluatedTarget, consumption: Mapping[str, Consumption], observed: Mapping[str, float]) -> str:
    if target.kind not in ("variant", "pool"):
        return ""
    return days_of_cover(target.available, consumption.get(target.item_id), observed[target.store_key]).text


def rule_text(target: EvaluatedTarget) -> str:
    """The rule that decides, with its figures."""
    about = describe(
        target.scope, target.item_store, target.rule_item or target.item_id, target.location_id, target.group, target.subject
    )
    days = f", or used up within {target.cover_days} days" if target.cover_days else ""
    return f"{about}: {target.threshold} or fewer, recovered above {target.threshold + target.margin}{days}"


def _read_csv(source: TextIO, raw: bool) -> Iterator[tuple[int, Threshold]]:
    """Each rule with the number of its line."""
    rows = read_csv(source, raw=raw)
    _, header = next(rows, (1, []))
    _check_columns(header)
    for line, cells in rows:
        if len(cells) > len(header):
            raise UsageError(f"line {line}: more cells than columns; a text that holds a comma needs quotation marks")
        with _in_line(line):
            rule = _parsed(dict(zip(header, cells, strict=False)))
        yield line, rule


def _check_columns(header: Sequence[str]) -> None:
    missing = {"scope", "threshold"} - set(header)
    unknown = set(header) - set(CSV_COLUMNS)
    twice = {name for name in header if header.count(name) > 1}
    for faulty, what in ((missing, "lacks the column"), (unknown, "has the unknown column"), (twice, "has twice the column")):
        if faulty:
            raise UsageError(f"line 1: the file {what} {sorted(faulty)[0]!r:.40}; its columns are {', '.join(CSV_COLUMNS)}")


@contextmanager
def _in_line(line: int) -> Iterator[None]:
    try:
        yield
    except (UsageError, LineRejected) as error:
        raise UsageError(f"line {line}: {error}") from None


def _parsed(row: dict[str, str]) -> Threshold:
    cells = {name: row.get(name, "").strip() for name in CSV_COLUMNS}
    return checked_threshold(
        cells["scope"],
        exact_number(cells["threshold"], "threshold"),
        exact_number(cells["margin"], "margin") if cells["margin"] else None,
        _days(cells["cover_days"]),
        store_key=cells["store"],
        item_id=cells["item_id"],
        location_id=cells["location_id"],
        group=cells["group"],
        sku=cells["sku"],
    )


def _days(text: str) -> int | None:
    days = exact_number(text, "cover_days") if text else None
    if days is not None and not isinstance(days, int):
        raise UsageError(f"cover_days {text!r:.40} is not a whole number of days")
    return days


def csv_row(rule: Threshold) -> dict[str, Number | str | None]:
    names = ("scope", "store_key", "item_id", "location_id", "group", "sku", "threshold", "margin", "cover_days")
    return {column: getattr(rule, name) for column, name in zip(CSV_COLUMNS, names, strict=True)}


def _figures(rule: Threshold) -> str:
    days = f", cover {rule.cover_days} days" if rule.cover_days else ""
    return f"{rule.threshold}, margin {rule.margin}{days}"
