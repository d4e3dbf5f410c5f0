"""Time as an argument. Instants are timezone-aware UTC datetimes everywhere inside the project."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


def parse_instant(text: str, zone: tzinfo = UTC) -> datetime:
    """An ISO 8601 instant; without an offset it is of `zone`. Raises ValueError naming the text."""
    try:
        instant = datetime.fromisoformat(text.strip())
        return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not an ISO 8601 instant such as 2026-11-23T16:00:00Z") from None


def show_instant(instant: datetime) -> str:
    """Seconds precision, `Z` suffix: 2026-11-23T16:00:00Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
