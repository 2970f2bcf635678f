"""The audit log: any edit, removal, insertion or reordering is found, also by someone who can disable triggers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from api import audit as log
from api.audit import Entry, canonical_sha256, verify_chain
from api.store import writing
from api.tables import audit, audit_head
from graph.errors import IntegrityError


@pytest.fixture
def chain(engine: Engine) -> Engine:
    """Ten entries in two transactions."""
    for part in range(2):
        with writing(engine) as tx:
            entries = [Entry("ann", "tested", f"s{part}-{i}", {"账": i, "x": 1.5}) for i in range(5)]
            log.append(tx, entries, 1_790_000_000_000_000 + part)
    assert verify_chain(engine) == 10
    return engine


def behind_its_back(engine: Engine, change: Callable[[Connection], object]) -> None:
    """Change the log as somebody with the database's own rights could."""
    with writing(engine) as tx:
        if engine.dialect.name == "sqlite":
            tx.execute(text("DROP TRIGGER audit_no_update"))
            tx.execute(text("DROP TRIGGER audit_no_delete"))
        else:
            tx.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        change(tx)


def test_an_edit_is_found(chain: Engine) -> None:
    behind_its_back(chain, lambda tx: tx.execute(update(audit).where(audit.c.seq == 4).values(actor="eve")))
    with pytest.raises(IntegrityError, match="audit row 4 is not what was written"):
        verify_chain(chain)


def test_an_edit_with_a_new_hash_is_found_in_the_next_row(chain: Engine) -> None:
    def change(tx: Connection) -> None:
        row = dict(tx.execute(select(audit).where(audit.c.seq == 4)).mappings().one())
        row["actor"] = "eve"
        del row["hash"]
        tx.execute(update(audit).where(audit.c.seq == 4).values(**row, hash=canonical_sha256(row)))

    behind_its_back(chain, change)
    with pytest.raises(IntegrityError, match="audit row 5 is not what was written"):
        verify_chain(chain)


@pytest.mark.parametrize(("gone", "named"), [(1, 1), (5, 5), (10, 10)])
def test_a_removed_row_is_found_also_at_the_end(chain: Engine, gone: int, named: int) -> None:
    behind_its_back(chain, lambda tx: tx.execute(delete(audit).where(audit.c.seq == gone)))
    with pytest.raises(IntegrityError, match=f"audit row {named} is missing"):
        verify_chain(chain)


def test_reordered_rows_are_found(chain: Engine) -> None:
    def swap(tx: Connection) -> None:
        for old, new in ((3, 99), (4, 3), (99, 4)):
            tx.execute(update(audit).where(audit.c.seq == old).values(seq=new))

    behind_its_back(chain, swap)
    with pytest.raises(IntegrityError, match="audit row 3"):
        verify_chain(chain)


def test_a_row_put_in_is_found(chain: Engine) -> None:
    def put(tx: Connection) -> None:
        row = {"seq": 11, "at": 1, "actor": "eve", "event": "x", "subject": "y", "detail": {}, "previous": "0" * 64}
        tx.execute(insert(audit).values(**row, hash=canonical_sha256(row)))

    behind_its_back(chain, put)
    with pytest.raises(IntegrityError, match="audit row 11"):
        verify_chain(chain)


def test_a_log_emptied_whole_is_found(chain: Engine) -> None:
    behind_its_back(chain, lambda tx: tx.execute(delete(audit)))
    with pytest.raises(IntegrityError, match="audit row 1 is missing"):
        verify_chain(chain)


def test_an_undone_transaction_leaves_no_trace(chain: Engine) -> None:
    def undone() -> None:
        with writing(chain) as tx:
            log.append(tx, [Entry("ann", "tested", "undone")], 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        undone()
    assert verify_chain(chain) == 10
    with writing(chain) as tx:
        assert tx.execute(select(audit_head.c.seq)).scalar_one() == 10
