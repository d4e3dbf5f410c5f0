"""Who may ask, how fast, and what Shopify's refusals mean."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.connectors.shopify.settings import ClientCredentials, ShopifySettings
from inventory_pipeline.connectors.toolkit.limits import Cost, CostBudget, ThrottleStatus
from inventory_pipeline.core.errors import (
    CredentialsRejected,
    IncompleteRead,
    PlatformUnavailable,
    RateLimited,
    ScopeMissing,
    StoreMisconfigured,
    SyncError,
    UsageError,
)
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.demo.catalogue import Catalogue
from inventory_pipeline.demo.shopify import DemoShopify
from inventory_pipeline.demo.shopify.cost import Bucket
from inventory_pipeline.demo.shops import synthetic_catalogue
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline_tests.connectors.made_up_shopify import MadeUpShopify, level, variant
from inventory_pipeline_tests.connectors.reading import Whole
from inventory_pipeline_tests.connectors.shopify_reading import check_url, read_made_up, read_url, shopify_context
from inventory_pipeline_tests.http.local_server import LOOPBACK, Answer, LocalServer, Request


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return synthetic_catalogue(60)


@pytest.fixture
def demo(catalogue: Catalogue) -> Iterator[DemoShopify]:
    with DemoShopify(catalogue, bucket=Bucket(restore=1e6)) as shop:
        yield shop


def read_demo(demo: DemoShopify, **settings: str) -> Whole:
    return read_url(demo.url, settings, {"access_token": demo.token})


def app_of(demo: DemoShopify) -> dict[str, str]:
    return {"client_id": demo.tokens.client_id, "client_secret": demo.tokens.client_secret}


# Errors inside a 200.


@pytest.mark.parametrize("way", ["bulk", "paged"])
@pytest.mark.parametrize("scope", ["read_products", "read_inventory", "read_locations"])
def test_a_missing_scope_is_named_before_anything_is_read(catalogue: Catalogue, scope: str, way: str) -> None:
    scopes = tuple(name for name in ("read_products", "read_inventory", "read_locations") if name != scope)
    with DemoShopify(catalogue, scopes=scopes) as demo:
        with pytest.raises(ScopeMissing, match=f"lacks the scope {scope};"):
            read_demo(demo, read=way)
        assert len(demo.requests) == 1


def test_who_may_write_may_read(catalogue: Catalogue) -> None:
    with DemoShopify(
        catalogue, scopes=("write_products", "read_products", "write_inventory", "read_inventory", "read_locations")
    ) as demo:
        assert read_demo(demo).proof.gap == 0


@pytest.mark.parametrize("data", [None, {"productVariants": None}])
def test_access_denied_within_a_200_names_the_scope_and_is_never_zero_stock(data: object) -> None:
    access = {"code": "ACCESS_DENIED", "requiredAccess": "`read_inventory` access scope."}
    denied = Answer.json(
        {"data": data, "errors": [{"message": "Access denied for inventoryLevels field.", "extensions": access}]}
    )
    shop = MadeUpShopify([variant(1)], [level(1, available=3)])
    shop.fault = lambda name, _request: denied if name == "InventoryPage" else None
    with pytest.raises(ScopeMissing, match="needs `read_inventory` access scope"):
        read_made_up(shop, read="paged")


def test_access_denied_without_the_scope_is_told_in_shopifys_words(demo: DemoShopify) -> None:
    demo.faults.error("ACCESS_DENIED", "Access denied for productVariantsCount field.", operation="InventoryCount")
    with pytest.raises(ScopeMissing, match="InventoryCount: Access denied for productVariantsCount field; add it"):
        read_demo(demo)


def test_data_that_is_partly_denied_is_not_used_at_all(demo: DemoShopify) -> None:
    demo.faults.nulled("productVariants", "pageInfo", operation="InventoryPage", denied="read_inventory")
    with pytest.raises(ScopeMissing, match="read_inventory"):
        read_demo(demo, read="paged")


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("InventoryAccess", ("currentAppInstallation",)),
        ("InventoryCount", ("productVariantsCount",)),
        ("InventoryPage", ("productVariants",)),
        ("InventoryPage", ("productVariants", "nodes")),
        ("InventoryPage", ("productVariants", "pageInfo")),
    ],
)
def test_a_null_without_any_error_is_an_incomplete_answer(demo: DemoShopify, operation: str, path: tuple[str, ...]) -> None:
    demo.faults.nulled(*path, operation=operation)
    with pytest.raises(IncompleteRead, match=f"{operation} without the data"):
        read_demo(demo, read="paged")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("INTERNAL_SERVER_ERROR", PlatformUnavailable),
        ("TIMEOUT", PlatformUnavailable),
        ("SHOP_INACTIVE", StoreMisconfigured),
        ("undefinedField", StoreMisconfigured),
    ],
)
def test_an_error_within_a_200_is_an_error(demo: DemoShopify, code: str, error: type[SyncError]) -> None:
    demo.faults.error(code, "Something happened", operation="InventoryCount")
    with pytest.raises(error, match="Something happened"):
        read_demo(demo)


@pytest.mark.parametrize("body", [b"{}", b'{"data": null}', b'{"data": {"shop', b"[]", b'{"errors": "not a list"}'])
def test_what_is_no_graphql_answer_is_refused(body: bytes) -> None:
    shop = MadeUpShopify([variant(1)], fault=lambda _name, _request: Answer(200, body))
    with pytest.raises((IncompleteRead, PlatformUnavailable)):
        read_made_up(shop)


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        (401, CredentialsRejected, "token is not valid"),
        (402, StoreMisconfigured, "bill"),
        (403, CredentialsRejected, "installed"),
        (404, StoreMisconfigured, "myshopify.com"),
        (423, StoreMisconfigured, "locked"),
        (430, RateLimited, "security"),
        (418, StoreMisconfigured, "a Shopify shop"),
    ],
)
def test_a_status_means_what_a_person_must_do(status: int, error: type[SyncError], text: str) -> None:
    shop = MadeUpShopify([variant(1)], fault=lambda _name, _request: Answer.json({"errors": "no"}, status))
    with pytest.raises(error, match=text) as caught:
        read_made_up(shop)
    assert type(caught.value) is error


def test_a_refusal_is_told_in_shopifys_own_words_where_it_has_some() -> None:
    told = "[API] This action requires merchant approval for read_products scope."
    shop = MadeUpShopify([variant(1)], fault=lambda _name, _request: Answer.json({"errors": told}, 403))
    with pytest.raises(CredentialsRejected, match=r"answers 403 \(\[API\] .* for read_products scope\.\) to version"):
        read_made_up(shop)


@pytest.mark.parametrize("body", [b'{"errors": {"query": "Required parameter missing"}}', b"[]", b"\xff", b""])
def test_a_refusal_whose_words_cannot_be_read_is_told_without_them(body: bytes) -> None:
    shop = MadeUpShopify([variant(1)], fault=lambda _name, _request: Answer(400, body))
    with pytest.raises(StoreMisconfigured, match="answers 400 to version"):
        read_made_up(shop)


def test_an_address_that_leads_to_another_host_is_told_the_new_one_and_the_token_stays() -> None:
    """A shop's own domain sends on to NAME.myshopify.com."""
    asked: list[str] = []

    def elsewhere(request: Request) -> Answer:
        asked.append(request.target)
        return Answer(500)

    with LocalServer(elsewhere) as real:
        moved = Answer(301, headers={"Location": f"{real.url}/admin/api/2026-07/graphql.json"})
        for credentials in ({"access_token": "shpat_0123456789"}, {"client_id": "app", "client_secret": "shpss_0123456789"}):
            with LocalServer(lambda _request: moved) as own:
                with pytest.raises(StoreMisconfigured, match=f"sends on to {real.url}/admin"):
                    read_url(own.url, credentials=credentials)
                assert not check_url(own.url, credentials=credentials)["address"].ok
    assert asked == []


