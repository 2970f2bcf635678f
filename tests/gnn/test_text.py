"""The classifier of texts: normal form, corpus, account-disjoint training, silence outside its domain."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.text.corpus import Corpus, read_corpus, without_copies
from gnn.text.evaluate import in_and_out, table
from gnn.text.form import normal, script_of
from gnn.text.model import FOLDS, STATES, Scored, TextModel, deal, score, train
from gnn.text.scores import LEAST_TEXTS, by_account, by_text
from graph.errors import InputError

PLAIN = re.findall(
    r"\w+", "walk market rain coffee friend evening window garden train cheap soup noise dog street late"
)
TIDY = re.findall(r"\w+", "moreover insight journey embrace essential vibrant tapestry nuanced foster seamless realm")
OTHER = re.findall(r"\w+", "qubit zkwjx vvyzq jjkqx wqzzk xxqjv kkzzw qqxvj zzjkw")


def made(words: dict[int, list[str]], accounts: int = 24, texts: int = 6, seed: int = 1, domain: str = "") -> Corpus:
    """Texts of `accounts` of each class; an account's words are drawn from those of its class."""
    rng = random.Random(seed)
    rows = [
        (normal(" ".join(rng.choices(words[y], k=20))), f"{domain}{'ga'[y]}{number:02d}", y)
        for number in range(accounts)
        for y in (0, 1)
        for _ in range(texts)
    ]
    forms, names, y = (np.array(column, dtype=object) for column in zip(*rows, strict=True))
    return Corpus(forms, names, y.astype(np.int64), np.array([domain] * len(y), object), np.arange(1, len(y) + 1))


def joined(*corpora: Corpus) -> Corpus:
    columns = ([getattr(c, name) for c in corpora] for name in ("forms", "accounts", "y", "domains"))
    parts = [np.concatenate(column) for column in columns]
    return Corpus(*parts, np.arange(1, len(parts[0]) + 1))


CLEAR = {0: PLAIN, 1: TIDY + PLAIN[:6]}


@pytest.fixture(scope="module")
def trained() -> tuple[TextModel, Scored, Corpus]:
    corpus = made(CLEAR)
    model, held = train(corpus, seed=3)
    return model, held, corpus


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("So  good —\n２０％ OFF！ https://a.example/x @ana", "sogood-0%off!"),
        ("他说：“好”。\r\n「真的」、对", '他说:"好"."真的",对'),
        ("zero\u200bwidth \ufeffmark", "zerowidthmark"),
        ("it’s 1 2 345", "it's0"),
        ("www.example.test\n", ""),
        ("x" * 5000, "x" * 2000),
    ],
)
def test_normal_forms(text: str, form: str) -> None:
    assert normal(text) == form


