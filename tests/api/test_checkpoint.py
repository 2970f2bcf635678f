"""Checkpoints and exports of the audit log: what holds against somebody who owns the database."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from shoalkit import shoal
from sqlalchemy import Engine, delete, insert, select, text

from api import audit as log
from api import checkpoint
from api.audit import Entry
from api.store import configured, reading, writing
from api.tables import audit, audit_head
from graph.errors import ConflictError, InputError, IntegrityError

AT = 1_790_000_000_000_000


def happen(engine: Engine, *names: str) -> None:
    with writing(engine) as tx:
        log.append(tx, [Entry("ann", "tested", name, {"账": 1.5}) for name in names], AT)


def rewrite(engine: Engine, names: list[str]) -> None:
    """The whole chain computed anew, as somebody with the database's own rights could: it verifies."""
    with writing(engine) as tx:
        if engine.dialect.name == "sqlite":
            for name in ("audit_no_update", "audit_no_delete"):
                tx.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        else:
            tx.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        tx.execute(delete(audit))
        tx.execute(delete(audit_head))
    happen(engine, *names)
    assert log.verify_chain(engine) == len(names)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private = tmp_path / "keys" / "audit.pem"
    return private, checkpoint.make_keys(private)


def signed(engine: Engine, keys: tuple[Path, Path], tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.json"
    path.write_text(json.dumps(checkpoint.make(engine, checkpoint.private_key(keys[0]))))
    return path


def test_a_chain_that_goes_on_passes(engine: Engine, keys: tuple[Path, Path], tmp_path: Path) -> None:
    key = checkpoint.public_key(keys[1])
    empty = checkpoint.read(signed(engine, keys, tmp_path), key)
    happen(engine, "a", "b", "c")
    said = checkpoint.read(signed(engine, keys, tmp_path), key)
    assert said["rows"] == 3
    happen(engine, "d")
    assert checkpoint.require_extends(engine, said) == 4
    assert checkpoint.require_extends(engine, empty) == 4


def test_a_chain_written_anew_is_found(engine: Engine, keys: tuple[Path, Path], tmp_path: Path) -> None:
    happen(engine, "a", "b", "c")
    said = checkpoint.read(signed(engine, keys, tmp_path), checkpoint.public_key(keys[1]))
    rewrite(engine, ["a", "b", "c", "d"])
    with pytest.raises(IntegrityError, match="audit row 3 is not the one that was signed"):
        checkpoint.require_extends(engine, said)
    rewrite(engine, ["a", "b"])
    with pytest.raises(IntegrityError, match="it had 3"):
        checkpoint.require_extends(engine, said)


@pytest.mark.parametrize("field", checkpoint.FIELDS)
def test_a_changed_checkpoint_is_refused(engine: Engine, keys: tuple[Path, Path], tmp_path: Path, field: str) -> None:
    happen(engine, "a")
    path = signed(engine, keys, tmp_path)
    said = json.loads(path.read_text())
    other = "y" if str(said[field]).startswith("x") else "x"
    said[field] = said[field] + 1 if isinstance(said[field], int) else other + said[field][1:]
    path.write_text(json.dumps(said))
    with pytest.raises((IntegrityError, InputError)):
        checkpoint.read(path, checkpoint.public_key(keys[1]))


def test_another_key_is_said(engine: Engine, keys: tuple[Path, Path], tmp_path: Path) -> None:
    other = checkpoint.make_keys(tmp_path / "other.pem")
    with pytest.raises(InputError, match="signed with another key"):
        checkpoint.read(signed(engine, keys, tmp_path), checkpoint.public_key(other))


def test_keys_are_for_the_owner_and_never_overwritten(keys: tuple[Path, Path], tmp_path: Path) -> None:
    assert stat.S_IMODE(keys[0].stat().st_mode) == 0o600
    with pytest.raises(ConflictError, match="not overwritten"):
        checkpoint.make_keys(keys[0])
    wrong = tmp_path / "wrong.pem"
    elliptic = ec.generate_private_key(ec.SECP256R1())
    pem, raw = serialization.Encoding.PEM, serialization.NoEncryption()
    wrong.write_bytes(elliptic.private_bytes(pem, serialization.PrivateFormat.PKCS8, raw))
    for path, said in ((wrong, "expected an Ed25519 key"), (keys[1], "no private key"), (tmp_path / "none", "read")):
        with pytest.raises(InputError, match=said):
            checkpoint.private_key(path)
    with pytest.raises(InputError, match="no public key"):
        checkpoint.public_key(keys[0])


def exported(engine: Engine, tmp_path: Path, after: int = 0) -> Path:
    path = tmp_path / f"audit-{after}.jsonl"
    path.write_text("".join(checkpoint.export(engine, after)))
    return path


def test_an_export_verifies_without_the_database(engine: Engine, keys: tuple[Path, Path], tmp_path: Path) -> None:
    happen(engine, "a", "b")
    said = checkpoint.read(signed(engine, keys, tmp_path), checkpoint.public_key(keys[1]))
    happen(engine, "c", "d")
    assert checkpoint.verify_file(exported(engine, tmp_path), said) == (1, 4)
    assert checkpoint.verify_file(exported(engine, tmp_path, 1), said) == (2, 4)
    assert checkpoint.verify_file(exported(engine, tmp_path, 2), said) == (3, 4)
    assert checkpoint.verify_file(exported(engine, tmp_path, 3)) == (4, 4)
    with pytest.raises(InputError, match="begins at row 4, after the checkpoint's 2"):
        checkpoint.verify_file(exported(engine, tmp_path, 3), said)
    rewrite(engine, ["a", "B", "c", "d"])
    path = exported(engine, tmp_path)
    assert checkpoint.verify_file(path) == (1, 4)
    with pytest.raises(IntegrityError, match="row 2 is not the one that was signed"):
        checkpoint.verify_file(path, said)
    with pytest.raises(IntegrityError, match="row 2 is not the one that was signed"):
        checkpoint.verify_file(exported(engine, tmp_path, 2), said)


def edit(lines: list[str], number: int, **changes: Any) -> list[str]:
    return [json.dumps({**json.loads(x), **changes}) + "\n" if i == number else x for i, x in enumerate(lines)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: edit(x, 1, actor="eve"), "audit row 2 is not what was written"),
        (lambda x: [x[0], *x[2:]], "audit row 2 is missing"),
        (lambda x: [x[1], x[0], *x[2:]], "audit row 3 is missing"),
        (lambda x: [*x, x[-1]], "audit row 5 is missing"),
        (lambda x: [*x, "nonsense\n"], "line 5 is no row"),
        (lambda x: [*x, '{"seq": 5}\n'], "line 5 is no row"),
        (lambda _: [], "no rows"),
    ],
)
def test_a_changed_export_is_found(engine: Engine, tmp_path: Path, change: Any, said: str) -> None:
    happen(engine, "a", "b", "c", "d")
    path = exported(engine, tmp_path)
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))
    with pytest.raises((IntegrityError, InputError), match=said):
        checkpoint.verify_file(path)


