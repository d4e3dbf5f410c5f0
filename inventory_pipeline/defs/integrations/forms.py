"""The forms that make and manage stores, as the launchpad shows them.

Plain schemas of loose strings, checked in the op: a field of `dg.Config` takes {"env": NAME} for any NAME of the server's
environment, and a constrained one prints the value that it refuses into the event log.
"""

import dagster as dg

from inventory_pipeline.core.stores import DEFAULT_GROUP

REGISTER_FORM = {
    "key": dg.Field(
        str,
        description=(
            "What every list calls the store, chosen once and never changed: lower-case letters, digits, - and _, as in"
            " berlin-shop."
        ),
    ),
    "platform": dg.Field(str, description="woocommerce, shopify, prestashop, medusa, saleor, vendure or feed."),
    "url": dg.Field(
        str, default_value="", description="The store's address, https and public, without any key or password in it."
    ),
    "name": dg.Field(str, default_value="", description="For people. Empty: the key."),
    "group": dg.Field(str, default_value=DEFAULT_GROUP, description="The merchant: totals never go beyond a group."),
    "settings": dg.Field(
        dg.Map(str, str), default_value={}, description="The platform's options, all in quotes: per_page: '50'."
    ),
    "credentials": dg.Field(
        dg.Map(str, str),
        default_value={},
        description=(
            "woocommerce: consumer_key and consumer_secret. shopify: access_token, or client_id and client_secret."
            " prestashop: key. medusa: api_key. saleor: token. vendure: api_key, or username and password. feed: none,"
            " or username and password, or token, or query.PARAMETER. Each as a reference, never the secret itself, since this"
            " form is kept and shown: secret:NAME (stored by `inventory-pipeline credentials set NAME --host H`) or"
            " env:INVENTORY_CRED_NAME. It is sent only to the hosts that it was bound to on the command line."
        ),
    ),
    "is_active": dg.Field(bool, default_value=True, description="Whether it may be synced."),
    "auto_sync": dg.Field(bool, default_value=False, description="Whether its first sync starts as soon as it is active."),
}
ACTIONS = dg.Enum("StoreAction", [dg.EnumValue(name) for name in ("activate", "deactivate", "check", "change")])
CHANGEABLE = ("url", "name", "group", "settings", "credentials")
_MERGED = "Named ones are set, one with '' is taken away, the others stay."
_STAYS = "For change; left empty it stays as it is."
MANAGE_FORM = {
    "key": dg.Field(str, description="The store's key."),
    "action": dg.Field(
        ACTIONS,
        description=(
            "activate; deactivate (no more syncs, its stock and history stay); check (asks the store whether address,"
            " credentials and permissions are right); or change (what is filled in below)."
        ),
    ),
    "url": dg.Field(str, default_value="", description=f"{_STAYS} Another host needs credentials that are bound to it."),
    "name": dg.Field(str, default_value="", description=_STAYS),
    "group": dg.Field(str, default_value="", description=_STAYS),
    "settings": dg.Field(dg.Map(str, str), default_value={}, description=f"{_STAYS} {_MERGED}"),
    "credentials": dg.Field(dg.Map(str, str), default_value={}, description=f"{_STAYS} {_MERGED} References, never secrets."),
}
