"""`stores check` for a WooCommerce shop: each finding in a person's words."""

import re
from collections.abc import Mapping

import msgspec

from inventory_pipeline.connectors.base import CheckItem
from inventory_pipeline.connectors.toolkit.checks import stopped_by
from inventory_pipeline.connectors.woocommerce.api import WAYS, NoRoute, WooApi
from inventory_pipeline.connectors.woocommerce.read import orphan_notes
from inventory_pipeline.core.errors import SyncError
from inventory_pipeline.http.response import decode_json, decode_loosely

OLDEST, NEWEST = 7, 11
_LEADING = re.compile(r"(\d+)\.")


class _Environment(msgspec.Struct):
    version: str = ""


class _SystemStatus(msgspec.Struct):
    environment: _Environment


_STATUS = msgspec.json.Decoder(_SystemStatus)


async def check_shop(api: WooApi, memo: Mapping[str, str]) -> list[CheckItem]:
    """Requests little: one product id, one variation id, and the version, which not every key may see."""
    known = CheckItem("credentials", True, "the shop knows the key")
    try:
        products = await api.get("/products", {"per_page": 1, "status": "any", "_fields": "id"})
        decode_loosely(products)
    except SyncError as error:
        return stopped_by(error, _address(api), known)
    total = products.headers.get("x-wp-total", "")
    seen = f"the key may read products: {total} are listed" if total else "the key may read products"
    found, _, cure = "; ".join(orphan_notes(memo)).rpartition("; ")
    seen += f"; the last sync found {found}" if found else ""
    return [_address(api), known, CheckItem("permissions", True, seen, cure), await _version(api)]


async def _version(api: WooApi) -> CheckItem:
    try:
        response = await api.get("/system_status", {"_fields": "environment.version"})
        version = decode_json(response, _STATUS).environment.version
    except (SyncError, msgspec.ValidationError):
        # A key of a shop manager may not see it; the REST API v3 itself is there.
        version = ""
    way = await _way_of_variations(api)
    major = _LEADING.match(version)
    if major is None:
        return CheckItem("version", True, f"REST API v3; the key may not see WooCommerce's version; {way}")
    if int(major[1]) < OLDEST:
        return CheckItem("version", False, f"WooCommerce {version:.20} is older than {OLDEST}", "update WooCommerce")
    newer = f" (newer than {NEWEST}, the last one proved)" if int(major[1]) > NEWEST else ""
    return CheckItem("version", True, f"WooCommerce {version:.20}{newer}; {way}")


async def _way_of_variations(api: WooApi) -> str:
    try:
        await api.get("/variations", {"per_page": 1, "_fields": "id"})
    except NoRoute:
        return "variations are read product by product"
    except SyncError as error:
        return f"variations: {error}"
    return "all variations come in one list"


def _address(api: WooApi) -> CheckItem:
    return CheckItem("address", True, f"WordPress answers at {WAYS[api.way]}")
