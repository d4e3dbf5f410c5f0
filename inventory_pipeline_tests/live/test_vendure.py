"""A real Vendure 3.7.3 on SQLite: what the sync publishes is what the server says of each variant when asked for it alone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from inventory_pipeline_tests.live.node_server import CommandLine, install, run_node, serving
from inventory_pipeline_tests.processes import free_port

pytestmark = pytest.mark.live
PASSWORD = "live-password-1"
PRODUCTS, SIZES = 60, "SMLX"
ONE = """query One($id: ID!) { productVariant(id: $id) { id sku enabled trackInventory product { enabled }
 stockLevels { stockOnHand stockAllocated stockLocation { id name } } } }"""
UPDATE = "mutation Update($input: [UpdateProductVariantInput!]!) { updateProductVariants(input: $input) { id } }"


class Admin:
    """The server's own administrator."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60)
        answer = self._post(
            'mutation Login($p: String!) { login(username: "superadmin", password: $p) { __typename } }', p=PASSWORD
        )
        self._http.headers["Authorization"] = f"Bearer {answer.headers['vendure-auth-token']}"

    def close(self) -> None:
        self._http.close()

    def ask(self, query: str, **variables: Any) -> Any:
        """`data` of the answer."""
        answer = self._post(query, **variables).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def update(self, *variants: dict[str, Any]) -> None:
        self.ask(UPDATE, input=list(variants))

    def api_key(self) -> str:
        """A new key that may read the catalogue and nothing else."""
        role = {"code": "stock-reader", "description": "", "permissions": ["ReadCatalog"]}
        role_id = self.ask("mutation Role($input: CreateRoleInput!) { createRole(input: $input) { id } }", input=role)[
            "createRole"
        ]["id"]
        key = {"roleIds": [role_id], "translations": [{"languageCode": "en", "name": "stock"}]}
        return self.ask("mutation Key($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey } }", input=key)[
            "createApiKey"
        ]["apiKey"]

    def order(self, variant: str, quantity: int) -> None:
        """An order that is paid and not sent yet: its units are allocated."""
        order = self.ask("mutation { createDraftOrder { id } }")["createDraftOrder"]["id"]
        self._step(
            "addItemToDraftOrder",
            "orderId: $id, input: $input",
            order,
            "AddItemToDraftOrderInput!",
            {"productVariantId": variant, "quantity": quantity},
        )
        customer = {"firstName": "A", "lastName": "B", "emailAddress": "a@shop.example"}
        self._step("setCustomerForDraftOrder", "orderId: $id, input: $input", order, "CreateCustomerInput", customer)
        address = {"streetLine1": "Street 1", "countryCode": "DE"}
        self._step("setDraftOrderShippingAddress", "orderId: $id, input: $input", order, "CreateAddressInput!", address)
        (method, *_) = self.ask("query M($id: ID!) { eligibleShippingMethodsForDraftOrder(orderId: $id) { id } }", id=order)[
            "eligibleShippingMethodsForDraftOrder"
        ]
        self._step("setDraftOrderShippingMethod", "orderId: $id, shippingMethodId: $input", order, "ID!", method["id"])
        self._step("transitionOrderToState", "id: $id, state: $input", order, "String!", "ArrangingPayment")
        pay = "mutation Pay($input: ManualPaymentInput!) { addManualPaymentToOrder(input: $input) { __typename } }"
        paid = self.ask(pay, input={"orderId": order, "method": "cash", "metadata": {}})
        assert paid == {"addManualPaymentToOrder": {"__typename": "Order"}}

    def _step(self, name: str, arguments: str, order: str, kind: str, given: Any) -> None:
        done = self.ask(
            f"mutation Step($id: ID!, $input: {kind}) {{ {name}({arguments}) {{ __typename }} }}", id=order, input=given
        )
        assert done == {name: {"__typename": "Order"}}

    def _post(self, query: str, **variables: Any) -> httpx.Response:
        return self._http.post("/admin-api", json={"query": query, "variables": variables}).raise_for_status()

    def stock(self, ids: list[str]) -> dict[tuple[str, str], tuple[Any, ...]]:
        """SKU, state, on hand and committed of each variant at each location, every variant asked for alone."""
        found: dict[tuple[str, str], tuple[Any, ...]] = {}
        for id_ in ids:
            variant = self.ask(ONE, id=id_)["productVariant"]
            if variant is None:
                continue
            for level in variant["stockLevels"]:
                tracked = variant["trackInventory"] != "FALSE"
                numbers = (level["stockOnHand"], level["stockAllocated"]) if tracked else (None, None)
                state = "tracked" if tracked else "untracked"
                found[id_, level["stockLocation"]["id"]] = (variant["sku"], state, *numbers)
        return found


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    folder, data, port = install("vendure"), tmp_path / "vendure", free_port()
    data.mkdir()
    (data / "products.csv").write_text(products_csv())
    environment = {"FOLDER": str(data), "PORT": str(port), "PASSWORD": PASSWORD}
    run_node(folder, "node", "server.js", "seed", **environment)
    url = f"http://127.0.0.1:{port}"
    with serving(folder, "node", "server.js", url=f"{url}/health", log=tmp_path / "vendure.log", **environment):
        yield url


