"""The jobs that let people who know only the web UI register and manage stores."""

from functools import partial
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterInvalidConfigError, DagsterRunStatus

from inventory_pipeline.connectors.registry import platforms
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.integrations import audit, stores
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.jobs import PLATFORMS, REGISTER_FORM
from inventory_pipeline.defs.sync.assets import inventory_snapshot
from inventory_pipeline.demo.shops import demo_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.wiring import Services
from inventory_pipeline_tests.defs.conftest import bind
from inventory_pipeline_tests.defs.runs import Executed, execute

REFERENCES = {"consumer_key": "env:INVENTORY_CRED_KEY", "consumer_secret": "env:INVENTORY_CRED_SECRET"}
RAW = "cs_0f9d8e7c6b5a49382716f5e4d3c2b1a0ffeeddcc"


@pytest.fixture(autouse=True)
def credentials(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_CRED_KEY", "ck_" + "1" * 40)
    monkeypatch.setenv("INVENTORY_CRED_SECRET", "cs_" + "2" * 40)
    bind(services, "http://paris.example")


def register(instance: DagsterInstance, **form: Any) -> Executed:
    given = {"key": "paris", "platform": "woocommerce", "url": "https://paris.example", "credentials": REFERENCES}
    return execute(instance, "register_store_integration", {**given, **form})


def manage(instance: DagsterInstance, key: str, action: str, **form: Any) -> Executed:
    return execute(instance, "manage_store_integration", {"key": key, "action": action, **form})


def test_the_form_makes_a_store_and_its_partition(instance: DagsterInstance, services: Services) -> None:
    executed = register(instance, name="Paris", group="acme", settings={"connections": "2"}, is_active=False)
    assert executed.run.status is DagsterRunStatus.SUCCESS
    store = services.integrations.get("paris")
    assert (store.name, store.group, store.settings, store.is_active) == ("Paris", "acme", {"connections": "2"}, False)
    assert instance.get_dynamic_partitions(names.STORES_PARTITIONS) == ["paris"]
    assert executed.outputs["state"] == "inactive"
    with services.database.connect() as connection:
        (entry,) = audit.list_audit(connection)
    assert entry.actor == f"dagster:{executed.run.run_id}"


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"auto_sync": True}, "the first sync starts when the daemon runs"),
        ({"auto_sync": True, "is_active": False}, "the first sync starts when the store is activated"),
        ({}, "no first sync was requested"),
    ],
)
def test_the_run_says_what_becomes_of_the_first_sync(instance: DagsterInstance, form: dict[str, Any], told: str) -> None:
    assert told in register(instance, **form).outputs["next_sync"]


def test_the_form_names_every_platform_and_the_credentials_that_it_needs() -> None:
    assert {value.config_value for value in PLATFORMS.enum_values} == {one.platform for one in platforms()}
    (asset_kinds,) = inventory_snapshot.specs_by_key.values()
    assert asset_kinds.kinds == {one.platform for one in platforms()}
    for platform in platforms():
        assert f"{platform.platform}: " in str(REGISTER_FORM["credentials"].description)
        assert all(name in str(REGISTER_FORM["credentials"].description) for name in platform.credentials)


def test_a_secret_put_into_the_form_is_refused_with_the_advice_to_rotate_it_and_repeated_nowhere(
    instance: DagsterInstance, services: Services
) -> None:
    executed = register(instance, credentials={**REFERENCES, "consumer_secret": RAW})
    assert executed.run.status is DagsterRunStatus.FAILURE
    assert "rotate" in executed.failure
    assert RAW not in executed.texts
    assert not services.integrations.list()


def test_a_secret_in_the_address_is_refused_and_repeated_nowhere(instance: DagsterInstance) -> None:
    executed = register(instance, url=f"https://key:{RAW}@paris.example")
    assert executed.run.status is DagsterRunStatus.FAILURE
    assert RAW not in executed.texts


def test_what_the_store_cannot_be_is_said_in_one_line(instance: DagsterInstance) -> None:
    assert "not a slug" in register(instance, key="Paris Shop").failure
    with pytest.raises(DagsterInvalidConfigError, match="shopware"):
        register(instance, platform="shopware")
    register(instance)
    assert "store key 'paris' is taken" in register(instance).failure


