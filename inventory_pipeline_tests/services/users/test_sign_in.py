"""Signing in: sessions that end, links that work once, attempts that are slowed down; on both databases."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations.audit import list_audit
from inventory_pipeline.db.tables.users import user_tokens, users
from inventory_pipeline.services.users.sign_in import IDLE, SESSION, Browser, SignedIn, SignIn, SignInLater, SignInRefused
from inventory_pipeline.services.users.users import LINK_LASTS, Users
from inventory_pipeline_tests.db.shop import Shop
from inventory_pipeline_tests.db.times import NOON

PASSWORD = "correct horse battery"
HOME, ELSEWHERE = Browser("192.0.2.1", "Firefox"), Browser("198.51.100.7", "curl")


@dataclass
class World:
    database: Database
    now: datetime = NOON
    users: Users = field(init=False)
    sign_in: SignIn = field(init=False)

    def __post_init__(self) -> None:
        clock: Callable[[], datetime] = lambda: self.now  # noqa: E731 - it moves
        self.users, self.sign_in = Users(self.database, clock, actor="cli:tester"), SignIn(self.database, clock)

    def add(self, name: str = "anna", role: str = "admin", groups: list[str] | None = None) -> SignedIn:
        return self.sign_in.with_link(self.users.add(name, role, groups), PASSWORD, HOME)

    def fails(self, name: str = "anna", browser: Browser = ELSEWHERE) -> None:
        with pytest.raises(SignInRefused) as refused:
            self.sign_in.with_password(name, "wrong password", browser)
        assert str(refused.value) == "the name or the password is wrong"


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def test_a_link_chooses_the_password_once_and_for_three_days(world: World) -> None:
    token = world.users.add("Anna@Shop.example", "admin", None)
    assert world.sign_in.link(token)[0].name == "anna@shop.example"
    for bad, why in (("short", "12 to 200"), ("a" * 20, "same few"), ("anna@shop.example1", "little more than the name")):
        with pytest.raises(UsageError, match=why):
            world.sign_in.with_link(token, bad, HOME)
    signed_in = world.sign_in.with_link(token, PASSWORD, HOME)
    assert world.sign_in.session(signed_in.session)
    with pytest.raises(SignInRefused, match="has been used"):
        world.sign_in.with_link(token, PASSWORD, HOME)
    late = world.users.reset("anna@shop.example")
    world.now += LINK_LASTS
    with pytest.raises(SignInRefused, match="older than three days"):
        world.sign_in.link(late)


def test_a_session_ends_without_use_after_its_time_and_when_told_to(world: World) -> None:
    signed_in = world.add()
    world.now += IDLE - timedelta(minutes=1)
    assert world.sign_in.session(signed_in.session)
    world.now += IDLE - timedelta(minutes=1)
    assert world.sign_in.session(signed_in.session), "it was used meanwhile"
    while world.now < NOON + SESSION - timedelta(hours=6):
        world.now += timedelta(hours=6)
        assert world.sign_in.session(signed_in.session)
    world.now = NOON + SESSION
    assert world.sign_in.session(signed_in.session) is None
    again = world.sign_in.with_password("ANNA", PASSWORD, HOME)
    world.now += IDLE
    assert world.sign_in.session(again.session) is None
    third = world.sign_in.with_password("anna", PASSWORD, HOME)
    world.sign_in.end(third.session)
    assert world.sign_in.session(third.session) is None


def test_password_reset_switching_off_and_removal_end_every_session(world: World) -> None:
    world.add("root")
    first = world.add()
    second = world.sign_in.with_password("anna", PASSWORD, ELSEWHERE)
    with pytest.raises(UsageError, match="present password is not right"):
        world.sign_in.change_password(first.user, "no", PASSWORD + "2", first.session)
    world.sign_in.change_password(first.user, PASSWORD, PASSWORD + "2", first.session)
    assert world.sign_in.session(first.session)
    assert world.sign_in.session(second.session) is None
    world.fails(browser=HOME)
    link = world.users.reset("anna")
    assert world.sign_in.session(first.session) is None
    third = world.sign_in.with_link(link, PASSWORD, HOME)
    world.users.set("anna", is_active=False)
    assert world.sign_in.session(third.session) is None
    with pytest.raises(SignInRefused):
        world.sign_in.with_password("anna", PASSWORD, HOME)
    world.users.set("anna", is_active=True)
    fourth = world.sign_in.with_password("anna", PASSWORD, HOME)
    world.users.remove("anna")
    assert world.sign_in.session(fourth.session) is None


def test_guessing_is_slowed_down_and_the_owner_is_not_locked_out(world: World) -> None:
    owner = world.add()
    for _ in range(8):
        world.fails()
    with pytest.raises(SignInLater) as later:
        world.sign_in.with_password("anna", PASSWORD, ELSEWHERE)
    assert later.value.seconds == 2
    # From another address it is the same account; in her own browser she is let in at once.
    with pytest.raises(SignInLater):
        world.sign_in.with_password("anna", PASSWORD, Browser("203.0.113.9"))
    known = Browser("203.0.113.9", known=owner.browser)
    assert world.sign_in.with_password("anna", PASSWORD, known).browser == owner.browser
    waits = []
    for _ in range(12):
        world.now += timedelta(minutes=15)
        world.fails()
        with pytest.raises(SignInLater) as later:
            world.sign_in.with_password("anna", PASSWORD, ELSEWHERE)
        waits.append(later.value.seconds)
    assert waits == sorted(waits)
    assert waits[-1] == 901
    world.now += timedelta(days=1)
    assert world.sign_in.with_password("anna", PASSWORD, ELSEWHERE)


def test_an_address_that_tries_many_names_is_slowed_down_too(world: World) -> None:
    world.add()
    for number in range(30):
        world.fails(f"nobody{number}")
    with pytest.raises(SignInLater):
        world.sign_in.with_password("anna", PASSWORD, ELSEWHERE)
    assert world.sign_in.with_password("anna", PASSWORD, HOME)


def test_the_database_holds_no_token_and_no_password(world: World) -> None:
    signed_in = world.add()
    with world.database.connect() as connection:
        kept = [*connection.execute(sa.select(user_tokens)), *connection.execute(sa.select(users))]
    for secret in (signed_in.session, signed_in.browser, PASSWORD):
        assert secret not in str(kept)
    assert "$argon2id$" in str(kept)


def test_users_belong_to_groups_that_exist_and_one_who_may_change_them_stays(world: World) -> None:
    with pytest.raises(UsageError, match="no store is in group 'north'"):
        world.users.add("anna", "viewer", ["north"])
    Shop(world.database, "berlin", group="north")
    world.users.add("anna", "viewer", ["north"])
    with pytest.raises(UsageError, match="is there already"):
        world.users.add("anna", "viewer", ["north"])
    with pytest.raises(UsageError, match="no name to sign in with"):
        world.users.add("anna smith", "viewer", ["north"])
    with pytest.raises(UsageError, match="none of: viewer, manager, admin"):
        world.users.add("bert", "owner", None)
    world.users.add("root", "admin", None)
    for change in ({"role": "viewer"}, {"is_active": False}, {"groups": ["north"]}):
        with pytest.raises(UsageError, match="nobody would be left"):
            world.users.set("root", **change)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="nobody would be left"):
        world.users.remove("root")
    assert [(user.name, user.role, user.groups) for user in world.users.list()] == [
        ("anna", "viewer", ("north",)),
        ("root", "admin", None),
    ]
    with world.database.connect() as connection:
        audited = {(entry.actor, entry.action, entry.subject) for entry in list_audit(connection)}
    assert audited == {("cli:tester", "users add", "user anna"), ("cli:tester", "users add", "user root")}
