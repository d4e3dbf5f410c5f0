"""How values stand on a page: texts from shops without tricks, numbers as `stock` prints them, times in the viewer's zone."""

import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import REPLACEMENT

NOTHING = "–"
# Joiners and selectors by which an emoji or a letter is made of several characters; all other invisible ones are shown as
# U+FFFD, those that turn the direction of what follows among them.
_JOINERS = "\u200c\u200d"


def plain(text: object, limit: int = 200) -> str:
    """One line of visible characters, cut to `limit`. For titles, names and whatever else a shop has written."""
    # A title may be megabytes long: no more of it is looked at than can be shown.
    folded = " ".join(str(text)[: limit * 4].split())
    cut = folded if len(folded) <= limit else folded[: limit - 1] + "…"
    return "".join(character if _visible(character) else REPLACEMENT for character in cut)


def shop_text(text: object, limit: int = 200) -> Markup:
    """`plain`, set apart from what stands around it: a text in Hebrew must not turn the row."""
    shown = plain(text, limit)
    return Markup("<bdi>{}</bdi>").format(shown) if not shown.isascii() else escape(shown)


def message(text: object) -> str:
    """An error or a note, without secrets."""
    return redact(plain(text, 2_000))


def sentence(text: str) -> str:
    """With a capital at its beginning; what follows stays as it is."""
    return text[:1].upper() + text[1:]


def number(value: Number | None) -> str:
    """A count or quantity: 1,234; a dash where there is none, never 0."""
    if value is None:
        return NOTHING
    return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"


def quantity(state: str, value: Number | None) -> Markup:
    """A stock quantity as `stock` prints it: the number, or the word for why there is none."""
    if state == "tracked" and value is not None:
        return Markup('<span class="{}">{}</span>').format("n out" if value <= 0 else "n", number(value))
    return Markup('<span class="none">{}</span>').format(state)


def web_link(url: str) -> Markup:
    """A link where the address is one of the web, else its text: a store's address is what somebody typed."""
    shown = plain(url, 120)
    try:
        is_web = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        is_web = False
    if not is_web or not url.isprintable():
        return escape(shown)
    return Markup('<a href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>').format(url, shown)


class Times:
    """Instants in the viewer's zone, with UTC in the title."""

    def __init__(self, zone: str, now: datetime) -> None:
        self.zone, self._zone, self._now = zone, ZoneInfo(zone), now

    def when(self, instant: datetime | None, *, none: str = NOTHING) -> Markup:
        """25 Nov 2026, 16:00; the year only where it is another one."""
        if instant is None:
            return escape(none)
        local = instant.astimezone(self._zone)
        year = "" if local.year == self._now.astimezone(self._zone).year else f" {local.year}"
        return self._time(instant, f"{local.day} {local:%b}{year}, {local:%H:%M}")

    def ago(self, instant: datetime | None, *, none: str = "never") -> Markup:
        """3 h ago; the instant itself is in the title."""
        if instant is None:
            return escape(none)
        return self._time(instant, self._age(self._now - instant))

    def lasted(self, start: datetime | None, end: datetime | None) -> str:
        """How long: 4.2 s, 3 min 5 s."""
        if start is None:
            return NOTHING
        seconds = ((end or self._now) - start).total_seconds()
        return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60):,} min {int(seconds % 60)} s"

    def input(self, instant: datetime) -> str:
        return instant.astimezone(self._zone).strftime("%Y-%m-%dT%H:%M")

    def _time(self, instant: datetime, shown: str) -> Markup:
        title = f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(show_instant(instant), title, shown)

    @staticmethod
    def _age(age: timedelta) -> str:
        minutes = int(age.total_seconds() // 60)
        if minutes < 1:
            return "just now"
        if minutes < 90:
            return f"{minutes} min ago"
        return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days ago"


def zone_name(asked: str, fallback: str) -> str:
    """The zone that the browser names, if it is one. Not a path: zones are files."""
    if (
        asked
        and len(asked) < 64
        and all(part.replace("-", "").replace("_", "").replace("+", "").isalnum() for part in asked.split("/"))
    ):
        try:
            return ZoneInfo(asked).key
        except (KeyError, ValueError, OSError):
            pass
    return fallback


def _visible(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) in ("Mn", "Me")