def test_by_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, key = tmp_path / "data", tmp_path / "audit.pem"
    with configured(place) as engine:
        happen(engine, "a", "b")
    out = tmp_path / "checkpoint.json"
    refused = shoal("audit", "checkpoint", "--out", out, "--dir", place)
    assert refused.code == 2
    assert "SHOAL_AUDIT_KEY" in refused.err
    assert shoal("audit", "keygen", key).code == 0
    monkeypatch.setenv("SHOAL_AUDIT_KEY", str(key))
    assert "2 rows, signed" in shoal("audit", "checkpoint", "--out", out, "--dir", place).out
    with configured(place) as engine:
        happen(engine, "c")
    checked = ("--checkpoint", out, "--key", f"{key}.pub")
    passed = shoal("audit", "verify", *checked, "--dir", place)
    assert "3 rows, and goes through the checkpoint of" in passed.out
    lines = tmp_path / "audit.jsonl"
    assert "3 rows" in shoal("audit", "export", "--out", lines, "--dir", place).out
    assert stat.S_IMODE(lines.stat().st_mode) == 0o600
    assert "whole from row 1 to 3, and goes" in shoal("audit", "verify", "--file", lines, *checked).out
    assert shoal("audit", "verify", "--file", tmp_path / "none.jsonl").code == 2
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\x00\x80")
    binary = shoal("audit", "verify", "--file", tmp_path / "binary.jsonl")
    assert binary.code == 2
    assert "line 1 is no row" in binary.err
    with configured(place) as engine:
        rewrite(engine, ["a", "x", "c"])
    assert shoal("audit", "verify", "--dir", place).code == 0
    found = shoal("audit", "verify", *checked, "--dir", place)
    assert found.code == 5
    assert "written anew" in found.err
    assert shoal("audit", "verify", "--checkpoint", out, "--dir", place).code == 2


