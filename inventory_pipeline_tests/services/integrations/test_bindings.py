"""Which hosts a secret belongs to: said with its value, moved without it, and bound by its first use at the command line only."""

import pytest
import sqlalchemy as sa

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.notices import Route
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.alerts import notices
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.services.integrations.bindings import asked_hosts
from inventory_pipeline.services.integrations.service import Integrations
from inventory_pipeline_tests.db.times import NOON
from inventory_pipeline_tests.services.integrations.integrating import Workplace, web_feed


def bound(integrations: Integrations) -> dict[str, tuple[str | None, tuple[str, ...]]]:
    return {entry.name: (entry.platform, entry.hosts) for entry in integrations.list_credentials()}


def test_a_secret_is_stored_with_its_hosts_and_not_without(integrations: Integrations):
    with pytest.raises(UsageError, match=r"say where TOKEN may be sent: --host H.*nothing was stored"):
        integrations.put_credential("TOKEN", "token-0123456789")
    assert integrations.list_credentials() == []
    integrations.put_credential("TOKEN", "token-0123456789", ["https://Supplier.Example:8443/x", "127.0.0.1"], "feed")
    assert bound(integrations) == {"TOKEN": ("feed", ("http://127.0.0.1", "supplier.example"))}


def test_a_new_value_keeps_the_binding_unless_hosts_are_given(workplace: Workplace, integrations: Integrations):
    integrations.put_credential("TOKEN", "token-1", ["supplier.example"], "feed")
    integrations.put_credential("TOKEN", "token-2")
    assert bound(integrations) == {"TOKEN": ("feed", ("supplier.example",))}
    integrations.put_credential("TOKEN", "token-3", ["other.example"])
    assert bound(integrations) == {"TOKEN": ("feed", ("other.example",))}
    assert workplace.audited() == [
        ("credentials set", "TOKEN", "supplier.example (feed)"),
        ("credentials set", "TOKEN", ""),
        ("credentials set", "TOKEN", "supplier.example (feed) → other.example (feed)"),
    ]


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("*", "names no host"),
        ("*.", "names no host"),
        ("", "names no host"),
        ("*.*.shop.example", "names no host"),
        ("shop*.example", "names no host"),
        ("*.com", "below com anybody may have a host"),
        ("*.CO.UK", "below co.uk anybody may have a host"),
        ("https://*.com.", "below com anybody may have a host"),
        ("*.example", "below example anybody may have a host"),
        ("*.xn--p1ai", "below xn--p1ai anybody may have a host"),
        ("*.рф", "below xn--p1ai anybody may have a host"),
        ("*.github.io", "below github.io anybody may have a host"),
        ("*.s3.amazonaws.com", "below s3.amazonaws.com anybody may have a host"),
        ("*.0.0.1", "pattern of an IP address"),
        ("good@evil.example", "cannot be read"),
        ("good.example\\@evil.example", "cannot be read"),
    ],
)
def test_a_pattern_that_could_be_anybodys_host_is_refused(host: str, told: str):
    with pytest.raises(UsageError, match=told):
        asked_hosts(["shop.example", host], None)


def test_what_is_refused_stores_nothing(workplace: Workplace):
    at_line = workplace.from_command_line
    with pytest.raises(UsageError, match="below com anybody"):
        at_line.put_credential("TOKEN", "token-0123456789", ["shop.example", "*.com"])
    assert at_line.list_credentials() == []
    at_line.put_credential("TOKEN", "token-0123456789", ["shop.example"])
    with pytest.raises(UsageError, match="below com anybody"):
        at_line.bind_credential("TOKEN", ["*.com"])
    assert bound(at_line) == {"TOKEN": (None, ("shop.example",))}


def test_a_platforms_own_domain_may_be_a_pattern_and_belongs_to_it(workplace: Workplace, integrations: Integrations):
    integrations.put_credential("TOKEN", "shpat-0123456789", ["*.myshopify.com"])
    assert bound(integrations) == {"TOKEN": ("shopify", ("*.myshopify.com",))}
    for key in ("paris", "lyon"):
        url = f"https://{key}.myshopify.com"
        credentials = {"access_token": "secret:TOKEN"}
        integrations.add(StoreIntegration(key=key, platform="shopify", url=url, credentials=credentials))
    with pytest.raises(UsageError, match="secret:TOKEN belongs to shopify and not to feed"):
        integrations.add(web_feed(url="https://evil.myshopify.com/apps/x.csv"))
    with pytest.raises(UsageError, match=r"below myshopify.com anybody may have a host"):
        workplace.from_command_line.bind_credential("TOKEN", [], "feed")


