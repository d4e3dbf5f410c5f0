"""The Admin GraphQL API of one shop: what its refusals mean, who may read it, how many variants it has.

Codes and statuses are from recorded answers.
"""

import logging

from inventory_pipeline.connectors.base import CheckItem
from inventory_pipeline.connectors.shopify.answers import Access, Counted
from inventory_pipeline.connectors.shopify.queries import Queries
from inventory_pipeline.connectors.toolkit.checks import stopped_by
from inventory_pipeline.connectors.toolkit.graphql import GraphQLApi, GraphQLError, Query, TooCostly, errors_of, shown
from inventory_pipeline.core.errors import (
    CredentialsRejected,
    PlatformUnavailable,
    RateLimited,
    ScopeMissing,
    StoreMisconfigured,
    SyncError,
)
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.response import Response

logger = logging.getLogger(__name__)

SCOPES = ("read_products", "read_inventory", "read_locations")
_STATUSES: dict[int, tuple[type[SyncError], str]] = {
    401: (CredentialsRejected, "the token is not valid (any more); give the store a new one"),
    402: (StoreMisconfigured, "the shop is frozen until its bill is paid"),
    403: (CredentialsRejected, "the app may not read this shop; is it still installed?"),
    404: (StoreMisconfigured, "no such shop or API version; the address must be https://NAME.myshopify.com"),
    423: (StoreMisconfigured, "the shop is locked; its owner must ask Shopify why"),
    430: (RateLimited, "Shopify's security holds requests back; the next sync tries again"),
}


class AdminApi(GraphQLApi):
    """`version_served` is the version that Shopify says it answered with: an old one falls forward."""

    platform = "Shopify"

    def __init__(self, http: HttpClient, shop: str, version: str) -> None:
        super().__init__(http, f"{shop}/admin/api/{version}/graphql.json")
        self.version = version
        self.version_served: str | None = None

    def note(self, response: Response) -> None:
        self.version_served = response.headers.get("x-shopify-api-version") or self.version_served

    def status_error(self, response: Response) -> SyncError:
        kind, meaning = _STATUSES.get(response.status, (StoreMisconfigured, "is this a Shopify shop?"))
        return kind(
            f"{response.host_and_path} answers {response.summary}{_own_words(response)} to version {self.version}: {meaning}"
        )

    def refusal(self, errors: list[GraphQLError] | str, query: Query) -> SyncError:
        if isinstance(errors, str):
            return PlatformUnavailable(f"Shopify refuses {query.name}: {shown(errors)}")
        for error in errors:
            told = shown(error.message)
            match error.code:
                case "ACCESS_DENIED":
                    required = error.extensions and error.extensions.required_access
                    needed = f"the app needs {shown(required)}" if required else told
                    return ScopeMissing(
                        f"Shopify denies access to {query.name}: {needed.rstrip('.')}; add it to the app and install it anew"
                    )
                case "MAX_COST_EXCEEDED":
                    return TooCostly(f"Shopify finds {query.name} too costly: {told}")
                case "SHOP_INACTIVE":
                    return StoreMisconfigured(f"the shop is not active: {told}")
                case "INTERNAL_SERVER_ERROR" | "TIMEOUT":
                    return PlatformUnavailable(f"Shopify fails at {query.name}: {told}; the next sync tries again")
        return StoreMisconfigured(
            f"Shopify {self.version} refuses {query.name}: {shown(errors[0].message)}; is api_version right?"
        )


def _own_words(response: Response) -> str:
    """What Shopify says of a refusal, in brackets: a 403 names the scope that it is about."""
    errors = errors_of(response)
    return f" ({shown(errors)})" if isinstance(errors, str) else ""


async def read_access(api: AdminApi, queries: Queries) -> Access:
    """The shop, once it is known that the app may read it. Raises ScopeMissing naming every scope that is missing."""
    access = await api.execute(queries.access, Access)
    if api.version_served not in (None, api.version):
        logger.warning("Shopify answers with version %s of its API instead of %s", api.version_served, api.version)
    if missing := missing_scopes(access):
        raise ScopeMissing(
            f"the app lacks the scope{'s' if len(missing) > 1 else ''} {', '.join(missing)}; add what is missing to the"
            " app's Admin API scopes and install it anew"
        )
    return access


def missing_scopes(access: Access) -> list[str]:
    """The scopes that stock needs and the app lacks; who may write may read."""
    granted = {scope.handle for scope in access.current_app_installation.access_scopes}
    return [scope for scope in SCOPES if not granted & {scope, scope.replace("read_", "write_")}]


async def count_variants(api: AdminApi, queries: Queries) -> int:
    """How many variants the shop says it has. A count that is only "at least" proves just as much: a read may not be
    shorter."""
    return (await api.execute(queries.count, Counted)).product_variants_count.count


async def check_shop(api: AdminApi, queries: Queries) -> list[CheckItem]:
    """The findings of `stores check`, by two requests."""
    known = CheckItem("credentials", True, "the shop accepts the token")
    try:
        access = await read_access(api, queries)
        variants = await count_variants(api, queries)
    except SyncError as error:
        return stopped_by(error, CheckItem("address", True, "Shopify answers"), known)
    return [
        CheckItem("address", True, f"Shopify answers for {access.shop.name:.80}"),
        known,
        CheckItem("permissions", True, f"the app has {', '.join(SCOPES)}; the shop counts {variants:,} variants"),
        _version(api),
    ]


def _version(api: AdminApi) -> CheckItem:
    served = api.version_served
    if served in (None, api.version):
        return CheckItem("version", True, f"Admin API {api.version}")
    cure = f"set api_version={served:.20}, or update this program if it does not know that version"
    return CheckItem("version", False, f"Shopify answers with version {served:.20} instead of {api.version}", cure)
