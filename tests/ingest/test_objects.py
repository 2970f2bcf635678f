"""Channels: what an interaction acts on, by known answers; links and hashtags in one spelling."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.model import DERIVED, SECOND, is_private
from graph.workspace import Workspace
from ingest.load import ingest
from ingest.on_request import add_on_request
from ingest.texts import sequence_form, tag_form
from ingest.urls import canonical

NOW = 1_790_000_000_000_000
START = 1_788_220_800_000_000


def event(name: str, account: str, kind: str, second: float, **more: object) -> dict[str, object]:
    return {
        "event_id": name,
        "account_id": account,
        "kind": kind,
        "at": START + round(second * SECOND),
        "target_id": None,
        **more,
    }


def add(workspace: Workspace, name: str, rows: list[dict[str, object]]) -> None:
    path = workspace.root.parent / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
    done = ingest(workspace, path, now=NOW)
    assert done.appended == len(rows)


def acts(workspace: Workspace) -> dict[str, set[tuple[str, str]]]:
    """Channel -> (event, object)."""
    found = defaultdict(set)
    with workspace.log.connect() as connection:
        for channel, name, thing in connection.execute("SELECT channel, event_id, object_id FROM actions").fetchall():
            found[channel].add((name, thing))
    return dict(found)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("comment", "note:x"),
        ("reply", "note:x"),
        ("like", "note:x"),
        ("share", "note:x"),
        ("collect", "note:x"),
        ("view", "note:x"),
        ("message", "account:x"),
        ("follow", "account:x"),
        ("group_message", "group:x"),
    ],
)
def test_every_kind_acts_on_its_target(workspace: Workspace, kind: str, thing: str) -> None:
    add(workspace, "i", [event("e", "a", kind, 0, target_id="x")])
    assert acts(workspace) == {kind: {("e", thing)}}


def test_links_are_one_object_however_they_are_spelt(workspace: Workspace) -> None:
    spellings = [
        "https://shop.example/a?b=2&a=1",
        "HTTPS://Shop.Example:443/a?a=1&b=2&utm_source=x&fbclid=9#buy",
        " https://shop.example/./a?UTM_Campaign=q&b=2&a=1 ",
    ]
    other = ["http://shop.example/a?a=1&b=2", "https://shop.example/a/?a=1&b=2", "https://shop.example/A?a=1&b=2"]
    rows = [event(f"e{i}", "a", "note", i, content_id=f"n{i}", urls=[u]) for i, u in enumerate([*spellings, *other])]
    rows.append(event("e9", "a", "note", 9, content_id="n9", urls=[*spellings, other[0]]))
    add(workspace, "i", rows)
    found = acts(workspace)["url"]
    same = "url:https://shop.example/a?a=1&b=2"
    assert {e for e, thing in found if thing == same} == {"e0", "e1", "e2", "e9"}
    assert len({thing for _, thing in found}) == 4
    assert len(found) == 8  # the three spellings in one note are one link


@pytest.mark.parametrize(
    ("url", "is_spelt"),
    [
        ("http://SHOP.example:80", "http://shop.example/"),
        ("http://shop.example:8080/", "http://shop.example:8080/"),
        ("https://例子.example/路?q=好", "https://xn--fsqu00a.example/%E8%B7%AF?q=%E5%A5%BD"),
        ("https://a.example/%e8%b7%af", "https://a.example/%E8%B7%AF"),
        ("https://a.example/a/b/../c/", "https://a.example/a/c/"),
        ("https://www.a.example/", "https://www.a.example/"),
        ("https://a.example/?a=1&a=2&a=1", "https://a.example/?a=1&a=1&a=2"),
        ("https://a.example/?a=&b", "https://a.example/?a=&b="),
        ("https://a.example/?GCLID=x", "https://a.example/"),
        ("https://a.example/?gclidx=x", "https://a.example/?gclidx=x"),
        ("https://a.example/?utm_medium=1&id=7", "https://a.example/?id=7"),
        # what is no web address stays the text it is
        ("not a url", "not a url"),
        ("u:1", "u:1"),
        ("mailto:A@B.example", "mailto:A@B.example"),
        ("http://", "http://"),
        ("http:" + "//[::1", "http:" + "//[::1"),
        ("http://h.example:99999/", "http://h.example:99999/"),
        ("//a.example/b", "//a.example/b"),
        ("", ""),
    ],
)
def test_a_link_has_one_spelling(url: str, is_spelt: str) -> None:
    assert canonical(url) == is_spelt
    assert canonical(is_spelt) == is_spelt


WORDS = st.text(st.sampled_from("aZ09%2f./:@-_~é路🙂 +&=?#;\\[]"), max_size=12)
LINKS = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}://{}{}/{}?{}={}&{}#{}".format,
        st.sampled_from(["http", "HTTPS", "ftp"]),
        st.sampled_from(["a.example", "A.例子", "[::1]", "u:p@b.example", "x_y"]),
        st.sampled_from(["", ":80", ":443", ":8080", ":"]),
        WORDS,
        WORDS,
        WORDS,
        WORDS,
        WORDS,
    ),
)


@given(LINKS)
@settings(max_examples=300, deadline=None)
def test_any_link_has_a_spelling_that_is_its_own(url: str) -> None:
    assert canonical(canonical(url)) == canonical(url)


def test_hashtags_by_form_and_by_their_order(workspace: Workspace) -> None:
    tags = ["#ＡＩ生成", "Straße", "＃sun", "#SUN", "#"]
    rows = [
        event("e1", "a", "note", 1, content_id="n1", hashtags=tags),
        event("e2", "b", "note", 2, content_id="n2", hashtags=["ai生成", "#strasse", "sun"]),
        event("e3", "c", "note", 3, content_id="n3", hashtags=["sun", "strasse", "ai生成"]),
        event("e4", "d", "note", 4, content_id="n4", hashtags=["sun", "Sun", "#sun", "sea"]),
    ]
    add(workspace, "i", rows)
    found = acts(workspace)
    assert found["hashtag"] == {
        *((e, f"hashtag:{t}") for e in ("e1", "e2", "e3") for t in ("ai生成", "strasse", "sun")),
        ("e4", "hashtag:sun"),
        ("e4", "hashtag:sea"),
    }
    assert found["hashtag_sequence"] == {
        ("e1", "hashtags:#ai生成 #strasse #sun"),
        ("e2", "hashtags:#ai生成 #strasse #sun"),
        ("e3", "hashtags:#sun #strasse #ai生成"),
    }


@given(st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_the_form_of_a_hashtag_is_its_own(tag: str) -> None:
    assert tag_form(tag_form(tag)) == tag_form(tag)
    assert tag_form(f"#{tag}") == tag_form(tag)


@given(st.lists(st.text(max_size=6), max_size=8))
@settings(max_examples=100, deadline=None)
def test_an_order_of_hashtags_needs_three_and_forgets_repeats(tags: list[str]) -> None:
    forms = {tag_form(t) for t in tags} - {""}
    assert (sequence_form(tags) is None) == (len(forms) < 3)
    assert sequence_form([*tags, *tags]) == sequence_form(tags)


def test_who_answers_an_author_within_a_minute(workspace: Workspace) -> None:
    rows = [
        event("n1", "author", "note", 0, content_id="x"),
        event("r1", "a", "comment", 60, target_id="x"),
        event("r2", "b", "like", 60.000001, target_id="x"),  # a microsecond late
        event("r3", "c", "share", 0, target_id="x"),
        event("r4", "d", "view", 5, target_id="x"),  # the feed showed it
        event("r5", "author", "comment", 5, target_id="x"),  # its own
        event("r6", "e", "collect", 5, target_id="unknown"),
        event("r7", "f", "reply", -1, target_id="x"),  # before it
        event("r8", "a", "like", 10, target_id="x"),
    ]
    add(workspace, "i", rows)
    assert "fast_response" not in acts(workspace)
    add_on_request(workspace.log, ["fast_response", "like"])
    object_id = "account:author"
    assert acts(workspace)["fast_response"] == {("r1", object_id), ("r3", object_id), ("r8", object_id)}


def test_an_answer_finds_its_note_whatever_file_it_is_in(workspace: Workspace) -> None:
    note = [event("n1", "author", "note", 0, content_id="x"), event("n2", "else", "note", 0, content_id="y")]
    add(workspace, "0", [event("r0", "a", "comment", 20, target_id="x")])
    add(workspace, "1", note)
    add(workspace, "2", [event("r1", "a", "comment", 61, target_id="x"), event("r2", "b", "like", 59, target_id="y")])
    add_on_request(workspace.log, ["fast_response"])
    assert acts(workspace)["fast_response"] == {("r0", "account:author"), ("r2", "account:else")}


def test_private_links_hashtags_and_orders_stay_hidden_and_still_meet(workspace: Workspace) -> None:
    held = {"urls": ["https://Secret.example/x?utm_source=1"], "hashtags": ["Secret1", "secret2", "secret3"]}
    same = {"urls": ["https://secret.example/x"], "hashtags": ["secret1", "SECRET2", "secret3"]}
    rows = [
        event("m1", "a", "message", 0, target_id="r", **held),
        event("m2", "b", "group_message", 5, target_id="g", **same),
        event("n1", "c", "note", 9, content_id="n", **same),
    ]
    add(workspace, "i", rows)
    found = acts(workspace)
    for channel, objects in (("url", 1), ("hashtag", 3), ("hashtag_sequence", 1)):
        by_event = defaultdict(set)
        for name, thing in found[channel]:
            by_event[name].add(thing)
        assert by_event["m1"] == by_event["m2"]
        assert len(by_event["m1"]) == objects
        assert not by_event["m1"] & by_event["n1"]
        assert all(is_private(channel, thing) for thing in by_event["m1"])
        assert not any("ecret" in thing for thing in by_event["m1"])


def test_a_device_and_a_client_are_no_channels_of_the_log(workspace: Workspace) -> None:
    add(workspace, "i", [event("e", "a", "like", 0, target_id="x", device_id="d", client="c")])
    assert acts(workspace) == {"like": {("e", "note:x")}}


def test_the_order_of_rows_changes_no_action(tmp_path: Path) -> None:
    texts = [f"the same long text with number {i % 3} and some words, variant {'abc'[i % 3]}" for i in range(30)]
    rows = [
        event(
            f"e{i}",
            f"a{i % 7}",
            ("note", "comment", "message", "like")[i % 4],
            i * 7,
            target_id=f"n{i // 4 * 4}" if i % 4 else None,
            content_id=f"n{i}",
            text=texts[i],
            urls=[f"http://u.example/?{i % 3}"],
            hashtags=["x", "y", f"z{i % 2}"],
        )
        for i in range(30)
    ]
    logs = []
    for name in ("one", "two"):
        workspace = Workspace(tmp_path / name / "data")
        (workspace.root / "secrets").mkdir(parents=True)
        (workspace.root / "secrets" / "templates").write_text("key")
        add(workspace, "i", rows)
        logs.append((acts(workspace), [f.read_bytes() for f in workspace.log.files("templates")]))
        random.Random(5).shuffle(rows)
    assert logs[0] == logs[1]
    assert set(DERIVED) - {"media"} <= set(logs[0][0])
