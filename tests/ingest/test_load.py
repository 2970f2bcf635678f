"""Files into the event log: what is accepted, what is refused and how it is said, nothing twice."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.errors import InputError
from graph.workspace import Workspace
from ingest.load import ingest
from ingest.readers import source_files

NOW = 1_790_000_000_000_000  # 2026-09-21
GOOD = {"event_id": "e1", "account_id": "a", "kind": "like", "at": "2026-09-01T08:00:00+08:00", "target_id": "n1"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


def write_jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r, ensure_ascii=False)) + "\n" for r in rows))
    return path


def logged(workspace: Workspace, query: str) -> list[tuple[object, ...]]:
    with workspace.log.connect() as connection:
        rows: list[tuple[object, ...]] = connection.execute(query).fetchall()
        return rows


def rejects(done_rejects: Path | None) -> list[dict[str, object]]:
    assert done_rejects is not None
    return [json.loads(line) for line in done_rejects.read_text().splitlines()]


def test_one_row_is_stored_with_its_time_in_utc_and_its_action(workspace: Workspace, tmp_path: Path) -> None:
    done = ingest(workspace, write_jsonl(tmp_path / "interactions.jsonl", GOOD), now=NOW)
    assert (done.rows, done.appended, done.rejected) == (1, 1, 0)
    assert logged(workspace, 'SELECT event_id, account_id, kind, "at", target_id FROM interactions') == [
        ("e1", "a", "like", 1_788_220_800_000_000, "n1")
    ]
    assert logged(workspace, "SELECT event_id, channel, object_id FROM actions") == [("e1", "like", "note:n1")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"account_id": ""}, "account_id: empty"),
        ({"account_id": "x" * 513}, "is longer than 512 characters"),
        ({"account_id": "x" * 10_000_000}, "is longer than 512 characters"),
        ({"account_id": "a\u0007b"}, "holds control characters"),
        ({"kind": "poke"}, "kind: poke is none of note, comment"),
        ({"at": "yesterday"}, "at: yesterday is no time"),
        ({"at": "2026-09-01 08:00:00"}, "is no time: expected ISO 8601 with an offset"),
        ({"at": 1_788_220_800}, "before 2000: expected microseconds UTC"),
        ({"at": "2031-01-01T00:00:00Z"}, "lies in the future"),
        ({"target_id": None}, "target_id: empty"),
        ({"urls": "not a list"}, "urls: not a list is no list"),
        ({"text": "y" * 100_001}, "is longer than 100000 characters"),
    ],
)
def test_a_bad_row_is_refused_by_name_and_the_good_one_kept(
    workspace: Workspace, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    bad = {**GOOD, "event_id": "e2", **change}
    done = ingest(workspace, write_jsonl(tmp_path / "i.jsonl", GOOD, bad), now=NOW)
    assert (done.appended, done.rejected) == (1, 1)
    (row,) = rejects(done.rejects)
    assert row["file"] == "i.jsonl"
    assert row["row"] == 2
    assert reason in str(row["reasons"])
    assert len(json.dumps(row)) < 20_000  # a huge field is cut in the reject file


def test_lines_that_are_no_records_are_counted_and_kept(workspace: Workspace, tmp_path: Path) -> None:
    done = ingest(workspace, write_jsonl(tmp_path / "i.jsonl", "{broken", GOOD, "[1]", ""), now=NOW)
    assert (done.rows, done.appended, done.rejected) == (3, 1, 2)
    assert [r["row"] for r in rejects(done.rejects)] == [1, 3]


def test_csv_with_quotes_new_lines_and_broken_records(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "i.csv"
    path.write_text(
        "event_id,account_id,kind,at,target_id,text\n"
        'e1,a,comment,2026-09-01T00:00:00Z,n1,"one ""two""\nthree"\n'
        "e2,b,like,2026-09-01T00:00:00Z,n1\n"
        "e3,c,like,2026-09-01T00:00:00Z,n1,\n"
        "e4,d,like,never,n1,\n"
    )
    done = ingest(workspace, path, now=NOW)
    assert (done.rows, done.appended, done.rejected) == (4, 2, 2)
    assert [r["row"] for r in rejects(done.rejects)] == [2, 4]
    assert logged(workspace, "SELECT text FROM interactions WHERE event_id = 'e1'") == [('one "two"\nthree',)]


@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl", "parquet"])
def test_every_form_of_file_gives_the_same_log(tmp_path: Path, form: str) -> None:
    rows = [
        {**GOOD, "event_id": f"e{i}", "account_id": name, "at": 1_788_220_800_000_000 + i, "urls": ["u:1", "u:2"]}
        for i, name in enumerate(["a", "阿猫", "мышь", "🐟"])
    ]
    path = tmp_path / f"interactions.{form}"
    if form == "jsonl":
        write_jsonl(path, *rows)
    elif form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with gzip.open(path, "wt", newline="") if form.endswith("gz") else path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**r, "urls": json.dumps(r["urls"])} for r in rows)
    workspace = Workspace(tmp_path / "data")
    assert ingest(workspace, path, now=NOW).appended == 4
    assert logged(workspace, 'SELECT event_id, account_id, "at", urls FROM interactions ORDER BY event_id') == [
        (r["event_id"], r["account_id"], r["at"], r["urls"]) for r in rows
    ]
    assert logged(workspace, "SELECT count(*) FROM actions WHERE channel = 'url'") == [(8,)]


def test_the_same_file_twice_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "i.jsonl", GOOD)
    ingest(workspace, path, now=NOW)
    before = workspace.log.digest()
    again = ingest(workspace, path, now=NOW)
    assert again.known
    assert workspace.log.digest() == before


def test_an_overlapping_file_appends_only_what_is_new(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, write_jsonl(tmp_path / "1.jsonl", GOOD), now=NOW)
    other = {**GOOD, "event_id": "e2"}
    done = ingest(workspace, write_jsonl(tmp_path / "2.jsonl", other, GOOD, other), now=NOW)
    assert (done.rows, done.appended, done.repeated, done.rejected) == (3, 1, 2, 0)
    assert logged(workspace, "SELECT count(*) FROM interactions") == [(2,)]
    assert logged(workspace, "SELECT count(*) FROM actions") == [(2,)]


def test_an_event_id_used_for_something_else_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, write_jsonl(tmp_path / "1.jsonl", GOOD), now=NOW)
    clash = {**GOOD, "target_id": "n2"}
    done = ingest(workspace, write_jsonl(tmp_path / "2.jsonl", clash, {**GOOD, "event_id": "e9"}), now=NOW)
    assert (done.appended, done.rejected) == (1, 1)
    assert "was used before with other content" in str(rejects(done.rejects)[0]["reasons"])


def test_rows_without_an_id_get_one_by_content_and_occurrence(workspace: Workspace, tmp_path: Path) -> None:
    row = {k: v for k, v in GOOD.items() if k != "event_id"}
    ingest(workspace, write_jsonl(tmp_path / "1.jsonl", row, row, {**row, "account_id": "b"}), now=NOW)
    ids = logged(workspace, "SELECT event_id, account_id FROM interactions")
    assert len({i for i, _ in ids}) == 3
    # the same rows in another file are the same events, in whatever order
    done = ingest(workspace, write_jsonl(tmp_path / "2.jsonl", {**row, "account_id": "b"}, row, row), now=NOW)
    assert (done.appended, done.repeated) == (0, 3)


def test_private_text_is_not_stored_but_its_template_is(workspace: Workspace, tmp_path: Path) -> None:
    secret = "Meet me at the old harbour at 9, bring the blue folder"
    rows = [
        {
            **GOOD,
            "event_id": f"e{i}",
            "account_id": f"a{i}",
            "kind": "message",
            "target_id": f"r{i}",
            "text": text,
            "urls": ["https://harbour.example/x"],
            "hashtags": ["harbour"],
        }
        for i, text in enumerate([secret, secret.replace("9", "10") + "!!", "short"])
    ]
    rows.append({**rows[0], "event_id": "bad", "at": "never"})
    done = ingest(workspace, write_jsonl(tmp_path / "i.jsonl", *rows), now=NOW)
    templates = logged(workspace, "SELECT DISTINCT object_id FROM actions WHERE channel = 'message_template'")
    assert len(templates) == 1  # both long texts are one template, the short one has none
    assert logged(workspace, "SELECT DISTINCT channel FROM actions WHERE object_id LIKE '%:private-%' ORDER BY 1") == [
        ("hashtag",),
        ("message_template",),
        ("url",),
    ]
    everything = b"".join(p.read_bytes() for p in workspace.root.rglob("*") if p.is_file())
    assert b"harbour" not in everything
    assert logged(workspace, "SELECT DISTINCT text FROM interactions") == [(None,)]
    assert done.rejected == 1


def test_a_private_template_cannot_be_guessed_without_the_key(tmp_path: Path) -> None:
    row = {**GOOD, "kind": "message", "text": "the very same long text, sent to many people"}
    path = write_jsonl(tmp_path / "i.jsonl", row, {**row, "kind": "comment", "event_id": "e2"})
    seen = set()
    for name in ("one", "two"):
        workspace = Workspace(tmp_path / name)
        ingest(workspace, path, now=NOW)
        seen |= set(logged(workspace, "SELECT object_id FROM actions WHERE channel LIKE '%template'"))
    assert len(seen) == 3  # the public one is the same in both folders, the private one is not


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("i.csv", b"", "empty file"),
        ("i.jsonl", b"", "empty file"),
        ("i.parquet", b"", "empty file"),
        ("i.csv", b"account_id,kind,at\n", "no rows"),
        ("i.csv", b"a,a\n1,2\n", "stands there twice"),
        ("i.csv", b"who,what\n1,2\n", "missing column"),
        ("i.csv", b"\xff\xfe\x00\x01", "UTF-16; expected UTF-8"),
        ("i.jsonl", b"nothing\nhere\n", "no line of it is a JSON object"),
        ("i.parquet", b"PAR1 but not really", "cannot be read as parquet"),
        ("i.docx", b"hello", "cannot tell what this is"),
        (
            "i.csv",
            b"account_id,kind,at,target_id\na,like,never,n\n",
            "none of its 1 rows can be used; row 1, at: never",
        ),
    ],
)
def test_an_unusable_file_is_refused_whole_in_one_sentence(
    workspace: Workspace, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as error:
        ingest(workspace, path, now=NOW)
    assert str(path) in str(error.value)
    assert workspace.log.batches() == []


def test_a_missing_file_and_an_empty_folder_are_named(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        ingest(workspace, tmp_path / "nowhere.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no file in this folder"):
        source_files(tmp_path / "empty")


def test_accounts_and_labels_are_told_apart_by_their_columns(workspace: Workspace, tmp_path: Path) -> None:
    accounts = write_jsonl(
        tmp_path / "a.jsonl",
        {"account_id": "a", "registration_client": "web", "declared_automation": False},
        {"account_id": "b", "registered_at": "2020-01-01T00:00:00Z", "declared_automation": "maybe"},
    )
    labels = write_jsonl(
        tmp_path / "l.jsonl",
        {"account_id": "a", "label": "genuine", "source": "review", "at": "2026-09-01T00:00:00Z", "confidence": 0.9},
        {"account_id": "b", "label": "guilty", "source": "me", "at": "2026-09-01T00:00:00Z", "confidence": 7},
    )
    assert ingest(workspace, accounts, now=NOW).table == "accounts"
    done = ingest(workspace, labels, now=NOW)
    assert done.table == "labels"
    assert len(rejects(done.rejects)[0]["reasons"]) == 3  # type: ignore[arg-type]
    assert logged(workspace, "SELECT account_id, declared_automation FROM accounts") == [("a", False)]


def test_the_account_row_appended_last_counts(workspace: Workspace, tmp_path: Path) -> None:
    for name, client in (("1", "web"), ("2", "app")):
        ingest(workspace, write_jsonl(tmp_path / f"{name}.jsonl", {"account_id": "a", "registration_client": client}))
    assert logged(workspace, "SELECT registration_client FROM accounts") == [("app",)]


def test_coortweet_and_actions_formats(workspace: Workspace, tmp_path: Path) -> None:
    tweets = write_jsonl(
        tmp_path / "t.jsonl",
        {"object_id": "o", "account_id": "a", "content_id": "c", "timestamp_share": 1_600_000_000},
    )
    acts = write_jsonl(
        tmp_path / "x.jsonl",
        {"account_id": "a", "channel": "url", "object_id": "o2", "at": "2026-09-01T00:00:00Z"},
        {"account_id": "a", "channel": "all", "object_id": "o2", "at": "2026-09-01T00:00:00Z"},
    )
    ingest(workspace, tweets, "coortweet", now=NOW)
    assert ingest(workspace, acts, "actions", now=NOW).rejected == 1
    assert logged(workspace, 'SELECT channel, object_id, "at" FROM actions ORDER BY channel') == [
        ("share", "o", 1_600_000_000_000_000),
        ("url", "o2", 1_788_220_800_000_000),
    ]


def test_unknown_columns_are_kept_but_not_of_private_interactions(workspace: Workspace, tmp_path: Path) -> None:
    rows = [
        {**GOOD, "mood": "up", "geo": {"city": "上海"}, "format_version": 1},
        {**GOOD, "event_id": "e2", "kind": "message", "mood": "a private word"},
        {**GOOD, "event_id": "e3"},
        {**GOOD, "event_id": "e4", "at": "never", "mood": "lost"},
    ]
    done = ingest(workspace, write_jsonl(tmp_path / "i.jsonl", *rows), now=NOW)
    assert (done.appended, done.rejected) == (3, 1)
    assert logged(workspace, 'SELECT table_name, row_id, account_id, "at", fields FROM extras') == [
        ("interactions", "e1", "a", 1_788_220_800_000_000, '{"geo":"{\\"city\\":\\"上海\\"}","mood":"up"}')
    ]
    accounts = write_jsonl(
        tmp_path / "a.jsonl",
        {"account_id": "a", "registration_client": "web", "tier": 1},
        {"account_id": "a", "registration_client": "web", "tier": 2},
    )
    ingest(workspace, accounts, now=NOW)
    assert logged(workspace, "SELECT row_id, fields FROM extras WHERE table_name = 'accounts'") == [
        ("a", '{"tier":"2"}')
    ]
    assert b"a private word" not in b"".join(p.read_bytes() for p in workspace.root.rglob("*") if p.is_file())


def test_a_private_message_that_comes_again_is_a_repeat(workspace: Workspace, tmp_path: Path) -> None:
    row = {**GOOD, "kind": "message", "text": "a private text that is long enough"}
    ingest(workspace, write_jsonl(tmp_path / "1.jsonl", row), now=NOW)
    done = ingest(workspace, write_jsonl(tmp_path / "2.jsonl", row, {**GOOD, "event_id": "e2"}), now=NOW)
    assert (done.appended, done.repeated, done.rejected) == (1, 1, 0)


def test_no_reason_shows_what_is_private(workspace: Workspace, tmp_path: Path) -> None:
    secret = {**GOOD, "kind": "message", "text": "harbour " * 20_000, "urls": "harbour", "note": "harbour " * 20_000}
    rows = [GOOD, {**secret, "event_id": "e2"}, {**secret, "event_id": "e3", "kind": "dm"}]
    done = ingest(workspace, write_jsonl(tmp_path / "i.jsonl", *rows), now=NOW)
    assert done.rejected == 2
    assert done.rejects is not None
    said = done.rejects.read_text()
    assert "harbour" not in said
    assert "urls: (not shown) is no list" in said


def test_the_real_coortweet_data_loads_whole(workspace: Workspace, shared_data: Path) -> None:
    done = ingest(workspace, shared_data / "cooRTweet" / "russian_coord_tweets.parquet", "coortweet")
    assert (done.appended, done.repeated, done.rejected) == (35_125, 0, 0)
    assert logged(workspace, "SELECT count(*), count(DISTINCT account_id), count(DISTINCT object_id) FROM actions") == [
        (35_125, 9_509, 7_285)
    ]


text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "account_id": text,
                "kind": st.sampled_from(["like", "comment", "note", "zap"]),
                "at": st.one_of(st.integers(-5, 2_000_000_000_000_000), text),
                "target_id": text,
                "text": text,
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_row_is_appended_repeated_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, rows: list[object]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    workspace = Workspace(folder / "data")
    path = write_jsonl(folder / "i.jsonl", *rows)
    try:
        done = ingest(workspace, path, now=NOW)
    except InputError:  # not one row can be used
        assert logged(workspace, "SELECT count(*) FROM interactions") == [(0,)]
        return
    assert done.rows == len(rows) == done.appended + done.repeated + done.rejected
    assert logged(workspace, "SELECT count(*) FROM interactions") == [(done.appended,)]