# How fast.


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("told", [True, False])
def test_a_throttled_query_is_asked_again(demo: DemoShopify, status: int, told: bool) -> None:
    demo.faults.throttled(status=status, told=told, times=1, operation="InventoryCount")
    assert read_demo(demo).proof.gap == 0


@pytest.mark.parametrize("codes", [("THROTTLED", "INTERNAL_SERVER_ERROR"), ("INTERNAL_SERVER_ERROR", "THROTTLED")])
def test_a_query_is_asked_again_where_another_error_stands_beside_throttled(demo: DemoShopify, codes: tuple[str, str]) -> None:
    errors = [{"message": code.title(), "extensions": {"code": code}} for code in codes]
    demo.faults.edit(lambda _answer: {"data": None, "errors": errors}, operation="InventoryCount", times=1)
    whole = read_demo(demo)
    assert (len({line.item_id for line in whole.lines.values()}), whole.proof.gap) == (60, 0)


def test_a_page_that_costs_too_much_is_asked_for_in_halves(demo: DemoShopify) -> None:
    demo.faults.error("MAX_COST_EXCEEDED", "too much", operation="InventoryPage", times=2)
    whole = read_demo(demo, read="paged")
    assert (len({line.item_id for line in whole.lines.values()}), whole.proof.gap) == (60, 0)
    # Access and count, two refusals, twelve pages of 5, count.
    assert whole.api_calls == 2 + 2 + 12 + 1


