"""The platform that docs/add-a-platform.md writes down is run, and kept to the contract of every platform."""

import asyncio
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from inventory_pipeline.connectors.base import Connector, ConnectorContext
from inventory_pipeline.core.errors import ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.environment import PROJECT_ROOT
from inventory_pipeline_tests.connectors import test_contract as contract
from inventory_pipeline_tests.connectors.platform_case import Live, PlatformCase
from inventory_pipeline_tests.connectors.reading import read_whole
from inventory_pipeline_tests.http.local_server import Answer, App, LocalServer, Request, silence

TOKEN = "tok_0123456789abcdef"
ITEMS = [
    {"id": 1, "tracked": True, "quantity": 5, "sku": "A", "name": "One", "price": "9.99"},
    {"id": 2, "tracked": True, "quantity": 0},
    {"id": 3, "tracked": True, "quantity": "-4"},
    {"id": 4, "tracked": False, "quantity": 0},
    {"id": 5, "tracked": True, "quantity": None},
    {"id": 6, "tracked": True, "quantity": "plenty"},
    {"id": 7, "tracked": True, "quantity": 9, "bundle": True},
]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    (source,) = re.findall(r"```python\n(.*?)```", (PROJECT_ROOT / "docs" / "add-a-platform.md").read_text(), flags=re.S)
    path = Path(tmp_path_factory.mktemp("example")) / "exampleshop.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("exampleshop", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["exampleshop"] = loaded
    spec.loader.exec_module(loaded)
    yield loaded
    del sys.modules["exampleshop"]


def shop(request: Request, token: str = TOKEN) -> Answer:
    if request.headers.get("x-token") != token:
        return Answer.json({"error": "token"}, 401)
    page, size = int(request.query["page"]), int(request.query["size"])
    return Answer.json(ITEMS[(page - 1) * size : page * size], X_Total=str(len(ITEMS)))


def breaking_off(request: Request) -> Answer:
    answer = shop(request)
    return Answer(200, answer.body[:-5], answer.headers) if request.query["page"] == "2" else answer


class ExampleLive(Live):
    connect: Callable[[ConnectorContext], Connector]

    def connector(self) -> Connector:
        return ExampleLive.connect(self.context)


@contextmanager
def served(app: App = shop) -> Iterator[Live]:
    with LocalServer(app) as server:
        store = StoreIntegration(
            key="example", platform="exampleshop", url=server.url, settings={"per_page": "3"}, allow_private=True
        )
        yield ExampleLive(ConnectorContext(store=store, credentials={"token": TOKEN}), server)


QUANTITIES = [Quantity.of(5), Quantity.of(0), Quantity.of(-4), UNTRACKED, UNKNOWN]


@pytest.fixture
def case(module: ModuleType) -> PlatformCase:
    ExampleLive.connect = module.CONNECTOR
    return PlatformCase(
        lines={(str(number), "default"): quantity for number, quantity in enumerate(QUANTITIES, 1)},
        bad_items=1,
        secrets=(TOKEN,),
        whole=served,
        refusing=partial(served, partial(shop, token="another")),
        down=partial(served, lambda _: Answer.html("Maintenance", 503)),
        breaking_off=partial(served, breaking_off),
        silent=partial(served, lambda _: silence()),
    )


# Every test of the contract that needs nothing but a case.
RULES = [
    rule
    for name, rule in vars(contract).items()
    if name.startswith("test_") and rule.__code__.co_varnames[: rule.__code__.co_argcount] == ("case",)
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_example_keeps_the_contract(case: PlatformCase, rule: Callable[[PlatformCase], None]) -> None:
    assert len(RULES) >= 10
    rule(case)


@pytest.mark.usefixtures("case")
def test_what_is_deliberately_no_line_is_counted_and_the_total_proves_the_end() -> None:
    with served() as live:
        whole = asyncio.run(read_whole(live.connector()))
    assert sum(whole.excluded.values()) == 1
    assert (whole.proof.expected, whole.proof.read, [one.name for one in whole.proof.lists]) == (7, 7, ["/items"])


@pytest.mark.usefixtures("case")
@pytest.mark.parametrize(
    ("answer", "kind", "failed"),
    [
        (Answer.json({}, 403), ScopeMissing, "permissions"),
        (Answer.html("Not Found", 404), StoreMisconfigured, "address"),
        (Answer.json({}, 418), StoreMisconfigured, "address"),
    ],
)
def test_a_refusal_is_a_finding_with_its_cure(answer: Answer, kind: type[SyncError], failed: str) -> None:
    with served(lambda _: answer) as live:
        with pytest.raises(kind):
            asyncio.run(read_whole(live.connector()))
        items = asyncio.run(live.connector().check())
    (first,) = [item for item in items if not item.ok][:1]
    assert (first.check, bool(first.cure)) == (failed, True)


@pytest.mark.usefixtures("case")
def test_a_check_of_a_good_shop_finds_everything_good() -> None:
    with served() as live:
        assert [item.ok for item in asyncio.run(live.connector().check())] == [True] * 4
        assert len(live.server.requests) == 1
