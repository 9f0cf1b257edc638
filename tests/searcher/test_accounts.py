"""Accounts, passwords, sign-ins and keys."""

import secrets
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from searcher import Library, accounts, database
from searcher.accounts import (
    AccountInfo,
    change_password,
    change_role,
    check_password,
    delete_account,
    delete_all_accounts,
    make_account,
    reset_password,
)
from searcher.catalog import Account, ApiKey, SignIn, now
from searcher.credentials import (
    end_sign_in,
    end_sign_ins,
    key_account,
    keys,
    make_key,
    revoke_key,
    sign_in,
    sign_ins,
    signed_in,
)
from vlm.errors import AskpixError

PASSWORD = "correct horse"


@pytest.fixture
def anna(demo_copy: Library) -> AccountInfo:
    """The first account, an admin."""
    return make_account(demo_copy, "Anna", PASSWORD, "admin")


def test_a_password_is_kept_as_an_argon2_hash_alone(demo_copy: Library, anna: AccountInfo) -> None:
    assert check_password(demo_copy, " anna ", PASSWORD) == anna
    assert check_password(demo_copy, "Anna", PASSWORD + "!") is None
    assert check_password(demo_copy, "Ben", PASSWORD) is None
    with database.session(demo_copy.engine) as session:
        stored = session.scalars(select(Account.password)).one()
    assert stored.startswith("$argon2id$")
    assert PASSWORD.encode() not in (demo_copy.folder / "catalog.sqlite").read_bytes()


def test_however_a_keyboard_puts_characters_together(demo_copy: Library) -> None:
    made = make_account(demo_copy, "Zdene\u030ck", "pr\u030ci\u0301lis\u030c ku\u030an\u030c", "admin")
    assert made.name == "Zdeněk"
    assert check_password(demo_copy, "ZDENĚK", "příliš kůň") == made
    with pytest.raises(AskpixError, match="a password has 8"):
        make_account(demo_copy, "Ben", "pr\u030ci\u0301lis\u030c", "admin")  # six, however they are counted


