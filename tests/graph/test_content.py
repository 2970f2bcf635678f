"""The table `content`: known answers, what is left out, and an independent reckoning of mirroring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unicodedata import category

import duckdb
import pyarrow as pa
import pytest
from graphkit import T0, append
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.content import LEAST_ANSWERS, LEAST_TEXTS, content, phrases
from graph.log import EventLog
from graph.model import CONTENT, DAY
from graph.statements import sql

UNTIL = T0 + 28 * DAY
SHARES = ("template_reuse", "own_reuse", "near_duplicate_share")
MACROS = ("content_opened", "content_composed", "content_half", "content_plain")


def spoken(number: int, account: str, kind: str, text: str | None, **more: Any) -> dict[str, Any]:
    return {"event_id": f"e{number}", "account_id": account, "kind": kind, "at": T0 + number, "text": text, **more}


def template(number: int, account: str, name: str, channel: str = "template") -> dict[str, Any]:
    row = {"event_id": f"e{number}", "account_id": account, "channel": channel, "at": T0 + number}
    return {**row, "object_id": f"template:{name}"}


def computed(root: Path, **tables: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    log = EventLog(root)
    append(log, **tables)
    accounts = sorted({row["account_id"] for rows in tables.values() for row in rows if row["at"] >= T0})
    with log.connect() as connection:
        found = content(connection, T0, UNTIL, pa.chunked_array([pa.array(accounts, pa.string())]))
    assert found.schema.equals(CONTENT.schema)
    return {row["account_id"]: row for row in found.to_pylist()}


@pytest.fixture(scope="module")
def plain() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for macro in MACROS:
            connection.execute(sql(macro))
        yield connection


def plainly(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    found: str = connection.execute("SELECT content_plain($text)", {"text": text}).fetchall()[0][0]
    return found


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("So  GOOD,\n20% off!! 🎉", "sogood20off"),
        ("ＯＮＬＹ１２月", "only12月"),
        ("@ana: @bob Yes — “really”", "yesreally"),
        ("＠小明 好看，真的。", "好看真的"),
        ("@小明：好看", "好看"),
        ("@ana", "ana"),
        ("mail me@example.test", "mailmeexampletest"),
        ("cafe\u0301", "café"),
        ("नमस्ते दुनिया", "नमस्तेदुनिया"),
        ("…", ""),
    ],
)
def test_plain_forms(plain: duckdb.DuckDBPyConnection, text: str, form: str) -> None:
    assert plainly(plain, text) == form


@given(text=st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_white_space_and_line_breaks_change_no_plain_form(plain: duckdb.DuckDBPyConnection, text: str) -> None:
    text = f"x{text}"  # so that no account stands in front
    form = plainly(plain, text)
    assert plainly(plain, f" \n{text}\r\n\u3000 ") == form
    assert plainly(plain, form) == form


def test_shares_of_templates(tmp_path: Path) -> None:
    actions = [template(i, "a", "ours") for i in range(6)]  # the same text six times
    actions += [template(10 + i, "a", f"own{i}") for i in range(3)] + [template(13, "a", "pair")]
    actions += [template(20, "b", "ours"), template(21, "c", "ours"), template(22, "b", "pair")]
    actions += [template(30 + i, "d", f"x{i % 9}", "message_template") for i in range(LEAST_TEXTS)]
    actions += [template(50 + i, "e", "ours") for i in range(LEAST_TEXTS - 1)]
    messages = [spoken(30 + i, "d", "message", None, target_id="a") for i in range(LEAST_TEXTS + 5)]
    found = computed(tmp_path, actions=actions, interactions=messages)
    a, d, e = found["a"], found["d"], found["e"]
    assert (a["compared_texts"], a["compared_private"]) == (10, 0)
    assert [a[name] for name in SHARES] == pytest.approx([0.6, 0.5, 0.7])
    assert (d["public_texts"], d["private_texts"], d["compared_texts"], d["compared_private"]) == (0, 15, 10, 10)
    assert [d[name] for name in SHARES] == pytest.approx([0, 0.1, 0.2])
    assert e["compared_texts"] == LEAST_TEXTS - 1
    assert [e[name] for name in SHARES] == [None] * 3, "too few texts: no value, whatever it would be"


def test_only_the_data_window_counts(tmp_path: Path) -> None:
    before = [{**template(i, "z", "ours"), "at": T0 - 1 - i} for i in range(3)]
    after = [{**template(10 + i, f"y{i}", "ours"), "at": UNTIL} for i in range(3)]
    found = computed(tmp_path, actions=[*before, *after, *(template(20 + i, "a", "ours") for i in range(10))])
    assert found["a"]["template_reuse"] == 0, "whoever used it before or after the window does not count"


SAID = [
    ("As an AI language model, I cannot have opinions.", 1),
    ("  as an  AI\nlanguage model I", 1),
    ("@ana @bob I'm sorry, but as an AI I can't", 1),
    ("ＡＳ ＡＮ ＡＩ ｌａｎｇｕａｇｅ ｍｏｄｅｌ", 1),
    ("作为一个 AI 语言模型，我无法", 1),
    ("作為一個AI語言模型", 1),
    ("申し訳ありませんが、私はAIなので", 1),
    ("저는 인공지능 언어 모델입니다", 1),
    ("Como modelo de lenguaje, no puedo opinar", 1),
    ("En tant qu’IA, je ne peux pas", 1),
    ("Als KI-Sprachmodell kann ich", 1),
    ("Как языковая модель, я не могу", 1),
    ("Nói chung, là một mô hình ngôn ngữ", 0),
    ("It said: as an AI language model, I cannot", 0),
    ("“As an AI language model” lol", 0),
    ("@ana 「作为一个AI语言模型」笑死", 0),
    ("> As an AI language model, I cannot", 0),
    ("As an AI researcher I disagree", 0),
    ("As an AI I used it is fine", 0),
    ("作为AI行业从业者", 0),
    ("作为人工智能专业的学生", 0),
    ("", 0),
]


def test_phrases_count_at_the_start_and_unquoted(tmp_path: Path) -> None:
    rows = [spoken(i, f"a{i:02d}", "comment", text or "x") for i, (text, _) in enumerate(SAID)]
    rows += [spoken(90, "none", "comment", None), spoken(91, "none", "message", None)]
    rows += [spoken(95 + i, "both", "note", SAID[0][0]) for i in range(2)]
    found = computed(tmp_path, interactions=rows)
    assert [found[f"a{i:02d}"]["self_revealing"] for i in range(len(SAID))] == [wanted for _, wanted in SAID]
    assert found["none"]["self_revealing"] is None, "no public text, no count"
    assert (found["both"]["self_revealing"], found["both"]["public_texts"]) == (2, 2)


def test_every_phrase_says_enough(plain: duckdb.DuckDBPyConnection) -> None:
    assert {"en", "zh", "ja", "ko", "es"} <= set(phrases())
    listed = [phrase for group in phrases().values() for phrase in group]
    assert len(listed) == len(set(listed))
    plain.register("listed", pa.table({"phrase": listed}))
    for phrase, form in plain.sql("SELECT phrase, content_plain(phrase) FROM listed").fetchall():
        assert len(form.encode()) >= 9, phrase
        assert {category(c)[0] for c in form} <= {"L", "M", "N"}, "it becomes part of a regular expression"


NOTE = "The quick brown fox jumps over the lazy dog by the river"
ECHO = "quick brown fox jumps over"
OWN = "xylophones zigzag silently underneath"


def test_mirroring_beside_the_other_answers(tmp_path: Path) -> None:
    rows = [spoken(i, "author", "note", NOTE, content_id=f"n{i}") for i in range(LEAST_ANSWERS)]
    rows[0]["at"] = T0 - 9 * DAY  # older than the data window, and still what is answered
    for i in range(LEAST_ANSWERS):
        rows.append(spoken(20 + i, "echo", "comment", ECHO, target_id=f"n{i}"))
        rows += [spoken(30 + 3 * i + j, "other", "reply", OWN, target_id=f"n{i}") for j in range(3)]
        rows.append(spoken(50 + i, "author", "comment", NOTE, target_id=f"n{i}"))  # an answer to oneself
        rows.append(spoken(60 + i, "short", "comment", "quick brown", target_id=f"n{i}"))
        rows.append(spoken(70 + i, "stray", "comment", NOTE, target_id=f"unknown{i}"))
    rows += [spoken(90 + i, "few", "comment", ECHO, target_id="n1") for i in range(LEAST_ANSWERS - 1)]
    rows += [spoken(100, "lone", "note", NOTE, content_id="m"), spoken(101, "only", "comment", NOTE, target_id="m")]
    found = computed(tmp_path, interactions=rows)
    echo, other = found["echo"], found["other"]
    assert echo["compared_answers"] == LEAST_ANSWERS
    assert echo["mirroring"] == 1
    assert echo["mirroring_excess"] == pytest.approx(0.9)  # on n1, `few` repeats the note as well: 0.5 instead of 1
    assert other["compared_answers"] == 3 * LEAST_ANSWERS
    assert other["mirroring"] == 0
    assert other["mirroring_excess"] == pytest.approx(-1)
    assert found["few"]["compared_answers"] == LEAST_ANSWERS - 1
    for name in ("author", "short", "stray", "few", "only"):
        assert found[name]["mirroring"] is None
        assert found[name]["mirroring_excess"] is None
    for name in ("author", "short", "stray", "only"):
        assert found[name]["compared_answers"] == 0


LETTERS = st.text("ab 你好，", min_size=10, max_size=40)
ANSWERS = st.lists(st.tuples(st.sampled_from("pqrs"), st.sampled_from(["n0", "n1"]), LETTERS), min_size=6, max_size=24)


@given(notes=st.tuples(LETTERS, LETTERS), answers=ANSWERS)
@settings(max_examples=20, deadline=None)
def test_mirroring_as_reckoned_by_hand(notes: tuple[str, str], answers: list[tuple[str, str, str]]) -> None:
    rows = [spoken(i, "p", "note", text, content_id=f"n{i}") for i, text in enumerate(notes)]
    rows += [spoken(10 + i, who, "comment", text, target_id=note) for i, (who, note, text) in enumerate(answers)]
    with TemporaryDirectory() as folder:
        found = computed(Path(folder), interactions=rows)
    for account, (compared, mirrored, excess) in reckoned(notes, answers).items():
        row = found[account]
        assert row["compared_answers"] == compared
        if compared >= LEAST_ANSWERS:
            assert row["mirroring"] == pytest.approx(float(mirrored), abs=1e-5)
            assert row["mirroring_excess"] == pytest.approx(float(excess), abs=1e-5)


def reckoned(notes: tuple[str, str], answers: list[tuple[str, str, str]]) -> dict[str, tuple[int, Fraction, Fraction]]:
    def form(text: str) -> str:
        return text.replace(" ", "").replace("，", "")

    said: dict[str, dict[str, list[Fraction]]] = {"n0": defaultdict(list), "n1": defaultdict(list)}
    for who, note, text in answers:
        answer, original = form(text), form(notes[int(note[1])])
        if who != "p" and min(len(answer), len(original)) >= 12:
            grams = [answer[i : i + 3] for i in range(len(answer) - 2)]
            said[note][who].append(Fraction(sum(gram in original for gram in grams), len(grams)))
    lists: dict[str, list[tuple[Fraction, Fraction]]] = defaultdict(list)
    for by in said.values():
        means = {who: sum(shares) / len(shares) for who, shares in by.items()}
        for who, shares in by.items():
            others = [mean for other, mean in means.items() if other != who]
            if others:
                lists[who] += [(share, share - sum(others) / len(others)) for share in shares]
    return {w: (len(v), sum(s for s, _ in v) / len(v), sum(e for _, e in v) / len(v)) for w, v in lists.items()}


def test_the_order_of_a_log_changes_nothing(tmp_path: Path) -> None:
    rows = [spoken(i, f"a{i % 5}", "comment", f"{NOTE} {i % 7}", target_id="n") for i in range(60)]
    rows.append(spoken(70, "author", "note", NOTE, content_id="n"))
    forth = computed(tmp_path / "forth", interactions=rows)
    assert computed(tmp_path / "back", interactions=rows[::-1]) == forth
    assert forth["a0"]["mirroring"] is not None
