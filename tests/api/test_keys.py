"""A key's life: it ends, is rotated, belongs to a person, says when it was used and what was done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from apikit import ALL, Caller, People, Platform, approved, banned_network, previewed, proposed, sample_reviewed, served
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from api import auth, key_uses
from api.audit import verify_chain
from api.auth import DAY, UnauthenticatedError
from api.cli import COMMANDS
from api.key_uses import HOUR, LastUses
from api.publish import publish
from api.rules import Policy
from api.store import open_store, reading, writing
from api.tables import api_keys, audit, kill_switch
from graph.errors import ConflictError, InputError, NothingFoundError, UnavailableError

PERSON = "https://login.example#u-1"
NOW = 1_800_000_000_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the time that keys live by."""

    def at(moment: int) -> None:
        for module in (auth, key_uses):
            monkeypatch.setattr(module, "clock", lambda: moment)

    at(NOW)
    return at


def made(engine: Engine, name: str = "ann", scopes: tuple[str, ...] = ("verdict:read",), **more: object) -> str:
    return auth.create(engine, name, scopes, actor="test", **more)  # type: ignore[arg-type]


def valid(engine: Engine, key: str, **more: object) -> bool:
    try:
        with reading(engine) as tx:
            auth.identify(tx, key, **more)  # type: ignore[arg-type]
    except UnauthenticatedError:
        return False
    return True


def id_of(key: str) -> str:
    return key.split("_")[1]


def events(engine: Engine, subject: str) -> list[str]:
    with reading(engine) as tx:
        return list(tx.execute(select(audit.c.event).where(audit.c.subject == subject).order_by(audit.c.seq)).scalars())


def test_a_key_ends_at_its_time(engine: Engine, clock: Callable[[int], None]) -> None:
    key, endless = made(engine, expires_in=90 * DAY), made(engine)
    clock(NOW + 90 * DAY - 1)
    assert valid(engine, key)
    clock(NOW + 90 * DAY)
    assert not valid(engine, key)
    assert valid(engine, endless)
    with pytest.raises(InputError, match="in the future"):
        made(engine, expires_in=0)


def test_no_key_is_older_than_the_setting_says(engine: Engine, clock: Callable[[int], None]) -> None:
    before, bound = made(engine), made(engine, max_days=30)
    with pytest.raises(InputError, match="30 days at most"):
        made(engine, expires_in=31 * DAY, max_days=30)
    clock(NOW + 30 * DAY)
    assert valid(engine, before), "the setting was not there"
    assert not valid(engine, before, max_days=30), "now it is, and holds for keys made before it"
    assert not valid(engine, bound), "it was, when this one was made"


def test_rotation_leaves_an_overlap_and_one_heir(engine: Engine, clock: Callable[[int], None]) -> None:
    old = made(engine, "feed", ("verdict:read", "audit:read"), expires_in=90 * DAY, allowed_from=["10.0.0.0/8"])
    clock(NOW + 10 * DAY)
    new = auth.rotate(engine, id_of(old), actor="test", overlap=DAY)
    rows = {row["key_id"]: row for row in auth.keys(engine)}
    heir = rows[id_of(new)]
    assert (heir["name"], heir["scopes"], heir["replaces"]) == ("feed", ["audit:read", "verdict:read"], id_of(old))
    assert (heir["expires_at"], heir["allowed_from"]) == (NOW + 100 * DAY, ["10.0.0.0/8"])
    assert valid(engine, old, address="10.1.1.1")
    assert valid(engine, new, address="10.1.1.1")
    with pytest.raises(ConflictError, match="replaced already"):
        auth.rotate(engine, id_of(old), actor="test", overlap=DAY)
    clock(NOW + 11 * DAY)
    assert not valid(engine, old, address="10.1.1.1")
    assert valid(engine, new, address="10.1.1.1")
    assert events(engine, id_of(old)) == ["key.created", "key.rotated"]
    assert new.split("_")[2] not in str(auth.keys(engine))
    assert verify_chain(engine) == 3


