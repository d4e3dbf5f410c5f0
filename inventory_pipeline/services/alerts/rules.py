"""The threshold rules: set, removed, explained, and moved in and out as CSV."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TextIO

import sqlalchemy as sa

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.errors import LineRejected, UsageError
from inventory_pipeline.core.quantity import Number, exact_number
from inventory_pipeline.core.thresholds import Threshold, checked_threshold, describe
from inventory_pipeline.db.alerts import thresholds
from inventory_pipeline.db.alerts.alert_stores import alert_stores
from inventory_pipeline.db.alerts.consumption import Used, used_by
from inventory_pipeline.db.alerts.judgements import Judgement, judgements
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, stores
from inventory_pipeline.services.alerts.cover import days_of_cover
from inventory_pipeline.services.alerts.known import check_known

CSV_COLUMNS = ("scope", "store", "item_id", "location_id", "group", "sku", "threshold", "margin", "cover_days")


@dataclass(frozen=True, slots=True)
class Explained:
    """One subject behind a SKU or variant, with the rule that decides and what it says now.

    `cover` says how long the stock lasts, empty where that is not asked: of a place, or of a group's total.
    """

    judgement: Judgement
    rule: str
    cover: str


class Rules:
    """Threshold rules. Every change is audited."""

    def __init__(self, *, database: Database, clock: Clock, interval: timedelta) -> None:
        self._database, self._clock, self._interval = database, clock, interval

    def list_rules(self) -> list[Threshold]:
        with self._database.connect() as connection:
            return thresholds.list_thresholds(connection)

    def set(self, rules: Iterable[Threshold], actor: str) -> None:
        """Stores the rules, all or none. Raises UsageError for a store or a group that does not exist."""
        with self._database.begin() as connection:
            self._put(connection, [("", rule) for rule in rules], actor)

    def import_csv(self, source: TextIO, actor: str) -> int:
        """Stores the rules of a CSV file with the columns CSV_COLUMNS, all or none; how many.

        Raises UsageError naming the line that is wrong.
        """
        rules = [(f"line {line}: ", rule) for line, rule in _read_csv(source)]
        with self._database.begin() as connection:
            self._put(connection, rules, actor)
        return len(rules)

    def _put(self, connection: sa.Connection, rules: Sequence[tuple[str, Threshold]], actor: str) -> None:
        """Each rule with where it stands, for errors."""
        now, known = self._clock(), stores.list_stores(connection)
        for where, rule in rules:
            try:
                check_known(known, filter(None, [rule.store_key]), filter(None, [rule.group]))
            except UsageError as error:
                raise UsageError(f"{where}{error}") from None
        thresholds.put_thresholds(connection, [rule for _, rule in rules], now)
        audit.record_all(connection, now, actor, "set threshold", [(rule.target, _figures(rule)) for _, rule in rules])

    def remove(self, rule: Threshold, actor: str) -> None:
        """Raises UsageError where there is no such rule."""
        with self._database.begin() as connection:
            if not thresholds.remove_threshold(connection, rule):
                raise UsageError(f"there is no rule for {rule.target}; `inventory-pipeline thresholds list` shows them")
            audit.record(connection, self._clock(), actor, "remove threshold", rule.target)

    def explain(self, store_key: str, sku: str) -> list[Explained]:
        """What decides about a SKU (or variant id) of a store. Raises UsageError saying why nothing does."""
        now = self._clock()
        with self._database.connect() as connection:
            check_known(stores.list_stores(connection), [store_key])
            judged = alert_stores(connection, now, self._interval)
            found = judgements(connection, judged, now, store_key, sku.strip())
            used = used_by(connection, store_key, {each.item_id for each in found}, now)
        if not found:
            stale = {store.key: store.stale for store in judged}
            if store_key not in stale:
                raise UsageError(f"store {store_key} was never synced, or is inactive: its stock is not judged")
            if stale[store_key]:
                raise UsageError(f"store {store_key} is stale: its stock is not judged until a sync succeeds")
            raise UsageError(f"store {store_key} has no active line with SKU or variant id {sku!r:.80}: drafts are not judged")
        observed = {store.key: store.observed_days for store in judged}
        return [Explained(each, rule_text(each), _cover(each, used, observed)) for each in found]


def _cover(judged: Judgement, used: Mapping[str, Used], observed: Mapping[str, float]) -> str:
    if judged.kind not in ("variant", "pool"):
        return ""
    return days_of_cover(judged.available, used.get(judged.item_id), observed[judged.store_key]).text


def rule_text(judged: Judgement) -> str:
    """The rule that decides, with its figures."""
    about = describe(
        judged.scope, judged.item_store, judged.rule_item or judged.item_id, judged.location_id, judged.group, judged.subject
    )
    days = f", or used up within {judged.cover_days} days" if judged.cover_days else ""
    return f"{about}: {judged.threshold} or fewer, recovered above {judged.threshold + judged.margin}{days}"


def _read_csv(source: TextIO) -> Iterator[tuple[int, Threshold]]:
    reader = csv.DictReader(source, strict=True)
    missing = {"scope", "threshold"} - set(reader.fieldnames or ())
    unknown = set(reader.fieldnames or ()) - set(CSV_COLUMNS)
    if missing or unknown:
        what = f"lacks the column {sorted(missing)[0]}" if missing else f"has the unknown column {sorted(unknown)[0]!r:.40}"
        raise UsageError(f"line 1: the file {what}; its columns are {', '.join(CSV_COLUMNS)}")
    seen: dict[str, int] = {}
    try:
        for row in reader:
            if None in row:
                raise UsageError(
                    f"line {reader.line_num}: more cells than columns; a text that holds a comma needs quotation marks"
                )
            rule = _parsed(row, reader.line_num)
            if rule.target in seen:
                raise UsageError(f"line {reader.line_num}: {rule.target} was set in line {seen[rule.target]} already")
            seen[rule.target] = reader.line_num
            yield reader.line_num, rule
    except csv.Error as error:
        raise UsageError(f"line {reader.line_num}: {error}") from None


def _parsed(row: dict[str, str], line: int) -> Threshold:
    cells = {name: (row.get(name) or "").strip() for name in CSV_COLUMNS}
    try:
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
    except (UsageError, LineRejected) as error:
        raise UsageError(f"line {line}: {error}") from None


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
