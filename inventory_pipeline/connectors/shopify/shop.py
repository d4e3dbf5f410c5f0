"""The shop itself: its name and currency, what the app may read there, and how many variants it counts."""

import logging

from inventory_pipeline.connectors.base import CheckItem
from inventory_pipeline.connectors.shopify.admin import AdminApi
from inventory_pipeline.connectors.shopify.answers import Access, Counted
from inventory_pipeline.connectors.shopify.queries import Queries
from inventory_pipeline.connectors.toolkit.checks import failed, with_rest
from inventory_pipeline.core.errors import CredentialsRejected, ScopeMissing, SyncError

logger = logging.getLogger(__name__)

SCOPES = ("read_products", "read_inventory", "read_locations")


async def entered(api: AdminApi, queries: Queries) -> Access:
    """The shop, once it is known that the app may read it. Raises ScopeMissing naming every scope that is missing."""
    access = await api.ask(queries.access, Access)
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


async def variants_counted(api: AdminApi, queries: Queries) -> int:
    """How many variants the shop says it has. A count that is only "at least" proves just as much: a read may not be
    shorter."""
    return (await api.ask(queries.count, Counted)).product_variants_count.count


async def check_shop(api: AdminApi, queries: Queries) -> list[CheckItem]:
    """The findings of `stores check`, by two questions."""
    known = CheckItem("credentials", True, "the shop accepts the token")
    try:
        access = await entered(api, queries)
        variants = await variants_counted(api, queries)
    except ScopeMissing as error:
        return with_rest(CheckItem("address", True, "Shopify answers"), known, failed("permissions", error))
    except CredentialsRejected as error:
        return with_rest(CheckItem("address", True, "Shopify answers"), failed("credentials", error))
    except SyncError as error:
        return with_rest(failed("address", error))
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
