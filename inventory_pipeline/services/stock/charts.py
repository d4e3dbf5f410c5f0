"""Stock over time as a small picture: SVG made here, readable by anything that shows HTML, offline too."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from html import escape

from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.stock.history import Point

WIDTH, HEIGHT = 640, 160
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 26, 24


def step_chart(title: str, points: Sequence[Point], threshold: float | None = None) -> str:
    """An SVG document: stock holds until the next read, so the line goes in steps, and breaks off where no number is known.

    A threshold is a dashed line.
    """
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img" font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{_LEFT}" y="16" font-size="13" fill="#222">{escape(one_line(title, 90))}</text>'
    )
    if all(point.units is None for point in points):
        why = "no number is known" if points else "no snapshot yet"
        return f'{head}<text x="{_LEFT}" y="{HEIGHT // 2}" fill="#666">{why}</text></svg>'
    scale = _Scale(points, threshold)
    return "".join([head, scale.axes(), scale.threshold(), scale.line(), "</svg>"])


def data_uri(svg: str) -> str:
    """The picture as an address that holds it whole, for markdown and `<img>`."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


class _Scale:
    """From instants and units to places in the picture. Zero is always shown."""

    def __init__(self, points: Sequence[Point], threshold: float | None) -> None:
        self._points, self._limit = points, threshold
        known = (float(point.units) for point in points if point.units is not None)
        values = [0.0, *known, *(() if threshold is None else (threshold,))]
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
