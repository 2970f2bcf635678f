"""Templates: near copies are one object, in every script and over successive files; private ones stay hidden."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph.workspace import Workspace
from ingest.load import ingest
from ingest.sketches import BANDS, PERMUTATIONS, sketch
from ingest.templates import CROWDED, THRESHOLD, Leaders, follow, stand_in
from ingest.texts import MIN_BYTES, has_template, normal_form

NOW = 1_790_000_000_000_000
NOBODY = Leaders([], np.empty((0, PERMUTATIONS), np.uint8), {})
KNOWN_SIGNATURES = [[228, 2, 198, 173, 226, 51], [48, 50, 217, 231, 231, 200]]
KNOWN_BANDS = [[-782180271, -1500086024, -500991057], [-400056454, -1637636178, -284441428]]
# the same message in several scripts, as a person and as a template engine would send it
COPIES = {
    "Latin": (
        "Win a free holiday for two at the sea this summer",
        "Hi Ann! WIN a free holiday for 2 at the sea, this summer 🎉",
    ),
    "Chinese": (
        "今年夏天带全家去海边度假，名额有限，赶快报名参加吧",
        "亲，今年夏天带全家去海边度假！！名额有限👉赶快报名参加吧 88",
    ),
    "Cyrillic": (
        "Выиграйте бесплатный отпуск на море этим летом",
        "ВЫИГРАЙТЕ бесплатный отпуск на море, этим летом!!!",
    ),
    "Arabic": (
        "اربح إجازة مجانية على البحر هذا الصيف مع العائلة",
        "اربح إجازة مجانية على البحر هذا الصيف مع العائلة 🎁",
    ),
    "Hindi": (
        "इस गर्मी में समुद्र के किनारे मुफ्त छुट्टी जीतें",
        "इस गर्मी में, समुद्र के किनारे मुफ्त छुट्टी जीतें!! 7",
    ),
    "mixed": (
        "限时优惠 iPhone 手机壳 only today 点击链接领取",
        "限时优惠！ｉＰｈｏｎｅ手机壳 ONLY today🔥点击链接领取 24",
    ),
    "Korean": (
        "이번 여름 바닷가로 가족과 함께 무료 휴가를 떠나세요",
        "이번 여름, 바닷가로 가족과 함께 무료 휴가를 떠나세요~ 3",
    ),
}


def note(name: str, text: str, *, account: str | None = None, kind: str = "note", second: int = 0) -> dict[str, object]:
    return {
        "event_id": name,
        "account_id": account or name,
        "kind": kind,
        "at": 1_788_220_800_000_000 + second * 1_000_000,
        "target_id": None if kind == "note" else "someone",
        "text": text,
    }


def add(workspace: Workspace, name: str, rows: list[dict[str, object]]) -> None:
    path = workspace.root.parent / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
    assert ingest(workspace, path, now=NOW).appended == len(rows)


def templates(workspace: Workspace) -> dict[str, str]:
    """Event -> template."""
    with workspace.log.connect() as connection:
        rows = connection.execute(
            "SELECT event_id, object_id FROM actions WHERE channel IN ('template', 'message_template')"
        ).fetchall()
    assert len({name for name, _ in rows}) == len(rows)  # one text, one template
    return dict(rows)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("ＯＮＬＹ 20% off!! 🎉 到１２月", "only0off到0月"),
        ("Straße—STRASSE", "strassestrasse"),
        ("1,000.50 and 7 8", "0and0"),
        ("👩‍👩‍👧‍👦❤️ 1️⃣ ok", "0ok"),
        ("हिन्दी", "हिन्दी"),  # marks are part of the letters
        ("e\u0301 é", "éé"),
        ("zero\u200bwidth\u00adsoft", "zerowidthsoft"),
        ("_under_score_", "underscore"),
        ("!?… 🙂", ""),
    ],
)
def test_the_normal_form_by_known_answers(text: str, form: str) -> None:
    assert normal_form(text) == form


@given(st.text(max_size=40))
@example("e🙂\u0301")
@example("\u0345\u0301")
@settings(max_examples=400, deadline=None)
def test_the_normal_form_is_a_fixed_point_without_what_copies_differ_in(text: str) -> None:
    form = normal_form(text)
    assert normal_form(form) == form
    assert "00" not in form
    assert normal_form(f" {text}!🎉 ") == form
    if "\u0345" not in normalize("NFD", text):  # the one mark that case folding makes a letter
        assert normal_form(text.casefold()) == form


def test_near_copies_are_one_template_in_every_script(workspace: Workspace) -> None:
    add(workspace, "i", [note(f"{name}{i}", text) for name, pair in COPIES.items() for i, text in enumerate(pair)])
    found = templates(workspace)
    for name in COPIES:
        assert found[f"{name}0"] == found[f"{name}1"], name
    assert len(set(found.values())) == len(COPIES)


def test_a_later_file_meets_the_templates_of_an_earlier_one(workspace: Workspace) -> None:
    for i, (first, private) in enumerate([(0, 1), (1, 1), (1, 0)]):
        rows = [note(f"{name}{i}", pair[first]) for name, pair in COPIES.items()]
        rows += [
            note(f"{name}{i}p", pair[private], kind=("message", "group_message")[i % 2])
            for name, pair in COPIES.items()
        ]
        add(workspace, str(i), rows)
    found = templates(workspace)
    for name in COPIES:
        assert found[f"{name}0"] == found[f"{name}1"] == found[f"{name}2"], name
        assert found[f"{name}0p"] == found[f"{name}1p"] == found[f"{name}2p"], name
    assert len(set(found.values())) == 2 * len(COPIES)  # private ones meet one another, and no public one
    with workspace.log.connect() as connection:
        ranks = connection.execute("SELECT rank, private FROM templates ORDER BY rank").fetchall()
    assert ranks == [(i, i >= len(COPIES)) for i in range(2 * len(COPIES))]


def test_short_texts_have_no_template(workspace: Workspace) -> None:
    rows = [note("a", "x" * (MIN_BYTES - 1)), note("b", "x" * MIN_BYTES), note("c", "好" * 7), note("d", "好" * 8)]
    add(workspace, "i", rows)
    assert sorted(templates(workspace)) == ["b", "d"]


ALPHABETS = {"Chinese": [chr(c) for c in range(0x4E00, 0x4E00 + 2000)], "Latin": list("etaoinshrdlucmfwypvbgkjqxz")}


def written(rng: random.Random, alphabet: list[str], length: int) -> str:
    return "".join(rng.choices(alphabet, k=length))


def edited(rng: random.Random, text: str, alphabet: list[str], rate: float) -> str:
    """A character in 1 / rate is replaced, dropped or followed by another."""
    out = []
    for c in text:
        what = rng.randrange(3) if rng.random() < rate else None
        out.append({None: c, 0: rng.choice(alphabet), 1: c + rng.choice(alphabet), 2: ""}[what])
    return "".join(out)


@pytest.mark.parametrize(("script", "length"), [("Chinese", 60), ("Latin", 120)])
def test_recall_and_precision_at_seven_percent_edits(script: str, length: int) -> None:
    rng, alphabet = random.Random(3), ALPHABETS[script]
    bases = [written(rng, alphabet, length) for _ in range(400)]
    texts = [*bases, *(edited(rng, b, alphabet, 0.07) for b in bases for _ in range(4))]
    names = [str(i) for i in range(len(texts))]
    given_names, new = follow(sketch(texts, b""), names, NOBODY)
    right = [given_names[400 + 4 * i + j] == given_names[i] for i in range(400) for j in range(4)]
    families = defaultdict(set)
    for i, name in enumerate(given_names):
        families[name].add(i if i < 400 else (i - 400) // 4)
    assert np.mean(right) >= 0.97
    assert max(map(len, families.values())) == 1  # nothing joins two bases
    assert len(new) == len(families)


def test_what_a_text_was_given_it_keeps() -> None:
    """Whatever is met later: leaders are only added, and earlier ones go first."""
    rng, alphabet = random.Random(8), list("abcdef")
    bases = [written(rng, alphabet, 60) for _ in range(12)]
    texts = list(dict.fromkeys(edited(rng, rng.choice(bases), alphabet, 0.2) for _ in range(300)))
    before, new = follow(sketch(texts[:150], b""), texts[:150], NOBODY)
    later, _ = follow(sketch(texts, b""), texts, NOBODY)
    assert later[:150] == before
    leaders = [texts[i] for i in new]
    assert all(before[texts.index(leader)] == leader for leader in leaders)


def test_files_one_by_one_give_what_their_texts_give_together(tmp_path: Path) -> None:
    """In the order in which they are used most: the log's leaders are those that one long file would have made."""
    rng, alphabet = random.Random(4), list("abcdefgh")
    bases = [written(rng, alphabet, 50) for _ in range(10)]
    texts = list(dict.fromkeys(edited(rng, rng.choice(bases), alphabet, 0.12) for _ in range(60)))
    together = Workspace(tmp_path / "together" / "data")
    apart = Workspace(tmp_path / "apart" / "data")
    rows = [note(f"e{i}-{n}", text) for i, text in enumerate(texts) for n in range(len(texts) - i)]
    add(together, "all", rows)
    for start in range(0, len(texts), 20):
        part = {f"e{i}" for i in range(start, start + 20)}
        add(apart, f"{start}", [r for r in rows if str(r["event_id"]).partition("-")[0] in part])
    assert templates(apart) == templates(together)
    with apart.log.connect() as a, together.log.connect() as t:
        query = "SELECT template_id, rank, bands, signature FROM templates ORDER BY rank"
        assert a.execute(query).fetchall() == t.execute(query).fetchall()