def test_a_name_that_nobody_has_is_checked_like_any(
    demo_copy: Library, anna: AccountInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002
            checked.append(str(hash).rpartition("$")[0].rpartition("$")[0])
            return super().verify(hash, password)

    monkeypatch.setattr(accounts, "_hasher", Counting)
    for name in (anna.name, "nobody"):
        assert check_password(demo_copy, name, "a wrong one") is None
    assert len(checked) == 2
    assert len(set(checked)) == 1  # with the same parameters


def test_a_hash_of_other_parameters_is_made_anew(demo_copy: Library, anna: AccountInfo) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with database.writing(demo_copy.engine) as session:
        session.execute(update(Account).values(password=weak))
    for _ in range(2):
        assert check_password(demo_copy, "Anna", PASSWORD) == anna
    with database.session(demo_copy.engine) as session:
        assert not PasswordHasher().check_needs_rehash(session.scalars(select(Account.password)).one())


@pytest.mark.parametrize(
    ("name", "password", "role", "said"),
    [
        ("", PASSWORD, "admin", "the name of an account has 1 to 100 printable characters"),
        ("x" * 101, PASSWORD, "admin", "the name of an account has 1 to 100 printable characters"),
        ("a\x07b", PASSWORD, "admin", "the name of an account has 1 to 100 printable characters"),
        ("Ben", "seven77", "admin", "a password has 8 to 1,000 characters"),
        ("Ben", "x" * 1001, "admin", "a password has 8 to 1,000 characters"),
        ("Ben", PASSWORD, "owner", "there is no role 'owner'; there are: viewer, editor, admin"),
        ("Ben", PASSWORD, "editor", "the first account must be an admin"),
    ],
)
def test_an_account_that_cannot_be_made(demo_copy: Library, name: str, password: str, role: str, said: str) -> None:
    with pytest.raises(AskpixError, match=said):
        make_account(demo_copy, name, password, role)
    assert accounts.accounts(demo_copy) == []


def test_the_last_admin_stays_one(demo_copy: Library, anna: AccountInfo) -> None:
    make_account(demo_copy, "Ben", PASSWORD, "viewer")
    with pytest.raises(AskpixError, match="there is an account 'Anna' already"):
        make_account(demo_copy, "ANNA", PASSWORD, "viewer")
    for attempt in (lambda: change_role(demo_copy, "anna", "editor"), lambda: delete_account(demo_copy, "anna")):
        with pytest.raises(AskpixError, match="'Anna' is the only admin"):
            attempt()
    change_role(demo_copy, "ben", "admin")
    assert change_role(demo_copy, "anna", "editor").role == "editor"
    delete_account(demo_copy, "anna")
    assert [account.name for account in accounts.accounts(demo_copy)] == ["Ben"]
    with pytest.raises(AskpixError, match="there is no account 'anna'; there are: Ben"):
        delete_account(demo_copy, "anna")
    assert delete_all_accounts(demo_copy) == 1
    assert not accounts.any_account(demo_copy)


def test_a_role_may_what_those_before_it_may() -> None:
    may = {own: [role for role in accounts.ROLES if AccountInfo(1, "", own, now()).may(role)] for own in accounts.ROLES}
    assert may == {"viewer": ["viewer"], "editor": ["viewer", "editor"], "admin": ["viewer", "editor", "admin"]}


def test_a_sign_in_is_known_by_a_token_whose_hash_is_kept(demo_copy: Library, anna: AccountInfo) -> None:
    token = sign_in(demo_copy, anna, "A browser")
    known = signed_in(demo_copy, token)
    assert known is not None
    assert (known.account, known.renewed) == (anna, False)
    (listed,) = sign_ins(demo_copy, anna)
    assert (listed.hash, listed.agent) == (known.hash, "A browser")
    assert listed.seen_at.tzinfo is not None
    assert token not in listed.hash
    for other in ("", known.hash, secrets.token_urlsafe(32), "\udcff"):
        assert signed_in(demo_copy, other) is None


def test_a_sign_in_is_renewed_by_use_and_ends_without(demo_copy: Library, anna: AccountInfo) -> None:
    def seen(ago: timedelta) -> None:
        with database.writing(demo_copy.engine) as session:
            session.execute(update(SignIn).values(seen_at=now() - ago))

    token = sign_in(demo_copy, anna, "")
    seen(timedelta(days=29))
    assert [signed_in(demo_copy, token).renewed for _ in range(2)] == [True, False]  # type: ignore[union-attr]
    seen(timedelta(days=30, minutes=1))
    assert signed_in(demo_copy, token) is None
    assert sign_ins(demo_copy, anna) == []
    sign_in(demo_copy, anna, "")
    with database.session(demo_copy.engine) as session:
        assert len(session.scalars(select(SignIn)).all()) == 1


def test_sign_ins_end_when_they_are_told_to(demo_copy: Library, anna: AccountInfo) -> None:
    ben = make_account(demo_copy, "Ben", PASSWORD, "viewer")
    here, there = (signed_in(demo_copy, sign_in(demo_copy, anna, "")) for _ in range(2))
    bens = sign_in(demo_copy, ben, "")
    assert here
    assert there
    end_sign_in(demo_copy, ben, there.hash)  # it is not his
    assert len(sign_ins(demo_copy, anna)) == 2
    change_password(demo_copy, "anna", "another horse", keep=here.hash)
    assert [one.hash for one in sign_ins(demo_copy, anna)] == [here.hash]
    end_sign_ins(demo_copy, anna)
    assert sign_ins(demo_copy, anna) == []
    assert signed_in(demo_copy, bens)
    delete_account(demo_copy, "ben")
    assert signed_in(demo_copy, bens) is None


def test_a_key_acts_for_its_account_until_it_is_revoked(demo_copy: Library, anna: AccountInfo) -> None:
    ben = make_account(demo_copy, "Ben", PASSWORD, "viewer")
    key = make_key(demo_copy, anna, " Backup  script ")
    assert key.startswith("askpix_")
    assert len(key) > 45
    (listed,) = keys(demo_copy, anna)
    assert (listed.name, listed.used_at) == ("Backup script", None)
    assert key_account(demo_copy, key) == anna
    assert key_account(demo_copy, key[:-1]) is None
    revoke_key(demo_copy, ben, listed.id)  # it is not his
    assert key_account(demo_copy, key) == anna
    revoke_key(demo_copy, anna, listed.id)
    assert key_account(demo_copy, key) is None
    with pytest.raises(AskpixError, match="the name of a key has 1 to 100 printable characters"):
        make_key(demo_copy, anna, " ")


def test_the_use_of_a_key_is_not_noted_each_time(demo_copy: Library, anna: AccountInfo) -> None:
    key = make_key(demo_copy, anna, "Backup")
    key_account(demo_copy, key)
    first = keys(demo_copy, anna)[0].used_at
    key_account(demo_copy, key)
    assert keys(demo_copy, anna)[0].used_at == first
    assert first is not None
    with database.writing(demo_copy.engine) as session:
        session.execute(update(ApiKey).values(used_at=first - timedelta(minutes=6)))
    key_account(demo_copy, key)
    assert keys(demo_copy, anna)[0].used_at >= first  # type: ignore[operator]


def test_a_reset_ends_whatever_acts_for_the_account(demo_copy: Library, anna: AccountInfo) -> None:
    token, key = sign_in(demo_copy, anna, ""), make_key(demo_copy, anna, "Backup")
    reset_password(demo_copy, "anna", "another horse")
    assert signed_in(demo_copy, token) is None
    assert key_account(demo_copy, key) is None
    assert check_password(demo_copy, "anna", PASSWORD) is None
    assert check_password(demo_copy, "anna", "another horse") == anna