def test_a_single_variant_that_costs_too_much_is_an_error_and_not_a_hang(demo: DemoShopify) -> None:
    demo.faults.error("MAX_COST_EXCEEDED", "too much", operation="InventoryPage", times=99)
    with pytest.raises(StoreMisconfigured, match="too much"):
        read_demo(demo, read="paged")


def test_a_shop_whose_points_come_back_too_slowly_is_left_to_the_next_sync(catalogue: Catalogue) -> None:
    bucket = Bucket(maximum=2000, restore=0.01)
    with DemoShopify(catalogue, bucket=bucket) as demo:
        bucket.drain()
        with pytest.raises(RateLimited, match="next sync") as caught:
            read_demo(demo)
        assert (caught.value.retry_after or 0) > 100
        assert len(demo.requests) == 1


def test_the_budget_waits_for_what_a_query_was_charged_and_not_longer() -> None:
    now = [0.0]
    budget = CostBudget(clock=lambda: now[0])
    assert budget.wait_for("page") == 0
    budget.note("page", Cost(500, ThrottleStatus(2000, 300, 100)))
    assert budget.wait_for("page") == pytest.approx(2)
    assert budget.wait_for("count") == 0
    now[0] = 1.5
    assert budget.wait_for("page") == pytest.approx(0.5)
    now[0] = 100.0
    assert budget.wait_for("page") == 0
    budget.note("page", Cost(2500, None))
    assert budget.never_fits("page")


def test_a_refusal_is_never_followed_by_the_same_question_at_once() -> None:
    budget = CostBudget(clock=lambda: 0.0)
    assert [budget.wait_after_refusal("page", attempt) for attempt in (1, 2, 3, 9)] == [1, 2, 4, 16]
    budget.note("page", Cost(5, ThrottleStatus(2000, 1000, 100)))
    assert budget.wait_after_refusal("page", 1) > 0


# Who asks.


def test_an_app_fetches_its_token_once_for_a_read(demo: DemoShopify) -> None:
    whole = read_url(demo.url, credentials=app_of(demo))
    assert (whole.proof.gap, demo.tokens.granted) == (0, 1)
    assert whole.api_calls == len(demo.requests) + len(demo.storage.requests)
    granted = demo.requests[1].headers["x-shopify-access-token"]
    assert granted not in redact(f"token {granted}"), "a fetched token is a secret like any other"


def test_a_token_that_is_refused_in_the_middle_is_renewed_once(demo: DemoShopify) -> None:
    revoked = []

    def revoke(request: object, respond: object) -> object:
        if len(demo.requests) == 4 and not revoked:
            revoked.append(demo.tokens.revoke_all())
        return respond(request)  # type: ignore[operator]

    demo.faults.add(revoke)  # type: ignore[arg-type]
    assert read_url(demo.url, credentials=app_of(demo)).proof.gap == 0
    assert demo.tokens.granted == 2