def test_a_phrase_that_many_templates_have_costs_no_more_than_its_share() -> None:
    rng, alphabet = random.Random(9), ALPHABETS["Chinese"]
    phrase = written(rng, alphabet, 30)
    texts = [phrase + written(rng, alphabet, 40) for _ in range(1500)]
    given_names, new = follow(sketch(texts, b""), texts, NOBODY)
    assert len(set(given_names)) > 0.99 * len(texts)  # they share a phrase, and are no copies
    bands = sketch(texts, b"").bands[new]
    assert max(np.unique(bands, return_counts=True)[1]) > CROWDED  # so the bound was at work


def test_sketches_are_what_they_were() -> None:
    """Known answer: templates in a log are of no use to a version that sketches otherwise (rensa, BLAKE2b, n-grams)."""
    made = sketch(["the same text again and again", "今年夏天带全家去海边度假"], b"")
    assert made.signatures[:, :6].tolist() == KNOWN_SIGNATURES
    assert made.bands[:, :3].tolist() == KNOWN_BANDS
    assert made.bands.shape == (2, BANDS)


def test_a_sketch_depends_on_text_and_key_alone() -> None:
    texts = ["a text of its own", "一个自己的文本", "третий текст"]
    one = sketch(texts, b"key")
    for i, text in enumerate(texts):
        alone = sketch([text], b"key")
        assert (alone.signatures[0] == one.signatures[i]).all()
        assert (alone.bands[0] == one.bands[i]).all()
    assert (sketch(texts, b"other").signatures == one.signatures).mean() < 0.05
    assert sketch([], b"").bands.shape == (0, BANDS)