@given(text=st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_a_normal_form_is_its_own_and_holds_no_white_space(text: str) -> None:
    form = normal(text)
    assert normal(form) == form
    assert not any(c.isspace() for c in form)


@given(words=st.lists(st.text("abc你好é", min_size=1, max_size=5), min_size=1, max_size=12), seed=st.integers(0, 9))
def test_line_breaks_and_width_tell_nothing(words: list[str], seed: int) -> None:
    rng = random.Random(seed)
    broken = "".join(word + rng.choice(["\n", "\r\n\r\n", " \u3000", "\t", "\u2028"]) for word in words)
    assert normal(broken + "！") == normal(" ".join(words) + "!")


@pytest.mark.parametrize(
    ("form", "script"),
    [
        ("abc好", "latin"),
        ("好的abc吗哈", "cjk"),
        ("漢字漢字漢字の", "japanese"),
        ("안녕", "hangul"),
        ("да", "cyrillic"),
        ("0!?", "none"),
    ],
)
def test_scripts(form: str, script: str) -> None:
    assert script_of(form) == script


HEAD = "text,account_id,label\n"
BAD = [
    ("t.csv", "", "empty file"),
    ("t.csv", "text,account_id,label\n", "no rows"),
    ("t.csv", "text,label\nx,genuine\n", "missing column account_id; expected text, account_id, label"),
    ("t.csv", f"{HEAD}x,a,genuine\nx,a,human\ny,b,bot\n", "row 2, label: 'human' is none of ai_hosted, genuine (2"),
    ("t.csv", "text,account_id,label\nx,a,genuine\nx,,genuine\n", "row 2, account_id: empty"),
    ("t.csv", "text,account_id,label\nx,a\n", "cannot be read as csv"),
    ("t.csv", b"text,account_id,label\n\xff\xfe,a,genuine\n", "cannot be read as csv"),
    ("t.txt", "text", "expected a name ending in .csv, .jsonl, .parquet"),
    ("t.jsonl", '{"text": 1}\n', "cannot be read as jsonl"),
    ("t.jsonl", '{"text": "x", "label": "genuine"}\n', "missing column account_id"),
    ("t.jsonl", "not json\n", "cannot be read as jsonl"),
    ("t.parquet", "PAR1", "cannot be read as parquet"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "said"), BAD)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, data: str | bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(InputError) as error:
        read_corpus(path, labelled=True)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_a_column_of_the_wrong_type_and_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": [["x"]], "account_id": ["a"]}), path)
    with pytest.raises(InputError, match=r"text: list<.*>; expected text"):
        read_corpus(path, labelled=False)
    with pytest.raises(InputError, match="no such file"):
        read_corpus(tmp_path / "none.csv", labelled=False)


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
def test_every_kind_of_file_reads_the_same(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t{kind}"
    if kind == ".csv":
        path.write_text('\ufefftext,account_id,label,domain,more\n"Two\nlines, 1",1,ai_hosted,d,x\n,2,genuine,,\n')
    elif kind == ".jsonl":
        path.write_text(
            '{"text": "Two\\nlines, 1", "account_id": "1", "label": "ai_hosted", "domain": "d", "more": 1}\n'
            '{"text": null, "account_id": "2", "label": "genuine"}\n'
        )
    else:
        columns = {"text": ["Two\nlines, 1", None], "account_id": [1, 2], "label": ["ai_hosted", "genuine"]}
        pq.write_table(pa.table({**columns, "domain": ["d", None]}), path)
    corpus = read_corpus(path, labelled=True)
    assert corpus.forms.tolist() == ["twolines,0", ""]
    assert (corpus.accounts.tolist(), corpus.y.tolist(), corpus.domains.tolist()) == (["1", "2"], [1, 0], ["d", ""])


def test_copies_count_once_and_contradictions_not_at_all() -> None:
    forms, y = ["same", "other", "same", "both", "both"], [1, 0, 1, 0, 1]
    column = np.array(["x"] * 5, object)
    corpus = Corpus(np.array(forms, object), column, np.array(y), column, np.arange(1, 6))
    kept = without_copies(corpus)
    assert (kept.rows.tolist(), kept.dropped) == ([1, 2], 3)


@given(sizes=st.lists(st.integers(1, 9), min_size=22, max_size=40), seed=st.integers(0, 5))
@settings(max_examples=12, deadline=None)
def test_no_account_is_in_two_folds(sizes: list[int], seed: int) -> None:
    names = np.repeat([f"u{i}" for i in range(len(sizes))], sizes).astype(object)
    y = np.repeat(np.arange(len(sizes)) % 2, sizes)
    corpus = Corpus(names, names, y, names, np.arange(len(y)))
    part = deal(corpus, seed, FOLDS)
    assert set(part) == set(range(FOLDS))
    assert all(len(set(part[names == name])) == 1 for name in set(names))
    assert (deal(corpus, seed, FOLDS) == part).all()


def test_too_few_accounts_are_refused_however_much_they_wrote() -> None:
    with pytest.raises(
        InputError, match=r"^9 accounts with usable texts labelled genuine; expected 10 or more of each"
    ):
        train(made(CLEAR, accounts=9, texts=40), seed=0)


def test_what_tells_classes_apart_is_learned(trained: tuple[TextModel, Scored, Corpus]) -> None:
    _, held, corpus = trained
    _, (found,) = in_and_out(corpus, seed=3)
    assert found.auc is not None
    assert found.auc > 0.97
    assert found.brier is not None
    assert found.brier_constant is not None
    assert found.brier < found.brier_constant / 3
    assert found.coverage is not None
    assert found.coverage >= 0.9
    assert found.states == {name: int((held.state == i).sum()) for i, name in enumerate(STATES)}


def test_what_tells_accounts_apart_teaches_nothing() -> None:
    """Each account has words of its own: a split that put its texts on both sides would find an AUC near 1."""
    rng = random.Random(5)

    def word() -> str:
        return "".join(rng.choices("bcdfghjklmnpqrstvwxz", k=6))

    parts = []
    for number in range(20):
        words = {y: [word() for _ in range(5)] + PLAIN for y in (0, 1)}
        parts.append(made(words, accounts=1, texts=5, seed=number, domain=f"{number}-"))
    corpus = joined(*parts)
    _, held = train(corpus, seed=0)
    ranks = held.logit.argsort().argsort()[corpus.y == 1]
    positives = int((corpus.y == 1).sum())
    auc = (ranks.sum() - positives * (positives - 1) / 2) / positives / (len(corpus) - positives)
    assert 0.25 < auc < 0.75


def test_it_keeps_silent_outside_its_domain(trained: tuple[TextModel, Scored, Corpus]) -> None:
    model, _, corpus = trained
    rng = random.Random(2)
    forms = {
        "scored": corpus.forms[0],
        "too_short": corpus.forms[0][:59],
        "other_script": "这是另一种文字" * 10,
        "unfamiliar": normal(" ".join(rng.choices(OTHER, k=20))),
    }
    found = score(model, np.array(list(forms.values()), dtype=object))
    assert [STATES[state] for state in found.state] == list(forms)
    assert np.isnan(found.probability).tolist() == [False, True, True, True]
    assert 0 < found.probability[0] < 1


def test_a_score_does_not_depend_on_its_company(trained: tuple[TextModel, Scored, Corpus]) -> None:
    model, _, corpus = trained
    whole = score(model, corpus.forms)
    assert (score(model, corpus.forms[7:8]).probability == whole.probability[7:8]).all()
    order = np.random.default_rng(0).permutation(len(corpus))
    assert np.array_equal(score(model, corpus.forms[order]).probability, whole.probability[order], equal_nan=True)


def test_a_domain_left_out_takes_its_accounts_with_it() -> None:
    few = {"accounts": 16, "texts": 4}
    swapped = made({0: TIDY + PLAIN[:6], 1: PLAIN}, **few, domain="swapped-")  # another tool: the other way round
    strange = made({0: OTHER, 1: OTHER[:5]}, **few, domain="strange-")
    _, found = in_and_out(joined(made(CLEAR), swapped, strange), seed=1)
    by_name = {m.on: m for m in found}
    assert list(by_name)[1:] == [f"domain {name}, left out" for name in ("(none)", "strange-", "swapped-")]
    backwards, unknown = by_name["domain swapped-, left out"], by_name["domain strange-, left out"]
    assert backwards.auc_all is not None
    assert backwards.auc_all < 0.3, "what is learned elsewhere does not transfer"
    assert unknown.coverage is not None
    assert unknown.coverage < 0.05
    assert by_name["accounts not trained on"].texts == sum(m.texts for m in found[1:])
    shared = joined(made(CLEAR, 12, 4), made(CLEAR, 12, 4, seed=2))
    shared.domains[: len(shared) // 2] = "other"  # the same accounts in both: nothing is left to learn from
    _, (_, first, second) = in_and_out(without_copies(shared), seed=1)
    assert (first.coverage, second.coverage, first.auc) == (None, None, None)
    assert table([first]).splitlines()[1].split()[-5:] == ["-"] * 5


def test_an_account_with_few_scored_texts_has_no_share(trained: tuple[TextModel, Scored, Corpus]) -> None:
    model, _, corpus = trained
    short = Corpus(
        np.append(corpus.forms, ["short"] * 3),
        np.append(corpus.accounts, ["g00", "new", "new"]),
        np.append(corpus.y, [-1] * 3),
        np.append(corpus.domains, [""] * 3),
        np.arange(1, len(corpus) + 4),
    )
    told = by_text(model, short)
    rows = {row["account_id"]: row for row in by_account(told).to_pylist()}
    assert (rows["new"]["texts"], rows["new"]["scored"], rows["new"]["ai_share"]) == (2, 0, None)
    assert rows["g00"]["texts"] == 7
    for row in rows.values():
        assert (row["ai_share"] is None) == (row["scored"] < LEAST_TEXTS)
    given = [
        p for a, p in zip(told["account_id"].to_pylist(), told["probability"].to_pylist(), strict=True) if a == "a03"
    ]
    if rows["a03"]["ai_share"] is not None:
        assert rows["a03"]["ai_share"] == pytest.approx(np.mean([p for p in given if p is not None]))