def test_rotation_never_makes_a_key_live_longer(engine: Engine, clock: Callable[[int], None]) -> None:
    old = made(engine, expires_in=DAY)
    clock(NOW + DAY - HOUR)
    auth.rotate(engine, id_of(old), actor="test", overlap=7 * DAY)
    clock(NOW + DAY)
    assert not valid(engine, old), "it ends when it would have ended, not after the overlap"
    with pytest.raises(ConflictError, match="has ended"):
        auth.rotate(engine, id_of(old), actor="test", overlap=0)
    at_once = made(engine, "bea")
    auth.rotate(engine, id_of(at_once), actor="test", overlap=0)
    assert not valid(engine, at_once)
    for overlap in (-1, auth.MAX_OVERLAP + 1):
        with pytest.raises(InputError, match="30 days"):
            auth.rotate(engine, id_of(at_once), actor="test", overlap=overlap)
    with pytest.raises(NothingFoundError):
        auth.rotate(engine, "none", actor="test", overlap=0)


def test_rotated_at_once_by_many_there_is_one_heir(engine: Engine) -> None:
    old = id_of(made(engine))

    def try_it(_: int) -> bool:
        try:
            auth.rotate(engine, old, actor="test", overlap=0)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_it, range(16))) == 1
    with reading(engine) as tx:
        assert tx.execute(select(func.count()).select_from(api_keys)).scalar_one() == 2


def test_all_keys_of_a_person_are_revoked_together(engine: Engine) -> None:
    keys = [made(engine), made(engine), made(engine, "ann-script", person=PERSON)]
    assert auth.revoke_all(engine, "ann", actor="test") == [id_of(key) for key in keys[:2]]
    assert [valid(engine, key) for key in keys] == [False, False, True]
    assert auth.revoke_all(engine, PERSON, actor="test") == [id_of(keys[2])]
    assert not valid(engine, keys[2])
    with pytest.raises(NothingFoundError, match="no key of ann"):
        auth.revoke_all(engine, "ann", actor="test")
    assert events(engine, id_of(keys[0])) == ["key.created", "key.revoked"]


@pytest.mark.parametrize(
    ("address", "there"),
    [("10.2.3.4", True), ("2001:db8::7", True), ("11.0.0.1", False), ("2001:db9::1", False), ("unknown", False)],
)
def test_a_key_is_taken_from_its_networks_alone(engine: Engine, address: str, *, there: bool) -> None:
    key = made(engine, allowed_from=["10.0.0.0/8", "2001:db8::/32"])
    assert valid(engine, key, address=address) is there
    assert not valid(engine, key), "nobody knows from where"
    for wrong in ("10.0.0.1/8", "everywhere", "10.0.0.0/40"):
        with pytest.raises(InputError, match="a network is written"):
            made(engine, allowed_from=[wrong])


@given(st.text(max_size=120))
def test_no_text_is_taken_for_a_key(text: str) -> None:
    store = create_engine("sqlite://")
    api_keys.create(store)
    with store.connect() as tx, pytest.raises(UnauthenticatedError):
        auth.identify(tx, text)
    with store.connect() as tx, pytest.raises(UnauthenticatedError):
        auth.identify(tx, f"shoal_{text}")


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "cli:root", PERSON, "a\x00b", "a\nb"])
def test_names_that_are_not_those_of_keys(engine: Engine, name: str) -> None:
    with pytest.raises(InputError, match="name"):
        made(engine, name)


def test_a_name_keeps_its_person(engine: Engine) -> None:
    first = made(engine, "ann", person=PERSON)
    later = made(engine, "ann")
    auth.revoke_all(engine, "ann", actor="test")
    after = made(engine, "ann")
    assert {row["person"] for row in auth.keys(engine)} == {PERSON}, "also where nobody said it again"
    with reading(engine) as tx:
        assert auth.identify(tx, after).name == PERSON
    assert len({first, later, after}) == 3
    with pytest.raises(ConflictError, match="belongs to"):
        made(engine, "ann", person="https://login.example#u-2")
    made(engine, "bea")
    with pytest.raises(ConflictError, match="keys that name no person"):
        made(engine, "bea", person=PERSON)
    auth.revoke_all(engine, "bea", actor="test")
    made(engine, "bea", person=PERSON)


@pytest.fixture
def people(engine: Engine, platform: Platform, policy: Policy) -> Iterator[People]:
    """A served platform with one network fit to ban."""
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    with served(engine, carry_out=False) as people:
        yield people


