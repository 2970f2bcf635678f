"""Pictures in the log: near copies are one object, whatever comes first, and what files say of themselves is kept."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import mediakit as kit
import pytest
from PIL import ImageOps, PngImagePlugin
from shoalkit import Done, shoal

import ingest.media_folder as module
from graph.workspace import Workspace

NOON = 1_788_264_000_000_000


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


def post(event: str, who: str, *media: str, **more: Any) -> dict[str, Any]:
    at = NOON + int(event[1:]) * 1_000_000
    return {
        "event_id": event,
        "account_id": who,
        "kind": "note",
        "at": at,
        "content_id": f"n-{event}",
        "media": media,
    } | more


def answer(name: str, pdq: str, **more: Any) -> dict[str, Any]:
    return {"file": name, "status": "none", "markers": [], "hash": {"pdq": pdq}} | more


def near(pdq: str, bits: int) -> str:
    """The hash with so many of its bits turned."""
    return f"{int(pdq, 16) ^ ((1 << bits) - 1):064x}"


A, B = "c3" * 32, "0f" * 32
POSTS = [post("e1", "ann", "a.jpg"), post("e2", "bob", "copy.jpg", "b.jpg"), post("e3", "cem", "a.jpg", "copy.jpg")]
ANSWERS = [answer("a.jpg", A), answer("copy.jpg", near(A, 31)), answer("b.jpg", B)]
SHOWN = [("e1", f"media:{A}"), ("e2", f"media:{B}"), ("e2", f"media:{A}"), ("e3", f"media:{A}")]


def put(place: Workspace, rows: list[dict[str, Any]], name: str) -> Done:
    path = place.root.parent / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = shoal("ingest", path, "--format", "auto", "--dir", place.root)
    assert done.code == 0, done.err
    return done


def shown(place: Workspace) -> list[tuple[str, str]]:
    with place.log.connect() as connection:
        return connection.execute(
            "SELECT event_id, object_id FROM actions WHERE channel = 'media' ORDER BY ALL"
        ).fetchall()


@pytest.mark.parametrize(
    "order", [("posts", "answers"), ("answers", "posts"), ("posts", "answers", "posts", "answers")]
)
def test_whichever_comes_second_makes_the_action(place: Workspace, order: tuple[str, ...]) -> None:
    for name in order:
        put(place, POSTS if name == "posts" else ANSWERS, name)
    assert shown(place) == sorted(SHOWN)


def test_in_pieces_and_in_any_order_of_lines_it_is_the_same(tmp_path: Path) -> None:
    for seed in range(4):
        place = Workspace(tmp_path / f"{seed}" / "data")
        place.root.parent.mkdir()
        pieces = [("p", p) for p in POSTS] + [("a", a) for a in ANSWERS]
        random.Random(seed).shuffle(pieces)
        # the leader comes first, as the picture that was met first
        pieces.sort(key=lambda piece: piece[0] == "a" and piece[1]["file"] == "copy.jpg")
        for i, (_, row) in enumerate(pieces):
            put(place, [row], f"{i}")
        assert shown(place) == sorted(SHOWN)
        assert len(set(shown(place))) == len(shown(place))
    whole = Workspace(tmp_path / "whole" / "data")
    whole.root.parent.mkdir()
    put(whole, POSTS, "posts")
    put(whole, ANSWERS[::-1], "answers")
    assert shown(whole) == sorted(SHOWN)


def test_a_picture_that_is_less_near_is_another_object(place: Workspace) -> None:
    put(place, [answer("a.jpg", A), answer("far.jpg", near(A, 32))], "answers")
    put(place, [post("e1", "ann", "a.jpg"), post("e2", "bob", "far.jpg")], "posts")
    assert [name for _, name in shown(place)] == [f"media:{A}", f"media:{near(A, 32)}"]


def test_with_too_little_to_see_there_is_no_object_but_the_markers_are_kept(place: Workspace) -> None:
    marker = {"kind": "generator", "where": "PNG text", "says": "generated", "details": {}}
    rows = [
        answer("flat.jpg", A, hash={"pdq": A, "quality": 49}, status="declared", markers=[marker]),
        answer("clip.mp4", A, hash=None),
    ]
    put(place, rows, "answers")
    put(place, [post("e1", "ann", "flat.jpg", "clip.mp4")], "posts")
    assert shown(place) == []
    with place.log.connect() as connection:
        kept = connection.execute("SELECT media_id, object_id, status, says, quality FROM media ORDER BY 1").fetchall()
    assert kept == [("clip.mp4", None, "none", None, None), ("flat.jpg", None, "declared", "generated", 49)]


def test_what_private_messages_show_is_not_stored(place: Workspace) -> None:
    put(place, [post("e1", "ann", "secret.jpg", kind="message", target_id="bob"), *POSTS], "posts")
    put(place, [answer("secret.jpg", A)], "answers")
    assert shown(place) == []
    with place.log.connect() as connection:
        assert connection.execute("SELECT media FROM interactions WHERE event_id = 'e1'").fetchall()[0][0] in (None, [])


def test_erasing_takes_pictures_that_nobody_else_showed(place: Workspace) -> None:
    put(place, [*POSTS, post("e4", "bob", "mine.jpg")], "posts")
    put(place, [*ANSWERS, answer("mine.jpg", "5a" * 32)], "answers")
    assert shoal("forget", "--account", "bob", "--yes", "--dir", place.root).code == 0
    with place.log.connect() as connection:
        left = connection.execute("SELECT media_id FROM media ORDER BY 1").fetchall()
    assert left == [("a.jpg",), ("copy.jpg",)]
    assert shown(place) == [row for row in sorted(SHOWN) if row[0] != "e2"]
    put(place, [post("e5", "dan", "new.jpg")], "later")
    put(place, [answer("new.jpg", near(A, 3))], "later-answers")
    assert ("e5", f"media:{A}") in shown(place)


def test_what_files_say_is_counted_for_each_account(place: Workspace) -> None:
    rows = [post(f"e{i}", "ann", f"{i}.jpg") for i in range(4)] + [post("e9", "bob", "9.jpg")]
    put(place, rows, "posts")
    says = {
        0: ("declared", "generated"),
        1: ("valid-untrusted", "partly generated"),
        2: ("declared", "possibly generated"),
    }
    answers = [
        answer(f"{i}.jpg", A, status=status, markers=[{"kind": "iptc", "where": "x", "says": said, "details": {}}])
        for i, (status, said) in says.items()
    ]
    answers.append(answer("9.jpg", B))
    put(place, answers, "answers")
    assert shoal("detect", "--dir", place.root).code == 0
    run = place.runs.current()
    assert run is not None
    content = {r["account_id"]: (r["media"], r["generated_media"]) for r in run.table("content").to_pylist()}
    assert content == {"ann": (3, 2), "bob": (1, 0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures: one, a mirrored and cut copy of it, another one with a marker; and what is none."""
    folder = tmp_path / "media"
    (folder / "sub").mkdir(parents=True)
    picture = kit.scene(1)
    (folder / "sub" / "one.jpg").write_bytes(kit.saved(picture, "jpeg"))
    copy = ImageOps.mirror(picture).crop((10, 8, picture.width - 10, picture.height - 8))
    (folder / "copy.webp").write_bytes(kit.saved(copy, "webp"))
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", kit.PARAMETERS)
    kit.scene(3).save(folder / "made.png", pnginfo=texts)
    (folder / "notes.txt").write_text("no picture")
    (tmp_path / "outside.jpg").write_bytes(kit.saved(kit.scene(2), "jpeg"))
    (folder / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    return folder


NAMES = ["sub/one.jpg", "copy.webp", "made.png", "notes.txt", "gone.jpg", "../outside.jpg", "link.jpg", "/etc/passwd"]


def from_folder(place: Workspace, folder: Path) -> Done:
    path = place.root.parent / "posts.jsonl"
    path.write_text("".join(json.dumps(post(f"e{i}", f"u{i}", name)) + "\n" for i, name in enumerate(NAMES)))
    return shoal("ingest", path, "--media", folder, "--dir", place.root)


def test_a_folder_of_files(place: Workspace, folder: Path) -> None:
    done = from_folder(place, folder)
    assert done.code == 0, done.err
    assert "4 rows of media: 3 appended, 1 rejected" in done.out
    assert "1 name of media not there: 'gone.jpg'" in done.out
    assert (
        f"3 names of media not below {folder}, and left alone: '../outside.jpg', '/etc/passwd', 'link.jpg'" in done.out
    )
    with place.log.connect() as connection:
        rows = connection.execute("SELECT media_id, status, says FROM media ORDER BY 1").fetchall()
    assert rows == [("copy.webp", "none", None), ("made.png", "declared", "generated"), ("sub/one.jpg", "none", None)]
    objects = dict(shown(place))
    assert objects["e0"] == objects["e1"]
    assert objects["e2"] != objects["e0"]
    again = from_folder(place, folder)
    assert again.code == 0
    assert "none of 1 file could be read" in again.out
    assert dict(shown(place)) == objects


def test_a_call_that_was_killed_goes_on(
    place: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = Workspace(tmp_path / "other" / "data")
    other.root.parent.mkdir()
    assert from_folder(other, folder).code == 0
    monkeypatch.setattr(module, "BLOCK", 1)
    append, calls = module.ingest, []

    def dies(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return append(*arguments, **named)

    monkeypatch.setattr(module, "ingest", dies)
    assert from_folder(place, folder).code == 130
    assert len(shown(place)) == 1
    done = from_folder(place, folder)
    assert done.code == 0, done.err
    # one at a time, as they come by name: the copy leads
    assert len({name for _, name in shown(place)}) == len({name for _, name in shown(other)}) == 2
    assert [event for event, _ in shown(place)] == [event for event, _ in shown(other)]


def test_media_that_nobody_checked_are_told_of(place: Workspace) -> None:
    told = "names of pictures or videos were never checked"
    assert f"3 {told}" in put(place, POSTS, "posts").out
    assert told not in put(place, POSTS, "again").out, "every row is in the log already"
    assert told not in put(place, ANSWERS, "answers").out
    assert f"1 {told}" in put(place, [post("e4", "dan", "a.jpg", "new.jpg")], "later").out, "the log knows the other"
    assert told not in put(place, [post("e5", "eve")], "none").out
    assert told not in put(place, [post("e6", "eve", "x.jpg", kind="message", target_id="ann")], "private").out


def test_no_folder_and_no_media_are_said(place: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text(json.dumps(post("e1", "ann")) + "\n")
    refused = shoal("ingest", path, "--media", tmp_path / "nowhere", "--dir", place.root)
    assert refused.code == 2
    assert "no folder; expected one that holds the media" in refused.err
    done = shoal("ingest", path, "--media", tmp_path, "--dir", place.root)
    assert "no interaction names media that the log does not know" in done.out
