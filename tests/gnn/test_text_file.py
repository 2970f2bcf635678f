"""A text model's file, whole and broken, and the commands."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from test_text import CLEAR, made

from gnn.cli import COMMANDS
from gnn.text.corpus import Corpus
from gnn.text.file import ARRAYS, Stored, load, save
from gnn.text.model import TextModel, score, train
from graph.errors import InputError, IntegrityError, NothingFoundError

ABOUT = {"salt": "ab" * 32, "seed": 1}


@pytest.fixture(scope="module")
def model() -> tuple[TextModel, Corpus]:
    corpus = made(CLEAR)
    return train(corpus, seed=1)[0], corpus


@pytest.fixture
def stored(tmp_path: Path, model: tuple[TextModel, Corpus]) -> Path:
    path = tmp_path / "model.npz"
    save(path, model[0], ABOUT, model[1].accounts)
    return path


def test_a_model_comes_back_as_it_was(stored: Path, model: tuple[TextModel, Corpus], tmp_path: Path) -> None:
    found = load(stored)
    assert isinstance(found, Stored)
    assert (found.model.grams, found.model.bounds, found.about) == (model[0].grams, model[0].bounds, ABOUT)
    before, after = score(model[0], model[1].forms), score(found.model, model[1].forms)
    assert np.array_equal(before.probability, after.probability, equal_nan=True)
    save(tmp_path / "again.npz", found.model, found.about, model[1].accounts)
    assert (tmp_path / "again.npz").read_bytes() == stored.read_bytes()


def test_the_same_corpus_gives_the_same_bytes(stored: Path, tmp_path: Path) -> None:
    corpus = made(CLEAR)
    save(tmp_path / "b.npz", train(corpus, seed=1)[0], ABOUT, corpus.accounts)
    assert (tmp_path / "b.npz").read_bytes() == stored.read_bytes()


def test_it_holds_no_account_and_knows_them_again(stored: Path) -> None:
    assert load(stored).trained_on(np.array(["g03", "a11", "g99"], object)).tolist() == [True, True, False]
    with zipfile.ZipFile(stored) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"g03" not in everything
    assert b"a11" not in everything


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    change(arrays)
    np.savez(path, **arrays)


def header(**changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(arrays: dict[str, Any]) -> None:
        value = {**json.loads(arrays["header"].tobytes()), **changes}
        arrays["header"] = np.frombuffer(json.dumps(value).encode(), np.uint8)

    return change


def array(name: str, value: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict[str, Any]], None]:
    return lambda arrays: arrays.update({name: value(arrays[name])})


BOUNDS = {"least_chars": 60, "scripts": ["latin"], "least_known": 0.5, "least_near": 0.1}
BROKEN = {
    "another kind": (header(kind="something"), "its header does not say 'shoal text model'"),
    "a later format": (header(format=2), "its format is 2; this version reads 1. Train it anew"),
    "no salt": (header(about={}), "salt"),
    "a salt that is none": (header(about={"salt": "ab"}), "its salt is not 64 hex digits"),
    "an endless intercept": (header(intercept=float("inf")), "'inf' is no finite number"),
    "an intercept in words": (header(intercept="1"), "'1' is no finite number"),
    "no calibration": (header(calibration={"method": "magic", "x": [1], "y": [1]}), "its calibration is none"),
    "a calibration that falls": (
        header(calibration={"method": "isotonic", "x": [1, 0], "y": [0, 1]}),
        "no rising line",
    ),
    "bounds in words": (header(bounds={**BOUNDS, "least_known": "x"}), "'x' is no finite number"),
    "a list for a header": (array("header", lambda a: np.frombuffer(b"[1]", np.uint8)), "its header does not say"),
    "no JSON": (array("header", lambda a: a[:-3]), "not a model written by"),
    "a coefficient that is none": (array("coefficient", lambda a: a * np.float32("nan")), "finite number for each"),
    "too few weights": (array("idf", lambda a: a[:-1]), "idf is not one finite number for each"),
    "other numbers": (array("mean", lambda a: a.astype("f8")), "mean holds float64"),
    "a square": (array("mean", lambda a: a[: len(a) // 2 * 2].reshape(2, -1)), "expected one row"),
    "an n-gram twice": (array("grams", lambda a: np.concatenate([a, np.frombuffer(b"\na", np.uint8)])), "each once"),
    "a long n-gram": (array("grams", lambda a: np.frombuffer(b"abcdef", np.uint8)), "1 to 4 characters"),
    "no array": (lambda arrays: arrays.pop("mean"), "mean.npy"),
    "an array too many": (lambda arrays: arrays.update(more=arrays["mean"]), "it also holds 'more.npy'"),
    "objects": (lambda arrays: arrays.update(mean=np.array([{}], dtype=object)), "mean holds object"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_refused_by_name(stored: Path, name: str) -> None:
    change, said = BROKEN[name]
    rewritten(stored, change)
    with pytest.raises(IntegrityError) as error:
        load(stored)
    assert str(stored) in str(error.value)
    assert said in str(error.value)


def test_bytes_that_are_no_model(tmp_path: Path, stored: Path) -> None:
    data, path = stored.read_bytes(), tmp_path / "x.npz"
    for bad in (b"", b"PK\x03\x04", data[:-9], data[: len(data) // 2], data[200:], os.urandom(500)):
        path.write_bytes(bad)
        with pytest.raises(IntegrityError, match="not a model written by"):
            load(path)
    for place in range(0, len(data), max(1, len(data) // 40)):  # a changed byte is found, or harmless
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            assert load(path).model.grams
        except IntegrityError:
            continue
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.npz")


class Trap:
    """Unpickled, it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_no_code_in_a_file_is_executed(tmp_path: Path, stored: Path) -> None:
    sprung = tmp_path / "sprung"
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists(), "the trap works"
    sprung.unlink()
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(IntegrityError):
        load(path)
    rewritten(stored, lambda arrays: arrays.update(header=np.array([Trap(sprung)], dtype=object)))
    with pytest.raises(IntegrityError, match="header holds object"):
        load(stored)
    assert not sprung.exists()


