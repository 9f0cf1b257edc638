"""The pages of one's own account and of all accounts, and the verbs for those."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import delete

from people import PASSWORD, add_people, signed_in
from searcher import Library, credentials, database
from searcher.accounts import AccountInfo, accounts, check_password
from searcher.catalog import WrongPassword
from support import Askpix, records
from webui.accounts_commands import accounts as verbs
from webui.agents import browser as named

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1 Version/17.5 Safari/604.1"


@pytest.fixture
def people(own_library: Library) -> dict[str, AccountInfo]:
    """An account of each role."""
    return add_people(own_library)


def enter(page: Page, library: Library, account: AccountInfo) -> None:
    """Sign a browser in without the time that a password takes."""
    token = credentials.sign_in(library, account, page.evaluate("navigator.userAgent"))
    page.context.add_cookies([{"name": "askpix", "value": token, "url": page.url}])


def roles(library: Library) -> dict[str, str]:
    return {account.name: account.role for account in accounts(library)}


# All accounts


@pytest.mark.parametrize("device", ["narrow", "without JavaScript"], indirect=True)
def test_the_first_account_is_an_admin_and_has_to_sign_in(own_page: Page, own_library: Library) -> None:
    own_page.goto("/accounts")
    own_page.get_by_label("Name").fill("Anna")
    own_page.get_by_label("Password").fill(PASSWORD)
    own_page.get_by_role("button", name="Make it").click()
    expect(own_page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert roles(own_library) == {"Anna": "admin"}


@pytest.mark.parametrize("device", ["phone", "without JavaScript"], indirect=True)
def test_an_admin_looks_after_accounts(own_page: Page, own_library: Library, people: dict[str, AccountInfo]) -> None:
    own_page.goto("/sign-in")
    enter(own_page, own_library, people["admin"])
    own_page.goto("/accounts")
    own_page.get_by_label("Name").fill("Ben")
    own_page.get_by_role("textbox", name="Password").last.fill(PASSWORD)
    own_page.get_by_role("button", name="Make it").click()
    expect(own_page.locator("main").get_by_role("status")).to_contain_text("The account is made.")
    ben = own_page.get_by_role("listitem").filter(has=own_page.get_by_text("Ben", exact=True))
    ben.locator("summary", has_text="Role").click()
    ben.get_by_role("radio", name="Editor").check()
    ben.get_by_role("button", name="Change it").click()
    expect(own_page.locator("main").get_by_role("status")).to_contain_text("The role is changed.")
    assert roles(own_library) == {"Anna": "admin", "Edgar": "editor", "Vera": "viewer", "Ben": "editor"}
    ben.locator("summary", has_text="Password").click()
    ben.get_by_label("Password", exact=True).fill("another horse")
    ben.get_by_role("button", name="Change it").click()
    expect(own_page.locator("main").get_by_role("status")).to_contain_text("The password is changed.")
    assert check_password(own_library, "Ben", "another horse")
    ben.locator("summary", has_text="Delete").click()
    ben.get_by_role("button", name="Delete “Ben”").click()
    expect(own_page.locator("main").get_by_role("status")).to_contain_text("The account is deleted.")
    assert "Ben" not in roles(own_library)


def test_the_last_admin_can_neither_be_deleted_nor_made_less(
    own_client: FlaskClient, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    signed_in(own_client, own_library, people["admin"])
    for address, more in (("/accounts/delete", {}), ("/accounts/role", {"role": "viewer"})):
        answer = own_client.post(address, data={"name": "Anna", **more})
        assert answer.status_code == 400
        assert "&#39;Anna&#39; is the only admin" in answer.text
    assert roles(own_library)["Anna"] == "admin"


def test_whose_role_is_changed_may_what_it_says_at_once(
    own_client: FlaskClient, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    admins, viewers = own_client, own_client.application.test_client()
    signed_in(admins, own_library, people["admin"])
    signed_in(viewers, own_library, people["viewer"])
    assert viewers.get("/accounts").status_code == 403
    assert admins.post("/accounts/role", data={"name": "Vera", "role": "admin"}).status_code == 303
    assert viewers.get("/accounts").status_code == 200
    assert admins.post("/accounts/delete", data={"name": "Vera"}).status_code == 303
    assert viewers.get("/accounts").headers["Location"] == "/sign-in?next=/accounts"


# One's own account


def test_one_chooses_another_password_and_other_browsers_are_signed_out(
    own_desk: Page, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    elsewhere = credentials.sign_in(own_library, people["viewer"], IPHONE)
    own_desk.goto("/sign-in")
    enter(own_desk, own_library, people["viewer"])
    own_desk.goto("/account")
    own_desk.get_by_label("Your password now").fill(PASSWORD)
    own_desk.get_by_label("Another one").fill("another horse")
    own_desk.get_by_role("button", name="Change it").click()
    expect(own_desk.locator("main").get_by_role("status")).to_contain_text("Your password is changed")
    assert credentials.signed_in(own_library, elsewhere) is None
    assert check_password(own_library, "Vera", "another horse")
    expect(own_desk.get_by_role("listitem").filter(has_text="this one")).to_be_visible()


def test_a_password_is_not_changed_without_the_one_before(
    own_client: FlaskClient, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    signed_in(own_client, own_library, people["viewer"])
    for _ in range(5):
        wrong = own_client.post("/account/password", data={"current": "a guess", "new": "another horse"})
        assert wrong.status_code == 400
        assert "That is not your password now." in wrong.text
    right = {"current": PASSWORD, "new": "another horse"}
    refused = own_client.post("/account/password", data=right)
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    with database.writing(own_library.engine) as session:
        session.execute(delete(WrongPassword))
    short = own_client.post("/account/password", data={**right, "new": "short"})
    assert (short.status_code, "a password has 8 to 1,000 characters" in short.text) == (400, True)


@pytest.mark.parametrize("device", ["desk", "without JavaScript"], indirect=True)
def test_browsers_are_listed_and_signed_out(
    own_page: Page, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    elsewhere = credentials.sign_in(own_library, people["viewer"], IPHONE)
    foreign = credentials.sign_in(own_library, people["editor"], "")
    own_page.goto("/sign-in")
    enter(own_page, own_library, people["viewer"])
    own_page.goto("/account")
    expect(own_page.get_by_role("listitem").filter(has_text="last seen")).to_have_count(2)
    own_page.get_by_role("button", name="Sign out Safari on iPhone").click()
    expect(own_page.locator("main").get_by_role("status")).to_have_text("That browser is signed out.")
    expect(own_page.get_by_role("listitem").filter(has_text="last seen")).to_have_count(1)
    assert credentials.signed_in(own_library, elsewhere) is None
    own_page.get_by_role("button", name="Sign out everywhere").click()
    expect(own_page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert credentials.sign_ins(own_library, people["viewer"]) == []
    assert credentials.signed_in(own_library, foreign) is not None


def test_a_key_is_shown_once_and_revoked(own_desk: Page, own_library: Library, people: dict[str, AccountInfo]) -> None:
    own_desk.goto("/sign-in")
    enter(own_desk, own_library, people["viewer"])
    own_desk.goto("/account")
    own_desk.get_by_label("What a new key is for").fill("Backup <script>")
    own_desk.get_by_role("button", name="Make a key").click()
    key = own_desk.get_by_label("The new key").input_value()
    assert re.fullmatch(r"askpix_[\w-]{43}", key)
    assert credentials.key_account(own_library, key) == people["viewer"]
    own_desk.goto("/account")
    assert key not in own_desk.content()
    own_desk.get_by_role("button", name="Revoke Backup <script>").click()
    expect(own_desk.locator("main").get_by_role("status")).to_have_text("That key opens nothing any more.")
    assert credentials.key_account(own_library, key) is None


def test_the_answer_that_shows_a_key_is_kept_nowhere(
    own_client: FlaskClient, own_library: Library, people: dict[str, AccountInfo]
) -> None:
    signed_in(own_client, own_library, people["viewer"])
    made = own_client.post("/account/keys", data={"name": "Backup"})
    assert "askpix_" in made.text
    assert made.cache_control.no_store
    signed_in(own_client, own_library, people["editor"])
    (key,) = credentials.keys(own_library, people["viewer"])
    assert own_client.post("/account/keys/revoke", data={"key": key.id}).status_code == 303
    assert credentials.keys(own_library, people["viewer"]) == [key]  # it is not Edgar's


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (IPHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/137.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/137.0 Safari/537.36 Edg/137.0", "Edge on Windows"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:139.0) Gecko/139.0 Firefox/139.0", "Firefox on Android"),
        ("curl/8.5", "curl/8.5"),
        ("", "an unknown browser"),
    ],
)
def test_browsers_have_names(client: FlaskClient, agent: str, name: str) -> None:
    with client.application.test_request_context():
        assert named(agent) == name


@pytest.mark.parametrize(("device", "scheme"), [("narrow", "light"), ("desk", "dark")], indirect=["device"])
def test_all_can_use_the_pages(
    own_page: Page, own_library: Library, people: dict[str, AccountInfo], scheme: str
) -> None:
    own_page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    own_page.goto("/sign-in")
    pages = {"/sign-in": Axe().run(own_page)}
    enter(own_page, own_library, people["admin"])
    for address in ("/account", "/accounts"):
        own_page.goto(address)
        pages[address] = Axe().run(own_page)
        assert own_page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    assert {address: found.generate_report() for address, found in pages.items() if found.violations_count} == {}


# The verbs


def test_the_verbs(own_library: Library) -> None:
    def run(*arguments: str, said: str = PASSWORD) -> Result:
        return CliRunner().invoke(verbs, [*arguments, "--library", str(own_library.folder)], input=f"{said}\n{said}\n")

    assert "nobody has to sign in" in run("list").stderr
    assert "the first account must be an admin" in str(run("add", "Ben", "--password-stdin").exception)
    asked = run("add", "Anna", "--role", "admin", "--json")
    assert asked.stdout == '{"name": "Anna", "role": "admin"}\n'
    assert PASSWORD not in asked.output
    assert run("add", "Ben", "--password-stdin").stdout == "Ben  viewer\n"
    assert run("role", "ben", "editor").stdout == "Ben  editor\n"
    assert run("password", "ben", said="another horse").exit_code == 0
    assert check_password(own_library, "Ben", "another horse")
    assert run("list").stdout == "Anna  admin\nBen  editor\n"
    assert "'Anna' is the only admin" in str(run("delete", "anna").exception)
    assert run("delete", "ben").exit_code == 0
    assert run("delete").exit_code == 2
    assert run("delete", "--all").exit_code == 0
    assert accounts(own_library) == []


def test_the_command_line_has_them(askpix: Askpix, own_library: Library) -> None:
    place = ("--library", own_library.folder)
    made = askpix("accounts", "add", "Anna", "--role", "admin", "--password-stdin", "--json", *place, input=PASSWORD)
    assert records(made) == [{"name": "Anna", "role": "admin"}]
    last = askpix("accounts", "delete", "anna", *place)
    assert last.returncode == 2
    assert last.stderr == "askpix: 'Anna' is the only admin; make another account an admin first\n"
