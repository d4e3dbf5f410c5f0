"""Charts of stock over time, as SVG: of a store, of what an alert is about, of a SKU in a store. They open offline."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

import sqlalchemy as sa

from inventory_pipeline.core.alerts import Alert
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.stock.history import Point, items_with_sku, stock_history

WIDTH, HEIGHT = 640, 160
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 26, 24


def store_chart(connection: sa.Connection, store_key: str) -> str:
    """The units of all the store's lines."""
    return step_chart(f"Units of {store_key}", stock_history(connection, store_key))


def alert_charts(connection: sa.Connection, alert: Alert) -> Iterator[str]:
    """The stock that the alert's rule looks at, with its threshold. Nothing for alerts about SKUs and stores."""
    if alert.kind in ("variant", "pool", "location"):
        place = f", {alert.location_id}" if alert.location_id else ""
        title = redact(f"{alert.sku or alert.item_id} {alert.title} ({alert.store_key}{place})")
        points = stock_history(connection, alert.store_key, [alert.item_id], alert.location_id or None)
        yield step_chart(title, points, None if alert.threshold is None else float(alert.threshold))


def sku_charts(connection: sa.Connection, store_key: str, sku: str) -> Iterator[str]:
    """The sum over all variants that have the SKU. Nothing where the store has none."""
    items = items_with_sku(connection, store_key, sku)
    if items:
        several = f", {len(items)} variants added up: they may be one stock" if len(items) > 1 else ""
        yield step_chart(redact(f"{sku} ({store_key}{several})"), stock_history(connection, store_key, items))


def step_chart(title: str, points: Sequence[Point], threshold: float | None = None) -> str:
    """An SVG document of the points, oldest first. The threshold is a dashed line.

    The line goes in steps, because stock counts as unchanged until the next read. It has a gap where `units` is None.
    """
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img" aria-label="{escape(one_line(title, 90))}" font-family="sans-serif" font-size="11">'
        '<rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{_LEFT}" y="16" font-size="13" fill="#222">{escape(one_line(title, 90))}</text>'
    )
    if all(point.units is None for point in points):
        why = "no number is known" if points else "no snapshot yet"
        return f'{head}<text x="{_LEFT}" y="{HEIGHT // 2}" fill="#666">{why}</text></svg>'
    scale = _Scale(points, threshold)
    return "".join([head, scale.axes(), scale.threshold(), scale.line(), "</svg>"])


def data_uri(svg: str) -> str:
    """The SVG as a `data:` address, for markdown and `<img>`."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


class _Scale:
    """Converts instants and units to coordinates of the chart, and draws its parts. Zero is always in view."""

    def __init__(self, points: Sequence[Point], threshold: float | None) -> None:
        self._points, self._limit = points, threshold
        known = (float(point.units) for point in points if point.units is not None)
        values = [0.0, *known] if threshold is None else [0.0, *known, threshold]
        self._low, self._high = min(values), max(values)
        if self._low == self._high:
            self._high += 1
        self._first, self._last = points[0].at, points[-1].at

    def x(self, at: datetime) -> float:
        span = (self._last - self._first).total_seconds() or 1.0
        return round(_LEFT + (at - self._first).total_seconds() / span * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)

    def axes(self) -> str:
        marks = [
            f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{self.y(value)}" y2="{self.y(value)}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{self.y(value) + 4}" text-anchor="end" fill="#666">{value:,.6g}</text>'
            for value in sorted({self._low, 0.0, self._high})
        ]
        dates = [
            f'<text x="{place}" y="{HEIGHT - 8}" text-anchor="{anchor}" fill="#666">{at:%Y-%m-%d %H:%M}</text>'
            for place, anchor, at in ((_LEFT, "start", self._first), (WIDTH - _RIGHT, "end", self._last))
        ]
        return "".join([*marks, *(dates if self._first != self._last else dates[:1])])

    def threshold(self) -> str:
        if self._limit is None:
            return ""
        place = self.y(self._limit)
        ends = f'x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{place}" y2="{place}"'
        return f'<line {ends} stroke="#c60" stroke-dasharray="4 3"/>'

    def line(self) -> str:
        path: list[str] = []
        before: float | None = None
        for point in self._points:
            now = None if point.units is None else self.y(float(point.units))
            if now != before or point is self._points[-1]:
                path += [] if before is None else [f"H{self.x(point.at)}"]
                path += [] if now is None else [f"M{self.x(point.at)} {now}" if before is None else f"V{now}"]
            before = now
        dot = "" if before is None else f'<circle cx="{self.x(self._last)}" cy="{before}" r="3" fill="#06c"/>'
        return f'<path d="{"".join(path)}" fill="none" stroke="#06c" stroke-width="1.5"/>{dot}'