@pytest.mark.parametrize("share", [0.9, 0.6, 0.3])
def test_a_signature_estimates_the_jaccard_similarity(share: float) -> None:
    """Of the exact character n-grams, pairs of ideographs here; the lowest byte adds 1/256 of what differs."""
    rng, errors = random.Random(2), []
    for _ in range(150):
        text = "".join(rng.sample(ALPHABETS["Chinese"], 80))
        other = text[: int(80 * share)] + "".join(rng.sample(ALPHABETS["Chinese"], 80 - int(80 * share)))
        a, b = ({t[i : i + 2] for i in range(len(t) - 1)} for t in (text, other))
        exact = len(a & b) / len(a | b)
        signatures = sketch([text, other], b"").signatures
        errors.append((signatures[0] == signatures[1]).mean() - exact - (1 - exact) / 256)
    assert abs(np.mean(errors)) < 0.015
    assert np.std(errors) < 1.3 * np.sqrt(0.25 / PERMUTATIONS)


def test_private_texts_leave_no_sketch_that_the_key_is_not_needed_for(tmp_path: Path) -> None:
    text = "Meet me at the old harbour at nine, bring the blue folder"
    logs = {}
    for name in ("one", "two"):
        workspace = Workspace(tmp_path / name / "data")
        add(workspace, "i", [note("a", text, kind="message"), note("b", text, kind="group_message"), note("c", text)])
        kept = pq.read_table(workspace.log.files("templates")[0]).to_pylist()
        logs[name] = {row["private"]: row for row in kept}
        found = templates(workspace)
        assert found["a"] == found["b"] != found["c"]
        assert found["a"].removeprefix("template:") == logs[name][True]["template_id"]
        key = workspace.secret("templates")
        assert logs[name][True]["template_id"] == stand_in(normal_form(text), key)
    public = sketch([normal_form(text)], b"")
    for name, rows in logs.items():
        assert rows[False]["signature"] == public.signatures[0].tobytes()
        assert not set(rows[True]["bands"]) & set(rows[False]["bands"])
        private = np.frombuffer(rows[True]["signature"], np.uint8)
        assert (private == public.signatures[0]).mean() < 0.05, name
    assert not set(logs["one"][True]["bands"]) & set(logs["two"][True]["bands"])


def test_private_signatures_tell_nothing_even_of_likeness(workspace: Workspace) -> None:
    """Two private templates that resemble each other, just not enough, share bands at most, never bytes."""
    rng, alphabet = random.Random(6), ALPHABETS["Latin"]
    base = written(rng, alphabet, 80)
    texts = [base, base[:40] + written(rng, alphabet, 40)]  # far enough apart to be two templates under any key
    open_ = sketch(texts, b"").signatures
    assert 0.25 < (open_[0] == open_[1]).mean() < THRESHOLD - 0.1
    add(workspace, "i", [note(str(i), t, kind="message") for i, t in enumerate(texts)])
    rows = pq.read_table(workspace.log.files("templates")[0]).to_pylist()
    one, two = (np.frombuffer(r["signature"], np.uint8) for r in rows)
    assert (one == two).mean() < 0.05


def test_long_enough_is_counted_in_bytes_so_scripts_are_alike() -> None:
    assert has_template("a" * 24)
    assert not has_template("a" * 23)
    assert has_template("字" * 8)
    assert has_template("\ud800" * 8)  # half a surrogate pair, which some exports hold