def test_a_pattern_of_ones_own_domain_is_taken(integrations: Integrations):
    integrations.put_credential("TOKEN", "token-0123456789", ["*.supplier.example"])
    integrations.add(web_feed(url="https://eu.supplier.example/stock.csv"))
    with pytest.raises(UsageError, match=r"not to supplier.example"):
        integrations.set("web", url="https://supplier.example/stock.csv", credentials={"token": "secret:TOKEN"})


def test_binding_moves_without_the_value_and_says_who_may_no_longer_use_it(workplace: Workplace):
    at_line = workplace.from_command_line
    at_line.put_credential("TOKEN", "token-0123456789", ["supplier.example"], "feed")
    at_line.add(web_feed())
    notes = at_line.bind_credential("TOKEN", ["other.example"])
    assert notes == ("store web may no longer use it, since its address is elsewhere",)
    assert bound(at_line) == {"TOKEN": ("feed", ("other.example",))}
    assert workplace.audited()[-1] == ("credentials bind", "TOKEN", "supplier.example (feed) → other.example (feed)")
    (found,) = at_line.check("web")
    assert (found.check, found.ok) == ("credentials", False)
    assert "bind TOKEN --host supplier.example" in found.detail


def test_binding_it_to_the_stores_host_again_ends_the_need_to_authorize(workplace: Workplace):
    at_line = workplace.from_command_line
    at_line.put_credential("TOKEN", "token-0123456789", ["supplier.example"])
    at_line.add(web_feed())
    with workplace.database.begin() as connection:
        stores.set_needs_reauthorization(connection, "web", "secret:TOKEN may be sent to …")
    for hosts in (["supplier.example", "elsewhere.example"], ["elsewhere.example"]):
        at_line.bind_credential("secret:TOKEN", hosts)
        assert at_line.get("web").needs_reauthorization
    at_line.bind_credential("secret:TOKEN", ["supplier.example"])
    assert at_line.get("web").needs_reauthorization is None


def test_only_the_command_line_moves_a_binding(integrations: Integrations):
    integrations.put_credential("TOKEN", "token-0123456789", ["supplier.example"])
    with pytest.raises(UsageError, match="only the command line moves a credential's binding"):
        integrations.bind_credential("TOKEN", ["evil.example"])
    assert bound(integrations) == {"TOKEN": (None, ("supplier.example",))}


def test_binding_what_is_not_stored_does_not_repeat_it(workplace: Workplace):
    with pytest.raises(UsageError, match="no secret of this name") as caught:
        workplace.from_command_line.bind_credential("cs_0123456789", ["shop.example"])
    assert "cs_0123456789" not in str(caught.value)


@pytest.mark.parametrize("name", ["notify/office", "secret:notify/office", "env:HOME", "env:INVENTORY_SECRET_KEY"])
def test_a_notice_routes_address_and_foreign_variables_are_no_credentials(workplace: Workplace, name: str):
    with workplace.database.begin() as connection:
        notices.insert_route(connection, Route(name="office", kind="apprise", shown="slack://…"), "cipher", NOON)
    at_line = workplace.from_command_line
    with pytest.raises(UsageError):
        at_line.bind_credential(name, ["supplier.example"])
    with pytest.raises(UsageError, match="the name of a secret"):
        at_line.put_credential(name, "value", ["supplier.example"])
    with pytest.raises(UsageError):
        at_line.add(web_feed(credentials={"token": name if ":" in name else f"secret:{name}"}))
    assert [(entry.name, entry.hosts) for entry in at_line.list_credentials()] == [("notify/office", ())]


