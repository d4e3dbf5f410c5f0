"""What a platform is to the rest of the project: a description, a check, and a read in pages."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from inventory_pipeline.connectors.store_settings import COMMON_SETTINGS, check_names, choice, flag, number, whole_number
from inventory_pipeline.core.addresses import NO_HOSTS, AddressPolicy, AllowedHosts, policy_of
from inventory_pipeline.core.errors import CredentialsMissing
from inventory_pipeline.core.stock import Completeness, Page
from inventory_pipeline.core.stores import NEVER_ONE, ONE_STOCK, SAME_SKU_SETTING, StoreIntegration
from inventory_pipeline.http.hosts import Host

if TYPE_CHECKING:  # the registry is read by programs that never open a connection
    from inventory_pipeline.http.client import HttpClient, RequestRecord


# In the place of a host's name: the one in the store's address.
OWN_HOST = "the store's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformInfo:
    """A platform as `inventory-pipeline platforms NAME` tells it. `calls_per_100k` are those of a full read of 100,000 lines;
    `grant` is where a person clicks to let the store be read; `locations`, `available` (what that number means there),
    `limits` and `gaps` (what is not read) are words for people, and docs/platforms.md has the same.

    `settings` and `credentials` are what a store may and must
    give: names with what they do, and names that must be there; `other_credentials` are names that it may or must have
    instead.

    `secret_hosts` are all the hosts to which the connector sends a store's credentials, and what it got for them: OWN_HOST,
    or names that are the platform's own, such as a token service. `host_patterns` are domains in which the platform serves
    every shop itself, so that one secret may be bound to all of them. `own_hosts` reads a store's own hosts out of an address
    that is none of the web.
    """

    platform: str
    title: str
    versions: str
    auth: str
    scopes: tuple[str, ...]
    calls_per_100k: str
    proved_by: str
    grant: str = ""
    locations: str = ""
    available: str = ""
    limits: str = ""
    gaps: str = ""
    credentials: tuple[str, ...] = ()
    other_credentials: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    needs_url: bool = True
    secret_hosts: tuple[str, ...] = (OWN_HOST,)
    host_patterns: tuple[str, ...] = ()
    own_hosts: Callable[[StoreIntegration], tuple[Host, ...]] | None = None

    @property
    def fixed_hosts(self) -> tuple[Host, ...]:
        """Where credentials go whatever a store's address is."""
        return tuple(Host.of_text(host) for host in self.secret_hosts if host != OWN_HOST)

    def recipients(self, store: StoreIntegration) -> tuple[Host, ...]:
        """Where the store's credentials are sent. Nowhere, so that they stay shut, where its address is none of the web.

        Raises UsageError for an address whose host cannot be read in one way only.
        """
        own = ()
        if OWN_HOST in self.secret_hosts:
            if store.url.strip().lower().startswith(("http://", "https://")):
                own = (Host.of_address(store.url),)
            elif self.own_hosts is None or not (own := self.own_hosts(store)):
                return ()
        return own + self.fixed_hosts

    @property
    def all_settings(self) -> Mapping[str, str]:
        """The platform's own settings and those that every platform has."""
        return {**self.settings, **COMMON_SETTINGS}


CheckName = Literal["address", "credentials", "permissions", "version"]


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One finding of `stores check`, in a person's words. `cure` says what to do where it is not well."""

    check: CheckName
    ok: bool
    detail: str
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorContext:
    """What a connector is given: the store, its credentials' values, and what the last published read left for it.

    `allowed_hosts` are those that any store may reach in private networks and without TLS.
    """

    store: StoreIntegration
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    feed_dir: Path | None = None
    memo: Mapping[str, str] = field(default_factory=dict)
    on_request: "Callable[[RequestRecord], None] | None" = None
    allowed_hosts: AllowedHosts = NO_HOSTS

    @property
    def policy(self) -> AddressPolicy:
        """Which addresses the store's connections may go to, whoever opens them."""
        return policy_of(self.store, self.allowed_hosts)

    def check_names(self, info: PlatformInfo) -> None:
        """UsageError for a setting that the platform does not have, CredentialsMissing for a credential that it needs."""
        check_names("setting", self.store.settings, info.all_settings)
        for name in info.credentials:
            if not self.credentials.get(name):
                raise CredentialsMissing(f"{info.title} needs the credential {name}; give the store {name}=secret:NAME")

    def __post_init__(self) -> None:
        """Raises UsageError for a common setting out of range or an address that is none, whatever the platform."""
        self._http_options()
        choice(self.store.settings, SAME_SKU_SETTING, "", ("", ONE_STOCK, NEVER_ONE))
        number(self.store.settings, "fall_percent", None, 1, 100)
        whole_number(self.store.settings, "fall_lines", 20, 0, 1_000_000)
        _ = self.store.host

    def open_http(self, **options: Any) -> "HttpClient":
        """A client for one read, obeying the store's common settings; `options` are the client's own."""
        from inventory_pipeline.http.client import HttpClient

        return HttpClient(**(self._http_options() | options))

    def _http_options(self) -> dict[str, Any]:
        settings = self.store.settings
        return {
            "connections": whole_number(settings, "connections", 8, 1, 64),
            "per_second": number(settings, "requests_per_second", None, 0.01, 1000),
            "timeout": number(settings, "timeout", 30.0, 1, 600),
            "min_bytes_per_second": number(settings, "min_bytes_per_second", 256.0, 0, 1_000_000),
            "verify": flag(settings, "verify_tls", True),
            "policy": self.policy,
            "on_request": self.on_request,
        }


class Connector(Protocol):
    """One platform. Made for one check or one read of one store; knows neither the database nor Dagster.

    The constructor calls no network: it raises UsageError for a setting or credential name that cannot be used. Each
    module of a platform names its class `CONNECTOR`.
    """

    info: ClassVar[PlatformInfo]

    def __init__(self, context: ConnectorContext) -> None: ...

    @property
    def api_calls(self) -> int:
        """Requests sent so far, retries included."""
        ...

    async def check(self) -> list[CheckItem]:
        """Whether address, credentials, permissions and version are right. Faults are findings, not exceptions."""
        ...

    def read(self) -> AsyncGenerator[Page | Completeness, None]:
        """Every line of the store in pages, and as the last item exactly one Completeness.

        Memory does not grow with the catalogue. Raises the SyncError types. Whoever iterates closes it
        (contextlib.aclosing); it then leaves no task and no connection behind.
        """
        ...
