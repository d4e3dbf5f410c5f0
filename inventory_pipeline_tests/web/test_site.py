"""The site: who sees what, who may do what, and what no page ever does."""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import get_args

import httpx
import pytest

from inventory_pipeline.core.users import RIGHTS, ROLES, Right
from inventory_pipeline.db.integrations.audit import list_audit
from inventory_pipeline.db.integrations.stores import list_stores
from inventory_pipeline.defs.names import SYNC_JOB, launchpad, store_page
from inventory_pipeline.environment import PROJECT_ROOT
from inventory_pipeline.web.site import PAGES
from inventory_pipeline.web.state import STATIC
from inventory_pipeline.web.view import Page
from inventory_pipeline_tests.db.shop import line
from inventory_pipeline_tests.web.site_server import PASSWORD, Markup, SiteServer, form_token, post, site_server

HOSTILE = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "javascript:alert(1)", "\u202etxt.exe", "{{ 7*7 }}",
    "👨‍👩‍👧‍👦 family", "שלום עולם", "' OR 1=1 --", "a\nb\x00c", "=cmd|' /C calc'!A0", "x" * 5_000_000,
]  # fmt: skip


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[SiteServer]:
    with site_server() as server:
        lines = [line(f"H{number}", 3, sku=text[:90_000], title=text) for number, text in enumerate(HOSTILE)]
        lines += [line("A1", 1, sku="SKU-1", title="A title"), line("U1", sku="SKU-U")]
        server.shop("north", lines, "north")
        server.shop("south", [line("A1", 7, sku="SKU-1", title="In the south")], "south")
        server.shop("spare", [line("S1", 7)], "north")
        yield server


@pytest.fixture(scope="module")
def alerts(server: SiteServer) -> dict[str, int]:
    return {key: server.alert(key, key) for key in ("north", "south")}


@pytest.fixture(scope="module")
def root(server: SiteServer) -> httpx.Client:
    return server.user("root", "admin", None)


@pytest.fixture(scope="module")
def browsers(server: SiteServer, root: httpx.Client) -> dict[str, httpx.Client]:
    """A user of the north for each role."""
    return {role: server.user(f"north-{role}", role, ["north"]) for role in ROLES} | {"root": root}


def address(page: Page, key: str, alert: int) -> str:
    parts = {"key": key, "number": str(alert), "platform": "feed", "name": "root", "token": "none"}
    return re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], page.path)


def test_without_a_session_every_page_leads_to_the_sign_in(server: SiteServer, alerts: dict[str, int]) -> None:
    with server.browser() as nobody:
        token = form_token(nobody, "/sign-in")
        for page in PAGES:
            where = address(page, "north", alerts["north"])
            answer = nobody.get(where) if page.method == "GET" else nobody.post(where, data={"form": token})
            if page.needs != "anyone":
                assert answer.status_code == 303, where
                assert answer.headers["location"].startswith("/sign-in")
        assert nobody.get("/stock?store=north").headers["location"] == "/sign-in?next=%2Fstock%3Fstore%3Dnorth"


def test_of_another_group_there_is_nothing_at_any_address(
    server: SiteServer, browsers: dict[str, httpx.Client], alerts: dict[str, int]
) -> None:
    """Every page and every object, asked for by an admin of the other group: 404, and not a word of it anywhere."""
    admin = browsers["admin"]
    asked = [page for page in PAGES if "{key}" in page.path or "{number}" in page.path]
    assert len(asked) >= 12
    for page in asked:
        where = address(page, "south", alerts["south"])
        answer = admin.get(where) if page.method == "GET" else post(admin, where)
        assert answer.status_code == 404, where
    for where in ("/stock", "/stock.csv", "/alerts", "/syncs"):
        assert admin.get(f"{where}?store=south").status_code == 404
    assert admin.get("/stock?group=south").status_code == 404
    assert post(admin, "/alerts/decide", alert=str(alerts["south"]), action="acknowledge").status_code == 404
    both = [str(alerts["south"]), str(alerts["north"])]
    assert post(admin, "/alerts/decide", alert=both, action="acknowledge").status_code == 404
    for page in PAGES:
        if page.method == "GET" and page.needs not in ("users", "dagster") and "{token}" not in page.path:
            answer = admin.get(address(page, "north", alerts["north"]))
            assert answer.status_code < 400, page.path
            shown = answer.text
            assert "outh" not in shown, page.path
    assert "South" in browsers["root"].get("/stores").text