def test_what_was_forgotten_does_not_break_an_export(engine: Engine, tmp_path: Path) -> None:
    """A row whose name was replaced keeps its hash; a later row vouches for what it says now."""
    from api.forgetting import forget_decisions

    happen(engine, "a")
    with writing(engine) as tx:
        log.append(tx, [Entry("ann", "target.skipped", "x", {"account_id": "bob", "guard": "y"})], AT)
    happen(engine, "c")
    forget_decisions(engine, {"bob": "forgotten-" + "0" * 32}, "ab", feed=tmp_path / "feed", actor="x", models=())
    with reading(engine) as tx:
        assert "bob" not in str(tx.execute(select(audit.c.detail)).all())
    assert checkpoint.verify_file(exported(engine, tmp_path))[1] == log.verify_chain(engine)


def test_rows_are_inserted_nowhere_else(engine: Engine, keys: tuple[Path, Path], tmp_path: Path) -> None:
    """A row slipped in with a hash of its own shows, whatever it says."""
    happen(engine, "a", "b")
    with writing(engine) as tx:
        row = {"seq": 3, "at": AT, "actor": "eve", "event": "x", "subject": "y", "detail": {}, "nonce": None}
        tx.execute(insert(audit).values(**row, previous="0" * 64, hash="1" * 64))
    with pytest.raises(IntegrityError, match="audit row 3"):
        checkpoint.make(engine, checkpoint.private_key(keys[0]))


def test_over_http(engine: Engine, keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from apikit import served

    happen(engine, "a", "b")
    with writing(engine) as tx:
        log.append(tx, [Entry("bea", "other", "b")], AT + 5)
    with served(engine) as people:
        ann = people("ann")
        everything = ann.get("/v1/audit").json()["rows"]

        def asked(**given: Any) -> list[int]:
            return [row["seq"] for row in ann.get("/v1/audit", **given).json()["rows"]]

        assert asked(actor="bea") == [3]
        assert asked(subject="b") == [2, 3]
        assert asked(subject="b", event="tested") == [2]
        assert asked(until=AT + 1) == [1, 2]
        assert asked(since=AT + 1) == [row["seq"] for row in everything if row["at"] > AT]
        assert asked(actor="x' OR '1'='1") == []
        assert ann.get("/v1/audit/checkpoint").status_code == 409
        monkeypatch.setenv("SHOAL_AUDIT_KEY", str(keys[0]))
        said = ann.get("/v1/audit/checkpoint").json()
        path = tmp_path / "from-http.json"
        path.write_text(json.dumps(said))
        assert checkpoint.read(path, checkpoint.public_key(keys[1])) == said
        assert people("eve", ["verdict:read"]).get("/v1/audit/checkpoint").status_code == 403
    assert checkpoint.require_extends(engine, said) >= said["rows"] >= 3
