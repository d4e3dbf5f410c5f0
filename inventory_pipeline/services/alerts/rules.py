"""The threshold rules: set, removed, explained, and moved in and out as CSV."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TextIO

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.errors import LineRejected, UsageError
from inventory_pipeline.core.quantity import Number, exact_number
from inventory_pipeline.core.thresholds import Threshold, checked_threshold, describe
from inventory_pipeline.db import audit, stores, thresholds
from inventory_pipeline.db.alert_stores import alert_stores
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.judgements import Judgement, judgements

CSV_COLUMNS = ("scope", "store", "item_id", "location_id", "group", "sku", "threshold", "margin", "cover_days")


@dataclass(frozen=True, slots=True)
class Explained:
    """One subject behind a SKU or variant, with the rule that decides and what it says now."""

    judgement: Judgement
    rule: str


class Rules:
    """Threshold rules. Every change is audited."""

    def __init__(self, *, database: Database, clock: Clock, interval: timedelta) -> None:
        self._database, self._clock, self._interval = database, clock, interval

    def list_rules(self) -> list[Threshold]:
        with self._database.connect() as connection:
            return thresholds.list_thresholds(connection)

    def set(self, rules: Iterable[Threshold], actor: str) -> int:
        """Stores the rules, all or none; how many. Raises UsageError for a store that is not registered."""
        rules, now = list(rules), self._clock()
        with self._database.begin() as connection:
            known = {store.key for store in stores.list_stores(connection)}
            for rule in rules:
                if rule.store_key and rule.store_key not in known:
                    raise UsageError(
                        f"no store {rule.store_key!r:.80} is registered; `inventory-pipeline stores list` shows them"
                    )
            thresholds.put_thresholds(connection, rules, now)
            for rule in rules:
                audit.record(connection, now, actor, "set threshold", rule.target, _figures(rule))
        return len(rules)

    def remove(self, rule: Threshold, actor: str) -> None:
        """Raises UsageError where there is no such rule."""
        with self._database.begin() as connection:
            if not thresholds.remove_threshold(connection, rule):
                raise UsageError(f"there is no rule for {rule.target}; `inventory-pipeline thresholds list` shows them")
            audit.record(connection, self._clock(), actor, "remove threshold", rule.target)

    def explain(self, store_key: str, sku: str) -> list[Explained]:
        """What decides about a SKU (or variant id) of a store. Raises UsageError where the store does not list it."""
        now = self._clock()
        with self._database.connect() as connection:
            found = judgements(connection, alert_stores(connection, now, self._interval), now, store_key, sku.strip())
        if not found:
            raise UsageError(f"store {store_key!r:.80} has no active, fresh line with SKU or variant id {sku!r:.80}")
        return [Explained(each, rule_text(each)) for each in found]


def rule_text(judged: Judgement) -> str:
    """The rule that decides, with its figures."""
    about = describe(
        judged.scope, judged.item_store, judged.rule_item or judged.item_id, judged.location_id, judged.group, judged.subject
    )
    days = f", or used up within {judged.cover_days} days" if judged.cover_days else ""
    return f"{about}: {judged.threshold} or fewer, recovered above {judged.threshold + judged.margin}{days}"


def read_csv(source: TextIO) -> Iterator[Threshold]:
    """The rules of a CSV file with the columns CSV_COLUMNS. Raises UsageError naming the line that is wrong."""
    reader = csv.DictReader(source, strict=True)
    missing = {"scope", "threshold"} - set(reader.fieldnames or ())
    unknown = set(reader.fieldnames or ()) - set(CSV_COLUMNS)
    if missing or unknown:
        what = f"lacks the column {sorted(missing)[0]}" if missing else f"has the unknown column {sorted(unknown)[0]!r:.40}"
        raise UsageError(f"line 1: the file {what}; its columns are {', '.join(CSV_COLUMNS)}")
    seen: dict[str, int] = {}
    try:
        for row in reader:
            rule = _parsed(row, reader.line_num)
            if rule.target in seen:
                raise UsageError(f"line {reader.line_num}: {rule.target} was set in line {seen[rule.target]} already")
            seen[rule.target] = reader.line_num
            yield rule
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
