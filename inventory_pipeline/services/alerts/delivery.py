"""Delivery of the outbox: at least once, with back-off, given up visibly after a day."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.alerts import outbox
from inventory_pipeline.db.alerts.outbox import Letter
from inventory_pipeline.db.database import Database
from inventory_pipeline.notify.channels import Channel

logger = logging.getLogger(__name__)

# Longer than any attempt may take: a notice whose deliverer died is tried again after it.
HOLD = timedelta(minutes=2)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=2)
GIVE_UP_AFTER = timedelta(days=1)
# How long a notice that was given up stays in sight.
SHOWN_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round of delivery did."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0


class Delivery:
    """Delivers what is due. `channel` finds a route's way out, None for a route that was removed."""

    def __init__(self, *, database: Database, clock: Clock, channel: Callable[[str], Channel | None]) -> None:
        self._database, self._clock, self._channel = database, clock, channel

    def run(self) -> Delivered:
        """Tries everything that is due, once."""
        sent = failed = given_up = 0
        while (letter := self._claim()) is not None:
            error = self._attempt(letter)
            now = self._clock()
            with self._database.begin() as connection:
                if error is None:
                    outbox.settle_sent(connection, letter.id, now)
                    sent += 1
                elif now - letter.created_at >= GIVE_UP_AFTER:
                    outbox.settle_given_up(connection, letter.id, error)
                    given_up += 1
                else:
                    outbox.settle_later(connection, letter.id, now + wait_after(letter.attempts), error)
                    failed += 1
            if error is not None:
                logger.warning("Notice %s to route %s was not delivered: %s", letter.key, letter.route, error)
        return Delivered(sent, failed, given_up)

    def _claim(self) -> Letter | None:
        with self._database.begin() as connection:
            return outbox.claim(connection, self._clock(), HOLD)

    def _attempt(self, letter: Letter) -> str | None:
        """None where it was delivered, else why not. A channel's own faults must not hold back the other notices."""
        try:
            channel = self._channel(letter.route)
            if channel is None:  # since the claim
                return "the route was removed"
            channel.send(letter.payload)
        except InventoryError as error:
            return one_line(redact(str(error)))
        except Exception as error:
            logger.debug("Unexpected error while delivering", exc_info=True)
            return one_line(redact(f"unexpected {type(error).__name__}: {error}"))
        return None


def wait_after(attempts: int) -> timedelta:
    """Doubles from a minute to two hours."""
    return min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