@pytest.fixture
def admin(url: str) -> Iterator[Admin]:
    with closing(Admin(url)) as admin:
        yield admin


def products_csv() -> str:
    """Every tenth product is not tracked."""
    lines = [
        "name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,trackInventory,"
        "variantAssets,variantFacets"
    ]
    for product in range(PRODUCTS):
        for number, size in enumerate(SIZES):
            head = f"Product {product},product-{product},Words,,,Size" if number == 0 else ",,,,,"
            tracked = "false" if product % 10 == 3 else "true"
            lines.append(f"{head},{size},SKU-{product:03}-{size},9.90,Standard,{(product * 7 + number * 3) % 40},{tracked},,")
    return "\n".join(lines) + "\n"


def test_what_is_published_is_what_vendure_says_of_each_variant(url: str, admin: Admin, command_line: CommandLine) -> None:
    listed = admin.ask("{ productVariants(options: { take: 1000 }) { items { id sku } } }")["productVariants"]["items"]
    ids = {variant["sku"]: variant["id"] for variant in listed}
    assert len(ids) == PRODUCTS * len(SIZES)
    second = admin.ask('mutation { createStockLocation(input: { name: "Depot", description: "" }) { id } }')[
        "createStockLocation"
    ]["id"]
    admin.update(
        *({"id": id_, "stockLevels": [{"stockLocationId": second, "stockOnHand": 11}]} for id_ in list(ids.values())[::3])
    )
    admin.update({"id": ids["SKU-000-S"], "enabled": False}, {"id": ids["SKU-001-S"], "sku": "SKU-001-M"})

    command_line.run(
        "stores", "add", "live", "--platform", "vendure", "--url", url, "--allow-private",
        "--credential", "username=-", "--credential", "password=-", typed=f"superadmin\n{PASSWORD}\n",
    )  # fmt: skip
    assert "240 variants" in command_line.run("stores", "check", "live")
    first = command_line.sync("live")
    published, told = command_line.lines("live"), admin.stock(list(ids.values()))
    assert as_told(published) == told
    assert first["created"] == first["seen"] == len(told) == 240 + 80
    assert published[ids["SKU-000-S"], "1"]["status"] == "draft"

    assert published[ids["SKU-020-M"], "1"]["committed"] == 0

    before = told
    admin.order(ids["SKU-020-M"], 2)
    free = told[ids["SKU-020-M"], "1"][2]
    asked = command_line.run("verify", "live", "SKU-020-M")
    assert f"{free} → {free - 2}" in asked, asked
    admin.update(
        {"id": ids["SKU-010-S"], "stockLevels": [{"stockLocationId": "1", "stockOnHand": 77}]},
        {"id": ids["SKU-011-M"], "trackInventory": "FALSE"},
        {"id": ids["SKU-012-M"], "sku": "RENAMED"},
    )
    admin.ask("mutation Delete($id: ID!) { deleteProductVariant(id: $id) { result } }", id=ids["SKU-013-L"])
    second_sync = command_line.sync("live")
    published, told = command_line.lines("live"), admin.stock(list(ids.values()))
    gone = {key for key in published if key[0] == ids["SKU-013-L"]}
    assert {published[key]["presence"] for key in gone} == {"missing"}
    assert as_told({key: line for key, line in published.items() if key not in gone}) == told
    assert (second_sync["created"], second_sync["missing"]) == (0, len(gone))
    assert published[ids["SKU-020-M"], "1"]["committed"] == 2
    assert second_sync["updated"] == sum(told[key] != before[key] for key in told) > 2


def as_told(lines: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {key: (line["sku"], line["state"], line["on_hand"], line["committed"]) for key, line in lines.items()}


def test_a_key_that_may_only_read_is_enough_and_a_wrong_one_is_told(url: str, admin: Admin, command_line: CommandLine) -> None:
    add = ("--platform", "vendure", "--url", url, "--allow-private", "--credential", "api_key=-")
    command_line.run("stores", "add", "keyed", *add, typed=f"{admin.api_key()}\n")
    assert command_line.sync("keyed")["seen"] == PRODUCTS * len(SIZES)
    command_line.run("stores", "add", "wrong", *add, typed="not-a-key-0123456789\n")
    with pytest.raises(AssertionError, match="the key is wrong, or the server takes no API keys"):
        command_line.run("stores", "check", "wrong")
