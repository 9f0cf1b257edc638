"""Signing in: who gets in, who stays out, and what each may."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import wraps
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from werkzeug.test import TestResponse

from people import PASSWORD, add_people, signed_in
from searcher import Library, credentials, database
from searcher.accounts import ROLES, AccountInfo
from searcher.catalog import WrongPassword, now
from served import SLOW_MS
from webui.attempts import Attempts
from webui.guard import ANYONE, needed

# What needs less than its method says by itself; whatever else is served needs no less.
OPEN = {
    "static": ANYONE,
    "health.alive": ANYONE,
    "health.ready": ANYONE,
    "sign_in.show": ANYONE,
    "sign_in.enter": ANYONE,
    "sign_in.leave": ANYONE,
    "search.bring": "viewer",
    "account.choose_password": "viewer",
    "account.sign_out": "viewer",
    "account.make_key": "viewer",
    "account.revoke_key": "viewer",
    "api_search.search_by_plan": "viewer",
    "api_pictures.search_by_picture": "viewer",
    "api_questions.ask": "viewer",
    "api_questions.ask_photo": "viewer",
}


@pytest.fixture
def people(own_library: Library) -> dict[str, AccountInfo]:
    """An account of each role, so that everybody must sign in."""
    return add_people(own_library)


def sign_in(client: FlaskClient, name: str = "Anna", password: str = PASSWORD, **more: Any) -> TestResponse:
    query = {"next": more.pop("next")} if "next" in more else {}
    return client.post("/sign-in", data={"name": name, "password": password, **query}, **more)


def cookie(answer: TestResponse) -> str:
    return answer.headers["Set-Cookie"].split(";")[0].partition("=")[2]


# Who must sign in


def test_nobody_signs_in_while_there_are_no_accounts(client: FlaskClient) -> None:
    html = client.get("/").text
    assert "Sign out" not in html
    assert client.get("/sign-in").headers["Location"] == "/"
    assert client.get("/account").headers["Location"] == "/accounts"
    assert client.get("/api/v1/health").status_code == 200


@pytest.mark.usefixtures("people")
def test_with_accounts_everybody_does(own_client: FlaskClient) -> None:
    page = own_client.get("/?q=a+cat&off=0")
    assert (page.status_code, page.headers["Location"]) == (303, "/sign-in?next=/?q%3Da%2Bcat%26off%3D0")
    assert own_client.get("/nowhere").headers["Location"] == "/sign-in?next=/nowhere"
    assert own_client.get("/static/style.css").status_code == 200
    form = own_client.get("/sign-in?next=/?q%3Da%2Bcat")
    assert 'name="next" value="/?q=a+cat"' in form.text
    assert "Albums" not in form.text
    for program in (own_client.get("/api/v1/search?q=a+cat"), own_client.get("/api/v1/nowhere")):
        assert program.status_code == 401
        assert program.content_type == "application/problem+json"
        assert program.headers["WWW-Authenticate"] == "Bearer realm=askpix"
    assert own_client.get("/runs.json", headers={"Sec-Fetch-Mode": "cors"}).status_code == 401


@pytest.mark.usefixtures("people")
def test_a_form_that_was_sent_too_late_leads_back_to_its_page(own_client: FlaskClient) -> None:
    for referrer, led in (("http://localhost/image/3?q=a+cat", "/image/3?q%3Da%2Bcat"), ("http://evil/x", "/")):
        answer = own_client.post("/image/3", data={"caption": "x"}, headers={"Referer": referrer})
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/sign-in?next={led}")


def test_where_others_can_come_from_nobody_may_anything_without_accounts(own_client: FlaskClient) -> None:
    own_client.application.config["ALWAYS_SIGN_IN"] = True
    assert own_client.get("/").headers["Location"] == "/sign-in?next=/"
    assert "askpix accounts add NAME --role admin" in own_client.get("/sign-in").text
    assert own_client.post("/accounts", data={"name": "Eve", "password": PASSWORD}).status_code == 303
    assert sign_in(own_client, "Eve").status_code == 403


# Signing in with a browser


@pytest.mark.usefixtures("people")
def test_one_signs_in_goes_on_to_what_was_asked_for_and_out(own_page: Page, scripted: bool) -> None:
    own_page.goto("/albums")
    expect(own_page.get_by_role("heading", name="Sign in")).to_be_visible()
    if scripted:
        expect(own_page.get_by_label("Name")).to_be_focused()
    own_page.get_by_label("Name").fill("Vera")
    own_page.get_by_label("Password").fill(PASSWORD)
    own_page.get_by_label("Password").press("Enter")
    expect(own_page).to_have_url(re.compile("/albums$"))
    own_page.get_by_label("Your account, Vera").click()
    expect(own_page.get_by_role("link", name="Accounts")).to_have_count(0)
    own_page.get_by_role("button", name="Sign out").click()
    expect(own_page.get_by_role("heading", name="Sign in")).to_be_visible()
    own_page.goto("/albums")
    expect(own_page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.usefixtures("people")
def test_a_mistake_is_told_and_put_right(browser: Browser, own_address: str) -> None:
    with closing(browser.new_context(base_url=own_address)) as context:
        context.set_default_timeout(SLOW_MS)
        page = context.new_page()
        page.goto("/albums")
        page.get_by_label("Name").fill("Vera")
        page.get_by_label("Password").fill("correct house")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("That name and password do not belong together. Try again.")
        expect(page).to_have_title(re.compile("^That name and password"))
        expect(page.get_by_label("Name")).to_have_value("Vera")
        expect(page.get_by_label("Password")).to_be_focused()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_label("Your account, Vera")).to_be_visible()


# The cookie


@pytest.mark.usefixtures("people")
def test_the_cookie_is_for_this_site_and_no_script(own_client: FlaskClient) -> None:
    plain = sign_in(own_client).headers["Set-Cookie"]
    assert re.fullmatch(r"askpix=[\w-]{43}; Expires=[^;]+; Max-Age=2592000; HttpOnly; Path=/; SameSite=Lax", plain)
    secure = sign_in(own_client, base_url="https://localhost").headers["Set-Cookie"]
    assert re.fullmatch(
        r"__Host-askpix=[\w-]{43}; Expires=[^;]+; Max-Age=2592000; Secure; HttpOnly; Path=/; SameSite=Lax", secure
    )


@pytest.mark.usefixtures("people")
def test_a_cookie_that_was_planted_or_used_before_opens_nothing(own_client: FlaskClient) -> None:
    own_client.set_cookie("askpix", "planted")
    first = cookie(sign_in(own_client))
    second = cookie(sign_in(own_client))
    assert len({"planted", first, second}) == 3
    for old in ("planted", first, ""):
        own_client.set_cookie("askpix", old)
        assert own_client.get("/albums").status_code == 303, old
    own_client.set_cookie("askpix", second)
    assert own_client.get("/albums").status_code == 200
    assert own_client.get("/albums", base_url="https://localhost").status_code == 303  # it has another name there


def test_after_signing_out_the_cookie_opens_nothing(
    own_client: FlaskClient, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    token = credentials.sign_in(own_library, people["viewer"], "")
    own_client.set_cookie("askpix", token)
    assert own_client.get("/albums").status_code == 200
    answer = own_client.post("/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    own_client.set_cookie("askpix", token)
    assert own_client.get("/albums").status_code == 303


def test_no_cache_that_many_share_keeps_what_needs_a_sign_in(
    own_client: FlaskClient, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    signed_in(own_client, own_library, people["viewer"])
    html = own_client.get("/").text
    (picture, *_) = re.findall(r"/picture/\d+/\w+-small\.webp", html)
    for address in ("/", picture, "/original/1", "/api/v1/photos"):
        answer = own_client.get(address)
        assert answer.status_code == 200
        assert answer.cache_control.private, address
        assert not answer.cache_control.public, address


# Where it leads


OWN = ("/", "/?q=a+cat", "/image/3?q=%22a%20cat%22%5C", "/albums#album-1")
FOREIGN = (
    "",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "/\x00/evil.example",
    " //evil.example",
    "http://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/albums\r\nSet-Cookie: a=b",
)


@pytest.mark.usefixtures("people")
def test_it_leads_to_own_pages_alone(own_client: FlaskClient) -> None:
    assert sign_in(own_client, next="//evil.example").headers["Location"] == "/"
    assert sign_in(own_client, next=OWN[1]).headers["Location"] == OWN[1]
    led = {asked: own_client.get("/sign-in", query_string={"next": asked}) for asked in (*OWN, *FOREIGN)}
    assert {asked: answer.headers["Location"] for asked, answer in led.items()} == {
        **{asked: asked for asked in OWN},
        **dict.fromkeys(FOREIGN, "/"),
    }


@pytest.mark.usefixtures("people")
def test_other_sites_neither_sign_in_nor_out(own_client: FlaskClient) -> None:
    token = cookie(sign_in(own_client))
    for said in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}):
        for address in ("/sign-in", "/sign-out", "/account/keys", "/accounts"):
            answer = own_client.post(address, data={"name": "Vera", "password": PASSWORD}, headers=said)
            assert answer.status_code == 403, address
            assert "Set-Cookie" not in answer.headers
    own_client.set_cookie("askpix", token)
    assert own_client.get("/accounts").status_code == 200


# Guessing


@pytest.mark.usefixtures("people")
def test_five_wrong_passwords_are_enough_for_a_while(own_client: FlaskClient, own_library: Library) -> None:
    time = [now()]
    attempts = own_client.application.extensions["attempts"] = Attempts(own_library, lambda: time[0])

    def guess(name: str, password: str, address: str) -> TestResponse:
        return sign_in(own_client, name, password, environ_base={"REMOTE_ADDR": address})

    assert guess("Anna", "a guess", "192.0.2.1").status_code == 403
    with Library(own_library.folder) as seen_by_another_server:
        for number in range(4):
            time[0] += timedelta(minutes=1)
            elsewhere = Attempts(seen_by_another_server, lambda: time[0])
            assert elsewhere.begin("anna", f"198.51.100.{number}") == 0
    assert attempts.begin("Anna", "198.51.100.99") > 0
    refused = guess(" ANNA", PASSWORD, "192.0.2.9")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == str(15 * 60 - 4 * 60)
    assert "Too many wrong passwords. Try again in 11 minutes." in refused.text
    assert "Set-Cookie" not in refused.headers
    assert guess("Vera", PASSWORD, "192.0.2.9").status_code == 303
    time[0] += timedelta(minutes=11)
    assert guess("Anna", PASSWORD, "192.0.2.9").status_code == 303


def test_an_address_that_guesses_for_many_names_is_stopped_too(own_library: Library) -> None:
    attempts = at_one_time(own_library)
    assert [attempts.begin(f"name {i}", "2001:db8::1") for i in range(5)] == [0] * 5
    assert attempts.begin("Anna", "2001:db8::ffff") == 15 * 60  # the same household
    assert attempts.begin("Anna", "2001:db8:1::1") == 0
    attempts.succeed("Anna", "2001:db8:1::1")
    assert [attempts.begin("Anna", "2001:db8:1::1") for _ in range(6)] == [0] * 5 + [15 * 60]
    attempts.succeed("Anna", "2001:db8:1::1")
    assert attempts.begin("Anna", "2001:db8:1::1") == 0


def test_many_guesses_at_once_are_counted_like_one_by_one(own_library: Library) -> None:
    attempts = at_one_time(own_library)
    let_in: list[bool] = []
    threads = [
        threading.Thread(target=lambda i=i: let_in.append(attempts.begin("Anna", f"192.0.2.{i}") == 0))
        for i in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let_in) == 5


def test_guesses_are_forgotten_and_names_are_not_kept(own_library: Library) -> None:
    time = [now()]
    attempts = Attempts(own_library, lambda: time[0])
    for number in range(20):
        attempts.begin(f"secret {number}" * 1_000, f"192.0.2.{number}")
        time[0] += timedelta(minutes=5)
    with database.session(own_library.engine) as session:
        kept = session.scalars(select(WrongPassword)).all()
    assert [one.kind for one in kept] == ["name", "address"] * 3
    assert {len(one.who) for one in kept} == {64}


def at_one_time(library: Library) -> Attempts:
    """Attempts at which the clock stands still."""
    time = now()
    return Attempts(library, lambda: time)


# Who may what


@pytest.fixture
def stubbed(own_client: FlaskClient) -> FlaskClient:
    """A client of an application whose views do nothing but say that they were reached."""

    def stub(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def reached(**_arguments: Any) -> str:
            return "reached"

        return reached

    views = own_client.application.view_functions
    views.update({endpoint: stub(view) for endpoint, view in views.items()})
    return own_client


def _routes(client: FlaskClient) -> Iterator[tuple[str, str, str]]:
    """Each endpoint with its methods, and an address of it."""
    adapter = client.application.url_map.bind("localhost")
    for rule in client.application.url_map.iter_rules():
        arguments = {name: 1 if "Integer" in type(kind).__name__ else "x" for name, kind in rule._converters.items()}
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield rule.endpoint, method, adapter.build(rule.endpoint, arguments, method=method)


def test_each_address_is_open_to_those_who_may_and_to_no_others(
    stubbed: FlaskClient, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    def is_let_in(method: str, address: str, kind: str) -> bool:
        content = {"json": {}} if kind.startswith("api_") else {}
        answer = stubbed.open(address, method=method, **content)  # type: ignore[arg-type]
        if answer.status_code in {401, 403} or answer.headers.get("Location", "").startswith("/sign-in?"):
            return False
        assert answer.text == "reached" or answer.status_code == 415 or method == "HEAD", (method, address)
        return True

    order = [ANYONE, *ROLES]
    routes = list(_routes(stubbed))
    assert len(routes) > 60
    for role in order:
        signed_in(stubbed, own_library, people.get(role))
        for endpoint, method, address in routes:
            need = needed(stubbed.application, endpoint, method)
            default = OPEN.get(endpoint, "viewer" if method in {"GET", "HEAD"} else "editor")
            assert order.index(need) >= order.index(default), f"{endpoint} is open to more than its method says"
            let_in = is_let_in(method, address, endpoint)
            assert let_in == (order.index(role) >= order.index(need)), (role, method, address)


def test_accounts_are_for_admins(own_client: FlaskClient) -> None:
    app = own_client.application
    served = [rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith("accounts.")]
    assert {needed(app, endpoint, method) for endpoint in served for method in ("GET", "POST")} == {"admin"}


def test_those_who_may_not_are_told_who_may(
    own_client: FlaskClient, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    signed_in(own_client, own_library, people["viewer"])
    answer = own_client.post("/albums", data={"name": "Cats"})
    assert answer.status_code == 403
    assert "This is for accounts that are editor or more" in answer.text
    problem = own_client.post("/api/v1/albums", json={"name": "Cats"})
    assert problem.status_code == 403
    assert problem.content_type == "application/problem+json"
    signed_in(own_client, own_library, people["editor"])
    assert own_client.post("/albums", data={"name": "Cats"}).status_code == 303


def test_a_viewer_asks_but_keeps_no_answers(
    own_client: FlaskClient, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    signed_in(own_client, own_library, people["viewer"])
    asked = {"question": "is there a dog?"}
    assert own_client.post("/api/v1/photos/1/ask", json=asked).status_code == 200
    assert own_client.post("/api/v1/photos/1/ask", json={**asked, "save_as": "dog"}).status_code == 403
    signed_in(own_client, own_library, people["editor"])
    assert own_client.post("/api/v1/photos/1/ask", json={**asked, "save_as": "dog"}).status_code == 200


# Keys


def test_a_key_opens_what_its_account_may_but_no_accounts(
    own_client: FlaskClient, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    def bears(key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    viewers, admins = (credentials.make_key(own_library, people[role], "A test") for role in ("viewer", "admin"))
    assert own_client.get("/api/v1/photos", headers=bears(viewers)).status_code == 200
    assert own_client.get("/original/1", headers=bears(viewers)).status_code == 200
    assert own_client.post("/api/v1/albums", json={"name": "Cats"}, headers=bears(viewers)).status_code == 403
    assert own_client.post("/api/v1/albums", json={"name": "Cats"}, headers=bears(admins)).status_code == 201
    for address in ("/account", "/accounts"):
        assert own_client.get(address, headers=bears(admins)).status_code == 403
        assert own_client.get(address, headers=bears("askpix_wrong")).status_code == 401
    signed_in(own_client, own_library, people["admin"])
    for wrong in (bears("askpix_wrong"), bears(""), bears("{\udcff}".encode("utf-8", "replace").decode())):
        assert own_client.get("/api/v1/photos", headers=wrong).status_code == 401
    assert own_client.get("/api/v1/photos", headers={"Authorization": "Basic QTpC"}).status_code == 200


def test_the_document_says_how_to_sign_in(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["security"] == [{}, {"key": []}, {"cookie": []}]
            assert {"401", "403"} <= set(operation["responses"])