def test_one_person_with_two_names_counts_once(people: People, engine: Engine) -> None:
    desk = Caller(people.http, made(engine, "ann", ALL, person=PERSON))
    script = Caller(people.http, made(engine, "ann-script", ALL, person=PERSON))
    action_id = proposed(desk)
    assert desk.get(f"/v1/network-actions/{action_id}").json()["proposer"] == PERSON
    seen = previewed(desk, action_id)
    sample_reviewed(people("rob"), seen)
    own = script.post(f"/v1/network-actions/{action_id}:approve", {"digest": seen["digest"]})
    assert own.status_code == 403, own.text
    other = people("bea").post(f"/v1/network-actions/{action_id}:approve", {"digest": seen["digest"]})
    assert other.status_code == 200


def test_a_name_gets_no_person_while_its_work_is_open(people: People, engine: Engine) -> None:
    """Otherwise who proposed under the bare name could approve under the person's."""
    action_id = proposed(people("ann"))
    auth.revoke_all(engine, "ann", actor="test")
    with pytest.raises(ConflictError, match=action_id):
        made(engine, "ann", person=PERSON)
    assert people("bea").post(f"/v1/network-actions/{action_id}:reject", {"reason": "x"}).status_code == 200
    made(engine, "ann", person=PERSON)
    people("eve").post("/v1/kill-switch:set", {"reason": "x"})
    auth.revoke_all(engine, "eve", actor="test")
    with pytest.raises(ConflictError, match="kill switch"):
        made(engine, "eve", person="https://login.example#u-9")
    with reading(engine) as tx:
        assert tx.execute(select(kill_switch.c.actor)).scalar_one() == "eve"


def test_reviewers_and_approvers_have_a_part_too(people: People, engine: Engine) -> None:
    action_id = approved(people)
    for name in ("ann", "rob", "bea"):
        auth.revoke_all(engine, name, actor="test")
        with pytest.raises(ConflictError, match=action_id):
            made(engine, name, person=f"https://login.example#{name}")


def test_what_was_done_with_a_key_is_found(people: People, engine: Engine) -> None:
    ann = people("ann")
    action_id = proposed(ann)
    second = Caller(people.http, made(engine, "ann", ALL))
    second.post(f"/v1/network-actions/{action_id}:cancel", {"reason": "x"})
    with writing(engine) as tx:
        from api.audit import Entry, append

        append(tx, [Entry("ann", "of.old", action_id)], NOW)
    found = key_uses.uses(engine, id_of(ann.key))
    assert [(row["event"], row["subject"]) for row in found.rows] == [("action.proposed", action_id)]
    assert [(row["action_id"], row["state"]) for row in found.actions] == [(action_id, "cancelled")]
    assert found.unmarked == 1
    other = key_uses.uses(engine, id_of(second.key))
    assert [row["event"] for row in other.rows] == ["action.cancelled"]
    assert verify_chain(engine)
    with pytest.raises(NothingFoundError):
        key_uses.uses(engine, "none")


def test_reads_of_private_objects_name_the_key(people: People, engine: Engine) -> None:
    with reading(engine) as tx:
        details = tx.execute(select(audit.c.event, audit.c.detail)).all()
    assert all("key_id" not in row.detail for row in details), "what was done here was done without a key"
    ann = people("ann")
    ann.post("/v1/reviews", {"account_id": "person-1", "decision": "genuine", "reason": "x"})
    with reading(engine) as tx:
        newest = tx.execute(select(audit.c.detail).order_by(audit.c.seq.desc()).limit(1)).scalar_one()
    assert newest["key_id"] == id_of(ann.key)
    assert ann.key.split("_")[2] not in str(newest)


def last_used(engine: Engine) -> int | None:
    return auth.keys(engine)[0]["last_used_at"]  # type: ignore[no-any-return]


def test_last_use_is_written_aside_once_an_hour(engine: Engine, clock: Callable[[int], None]) -> None:
    key, uses = made(engine), LastUses(engine)

    def use() -> None:
        with reading(engine) as tx:
            uses.note(auth.identify(tx, key))

    use()
    assert last_used(engine) is None, "the request itself writes nothing"
    assert uses.write() == 1
    assert last_used(engine) == NOW // HOUR * HOUR
    for _ in range(3):
        use()
    assert uses.write() == 0, "once an hour"
    clock(NOW + HOUR)
    use()
    assert uses.write() == 1
    assert last_used(engine) == NOW // HOUR * HOUR + HOUR
    other = LastUses(engine)
    clock(NOW)
    with reading(engine) as tx:
        other.note(auth.identify(tx, key))
    other.write()
    assert last_used(engine) == NOW // HOUR * HOUR + HOUR, "another process, late, takes nothing back"