def test_a_wrong_secret_is_refused_with_the_reason_and_without_the_secret(demo: DemoShopify) -> None:
    credentials = {"client_id": demo.tokens.client_id, "client_secret": "shpss_wrong_0123456789"}
    with pytest.raises(CredentialsRejected, match=r"401: Client authentication failed") as caught:
        read_url(demo.url, credentials=credentials)
    assert "shpss_wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer.json({"error": "shop_not_permitted"}, 400), CredentialsRejected),
        (Answer.html("Not Found", 404), StoreMisconfigured),
        (Answer(301, headers={"Location": "https://elsewhere.example/"}), StoreMisconfigured),
        (Answer.html("Service Unavailable", 503), PlatformUnavailable),
        (Answer.json({"scope": "read_products"}), IncompleteRead),
        (Answer.html("Log in", 200), IncompleteRead),
    ],
)
def test_no_token_is_an_error_by_its_cause(answer: Answer, error: type[SyncError]) -> None:
    with LocalServer(lambda _request: answer) as server, pytest.raises(error):
        read_url(server.url, credentials={"client_id": "app", "client_secret": "shpss_0123456789"})


@pytest.mark.parametrize(
    ("told", "renewals"),
    [({"expires_in": 86_399}, 2), ({"expires_in": "86399"}, 2), ({"expires_in": 600}, 3), ({}, 1), ({"expires_in": "soon"}, 1)],
)
def test_a_token_is_renewed_before_it_ends_and_one_without_an_end_is_kept(told: dict[str, object], renewals: int) -> None:
    """Asked at the start, 290 s before the end of a day, and 310 s after that."""
    granted: list[int] = []
    now = [0.0]

    def answer(request: Request) -> Answer:
        if request.path == "/admin/oauth/access_token":
            granted.append(request.number)
            return Answer.json({"access_token": f"shpat_{request.number:010}", **told})
        return Answer.json({"seen": request.headers["x-shopify-access-token"]})

    async def ask(url: str) -> None:
        auth = ClientCredentials(url, "app", "shpss_0123456789", clock=lambda: now[0])
        async with HttpClient(policy=LOOPBACK, auth=auth) as http:
            for moment in (0.0, 86_399 - 290, 86_399 + 20):
                now[0] = moment
                response = await http.get(f"{url}/seen")
                assert f"shpat_{granted[-1]:010}" in response.body.decode()
        assert auth.calls == len(granted)

    with LocalServer(answer) as server:
        asyncio.run(ask(server.url))
    assert len(granted) == renewals


def test_the_grant_is_sent_as_a_form_and_as_nothing_else() -> None:
    flow = ClientCredentials("https://shop.example", "app", "shpss_0123456789").async_auth_flow(
        httpx.Request("GET", "https://shop.example/x", headers={"User-Agent": "test"})
    )
    request = asyncio.run(anext(flow))
    assert str(request.url) == "https://shop.example/admin/oauth/access_token"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.content == b"grant_type=client_credentials&client_id=app&client_secret=shpss_0123456789"


@pytest.mark.parametrize(
    "credentials",
    [
        {"client_id": "app"},
        {"client_secret": "shpss_0123456789"},
        {"client_id": "app", "access_token": "shpat_1"},
        {"token": "x"},
    ],
)
def test_half_a_pair_of_credentials_is_refused_before_any_request(credentials: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="client_secret"):
        connector_for("shopify")(shopify_context("https://shop.example", credentials=credentials))


