"""Errors, typed by what happens next. Each message names the thing and the way out, on one line, without secrets."""


class InventoryError(Exception):
    """Base of every error this project raises on purpose; its text is fit to show to a person."""


class UsageError(InventoryError):
    """The person's input is wrong (a key, a setting, a reference). Nothing was changed."""


class CredentialsMissing(UsageError):
    """The store lacks credentials that its platform needs. It may be kept so, but not read."""


class StoreRefused(InventoryError):
    """A sync that must not run: the store is unknown, inactive or purged. Not a sync failure: no notice, no retry."""


class LeaseHeld(StoreRefused):
    """Another run holds the store's lease; `holder` is that run's id."""

    def __init__(self, message: str, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


class LeaseLost(InventoryError):
    """This run's lease was taken over (its heartbeat had stopped): it must not publish."""


class RunClosed(InventoryError):
    """Somebody else has written down this run's end, because its process had stood still: it must publish nothing."""


class DatabaseUnavailable(InventoryError):
    """A database cannot be reached or has ended the connection. One more run over a fresh connection may be tried."""


class DatabaseBusy(DatabaseUnavailable):
    """Another program stays in the way of writing."""


class DatabaseFull(InventoryError):
    """There is no room left on the database's disk. No retry: a person must make some."""


class SyncError(InventoryError):
    """Base of what makes a sync fail; the last good snapshot stays."""


class CredentialsRejected(SyncError):
    """401 or 403. No retry; the store is marked as needing re-authorization."""


class ScopeMissing(CredentialsRejected):
    """The credentials are right but lack a permission, which the message names."""


class StoreMisconfigured(SyncError):
    """The address or a setting is wrong (404, not this platform, http for https). No retry until a person mends it."""


class RateLimited(SyncError):
    """The platform asks for a longer wait than the budget allows. No retry now: the next tick takes over."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PlatformUnavailable(SyncError):
    """5xx, time-outs, maintenance. Bounded retries have been made; one more run may be tried.

    `status` is that of the platform's answer, None where none came.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class PlatformTooSlow(PlatformUnavailable):
    """No answer within the time-out. Fewer requests at once may help."""


class IncompleteRead(SyncError):
    """The read cannot be proved whole (truncated JSON, missing key, repeated cursor). Re-read once, then quarantined."""


class Quarantined(SyncError):
    """The read is not believable or not provably whole. The last good snapshot stays; the text says how to accept.

    `accepts` are the settings of a run that would publish it all the same: `accept_shrink`, `accept_unreadable`.
    """

    def __init__(self, message: str, accepts: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.accepts = accepts


class LineRejected(InventoryError):
    """One line cannot be parsed or is absurd. That line only. `value` is what stands in `field`, as the message shows it."""

    def __init__(self, message: str, field: str = "", value: str = "") -> None:
        super().__init__(message)
        self.field, self.value = field, value