def test_all_that_is_wrong_is_told_at_once_and_each_once(instance: DagsterInstance, services: Services) -> None:
    executed = register(
        instance,
        key="Paris Shop",
        url="https://paris.example/?api_key=0123456789abcdef0123",
        settings={"password": "hunter22hunter"},
        credentials={"consumer_key": RAW, "consumer_secret": "secret:NOWHERE"},
    )
    for part in (
        "5 things are wrong: (1) ",
        "not a slug",
        "the address holds",
        "setting 'password'",
        "consumer_key is neither",
        "not stored",
    ):
        assert part in executed.failure
    assert not any(secret in executed.texts for secret in (RAW, "hunter22hunter", "0123456789abcdef0123"))
    executed = register(instance, settings={"conections": "2", "per_page": "many"}, credentials={})
    assert "conections" in executed.failure
    assert not services.integrations.list()


def test_with_check_a_store_is_asked_before_it_is_registered(
    instance: DagsterInstance, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DemoStore(demo_catalogue(1)) as shop:
        monkeypatch.setenv("INVENTORY_CRED_KEY", shop.key)
        monkeypatch.setenv("INVENTORY_CRED_SECRET", "cs_" + "0" * 40)
        bind(services, shop.url)
        executed = register(instance, url=shop.url, check=True)
        assert "store paris was not registered: it is not well: credentials" in executed.failure
        assert not services.integrations.list()
        monkeypatch.setenv("INVENTORY_CRED_SECRET", shop.secret)
        assert register(instance, url=shop.url, check=True).run.status is DagsterRunStatus.SUCCESS
        assert [store.key for store in services.integrations.list()] == ["paris"]
        assert shop.requests


def test_a_field_cannot_read_the_servers_environment(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_SECRET_KEY", "the key of all keys")
    with pytest.raises(DagsterInvalidConfigError) as refused:
        register(instance, name={"env": "INVENTORY_SECRET_KEY"})
    assert "the key of all keys" not in str(refused.value)


def test_stores_are_switched_on_and_off(instance: DagsterInstance, services: Services) -> None:
    register(instance, auto_sync=True)
    outputs = manage(instance, "paris", "deactivate").outputs
    assert outputs["state"] == "inactive"
    assert outputs["next_sync"] == "the first sync starts when the store is activated"
    assert not services.integrations.get("paris").is_active
    assert manage(instance, " paris ", "activate").outputs["next_sync"] == "the first sync starts when the daemon runs"
    assert services.integrations.get("paris").is_active


def test_a_store_that_has_been_synced_is_told_what_becomes_of_it_and_not_of_its_first_sync(
    instance: DagsterInstance, services: Services
) -> None:
    register(instance)
    with services.database.begin() as connection:
        stores.mark_first_sync(connection, "paris", services.clock())
    told = manage(instance, "paris", "deactivate").outputs["next_sync"]
    assert told == "it is not synced until it is activated; what is known of its stock stays"
    assert manage(instance, "paris", "activate").outputs["next_sync"] == "the schedule syncs it at its next tick"


def test_what_is_filled_in_is_changed_and_the_rest_stays(instance: DagsterInstance, services: Services) -> None:
    register(instance, name="Paris", settings={"connections": "2", "per_page": "50"})
    assert manage(instance, "paris", "change", settings={"per_page": ""}, group="acme").outputs["state"] == "active"
    store = services.integrations.get("paris")
    assert (store.name, store.group, store.settings) == ("Paris", "acme", {"connections": "2"})
    assert store.credentials == REFERENCES


def test_another_host_needs_the_credentials_anew_and_says_so(instance: DagsterInstance, services: Services) -> None:
    register(instance)
    assert "moved to another host" in manage(instance, "paris", "change", url="https://lyon.example").outputs["notes"]
    assert services.integrations.get("paris").credentials == {}
    refused = manage(instance, "paris", "change", credentials=REFERENCES)
    assert "bind env:INVENTORY_CRED_KEY --host lyon.example` on the command line moves it" in refused.failure
    bind(services, "lyon.example")
    manage(instance, "paris", "change", credentials=REFERENCES)
    assert services.integrations.get("paris").credentials == REFERENCES


@pytest.mark.parametrize(
    ("action", "form", "told"),
    [
        ("change", {}, "nothing to change: fill in one of url, name"),
        ("deactivate", {"name": "Lyon"}, "deactivate takes no name"),
        ("change", {"credentials": {"consumer_key": RAW}}, "rotate it at the platform"),
        ("change", {"url": f"https://user:{RAW}@paris.example"}, "the address holds a password or key"),
    ],
)
def test_a_change_that_cannot_be_is_refused_in_one_line(
    instance: DagsterInstance, services: Services, action: str, form: dict[str, Any], told: str
) -> None:
    register(instance, name="Paris")
    before = services.integrations.get("paris")
    executed = manage(instance, "paris", action, **form)
    assert told in executed.failure
    assert RAW not in executed.texts
    assert services.integrations.get("paris") == before


def test_an_unknown_store_is_a_failure_in_one_line(instance: DagsterInstance) -> None:
    assert "no store 'rome' is registered" in manage(instance, "rome", "activate").failure


def test_check_tells_what_is_well(instance: DagsterInstance, shop: DemoStore) -> None:
    found = manage(instance, "berlin", "check").outputs
    assert found["credentials"] == "well: the shop knows the key"
    assert found["permissions"].startswith("well: ")


def test_check_fails_where_something_is_not_well_and_says_what_to_do(
    instance: DagsterInstance, shop: DemoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_CRED_SECRET", "cs_" + "0" * 40)
    executed = manage(instance, "berlin", "check")
    assert executed.run.status is DagsterRunStatus.FAILURE
    assert "store berlin is not well: credentials" in executed.failure
    assert str(executed.way_out["credentials"].value).startswith("NOT WELL: ")
    assert "cs_0000" not in executed.texts


@pytest.mark.parametrize(
    "url", ["http://127.0.0.2:9", "https://192.168.0.1", "http://paris.example", "https://0x7f.2", "https://nas"]
)
def test_a_form_reaches_public_https_addresses_only(
    instance: DagsterInstance, services: Services, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_ALLOW_PRIVATE_HOSTS", "erp.example")
    assert "stores add paris … --allow-private" in register(instance, url=url).failure
    register(instance)
    assert "stores set paris --allow-private" in manage(instance, "paris", "change", url=url).failure
    assert services.integrations.get("paris").url == "https://paris.example"


def test_no_form_can_allow_a_private_address(instance: DagsterInstance) -> None:
    for form in (register, partial(manage, key="paris", action="change")):
        with pytest.raises(DagsterInvalidConfigError, match='unexpected config entry "allow_private"'):
            form(instance, allow_private=True)


def test_a_form_that_moves_a_store_takes_the_command_lines_permission_away(instance: DagsterInstance, services: Services) -> None:
    store = StoreIntegration(key="erp", platform="feed", url="http://10.0.0.5/stock.csv", allow_private=True)
    services.integrations.add(store)
    assert "private address" in manage(instance, "erp", "change", url="http://10.0.0.6/stock.csv").failure
    assert manage(instance, "erp", "change", name="ERP").run.status is DagsterRunStatus.SUCCESS
    assert services.integrations.get("erp").allow_private
    manage(instance, "erp", "change", url="https://erp.example/stock.csv")
    assert not services.integrations.get("erp").allow_private
    assert "private address" in manage(instance, "erp", "change", url="http://10.0.0.5/stock.csv").failure


def test_one_item_is_verified_and_the_run_says_why_it_differs(instance: DagsterInstance, shop: DemoStore) -> None:
    item = next(item for item in shop.catalogue.pools if item.kind == "simple" and item.sku)
    assert execute(instance, names.SYNC_JOB, tags={names.PARTITION_TAG: "berlin"}).run.status is DagsterRunStatus.SUCCESS
    shop.catalogue.change(item, quantity=98765)
    executed = manage(instance, "berlin", "verify", sku=item.sku)
    assert executed.outputs["requests"] == 1
    assert "→ 98,765" in executed.outputs[f"{item.id} at default"]
    assert "needs an SKU" in manage(instance, "berlin", "verify").failure
    assert "neither store berlin" in manage(instance, "berlin", "verify", sku="nope").failure
