"""What every answer of the Admin GraphQL API is wrapped in: data, errors, and what it cost."""

from msgspec import Raw, Struct


class Camel(Struct, rename="camel", gc=False):
    """Shopify writes its names in camelCase."""


class ThrottleStatus(Camel):
    """A leaky bucket of query cost, in points; `restore_rate` is points per second."""

    maximum_available: float
    currently_available: float
    restore_rate: float


class Cost(Camel):
    requested_query_cost: float = 0
    throttle_status: ThrottleStatus | None = None


class Extensions(Camel):
    cost: Cost | None = None


class FaultDetails(Camel):
    code: str | None = None
    required_access: str | None = None


class Fault(Camel):
    message: str = ""
    extensions: FaultDetails | None = None

    @property
    def code(self) -> str:
        return (self.extensions and self.extensions.code) or ""


class Envelope(Camel):
    """`errors` is a list in a GraphQL answer, a text where the request did not get that far."""

    data: Raw = Raw(b"null")
    errors: list[Fault] | str | None = None
    extensions: Extensions | None = None