def test_signing_out_everywhere_ends_every_session_of_that_user_alone(server: SiteServer, root: httpx.Client) -> None:
    here, elsewhere = server.user("wanderer", "viewer", ["north"]), server.browser()
    form = {"name": "wanderer", "password": PASSWORD, "form": form_token(elsewhere, "/sign-in")}
    assert elsewhere.post("/sign-in", data=form).status_code == 303
    assert [client.get("/stores").status_code for client in (here, elsewhere)] == [200, 200]
    assert post(here, "/account/sign-out-everywhere").status_code == 303
    assert [client.get("/stores").headers["location"][:8] for client in (here, elsewhere)] == ["/sign-in"] * 2
    assert root.get("/stores").status_code == 200


REQUESTS: dict[Right, tuple[str, dict[str, str]]] = {
    "sync": ("/stores/north/sync", {}),
    "acknowledge": ("/alerts/decide", {"action": "acknowledge"}),
    "accept": ("/stores/north/accept", {"what": "accept_shrink"}),
    "stores": ("/stores/north/activate", {}),
    "credentials": ("/stores/north/edit", {"credential.consumer_key": "x", "group": "north", "url": "https://north.example"}),
    "purge": ("/stores/north/purge", {"name": "not its name"}),
    "users": ("/users", {"name": "new", "role": "viewer"}),
}


