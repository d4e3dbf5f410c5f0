"""Registering and changing stores, on both databases."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from inventory_pipeline.core.addresses import AllowedHosts
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.thresholds import Threshold
from inventory_pipeline.db.alerts.thresholds import list_thresholds, put_thresholds
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.services.integrations.credentials import resolve
from inventory_pipeline.services.integrations.service import NEW_HOST, Integrations
from inventory_pipeline_tests.db.times import NOON
from inventory_pipeline_tests.services.integrations.integrating import Workplace, feed_store, web_feed

TYPED = {"consumer_key": "ck_typed_0123", "consumer_secret": "cs_typed_0123"}


def resolved(workplace: Workplace, store: StoreIntegration) -> dict[str, str]:
    with workplace.database.connect() as connection:
        return resolve(connection, workplace.vault, store)


@pytest.fixture
def woo(integrations: Integrations) -> StoreIntegration:
    integrations.put_credential("KEY", "ck_0123456789", ["berlin.example"])
    integrations.put_credential("SECRET", "cs_0123456789", ["berlin.example"])
    credentials = {"consumer_key": "secret:KEY", "consumer_secret": "secret:SECRET"}
    return StoreIntegration(key="berlin", platform="woocommerce", url="https://berlin.example", credentials=credentials)


def test_a_store_is_kept_as_given_and_audited_by_reference(
    workplace: Workplace, integrations: Integrations, woo: StoreIntegration
):
    added = integrations.add(woo).store
    assert integrations.list() == [added]
    assert integrations.get("berlin") == added
    assert (added.name, added.created_at, dict(added.credentials)) == ("berlin", NOON, woo.credentials)
    told = "woocommerce at https://berlin.example, consumer_key=secret:KEY, consumer_secret=secret:SECRET"
    assert workplace.audited()[-1] == ("stores add", "berlin", told)


@pytest.mark.parametrize(
    ("auto_sync", "is_active", "pending"), [(True, True, True), (True, False, False), (False, True, False), (False, False, False)]
)
def test_a_first_sync_is_pending_where_an_active_store_has_auto_sync(
    integrations: Integrations, auto_sync: bool, is_active: bool, pending: bool
):
    assert integrations.add(feed_store(auto_sync=auto_sync, is_active=is_active)).first_sync_pending is pending


def test_a_first_sync_waits_for_the_first_activation_only(workplace: Workplace, integrations: Integrations):
    integrations.add(feed_store(auto_sync=True, is_active=False))
    assert integrations.activate("depot").first_sync_pending
    with workplace.database.begin() as connection:
        stores.mark_first_sync(connection, "depot", NOON)
    integrations.deactivate("depot")
    assert not integrations.activate("depot").first_sync_pending


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": "Depot 1"}, "store key 'Depot 1' is not a slug"),
        ({"platform": "etsi"}, "platform 'etsi' is not known; known are:"),
        ({"settings": {"colour": "red"}}, "setting 'colour' is not one of"),
        ({"settings": {"decimal": "x"}}, "setting decimal='x'"),
        ({"credentials": {"token": "cs_0123456789abc"}}, "rotate it at the platform"),
        ({"credentials": {"token": "env:HOME"}}, "does not begin with INVENTORY_CRED_"),
        ({"credentials": {"token": "secret:ck_0123456789"}}, "'token' refers to a secret that is not stored; "),
        ({"credentials": {"token": "env:INVENTORY_CRED_GONE"}}, "a feed file needs no credentials"),
        (
            {"url": "https://supplier.example/x.csv", "credentials": {"token": "env:INVENTORY_CRED_GONE"}},
            "env:INVENTORY_CRED_GONE, which does not exist",
        ),
        ({"url": "https://user:pass1234@supplier.example/x.csv"}, "the address holds a password or key.*rotate it"),
        ({"url": "https://supplier.example/x.csv?api_key=k0123456789"}, "the address holds a password or key.*rotate it"),
        ({"url": "http://supplier.example/x.csv"}, "http://supplier.example is not encrypted"),
        ({"url": "gopher://supplier.example/x.csv"}, "cannot be read over 'gopher'"),
        ({"url": ""}, "a feed needs an address"),
        ({"settings": {"consumer_secret": "cs_0123456789abc"}}, "'consumer_secret' is a secret by its name.*rotate it"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_kept(integrations: Integrations, change: dict, told: str):
    with pytest.raises(UsageError, match=told) as caught:
        integrations.add(feed_store(**change))
    assert "0123456789" not in str(caught.value)
    assert "pass1234" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert integrations.list() == []


def test_a_missing_credential_is_named(integrations: Integrations):
    with pytest.raises(UsageError, match="needs the credential consumer_key"):
        integrations.add(StoreIntegration(key="berlin", platform="woocommerce", url="https://berlin.example"))


@pytest.mark.parametrize(
    "url", ["../outside.csv", "/etc/hostname", "file:///etc/hostname", "a/../../outside.csv", "link.csv", "folder/x.csv"]
)
def test_a_feed_file_lies_under_the_feed_folder_with_links_resolved(workplace: Workplace, url: str):
    outside = workplace.feed_dir.parent / "outside.csv"
    outside.write_text("id,stock\n")
    (workplace.feed_dir / "link.csv").symlink_to(outside)
    (workplace.feed_dir / "folder").symlink_to(workplace.feed_dir.parent)
    with pytest.raises(UsageError, match="lies outside INVENTORY_FEED_DIR"):
        workplace.integrations.add(feed_store(url=url))


def test_a_link_that_later_leads_out_of_the_feed_folder_is_not_followed(workplace: Workplace):
    (workplace.feed_dir / "today.csv").symlink_to(workplace.feed_dir / workplace.write_feed("monday.csv"))
    workplace.integrations.add(feed_store(url="today.csv"))
    assert all(item.ok for item in workplace.integrations.check("depot"))
    (workplace.feed_dir / "today.csv").unlink()
    (workplace.feed_dir / "today.csv").symlink_to(Path("/etc/hostname"))
    (item,) = workplace.integrations.check("depot")
    assert not item.ok
    assert "lies outside INVENTORY_FEED_DIR" in item.detail


def test_a_key_is_taken_once(integrations: Integrations):
    integrations.add(feed_store())
    with pytest.raises(UsageError, match="'depot' is taken"):
        integrations.add(feed_store())


def test_a_purged_store_is_gone_and_its_key_is_never_used_again(workplace: Workplace, integrations: Integrations):
    integrations.add(feed_store())
    with workplace.database.begin() as connection:
        put_thresholds(connection, [Threshold(scope="store", store_key="depot", threshold=3, margin=1)], NOON)
    purged = integrations.purge("depot").store
    with workplace.database.connect() as connection:
        assert list_thresholds(connection, "depot") == []
    assert (purged.purged_at, purged.is_active, purged.credentials) == (NOON, False, {})
    assert integrations.list() == []
    with pytest.raises(UsageError, match="belonged to a purged store, and runs in Dagster's history carry it"):
        integrations.add(feed_store())
    for change in (integrations.activate, integrations.deactivate, integrations.purge, integrations.check, integrations.set):
        with pytest.raises(UsageError, match="'depot' was purged on 2026-11-23T12:00:00Z; `stores add` makes another"):
            change("depot")
    assert [action for action, _, _ in workplace.audited()] == ["stores add", "stores purge"]


def test_an_unknown_store_is_named_with_the_way_to_the_list(integrations: Integrations):
    for use in (integrations.get, integrations.activate, integrations.purge, integrations.check, integrations.set):
        with pytest.raises(UsageError, match="no store 'nowhere' is registered; `inventory-pipeline stores list` shows them"):
            use("nowhere")


def test_switching_is_audited_once(workplace: Workplace, integrations: Integrations):
    integrations.add(feed_store())
    assert integrations.activate("depot").notes == ("store 'depot' was active already",)
    assert not integrations.deactivate("depot").store.is_active
    assert integrations.activate("depot").store.is_active
    assert [action for action, _, _ in workplace.audited()] == ["stores add", "stores deactivate", "stores activate"]


def test_what_is_given_is_changed_and_the_rest_stays(workplace: Workplace, integrations: Integrations):
    integrations.add(feed_store(settings={"decimal": ",", "delimiter": "tab"}, group="north"))
    changed = integrations.set(
        "depot", name="Depot", settings={"delimiter": "", "thousands": "."}, freshness_limit=timedelta(hours=1)
    ).store
    assert (changed.name, changed.group, changed.freshness_limit) == ("Depot", "north", timedelta(hours=1))
    assert changed.settings == {"decimal": ",", "thousands": "."}
    assert integrations.set("depot", freshness_limit=timedelta(0), auto_sync=True).store.freshness_limit is None
    assert integrations.get("depot").auto_sync
    assert workplace.audited()[-2:] == [
        ("stores set", "depot", "freshness_limit, name, settings"),
        ("stores set", "depot", "auto_sync, freshness_limit"),
    ]


def test_a_change_that_cannot_be_used_changes_nothing(integrations: Integrations):
    before = integrations.add(feed_store()).store
    changes: tuple[dict[str, Any], ...] = (
        {"settings": {"decimal": "x"}},
        {"url": "../outside.csv"},
        {"credentials": {"token": "raw-value"}},
    )
    for change in changes:
        with pytest.raises(UsageError):
            integrations.set("depot", name="New", **change)
    assert integrations.get("depot") == before


@pytest.mark.parametrize("url", ["https://other.example", "http://berlin.example"])
def test_another_host_discards_the_credentials_and_says_so(
    workplace: Workplace, integrations: Integrations, woo: StoreIntegration, url: str
):
    integrations.add(woo)
    change = integrations.set("berlin", url=url, allow_private=url.startswith("http:"))
    assert change.store.credentials == {}
    assert change.store.needs_reauthorization == NEW_HOST
    assert change.notes == (
        f"{NEW_HOST}: consumer_key, consumer_secret; `stores set berlin --credential NAME=-` gives it new ones",
    )
    assert NEW_HOST in workplace.audited()[-1][2]
    assert [item.check for item in integrations.check("berlin") if not item.ok]


@pytest.mark.parametrize("url", ["https://BERLIN.example./shop", "https://berlin.example:8443"])
def test_the_same_host_keeps_the_credentials(integrations: Integrations, woo: StoreIntegration, url: str):
    integrations.add(woo)
    change = integrations.set("berlin", url=url)
    assert (change.store.credentials, change.notes, change.store.needs_reauthorization) == (woo.credentials, (), None)


def test_from_http_to_https_the_credentials_go_along_and_never_back(workplace: Workplace):
    at_line = workplace.from_command_line
    at_line.add(StoreIntegration(key="berlin", platform="woocommerce", url="http://berlin.example", allow_private=True), TYPED)
    kept = at_line.set("berlin", url="https://berlin.example").store.credentials
    assert kept == {"consumer_key": "secret:berlin.consumer_key", "consumer_secret": "secret:berlin.consumer_secret"}
    at_line.set("berlin", values=TYPED)  # typed for https now
    assert at_line.set("berlin", url="http://berlin.example", allow_private=True).store.credentials == {}


def test_another_host_that_a_secret_is_bound_to_as_well_keeps_it(integrations: Integrations, woo: StoreIntegration):
    integrations.add(woo)
    integrations.put_credential("KEY", "ck_9876543210", ["berlin.example", "other.example"])
    change = integrations.set("berlin", url="https://other.example")
    assert change.store.credentials == {"consumer_key": "secret:KEY"}
    assert change.store.needs_reauthorization == NEW_HOST
    assert "discarded: consumer_secret; " in change.notes[0]


def test_an_address_that_is_none_is_refused_for_a_store_without_credentials_too(
    integrations: Integrations, woo: StoreIntegration
):
    integrations.add(woo)
    moved = integrations.set("berlin", url="https://other.example").store
    with pytest.raises(UsageError, match="address cannot be read"):
        integrations.set("berlin", url="https://[::1")
    assert integrations.get("berlin") == moved


def test_credentials_given_with_the_new_host_are_for_it(integrations: Integrations, woo: StoreIntegration):
    integrations.add(woo)
    integrations.put_credential("NEW", "ck_9876543210", ["other.example"])
    integrations.put_credential("TOO", "cs_9876543210", ["*.example.org", "other.example"])
    credentials = {"consumer_key": "secret:NEW", "consumer_secret": "secret:TOO"}
    change = integrations.set("berlin", url="https://other.example", credentials=credentials)
    assert change.store.credentials == credentials
    assert change.store.needs_reauthorization is None


@pytest.mark.parametrize("may_bind", [False, True])
def test_the_stores_own_secret_named_again_does_not_go_to_the_new_host(
    workplace: Workplace, integrations: Integrations, woo: StoreIntegration, may_bind: bool
):
    before = integrations.add(woo).store
    changing = workplace.from_command_line if may_bind else integrations
    with pytest.raises(UsageError, match=r"secret:KEY may be sent to berlin.example and not to other.example"):
        changing.set("berlin", url="https://other.example", credentials=woo.credentials)
    assert integrations.get("berlin") == before


def test_what_was_typed_with_a_mistaken_address_changes_nothing(workplace: Workplace):
    at_line = workplace.from_command_line
    before = at_line.add(StoreIntegration(key="berlin", platform="woocommerce", url="https://berlin.example"), TYPED).store
    for values in ({}, {"consumer_key": "ck_of_another"}, TYPED):
        with pytest.raises(UsageError, match="not of the form"):
            at_line.set("berlin", url="htps://other.example", values=values)
    assert at_line.get("berlin") == before
    assert resolved(workplace, before)["consumer_key"] == TYPED["consumer_key"]


def test_a_shop_without_its_only_credential_can_be_renamed_too(workplace: Workplace):
    at_line = workplace.from_command_line
    shop = StoreIntegration(key="paris", platform="shopify", url="https://paris.myshopify.com")
    at_line.add(shop, {"access_token": "shpat_0123456789"})
    assert at_line.set("paris", url="https://lyon.myshopify.com").store.credentials == {}
    assert at_line.set("paris", name="Lyon").store.needs_reauthorization == NEW_HOST
    with pytest.raises(UsageError, match="api_version"):
        at_line.set("paris", settings={"api_version": "1999"})


def test_a_typo_in_the_new_address_does_not_cost_the_credentials(integrations: Integrations):
    integrations.put_credential("TOKEN", "token-0123456789", ["supplier.example"])
    integrations.add(web_feed())
    with pytest.raises(UsageError):
        integrations.set("web", url="htps://supplier.example/stock.csv")
    assert integrations.get("web").credentials == {"token": "secret:TOKEN"}


def test_a_store_without_its_credentials_can_still_be_renamed_and_get_new_ones(
    workplace: Workplace, integrations: Integrations, woo: StoreIntegration
):
    integrations.add(woo)
    integrations.set("berlin", url="https://other.example")
    assert integrations.set("berlin", name="Berlin").store.needs_reauthorization == NEW_HOST
    for name in ("KEY", "SECRET"):
        workplace.from_command_line.bind_credential(name, ["other.example"])
    assert integrations.set("berlin", credentials=woo.credentials).store.needs_reauthorization is None


def test_a_check_that_finds_all_well_ends_the_need_to_authorize_again(workplace: Workplace):
    workplace.write_feed()
    workplace.integrations.add(feed_store())
    with workplace.database.begin() as connection:
        stores.set_needs_reauthorization(connection, "depot", "401")
    assert [item.ok for item in workplace.integrations.check("depot")] == [True] * 4
    assert workplace.integrations.get("depot").needs_reauthorization is None


def test_a_check_that_finds_a_fault_says_so_and_leaves_the_mark(workplace: Workplace):
    workplace.integrations.add(feed_store())
    with workplace.database.begin() as connection:
        stores.set_needs_reauthorization(connection, "depot", "401")
    found = workplace.integrations.check("depot")[0]
    assert not found.ok
    assert "there is no feed file" in found.detail
    assert found.cure == "put it there, or mend the store's address"
    assert workplace.integrations.get("depot").needs_reauthorization == "401"


def test_a_check_without_the_credential_says_which(integrations: Integrations, workplace: Workplace, woo: StoreIntegration):
    integrations.add(woo)
    stranger = Workplace(workplace.database, workplace.feed_dir)
    (lost,) = stranger.integrations.check("berlin")
    assert "cannot be decrypted with the present key" in lost.detail


@pytest.mark.parametrize(
    "url", ["https://10.0.0.5", "https://2130706433", "https://localhost", "http://shop.example", "https://[::1]"]
)
def test_a_private_or_plain_address_is_kept_only_where_it_is_allowed(workplace: Workplace, woo: StoreIntegration, url: str):
    given = replace(woo, url=url, credentials={})
    with pytest.raises(UsageError, match=r"store 'berlin': .*`inventory-pipeline stores add berlin … --allow-private` allows it"):
        workplace.integrations.add(given, TYPED)
    assert workplace.integrations.list() == []
    host = str(urlsplit(url).hostname)
    allowed = Workplace(workplace.database, workplace.feed_dir, workplace.vault, AllowedHosts.parse(host))
    assert not allowed.integrations.add(replace(given, key="other"), TYPED).store.allow_private
    assert workplace.integrations.add(replace(given, allow_private=True), TYPED).store.allow_private
    references = ", ".join(f"{name}=secret:berlin.{name}" for name in TYPED)
    told = f"woocommerce at {url}, private addresses allowed, {references}"
    assert workplace.audited()[-1] == ("stores add", "berlin", told)


@pytest.mark.parametrize("url", ["https://169.254.169.254/latest", "https://[fd00:ec2::254]", "http://100.100.100.200"])
def test_metadata_addresses_are_kept_by_nobody(workplace: Workplace, woo: StoreIntegration, url: str):
    allowed = Workplace(workplace.database, workplace.feed_dir, workplace.vault, AllowedHosts.parse("0.0.0.0/0 ::/0"))
    with pytest.raises(UsageError, match="a link-local or metadata address"):
        allowed.integrations.add(replace(woo, url=url, allow_private=True))


def test_another_address_is_not_allowed_what_the_old_one_was(integrations: Integrations, woo: StoreIntegration):
    local = "http://127.0.0.1:8080/shop"
    integrations.add(replace(woo, url=local, allow_private=True, credentials={}), TYPED)
    assert integrations.set("berlin", name="Berlin", url=local).store.allow_private, "the same address said again"
    before = integrations.get("berlin")
    for other in ("http://127.0.0.1:9200/", "http://127.0.0.1:8080/admin", "http://192.168.1.1/"):
        with pytest.raises(UsageError, match="`inventory-pipeline stores set berlin --allow-private` allows it"):
            integrations.set("berlin", url=other)
    assert integrations.get("berlin") == before
    assert integrations.set("berlin", url="http://127.0.0.1:8080/other", allow_private=True).store.allow_private
    assert not integrations.set("berlin", url="https://berlin.example").store.allow_private
    assert not integrations.get("berlin").allow_private


def test_a_private_address_is_not_disallowed_while_it_is_the_stores(integrations: Integrations, woo: StoreIntegration):
    integrations.add(replace(woo, url="https://10.0.0.5", allow_private=True, credentials={}), TYPED)
    with pytest.raises(UsageError, match=r"10\.0\.0\.5 is a private address"):
        integrations.set("berlin", allow_private=False)
    integrations.set("berlin", url="https://berlin.example", allow_private=True)
    assert not integrations.set("berlin", allow_private=False).store.allow_private


def test_a_store_that_may_not_be_connected_to_says_so_when_it_is_checked(workplace: Workplace, integrations: Integrations):
    """As one that was registered before there was anything to allow."""
    with workplace.database.begin() as connection:
        stores.insert_store(connection, feed_store(url="http://127.0.0.1:9/stock.csv"), NOON)
    found = integrations.check("depot")[0]
    assert not found.ok
    assert found.detail == "store 'depot': 127.0.0.1 is a loopback address"
    assert "`inventory-pipeline stores set depot --allow-private` allows it" in found.cure


@pytest.mark.parametrize("url", ["ftp://10.0.0.5/x.csv", "sftp://localhost/x.csv", "ftps://[::1]/x.csv", "s3://bucket/x.csv"])
def test_a_feed_in_a_store_of_files_follows_the_same_rule(integrations: Integrations, url: str):
    settings = {"endpoint": "http://127.0.0.1:9000"} if url.startswith("s3") else {}
    with pytest.raises(UsageError, match="`inventory-pipeline stores add depot … --allow-private` allows it"):
        integrations.add(feed_store(url=url, settings=settings))


def test_an_address_in_a_setting_is_an_address_too(integrations: Integrations):
    """An S3 of one's own is named by a setting: what was allowed of one endpoint is not allowed of another."""
    own = {"endpoint": "http://127.0.0.1:9000"}
    integrations.add(feed_store(url="s3://bucket/x.csv", settings=own, allow_private=True))
    assert integrations.set("depot", settings={"format": "csv", **own}).store.allow_private
    with pytest.raises(UsageError, match=r"10\.0\.0\.9 is a private address"):
        integrations.set("depot", settings={"endpoint": "http://10.0.0.9"})
    assert integrations.get("depot").settings["endpoint"] == own["endpoint"]
    assert not integrations.set("depot", settings={"endpoint": "https://s3.example"}).store.allow_private


def test_a_secret_typed_in_the_place_of_a_reference_is_hidden_from_every_later_text(integrations: Integrations):
    typed = "kq7ZmPw2vXt9"
    store = web_feed(credentials={"password": f"secret:{typed}"})
    with pytest.raises(UsageError, match="refers to a secret that is not stored"):
        integrations.add(store)
    assert typed not in redact(f"later, in a log: {typed}")