def test_a_member_that_promises_too_much_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ARRAYS:
            archive.writestr(f"{name}.npy", huge.getvalue())
    with pytest.raises(IntegrityError, match="header holds float32"):
        load(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.npy", b"\0" * (65 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(IntegrityError, match="header has 68,157,440 bytes; expected 67,108,864 at most"):
        load(path)


def shoal_text(*arguments: object) -> Result:
    return CliRunner().invoke(COMMANDS["text"], [str(a) for a in arguments], catch_exceptions=False)


def written(path: Path, corpus: Corpus, domains: tuple[str, ...] = ("x",)) -> Path:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "account_id", "label", "domain"])
        for place, (form, account, y) in enumerate(zip(corpus.forms, corpus.accounts, corpus.y, strict=True)):
            rows.writerow([form, account, ("genuine", "ai_hosted")[y], domains[place // 6 % len(domains)]])
    return path


def test_the_commands(tmp_path: Path) -> None:
    texts, model = written(tmp_path / "t.csv", made(CLEAR, accounts=40), ("x", "x", "y", "y")), tmp_path / "m.npz"
    done = shoal_text("train", texts, "--out", model)
    assert done.exit_code == 0
    assert "accounts not trained on" in done.stdout
    assert "domain x, left out" in done.stdout
    assert "the policy takes it to `watch` at most" in done.stdout
    about = load(model).about
    assert about["trained_on"]["accounts"] == 80
    assert [m["on"] for m in about["measured"]] == [
        "accounts not trained on",
        "domain x, left out",
        "domain y, left out",
    ]
    kept = shoal_text("evaluate", texts)
    assert [*done.stdout.splitlines()[:5], done.stdout.splitlines()[-1]] == kept.stdout.splitlines()

    more = written(tmp_path / "more.csv", made(CLEAR, accounts=60, seed=4))
    measured = shoal_text("evaluate", more, "--model", model)
    assert "480 texts of accounts it was trained on are left out" in measured.stdout
    assert [line.split()[:3] for line in measured.stdout.splitlines()[2:-1]] == [["all", "240", "40"]]
    with pytest.raises(NothingFoundError, match="was trained on every account in it"):
        shoal_text("evaluate", texts, "--model", model)

    out, accounts = tmp_path / "s.csv", tmp_path / "a.csv"
    scored = shoal_text("score", model, more, "--out", out, "--accounts", accounts)
    assert scored.exit_code == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 720
    assert all((row["state"] == "scored") == bool(row["probability"]) for row in rows)
    with accounts.open() as file:
        assert [row["account_id"] for row in csv.DictReader(file)] == sorted(set(made(CLEAR, accounts=60).accounts))
    with pytest.raises(InputError, match="there is no folder"):
        shoal_text("train", texts, "--out", tmp_path / "no" / "m.npz")
    with pytest.raises(InputError, match="missing column"):
        shoal_text("train", written_without_labels(tmp_path), "--out", model)


def written_without_labels(folder: Path) -> Path:
    path = folder / "u.csv"
    path.write_text("text,account_id\nx,a\n")
    return path
