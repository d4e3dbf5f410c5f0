"""The gate before Dagster's UI: what other sites' pages can make a browser send does nothing, and all that is needed goes on."""

import json
import os
import shutil
from collections.abc import Iterator
from urllib.parse import quote

import dagster as dg
import pytest
from playwright.sync_api import BrowserContext, sync_playwright

from inventory_pipeline.cli.doctor_dagster import answers_anybody
from inventory_pipeline_tests.defs.live import until
from inventory_pipeline_tests.processes import free_port
from inventory_pipeline_tests.web.foreign_page import TRY_EVERYTHING, foreign_pages
from inventory_pipeline_tests.web.served import Served

# Launches a run: whatever gets through leaves a trace.
LAUNCH = """mutation { launchRun(executionParams: {selector: {repositoryName: "__repository__", jobName: "check_alerts",
repositoryLocationName: "inventory_pipeline"}, runConfigData: {}, mode: "default"}) { __typename } }"""
IN_ADDRESS = "?query=" + quote(LAUNCH)
JSON = "Content-Type: application/json"
BODY = json.dumps({"query": LAUNCH})
FORGED = "/report_asset_materialization/inventory_snapshot?partition=berlin"
HARMLESS = json.dumps({"query": "{ version }"})
IMAGE = ("Accept: image/avif,*/*", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image")
FORM = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = f'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{BODY}\r\n--b--\r\n'


def traces(instance: dg.DagsterInstance) -> tuple[int, bool]:
    """What a refused request must not have left: runs, and a sync that never was."""
    forged = instance.get_latest_materialization_event(dg.AssetKey("inventory_snapshot")) is not None
    return instance.get_runs_count(dg.RunsFilter(job_name="check_alerts")), forged


FROM_ELSEWHERE = {
    "image": ("GET", f"/graphql{IN_ADDRESS}", IMAGE, ""),
    "image from another port": ("GET", f"/graphql{IN_ADDRESS}", ["Sec-Fetch-Site: same-site"], ""),
    "query in the address": ("GET", f"/graphql{IN_ADDRESS}", [], ""),
    "query in the address of the page": ("GET", f"/graphql{IN_ADDRESS}", ["Accept: text/html"], ""),
    "query in the address, HEAD": ("HEAD", f"/graphql{IN_ADDRESS}", [], ""),
    "query after a slash": ("GET", f"/graphql/{IN_ADDRESS}", [], ""),
    "query after two slashes": ("GET", f"//graphql{IN_ADDRESS}", [], ""),
    "query after an encoded name": ("GET", f"/%67raphql{IN_ADDRESS}", [], ""),
    "query after a line feed, which Dagster's router takes": ("GET", f"/graphql%0A{IN_ADDRESS}", [], ""),
    "query in a whole address": ("GET", f"http://127.0.0.1:PORT/graphql{IN_ADDRESS}", [], ""),
    "JSON in capitals, which Dagster does not know": ("POST", f"/graphql{IN_ADDRESS}", ["Content-Type: Application/JSON"], BODY),
    "method override": ("GET", f"/graphql{IN_ADDRESS}", ["X-HTTP-Method-Override: POST", JSON], ""),
    "form with the query in the address": ("POST", f"/graphql{IN_ADDRESS}", [FORM], "a=b"),
    "text with the query in the address": ("POST", f"/graphql{IN_ADDRESS}", ["Content-Type: text/plain"], "a"),
    "no body, query in the address": ("POST", f"/graphql{IN_ADDRESS}", [], ""),
    "line feed, form with the query in the address": ("POST", f"/graphql%0A{IN_ADDRESS}", [FORM], "a=b"),
    "JSON as text": ("POST", "/graphql", ["Content-Type: text/plain"], BODY),
    "JSON in a parameter": ("POST", "/graphql", ["Content-Type: text/plain;application/json"], BODY),
    "JSON and text": ("POST", "/graphql", ["Content-Type: application/json, text/plain"], BODY),
    "text and JSON": ("POST", "/graphql", ["Content-Type: text/plain, application/json"], BODY),
    "two types": ("POST", "/graphql", [JSON, "Content-Type: text/plain"], BODY),
    "two types the other way": ("POST", "/graphql", ["Content-Type: text/plain", JSON], BODY),
    "no type": ("POST", "/graphql", [], BODY),
    "another type of Dagster's": ("POST", "/graphql", ["Content-Type: application/graphql"], LAUNCH),
    "JSON's cousin": ("POST", "/graphql", ["Content-Type: application/json5"], BODY),
    "upload": ("POST", "/graphql", ["Content-Type: multipart/form-data; boundary=b"], MULTIPART),
    "foreign origin": ("POST", "/graphql", [JSON, "Origin: https://evil.example"], BODY),
    "no origin to name": ("POST", "/graphql", [JSON, "Origin: null"], BODY),
    "empty origin": ("POST", "/graphql", [JSON, "Origin:"], BODY),
    "another port's page": ("POST", "/graphql", [JSON, "Host: localhost:PORT", "Origin: http://localhost:8080"], BODY),
    "the default port's page": ("POST", "/graphql", [JSON, "Host: localhost:PORT", "Origin: http://localhost"], BODY),
    "our page under our other name": ("POST", "/graphql", [JSON, "Host: localhost:PORT", "Origin: http://127.0.0.1:PORT"], BODY),
    "two origins": ("POST", "/graphql", [JSON, "Origin: http://127.0.0.1:PORT", "Origin: https://evil.example"], BODY),
    "an extension's page": ("POST", "/graphql", [JSON, "Origin: chrome-extension://127.0.0.1:PORT"], BODY),
    "user name before the host": ("POST", "/graphql", [JSON, "Origin: http://127.0.0.1:PORT@evil.example"], BODY),
    "another site": ("POST", "/graphql", [JSON, "Sec-Fetch-Site: cross-site", "Origin: http://127.0.0.1:PORT"], BODY),
    "same site": ("POST", "/graphql", [JSON, "Sec-Fetch-Site: same-site"], BODY),
    "a site unheard of": ("POST", "/graphql", [JSON, "Sec-Fetch-Site: same-planet"], BODY),
    "no word on the site": ("POST", "/graphql", [JSON, "Sec-Fetch-Site:"], BODY),
    "two sites": ("POST", "/graphql", [JSON, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"], BODY),
    "a page that posts, as navigation": (
        *("POST", f"/graphql{IN_ADDRESS}"),
        [FORM, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"],
        "a=b",
    ),
    "a forged sync": ("POST", FORGED, [], ""),
    "a forged sync by form": ("POST", FORGED, [FORM], "a=b"),
    "a forged sync from elsewhere": ("POST", FORGED, [JSON, "Origin: https://evil.example"], "{}"),
    "a forged check": ("POST", "/report_asset_check/inventory_snapshot?check_name=skus_usable&passed=true", [], ""),
    "a forged observation": ("POST", "/report_asset_observation/inventory_snapshot", [], ""),
    "PUT": ("PUT", "/graphql", ["Content-Type: text/plain"], BODY),
    "DELETE": ("DELETE", "/graphql", [], ""),
    "in a frame": (
        *("GET", "/"),
        ["Accept: text/html", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"],
        "",
    ),
    "script": ("GET", "/server_info", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"], ""),
    "the old name of it": ("GET", "/dagit_info", ["Origin: https://evil.example"], ""),
    "logs": ("GET", "/logs/a/compute_logs/b.out", ["Sec-Fetch-Site: cross-site"], ""),
    "preflight": ("OPTIONS", "/graphql", ["Origin: https://evil.example", "Access-Control-Request-Method: POST"], ""),
}


@pytest.mark.parametrize("case", FROM_ELSEWHERE)
def test_what_a_page_of_another_site_can_send_is_refused_with_the_reason(
    served: Served, instance: dg.DagsterInstance, case: str
) -> None:
    before = traces(instance)
    answer = served.send(*FROM_ELSEWHERE[case])
    assert answer.status == 403, answer
    assert not any(name.startswith("access-control") for name in answer.headers)
    if FROM_ELSEWHERE[case][0] != "HEAD":
        assert answer.body.count("\n") == 1
        assert answer.body.endswith(".\n")
    assert traces(instance) == before


HOSTS = {
    "evil.example": ["Host: evil.example:PORT"],
    "with our name before it": ["Host: localhost.evil.example"],
    "with our name as a user": ["Host: localhost@evil.example"],
    "with our name after a comma": ["Host: evil.example, localhost"],
    "with a word for a port": ["Host: localhost:evil.example"],
    "empty": ["Host:"],
    "0.0.0.0, which reaches this machine too": ["Host: 0.0.0.0:PORT"],
    "another loopback name": ["Host: evil.localhost:PORT"],
    "IPv6 of elsewhere": ["Host: [::2]:PORT"],
    "with an origin to match": ["Host: evil.example:PORT", "Origin: http://evil.example:PORT", "Sec-Fetch-Site: same-origin"],
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_name_that_is_not_ours_is_misdirected(served: Served, instance: dg.DagsterInstance, host: str) -> None:
    before = traces(instance)
    answer = served.send("POST", "/graphql", [JSON, *HOSTS[host]], BODY)
    assert answer.status == 421
    assert "INVENTORY_WEB_HOSTS" in answer.body
    assert served.open_socket(*HOSTS[host]).status == 421
    assert traces(instance) == before


def test_doctor_sees_the_gate(served: Served, instance: dg.DagsterInstance) -> None:
    assert not answers_anybody(served.port, instance)
    assert not answers_anybody(free_port(), instance)


def test_no_host_at_all_is_misdirected_and_two_are_refused(served: Served, instance: dg.DagsterInstance) -> None:
    before = traces(instance)
    assert served.send("POST", "/graphql", [JSON], BODY, version="1.0", hosted=False).status == 421
    assert served.send("POST", "/graphql", [JSON], BODY, hosted=False).status == 421
    ours, foreign = "Host: 127.0.0.1:PORT", "Host: evil.example"
    assert served.send("POST", "/graphql", [JSON, ours, foreign], BODY).status == 403
    assert served.send("POST", "/graphql", [JSON, foreign, ours], BODY).status == 403
    assert traces(instance) == before


OWN = {
    "a program": [],
    "a program that says what it sends": ["Content-Type: application/json; charset=utf-8"],
    "our page": ["Origin: http://127.0.0.1:PORT", "Sec-Fetch-Site: same-origin"],
    "our page in an older browser": ["Origin: http://127.0.0.1:PORT"],
    "our page as localhost": ["Host: localhost:PORT", "Origin: http://localhost:PORT"],
    "our page by IPv6": ["Host: [::1]:PORT", "Origin: http://[::1]:PORT"],
    "in capitals": ["Host: LOCALHOST:PORT", "Origin: http://localhost:PORT"],
    "with a dot at its end": ["Host: localhost.:PORT"],
    "without a port, behind a proxy": ["Host: localhost", "Origin: https://localhost"],
    "what the person has typed": ["Sec-Fetch-Site: none"],
    "our page behind a proxy that names another host": ["Origin: https://stock.example", "Sec-Fetch-Site: same-origin"],
}


@pytest.mark.parametrize("case", OWN)
def test_a_program_and_our_own_page_are_answered(served: Served, case: str) -> None:
    typed = [] if any(line.startswith("Content-Type") for line in OWN[case]) else [JSON]
    answer = served.send("POST", "/graphql", [*typed, *OWN[case]], HARMLESS)
    assert (answer.status, json.loads(answer.body)) == (200, {"data": {"version": dg.__version__}})


def test_an_old_program_without_http_1_1_is_answered(served: Served) -> None:
    assert served.send("POST", "/graphql", [JSON], HARMLESS, version="1.0").status == 200


LINK = ["Accept: text/html", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]


@pytest.mark.parametrize("path", ["/", "/runs", "/server_info", "/dagit_info", "/favicon.ico", "/manifest.json"])
def test_what_the_web_ui_reads_is_answered_and_never_in_a_foreign_frame(served: Served, path: str) -> None:
    for method, headers in (("GET", []), ("HEAD", []), ("GET", ["Sec-Fetch-Site: same-origin"]), ("GET", LINK)):
        answer = served.send(method, path, headers)
        assert answer.status == 200
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_a_page_about_queries_stays_and_other_answers_are_dagsters(served: Served) -> None:
    page = served.send("GET", "/graphql", ["Accept: text/html"])
    assert page.status == 200
    assert "GraphiQL" in page.body
    assert served.send("GET", "/logs/a/compute_logs/b.out").status == 404
    assert served.send("OPTIONS", "/graphql").status == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Origin: http://127.0.0.1:PORT"], 101),
        (["Host: localhost:PORT", "Origin: http://localhost:PORT"], 101),
        (["Origin: http://127.0.0.1:PORT", "Sec-Fetch-Site: same-site"], 101),  # no page can set the origin
        ([], 101),  # a program
        (["Origin: https://evil.example"], 403),
        (["Origin: http://localhost:PORT"], 403),
        (["Origin: http://127.0.0.1:8080"], 403),
        (["Origin: null"], 403),
        (["Sec-Fetch-Site: cross-site"], 403),
    ],
)
def test_a_websocket_is_for_our_own_page_and_programs(served: Served, headers: list[str], status: int) -> None:
    answer = served.open_socket(*headers)
    assert answer.status == status
    assert status == 101 or answer.body.endswith(".\n")


def test_what_is_let_through_does_what_it_says(served: Served, instance: dg.DagsterInstance) -> None:
    """The traces that the other tests look for do appear."""
    answer = served.send("POST", "/graphql", [JSON], BODY)
    assert json.loads(answer.body) == {"data": {"launchRun": {"__typename": "LaunchRunSuccess"}}}
    assert served.send("POST", FORGED, [JSON], "{}").status == 200
    runs, reported = traces(instance)
    assert (runs > 0, reported) == (True, True)


@pytest.fixture(scope="module")
def chromium() -> Iterator[BrowserContext]:
    """As it is: names that lead to this machine may be anybody's."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        options = ["--host-resolver-rules=MAP *.example 127.0.0.1", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        context = browser.new_context()
        context.set_default_timeout(120_000)
        yield context
        browser.close()


@pytest.mark.parametrize(("there", "here"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("localhost", "localhost")])
def test_in_chromium_another_programs_page_gets_nothing_done(
    served: Served, instance: dg.DagsterInstance, chromium: BrowserContext, there: str, here: str
) -> None:
    before = traces(instance)
    target = f"http://{here}:{served.port}"
    with foreign_pages() as port, chromium.new_page() as page:
        refused: list[str] = []
        page.on("response", lambda answer: refused.append(answer.url) if answer.status == 403 else None)
        page.goto(f"http://{there}:{port}")
        assert page.evaluate(TRY_EVERYTHING, [target, LAUNCH, target + FORGED]) == []
        assert len(refused) > 15
        # A link to the web UI works: it only shows a page.
        page.evaluate("address => { location = address }", f"{target}/runs")
        page.get_by_role("link", name="Overview").wait_for()
    assert traces(instance) == before


def test_in_chromium_a_name_that_leads_here_is_not_answered(
    served: Served, instance: dg.DagsterInstance, chromium: BrowserContext
) -> None:
    before = traces(instance)
    with chromium.new_page() as page:
        answer = page.goto(f"http://rebound.example:{served.port}/")
        assert answer is not None
        assert answer.status == 421
        script = (
            "body => fetch('/graphql', {method: 'POST', headers: {'Content-Type': 'application/json'}, body}).then(r => r.status)"
        )
        assert page.evaluate(script, BODY) == 421
    assert traces(instance) == before


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_in_chromium_the_web_ui_launches_and_hears_of_it(
    served: Served, instance: dg.DagsterInstance, chromium: BrowserContext, name: str
) -> None:
    runs, _ = traces(instance)
    with chromium.new_page() as page:
        refused: list[str] = []
        page.on("response", lambda answer: refused.append(answer.url) if answer.status in (403, 421) else None)
        heard: list[str] = []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
        page.goto(f"http://{name}:{served.port}/locations/inventory_pipeline/jobs/check_alerts/playground")
        greeting = page.get_by_role("button", name="Skip")
        page.add_locator_handler(greeting, lambda: greeting.click())
        page.get_by_role("button", name="Launch Run").click()
        page.wait_for_url("**/runs/*")
        until(lambda: page.wait_for_timeout(100) or any("RunEnqueuedEvent" in frame for frame in heard), 60)
        assert refused == []
    assert traces(instance)[0] == runs + 1
