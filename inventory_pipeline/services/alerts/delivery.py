"""Delivery of the notices in the outbox: at least once, with growing waits, given up after a day."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line, short_with_cure
from inventory_pipeline.db.alerts import notices
from inventory_pipeline.db.alerts.notices import Notice
from inventory_pipeline.db.database import Database
from inventory_pipeline.notify.channels import Channel

logger = logging.getLogger(__name__)

# How long a claimed notice is kept from other deliverers: longer than any attempt takes.
HOLD = timedelta(minutes=2)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=2)
GIVE_UP_AFTER = timedelta(days=1)
# How long `notify list` and `doctor` show a notice that was given up.
SHOWN_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Delivered:
    """How many notices one round of delivery sent, failed to send and will try again, and gave up."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0


class Delivery:
    """Delivers due notices. `channel` returns the channel of a route, None for a route that was removed."""

    def __init__(self, *, database: Database, clock: Clock, channel: Callable[[str], Channel | None]) -> None:
        self._database, self._clock, self._channel = database, clock, channel

    def run(self) -> Delivered:
        """Tries every notice that is due, once."""
        sent = failed = given_up = 0
        while (notice := self._claim()) is not None:
            error = self._attempt(notice)
            now = self._clock()
            with self._database.begin() as connection:
                if error is None:
                    notices.mark_sent(connection, notice.id, now)
                    sent += 1
                elif now - notice.created_at >= GIVE_UP_AFTER:
                    notices.mark_given_up(connection, notice.id, error)
                    given_up += 1
                else:
                    notices.mark_for_retry(connection, notice.id, now + wait_after(notice.attempts), error)
                    failed += 1
            if error is not None:
                logger.warning("Notice %s to route %s was not delivered: %s", notice.key, notice.route, error)
        return Delivered(sent, failed, given_up)

    def _claim(self) -> Notice | None:
        with self._database.begin() as connection:
            return notices.claim(connection, self._clock(), HOLD)

    def _attempt(self, notice: Notice) -> str | None:
        """Sends the notice. Returns None where it was delivered, else why not.

        An unexpected error counts as a failed attempt: it must not hold back the other notices.
        """
        try:
            channel = self._channel(notice.route)
            if channel is None:  # removed since the claim
                return "the route was removed"
            channel.send(notice.payload)
        except InventoryError as error:
            return short_with_cure(redact(str(error)))
        except Exception as error:
            logger.debug("Unexpected error while delivering", exc_info=True)
            return one_line(redact(f"unexpected {type(error).__name__}: {error}"))
        return None


def wait_after(attempts: int) -> timedelta:
    """The wait before the next attempt: doubles from a minute to two hours."""
    return min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