def test_a_token_that_ends_while_an_export_is_waited_for_is_renewed_between_two_looks() -> None:
    """Each token is good for one question, and says so by holding for no time at all."""
    granted: list[str] = []
    shop = MadeUpShopify([variant(1)], [level(1, available=3)])
    looks = [{"status": "RUNNING", "url": None}] * 3

    def answer(request: Request) -> Answer:
        if request.path == "/admin/oauth/access_token":
            shop.token = f"shpat_{request.number:010}"
            granted.append(shop.token)
            return Answer.json({"access_token": shop.token, "expires_in": 0})
        shop.operation = {}
        if b'"InventoryExport"' in request.body and looks:
            shop.operation = looks.pop()
        found = shop(request)
        if request.path.endswith("/graphql.json"):
            assert found.status == 200, "no token is used after its end"
            shop.token = "used up"
        return found

    with LocalServer(answer) as server:
        shop.base_url = server.url
        whole = read_url(server.url, credentials={"client_id": "app", "client_secret": "shpss_0123456789"})
    assert (whole.proof.gap, looks) == (0, [])
    # Access, count, start, four looks, count; the file needs none.
    assert (len(granted), whole.api_calls) == (8, 2 * 8 + 1)


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("https://admin.shopify.com/store/driftwood", "driftwood"),
        ("https://admin.shopify.com/store/Driftwood-2/products?tab=all", "driftwood-2"),
        ("driftwood.myshopify.com", "driftwood"),
        ("http://driftwood.myshopify.com/admin", "driftwood"),
        ("https://dev.shopify.com/dashboard/1", "NAME"),
        ("https://", "NAME"),
        ("https:///admin", "NAME"),
        ("driftwood", "NAME"),
    ],
)
def test_an_address_that_is_not_the_shops_own_is_told_the_right_one(url: str, right: str) -> None:
    """Never replaced silently: credentials are kept for the host that a person gave."""
    with pytest.raises(UsageError, match=rf"https://{right}\.myshopify\.com$"):
        connector_for("shopify")(shopify_context(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://driftwood.myshopify.com",
        " https://DRIFTWOOD.myshopify.com/ ",
        "https://driftwood.myshopify.com/admin/products?a=1",
    ],
)
def test_an_address_may_be_copied_from_anywhere_in_the_shop(url: str) -> None:
    settings = ShopifySettings.of(shopify_context(url))
    assert settings.shop == "https://driftwood.myshopify.com"


@pytest.mark.parametrize("url", ["http://shop.example", "shop.example", "ftp://shop.example", "http://localhost.example"])
def test_a_token_is_sent_over_https_only(url: str) -> None:
    with pytest.raises(UsageError, match=r"https://NAME\.myshopify\.com"):
        connector_for("shopify")(shopify_context(url))


@pytest.mark.parametrize("settings", [{"api_version": "2019-10"}, {"read": "rest"}, {"bulk_wait": "1"}, {"bulk_poll": "0"}])
def test_a_setting_that_cannot_be_used_is_named(settings: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings))):
        connector_for("shopify")(shopify_context("https://shop.example", settings))


# What a check says.


def test_a_check_names_the_shop_its_variants_and_the_version(demo: DemoShopify) -> None:
    found = check_url(demo.url, credentials={"access_token": demo.token})
    assert {name: item.ok for name, item in found.items()} == dict.fromkeys(
        ["address", "credentials", "permissions", "version"], True
    )
    assert "60 variants" in found["permissions"].detail
    assert "2026-07" in found["version"].detail
    assert len(demo.requests) == 2


def test_a_check_names_every_missing_scope() -> None:
    with MadeUpShopify([variant(1)], scopes=("read_products",)).serve() as server:
        found = check_url(server.url)
    assert (found["credentials"].ok, found["permissions"].ok, found["version"].ok) == (True, False, False)
    assert "read_inventory, read_locations" in found["permissions"].detail
    assert "install it anew" in found["permissions"].cure


def test_a_check_says_where_shopify_answers_with_another_version(demo: DemoShopify) -> None:
    demo.faults.falls_forward("2026-10")
    found = check_url(demo.url, credentials={"access_token": demo.token})
    assert not found["version"].ok
    assert "2026-10" in found["version"].detail
    assert "api_version" in found["version"].cure


def test_a_read_that_another_version_answers_goes_on_and_says_so(demo: DemoShopify, caplog: pytest.LogCaptureFixture) -> None:
    demo.faults.falls_forward("2026-10")
    assert read_demo(demo).proof.gap == 0
    assert "2026-10" in caplog.text