def documented_table() -> dict[tuple[str, str], bool]:
    """Right and column of the table in docs/security.md."""
    text = (PROJECT_ROOT / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| (\w+) \| (yes|–) \| (yes|–) \| (yes|–) \| (yes|–) \|$", text, flags=re.M)
    return {(row[0], who): cell == "yes" for row in rows for who, cell in zip((*ROLES, "root"), row[1:], strict=True)}


def test_the_document_has_every_right() -> None:
    assert {right for right, _ in documented_table()} == set(RIGHTS)


@pytest.mark.parametrize("right", get_args(Right))
@pytest.mark.parametrize("who", [*ROLES, "root"])
def test_each_role_may_do_what_the_document_says(
    browsers: dict[str, httpx.Client], alerts: dict[str, int], right: Right, who: str
) -> None:
    client, allowed = browsers[who], documented_table()[right, who]
    if right in ("look", "dagster", "thresholds"):
        path = {"look": "/stores/north", "dagster": "/dagster", "thresholds": "/"}[right]
        if right != "thresholds":  # no page changes them yet
            assert (client.get(path).status_code == 200) == allowed
        return
    path, fields = REQUESTS[right]
    if right == "acknowledge":
        fields = {**fields, "alert": str(alerts["north"])}
    answer = post(client, path, **fields)
    refused = answer.status_code in (403, 404)
    assert refused != allowed, answer.text
    if right == "users" and not allowed:
        assert answer.status_code == 404


def test_a_form_without_its_token_or_of_another_session_does_nothing(
    server: SiteServer, browsers: dict[str, httpx.Client]
) -> None:
    admin, token = browsers["admin"], form_token(browsers["viewer"], "/account")
    for fields in ({}, {"form": ""}, {"form": token}, {"form": "0" * 64}):
        assert admin.post("/stores/spare/deactivate", data=fields).status_code == 403
    right = form_token(admin, "/account")
    foreign = {"Origin": "https://evil.example"}
    assert admin.post("/stores/spare/deactivate", data={"form": right}, headers=foreign).status_code == 403
    cross = {"Sec-Fetch-Site": "same-site", "Origin": server.url}
    assert admin.post("/stores/spare/deactivate", data={"form": right}, headers=cross).status_code == 403
    as_text = {"Content-Type": "text/plain"}
    assert admin.post("/stores/spare/deactivate", content=f"form={right}", headers=as_text).status_code == 403
    assert admin.get("/stores/spare/deactivate").status_code in (404, 405)
    with server.services.database.connect() as connection:
        assert all(store.is_active for store in list_stores(connection))
    assert post(admin, "/stores/spare/deactivate").status_code == 303
    assert "is inactive" in admin.get("/stores/spare").text
    assert post(admin, "/stores/spare/sync").status_code == 303
    assert "Activate it first" in admin.get("/stores/spare").text
    post(admin, "/stores/spare/activate")
    with server.services.database.connect() as connection:
        assert [entry.actor for entry in list_audit(connection, 2)] == ["web:north-admin"] * 2


def test_no_page_executes_or_styles_by_itself_whatever_a_shop_has_written(
    browsers: dict[str, httpx.Client], alerts: dict[str, int]
) -> None:
    asked = [page for page in PAGES if page.method == "GET" and page.path != "/link/{token}"]
    for page in asked:
        answer = browsers["root"].get(address(page, "north", alerts["north"]), follow_redirects=False)
        assert answer.status_code in (200, 303), page.path
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.headers.get("content-type", "").startswith("text/html"):
            shown = Markup(answer.text)
            assert shown.faults == [], page.path
            assert not any(link.lower().startswith(("javascript:", "data:")) for link in shown.links)
            assert len(answer.text) < 400_000
    stock = browsers["root"].get("/stock?store=north").text
    assert "&lt;script&gt;alert(1)" in stock
    assert "\u202e" not in stock
    assert "👨‍👩‍👧‍👦" in stock
    assert "49" not in re.findall(r"<td>([^<]*)", stock)


def test_an_unknown_is_never_a_number(browsers: dict[str, httpx.Client]) -> None:
    rows = re.findall(r"<tr.*?</tr>", browsers["viewer"].get("/stock?q=SKU-U").text, flags=re.S)
    assert len(rows) == 2
    assert '<span class="none">unknown</span>' in rows[1]
    assert ">0<" not in rows[1]


def test_the_stock_is_searched_paged_and_exported(server: SiteServer, root: httpx.Client) -> None:
    server.shop("many", [line(f"M{number:03}", number, sku=f"MANY-{number}", title="Größe ÄÖÜ") for number in range(250)], "many")
    seen: list[str] = []
    where = "/stock?q=many-"
    while where:
        page = root.get(where).text
        seen += re.findall(r">(MANY-\d+)<", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        where = following[1].replace("&amp;", "&") if following else ""
    assert (len(seen), len(set(seen))) == (250, 250)
    csv = root.get("/stock.csv?q=größe").text.splitlines()
    assert (len(csv), csv[0][:11]) == (251, "store,group")
    for hostile in ("%", "_", "'", "\\", "\x00", "<script>", "\ud83d".encode("utf-16", "surrogatepass").hex()):
        assert root.get("/stock", params={"q": hostile}).status_code == 200
    for odd in (
        "after=x",
        "after=%09%09",
        "after=a%09b%09c%09d",
        "status=nonsense",
        "page=-1",
        "low=1",
        "stale=1",
        "low=1&q=many",
    ):
        assert root.get(f"/stock?{odd}").status_code == 200
    for odd in ("page=0", "page=99999999999999999999", "status=x", "severity=%00"):
        assert root.get(f"/alerts?{odd}").status_code == 200
    for odd in ("/alerts/x", "/alerts/0", "/alerts/99999999999999999999999", "/stores/..%2f", "/stores/%00", "/users/%00"):
        assert root.get(odd).status_code == 404, odd


def test_alerts_are_decided_several_at_once(server: SiteServer, root: httpx.Client) -> None:
    ids = [server.alert("spare", "north", item) for item in ("S1", "S2", "S3")]
    assert post(root, "/alerts/decide", alert=list(map(str, ids[:2])), action="acknowledge").status_code == 303
    assert post(root, "/alerts/decide", alert=str(ids[2]), action="snooze", **{"for": "1d"}).status_code == 303
    assert "acknowledged by web:root" in root.get(f"/alerts/{ids[0]}").text
    assert "snoozed until" in root.get(f"/alerts/{ids[2]}").text
    assert "tick the boxes" in root.get(post(root, "/alerts/decide", action="acknowledge").headers["location"]).text


DOUBTED = {
    "gone": (("accept_shrink",), "so much is really gone"),
    "unread": (("accept_unreadable",), "so much cannot be read any more"),
    "both": (("accept_shrink", "accept_unreadable"), "so much is really gone, and so much cannot be read any more"),
}


@pytest.mark.parametrize("case", DOUBTED)
def test_a_doubted_read_shows_what_it_would_take_away_before_what_accepts_it(
    server: SiteServer, root: httpx.Client, case: str
) -> None:
    accepts, button = DOUBTED[case]
    server.shop(case, [line("A1", 7)], "doubted")
    server.quarantined(case, accepts)
    page = root.get(f"/stores/{case}").text
    doubt = page[page.index('class="doubt"') :]
    assert "What it would take away: 1,200 lines" in doubt
    assert "<td>SKU-1</td><td>&lt;b&gt;A title</td><td>Cellar</td>" in doubt
    assert re.search(r'<td class="n">7</td><td>missing</td>', doubt)
    assert "stock &#39;five&#39; is not a number" in doubt
    order = ["missing", "is not a number", "1,200 lines will be missing", button]
    assert sorted(order, key=doubt.index) == order
    assert re.findall(r'name="what" value="(\w+)"', doubt) == list(accepts)
    assert f"<button>Accept: {button}</button>" in doubt
    assert Markup(page).faults == []
    # No code is loaded here, so that nothing is launched: but it is taken for a decision.
    assert post(root, f"/stores/{case}/accept", what=list(accepts)).status_code != 404
    for wrong in ([], ["accept_all"], [*accepts, "accept_all"]):
        assert post(root, f"/stores/{case}/accept", what=wrong).status_code == 404
    viewer = server.user(f"viewer-of-{case}", "viewer", ["doubted"]).get(f"/stores/{case}").text
    assert "What it would take away" in viewer
    assert "<button>Accept" not in viewer


def test_a_quarantine_that_nothing_accepts_and_an_older_read_offer_no_button(server: SiteServer, root: httpx.Client) -> None:
    server.shop("odd", [line("A1", 7)], "doubted")
    server.quarantined("odd", ("accept_shrink",))
    server.quarantined("odd", None)
    page = root.get("/stores/odd").text
    assert "Is the store right?" in page
    assert "What it would take away" not in page
    assert "<button>Accept" not in page


DAGSTER = {
    "the page": ("GET", "/dagster", ""),
    "below it": ("GET", "/dagster/runs", ""),
    "a mutation": ("POST", "/dagster/graphql", '{"query": "mutation { launchRun { __typename } }"}'),
    "a query": ("POST", "/dagster/graphql", '{"query": "{ version }"}'),
    "several at once": ("POST", "/dagster/graphql", '[{"query": "{ version }"}, {"query": "mutation { a }"}]'),
    "under an alias": ("POST", "/dagster/graphql", '{"query": "query Q { version: launchRun }"}'),
    "in a fragment": ("POST", "/dagster/graphql", '{"query": "fragment F on Mutation { launchRun } mutation { ...F }"}'),
    "by name": ("POST", "/dagster/graphql", '{"extensions": {"persistedQuery": {"sha256Hash": "x"}}}'),
    "an empty body": ("POST", "/dagster/graphql", ""),
    "a reported event": ("POST", "/dagster/report_asset_materialization/inventory_snapshot?partition=north", "{}"),
    "a log": ("GET", "/dagster/logs/a/compute_logs/b.out", ""),
    "its own files": ("GET", "/dagster/favicon.ico", ""),
    "a line feed": ("POST", "/dagster/graphql%0A", '{"query": "{ version }"}'),
}


@pytest.mark.parametrize("case", DAGSTER)
@pytest.mark.parametrize("who", [*ROLES, "nobody"])
def test_dagster_is_reached_by_admins_of_all_groups_alone(
    server: SiteServer, browsers: dict[str, httpx.Client], case: str, who: str
) -> None:
    method, path, body = DAGSTER[case]
    json = {"Content-Type": "application/json"}
    before = list(server.dagster.reached)
    with server.browser() as nobody:
        client = browsers.get(who, nobody)
        answer = client.request(method, path, content=body, headers=json)
        assert answer.status_code == (303 if who == "nobody" and path == "/dagster" else 404)
        multipart = client.post(path, files={"operations": (None, body)})
        assert multipart.status_code in (403, 404)
    assert server.dagster.reached == before
    assert browsers["root"].request(method, path, content=body, headers=json).text == "Dagster"


@pytest.mark.parametrize("link", [store_page("north"), launchpad(SYNC_JOB, "accept_shrink: true", "north"), "/runs/abc"])
def test_links_that_runs_and_assets_hold_lead_to_dagster_behind_the_door(root: httpx.Client, link: str) -> None:
    answer = root.get(link, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, f"/dagster{link}")


def test_no_form_is_taken_at_dagster_not_even_of_an_admin(server: SiteServer, root: httpx.Client) -> None:
    before = list(server.dagster.reached)
    for path in ("/dagster/graphql", "/dagster/report_asset_materialization/x", "/dagster"):
        assert root.post(path, data={"query": "mutation { a }"}).status_code == 403
        assert root.post(path, files={"query": (None, "mutation { a }")}).status_code == 403
        assert root.get("/dagster/graphql?query=mutation+%7Ba%7D").status_code == 403
    assert server.dagster.reached == before


def test_what_is_kept_from_npm_is_what_npm_has() -> None:
    """htmx.org 2.0.11, dist/htmx.min.js."""
    kept = sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest()
    assert kept == "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
    assert "Zero-Clause BSD" in (STATIC / "htmx-LICENSE.txt").read_text()
