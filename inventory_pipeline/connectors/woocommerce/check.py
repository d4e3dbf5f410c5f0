"""`stores check` for a WooCommerce shop: each finding in a person's words."""

import re

import msgspec

from inventory_pipeline.connectors.base import CheckItem
from inventory_pipeline.connectors.check_items import failed, with_rest
from inventory_pipeline.connectors.woocommerce.site import NoRoute, Site
from inventory_pipeline.core.errors import CredentialsRejected, ScopeMissing, SyncError
from inventory_pipeline.http.json import decode_json, decode_loosely

OLDEST, NEWEST = 7, 11
_LEADING = re.compile(r"(\d+)\.")


class _Environment(msgspec.Struct):
    version: str = ""


class _SystemStatus(msgspec.Struct):
    environment: _Environment


_STATUS = msgspec.json.Decoder(_SystemStatus)


async def check_site(site: Site) -> list[CheckItem]:
    """Asks little: one product id, one variation id, and the version, which not every key may see."""
    try:
        products = await site.get("/products", {"per_page": 1, "status": "any", "_fields": "id"})
        decode_loosely(products)
    except ScopeMissing as error:
        return with_rest(_reached(site), _known(), failed("permissions", error))
    except CredentialsRejected as error:
        return with_rest(_reached(site), failed("credentials", error))
    except SyncError as error:
        return with_rest(failed("address", error))
    total = products.headers.get("x-wp-total", "")
    seen = f"the key may read products: {total} are listed" if total else "the key may read products"
    return [_reached(site), _known(), CheckItem("permissions", True, seen), await _version(site)]


async def _version(site: Site) -> CheckItem:
    try:
        response = await site.get("/system_status", {"_fields": "environment.version"})
        version = decode_json(response, _STATUS).environment.version
    except (SyncError, msgspec.ValidationError):
        # A key of a shop manager may not see it; the REST API v3 itself is there.
        version = ""
    flat = await _variations(site)
    major = _LEADING.match(version)
    if major is None:
        return CheckItem("version", True, f"REST API v3; the key may not see WooCommerce's version; {flat}")
    if int(major[1]) < OLDEST:
        return CheckItem("version", False, f"WooCommerce {version:.20} is older than {OLDEST}", "update WooCommerce")
    newer = f" (newer than {NEWEST}, the last one proved)" if int(major[1]) > NEWEST else ""
    return CheckItem("version", True, f"WooCommerce {version:.20}{newer}; {flat}")


async def _variations(site: Site) -> str:
    try:
        await site.get("/variations", {"per_page": 1, "_fields": "id"})
    except NoRoute:
        return "variations are read product by product"
    except SyncError as error:
        return f"variations: {error}"
    return "all variations come in one list"


def _reached(site: Site) -> CheckItem:
    way = "through ?rest_route=" if site.rest_route else "at /wp-json"
    return CheckItem("address", True, f"WordPress answers {way}")


def _known() -> CheckItem:
    return CheckItem("credentials", True, "the shop knows the key")
