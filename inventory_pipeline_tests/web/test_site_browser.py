"""The site in a real browser: a shop owner's way from the invitation to the sign-out, with and without JavaScript, on a narrow
screen, by keyboard, and as axe-core sees it."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from typer.testing import CliRunner

from inventory_pipeline.cli.main import app
from inventory_pipeline.demo.shops import demo_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline_tests.defs.live import until
from inventory_pipeline_tests.web.served import Served, ours

pytestmark = pytest.mark.slow
PASSWORD = "correct horse battery"
PATIENCE, LONG = 45_000, 150_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(data_dir: Path) -> Iterator[Served]:
    with Served("serve", INVENTORY_ALLOW_PRIVATE_HOSTS="127.0.0.1") as served:
        yield served
        served.process.kill()
        until(lambda: ours(data_dir) == {}, 60)


@pytest.fixture(scope="module")
def shop() -> Iterator[DemoStore]:
    with DemoStore(demo_catalogue(1)) as shop:
        yield shop


def cli(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def accept_invitation(page: Page, site: Served, name: str) -> None:
    token = re.search(r"/link/(\S+)", cli("users", "add", name, "--role", "admin", "--all-groups"))
    assert token is not None
    page.goto(f"http://127.0.0.1:{site.port}/link/{token[1]}")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Choose it and sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def narrow(page: Page) -> None:
    """Nothing of the page is beyond the screen's edge; wide tables scroll by themselves."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), page.url


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_shop_owners_way(site: Served, shop: DemoStore, browser: Browser, javascript: bool) -> None:
    key = "harbour" if javascript else "plain"
    context = browser.new_context(java_script_enabled=javascript, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    accept_invitation(page, site, f"owner-{key}")

    page.goto(f"http://127.0.0.1:{site.port}/stores")
    page.get_by_role("link", name="Connect a store").first.click()
    page.get_by_role("link", name="WooCommerce").click()
    page.locator("input[name=key]").fill(key)
    page.locator("input[name=name]").fill("Harbour & <Pine>")
    page.locator("input[name=url]").fill(shop.url)
    page.get_by_label("consumer key").fill(shop.key)
    page.get_by_label("consumer secret").fill("cs_wrong")
    if javascript:
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator("#findings")).to_contain_text("not ok")
    expect(page.get_by_label("Run initial sync immediately")).to_be_checked()
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_text("Nothing was saved")).to_be_visible()
    page.get_by_label("consumer key").fill(shop.key)
    page.get_by_label("consumer secret").fill(shop.secret)
    narrow(page)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_text("its first sync starts within ten seconds")).to_be_visible()

    # It is watched: by htmx, or by a page that loads itself anew.
    sync = page.locator("#sync")
    if javascript:
        expect(sync).to_contain_text("published", timeout=LONG)
    else:
        until(lambda: page.reload() and "published" in sync.inner_text(), 120, pause=1)
    expect(page.get_by_role("heading", name="Units over time")).to_be_visible()
    expect(page.get_by_text("auto sync")).to_be_visible()
    narrow(page)

    # A second sync by the button, and its end in the history.
    page.get_by_role("button", name="Sync Products").click()
    if javascript:
        expect(page.get_by_text("manual")).to_be_visible(timeout=LONG)
    else:
        until(lambda: page.reload() and page.get_by_text("manual").count() and "published" in sync.inner_text(), 120, pause=1)

    cli("check-alerts")
    page.goto(f"http://127.0.0.1:{site.port}/stock?store={key}&low=1")
    sku = page.locator("tbody th a").first
    name = sku.inner_text()
    narrow(page)
    sku.click()
    expect(page.get_by_text("in every store that has it")).to_be_visible()
    expect(page.locator("tbody th a").first).to_have_text(name)
    page.goto(f"http://127.0.0.1:{site.port}/stock")
    page.get_by_label("Search").fill(name.lower())
    if javascript:
        expect(page.locator("#rows tbody tr").filter(has_not_text=name)).to_have_count(0)
    else:
        page.get_by_role("button", name="Show").click()
    expect(page.locator("#rows tbody tr").first).to_contain_text(name)

    page.goto(f"http://127.0.0.1:{site.port}/alerts?store={key}")
    narrow(page)
    page.locator("tbody tr").first.get_by_role("checkbox").check()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("1 alert seen")).to_be_visible()

    page.goto(f"http://127.0.0.1:{site.port}/stores/{key}")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("is inactive: no sync starts. Its stock")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto(f"http://127.0.0.1:{site.port}/stores/{key}")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert [fault for fault in faults if "400" not in fault] == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(site: Served, browser: Browser, scheme: str) -> None:
    context = browser.new_context(color_scheme="light" if scheme == "light" else "dark", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"http://127.0.0.1:{site.port}/sign-in")
    found = Axe().run(page).response["violations"]
    accept_invitation(page, site, f"axe-{scheme}")
    paths = ["/", "/stores", "/connect", "/connect/woocommerce", "/connect/feed", "/stock", "/elsewhere", "/alerts", "/syncs"]
    paths += ["/audit", "/users", f"/users/axe-{scheme}", "/account", "/nowhere"]
    paths += ["/stores/harbour", "/stores/harbour/edit", "/stores/harbour/purge"]
    for path in paths:
        page.goto(f"http://127.0.0.1:{site.port}{path}")
        found += [{**each, "page": path} for each in Axe().run(page).response["violations"]]
    serious = [
        (each.get("page"), each["id"], [node["html"][:160] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
    context.close()


def test_by_keyboard_alone(site: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    accept_invitation(page, site, "keys")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("keys")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    def press_until(text: str, limit: int = 40) -> None:
        for _ in range(limit):
            page.keyboard.press("Tab")
            focused = page.evaluate("(document.activeElement.innerText || document.activeElement.value || '').trim()")
            if focused == text:
                # What has the focus shows it.
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
                return
        raise AssertionError(f"{text} is not reached by the keyboard")

    press_until("Skip to the content", 3)
    page.keyboard.press("Enter")
    page.goto(f"http://127.0.0.1:{site.port}/")
    press_until("Stores")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Stores", exact=True)).to_be_visible()
    press_until("Connect a store")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Connect a store")).to_be_visible()
    context.close()


def test_dagster_is_behind_the_same_door(site: Served, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"http://127.0.0.1:{site.port}/dagster")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    accept_invitation(page, site, "engineer")
    heard: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
    page.goto(f"http://127.0.0.1:{site.port}/dagster/locations/inventory_pipeline/jobs/check_alerts/playground")
    greeting = page.get_by_role("button", name="Skip")
    page.add_locator_handler(greeting, lambda: greeting.click())
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url("**/dagster/runs/*")
    until(lambda: page.wait_for_timeout(100) or any("RunEnqueuedEvent" in frame for frame in heard), 60)
    context.close()