def test_a_variable_is_bound_by_its_first_use_at_the_command_line_and_by_no_other(
    workplace: Workplace, integrations: Integrations, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("INVENTORY_CRED_FEED", "token-0123456789")
    store = web_feed(credentials={"token": "env:INVENTORY_CRED_FEED"})
    told = "env:INVENTORY_CRED_FEED is bound to no host yet.* credentials bind env:INVENTORY_CRED_FEED --host supplier.example`"
    with pytest.raises(UsageError, match=told):
        integrations.add(store)
    assert bound(integrations) == {}
    at_line = workplace.from_command_line
    assert at_line.add(store).notes == ("env:INVENTORY_CRED_FEED is bound to supplier.example from now on",)
    assert bound(integrations) == {"env:INVENTORY_CRED_FEED": ("feed", ("supplier.example",))}
    assert workplace.audited()[-2] == ("credentials bind", "env:INVENTORY_CRED_FEED", "supplier.example (feed)")
    with pytest.raises(UsageError, match=r"env:INVENTORY_CRED_FEED may be sent to supplier.example and not to evil.example"):
        at_line.add(web_feed("second", url="https://evil.example/x.csv", credentials=store.credentials))
    integrations.add(web_feed("third", credentials=store.credentials))
    monkeypatch.setenv("INVENTORY_CRED_NEW", "token-9876543210")
    new = {"token": "env:INVENTORY_CRED_NEW"}
    with pytest.raises(UsageError, match="env:INVENTORY_CRED_NEW is bound to no host yet"):
        integrations.set("web", credentials=new)
    assert at_line.set("web", credentials=new).notes == ("env:INVENTORY_CRED_NEW is bound to supplier.example from now on",)


def test_a_first_use_that_is_refused_binds_nothing(workplace: Workplace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INVENTORY_CRED_FEED", "token-0123456789")
    store = web_feed(credentials={"token": "env:INVENTORY_CRED_FEED"}, settings={"nope": "1"})
    with pytest.raises(UsageError, match="'nope'"):
        workplace.from_command_line.add(store)
    assert bound(workplace.integrations) == {}


def test_a_stored_secret_that_nobody_has_bound_is_bound_by_its_first_use_there_too(workplace: Workplace):
    at_line = workplace.from_command_line
    at_line.put_credential("TOKEN", "token-0123456789", ["supplier.example"])
    with workplace.database.begin() as connection:
        connection.execute(sa.text("DELETE FROM credential_bindings"))
    with pytest.raises(UsageError, match="secret:TOKEN is bound to no host yet"):
        workplace.integrations.add(web_feed())
    at_line.add(web_feed())
    assert bound(at_line) == {"TOKEN": ("feed", ("supplier.example",))}


def test_what_is_typed_for_a_store_is_bound_to_it(workplace: Workplace):
    at_line = workplace.from_command_line
    store = web_feed(credentials={})
    at_line.add(store, {"token": "token-0123456789"})
    assert at_line.get("web").credentials == {"token": "secret:web.token"}
    assert bound(at_line) == {"web.token": ("feed", ("supplier.example",))}
    with pytest.raises(UsageError, match=r"secret:web.token may be sent to supplier.example and not to evil.example"):
        at_line.add(web_feed("evil", url="https://evil.example/", credentials={"token": "secret:web.token"}))


def test_a_store_that_cannot_be_registered_leaves_a_secret_of_that_name_as_it_was(workplace: Workplace):
    at_line = workplace.from_command_line
    at_line.put_credential("web.token", "token-0123456789", ["other.example"])
    with pytest.raises(UsageError, match="'nope'"):
        at_line.add(web_feed(credentials={}, settings={"nope": "1"}), {"token": "another-0123"})
    with pytest.raises(UsageError, match="a feed file needs no credentials"):
        at_line.add(web_feed(url="stock.csv", credentials={}), {"token": "another-0123"})
    assert bound(at_line) == {"web.token": (None, ("other.example",))}
    assert at_line.list() == []


def test_a_feed_that_becomes_a_file_loses_its_credentials(workplace: Workplace):
    at_line = workplace.from_command_line
    at_line.add(web_feed(credentials={}), {"token": "token-0123456789"})
    change = at_line.set("web", url=workplace.write_feed())
    assert change.store.credentials == {}
    assert "discarded: token" in change.notes[0]


def test_the_binding_goes_with_the_secret_and_a_variables_by_itself(workplace: Workplace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INVENTORY_CRED_FEED", "token-0123456789")
    at_line = workplace.from_command_line
    at_line.put_credential("TOKEN", "token-0123456789", ["supplier.example"])
    at_line.add(web_feed(credentials={"token": "env:INVENTORY_CRED_FEED"}))
    at_line.remove_credential("TOKEN")
    with pytest.raises(UsageError, match="env:INVENTORY_CRED_FEED is used by web"):
        at_line.remove_credential("env:INVENTORY_CRED_FEED")
    at_line.purge("web")
    at_line.remove_credential("env:INVENTORY_CRED_FEED")
    assert bound(at_line) == {}
    with pytest.raises(UsageError, match="no secret of this name"):
        at_line.remove_credential("env:INVENTORY_CRED_FEED")