def test_last_use_waits_where_the_store_cannot_be_written(
    engine: Engine, clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    del clock
    key, uses = made(engine), LastUses(engine, every=0.01)
    with reading(engine) as tx:
        uses.note(auth.identify(tx, key))

    def refused(_engine: Engine) -> None:
        raise UnavailableError("the decision store cannot be written now: it is read-only")

    with monkeypatch.context() as patch:
        patch.setattr(key_uses, "writing", refused)
        with pytest.raises(UnavailableError):
            uses.write()
        uses.start()
    uses.stop()
    assert last_used(engine) == NOW // HOUR * HOUR


def test_a_served_request_is_a_use(people: People, engine: Engine) -> None:
    ann = people("ann")
    assert ann.get("/v1/networks").status_code == 200
    people.http.get("/v1/networks", headers={"Authorization": "Bearer shoal_x_y"})
    with served(engine, carry_out=False) as other:
        Caller(other.http, ann.key).get("/v1/networks")
    assert last_used(engine) is not None, "a server that ends has written it"


def test_the_commands(engine: Engine, store_url: str, platform: Platform) -> None:
    environment = {"SHOAL_DIR": str(platform.place.root), "SHOAL_DATABASE_URL": store_url}

    def run(*arguments: str, fails: bool = False, **more: str) -> str:
        done = CliRunner(env={**environment, **more}).invoke(COMMANDS["key"], arguments)
        assert (done.exit_code != 0) is fails, (done.output, done.exception)
        return str(done.exception) if fails and not done.output else done.output

    endless = run("create", "--name", "ann", "--scope", "verdict:read").splitlines()
    assert "never ends by itself" in endless[1]
    key_id = id_of(endless[0])
    limited = run("create", "--name", "bea", "--scope", "verdict:read", SHOAL_API_KEY_MAX_DAYS="30").splitlines()
    assert len(limited) == 1
    subject = run(
        "create",
        *("--name", "eve", "--scope", "verdict:read", "--person", "u-7", "--from", "10.0.0.0/8", "--expires-in", "90d"),
        SHOAL_OIDC_ISSUER="https://login.example",
    ).splitlines()
    assert "SHOAL_OIDC_ISSUER" in run("create", "--name", "z", "--scope", "audit:read", "--person", "u", fails=True)
    assert "no time" in run("create", "--name", "z", "--scope", "audit:read", "--expires-in", "soon", fails=True)
    new = run("rotate", key_id, "--overlap", "1h").splitlines()
    listed = {line.split("  ")[0]: line for line in run("list").splitlines()}
    assert "  active  " in listed[key_id]
    assert "  ends " in listed[key_id]
    assert f"replaces {key_id}" in listed[id_of(new[0])]
    assert "never ends  not used" in listed[id_of(new[0])]
    assert "is https://login.example#u-7  from 10.0.0.0/8" in listed[id_of(subject[0])]
    assert "give a key's id" in run("revoke", fails=True)
    assert "2 keys of ann are revoked" in run("revoke", "--name", "ann")
    assert "  revoked " in run("list").splitlines()[0]
    assert "0 entries, 0 network actions." in run("uses", key_id)
    assert not any(line.split("_")[2] in run("list") for line in (endless[0], limited[0], new[0]))
    assert engine.dialect.name in store_url


def test_an_older_version_does_not_take_up_keys_with_limits(store_url: str, engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    from api.store import MIGRATIONS

    plain, limited = made(engine), made(engine, "bea", expires_in=DAY)
    owned, netted = made(engine, "eve", person=PERSON), made(engine, "zoe", allowed_from=["10.0.0.0/8"])
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine) as tx:
        config.attributes["connection"] = tx
        command.downgrade(config, "0004")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT key_id, revoked_at FROM api_keys")).all()
        assert "expires_at" not in {c["name"] for c in inspect(connection).get_columns("api_keys")}
    ended = {key_id for key_id, revoked_at in rows if revoked_at is not None}
    assert ended == {id_of(limited), id_of(owned), id_of(netted)}
    with writing(engine) as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
    again = open_store(MIGRATIONS, store_url)
    assert valid(again, plain)
    again.dispose()
    with pytest.raises(SQLAlchemyError), engine.begin() as connection:
        connection.execute(text("UPDATE audit SET actor = 'x'"))
