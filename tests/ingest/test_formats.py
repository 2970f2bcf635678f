"""Formats of other sources: what a sample of each layout becomes, and how each is recognised."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from graph.errors import InputError
from graph.workspace import Workspace
from ingest.load import ingest
from ingest.preview import preview
from ingest.recognise import described, known, recognised
from shoal import cli

NOW = 1_790_000_000_000_000  # 2026-09-21
NINE = 1_788_253_200_000_000  # 2026-09-01T09:00:00Z


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


def write(path: Path, *documents: object) -> Path:
    """JSON documents one after another; a text stands as it is."""
    path.write_text("\n".join(d if isinstance(d, str) else json.dumps(d, ensure_ascii=False) for d in documents) + "\n")
    return path


def logged(workspace: Workspace, query: str) -> list[tuple[object, ...]]:
    with workspace.log.connect() as connection:
        rows: list[tuple[object, ...]] = connection.execute(query).fetchall()
        return rows


def post(number: int, by: int, **more: object) -> dict[str, object]:
    return {
        "id": str(number),
        "author_id": str(by),
        "created_at": "2026-09-01T09:00:00.000Z",
        "text": f"post {number}",
        "edit_history_tweet_ids": [str(number)],
        "conversation_id": str(number),
        "lang": "en",
        "public_metrics": {"retweet_count": 1, "reply_count": 0, "like_count": 2, "quote_count": 0},
        **more,
    }


ENTITIES = {
    "urls": [
        {
            "start": 10,
            "end": 33,
            "url": "https://t.example/abc",
            "expanded_url": "https://news.example/a?utm_source=x",
            "display_url": "news.example/a",
        }
    ],
    "hashtags": [{"start": 0, "end": 4, "tag": "sea"}, {"start": 5, "end": 9, "tag": "海"}],
    "mentions": [{"start": 0, "end": 3, "username": "bob", "id": "2"}],
}
PAGE = {
    "data": [
        post(11, 1, entities=ENTITIES, source="Web App", text="short", note_tweet={"text": "the long text of it"}),
        post(12, 2, referenced_tweets=[{"type": "retweeted", "id": "11"}], text="RT @ann: short", entities=ENTITIES),
        post(13, 3, referenced_tweets=[{"type": "quoted", "id": "11"}, {"type": "replied_to", "id": "12"}]),
        post(14, 3, referenced_tweets=[{"type": "quoted", "id": "11"}]),
        {"id": "15", "text": "asked for without tweet.fields"},
    ],
    "includes": {
        "users": [
            {"id": "1", "name": "Ann", "username": "ann", "created_at": "2020-01-01T00:00:00.000Z", "verified": True},
            {"id": "2", "name": "Bo", "username": "bo", "verified_type": "business"},
            {"id": "3", "name": "Cy", "username": "cy", "verified_type": "blue"},
        ],
        "tweets": [post(11, 1, entities=ENTITIES, source="Web App", note_tweet={"text": "the long text of it"})],
        "media": [{"media_key": "3_1", "type": "photo"}],
    },
    "meta": {"result_count": 5, "newest_id": "15", "oldest_id": "11", "next_token": "b26v"},
}


def test_a_page_of_x_becomes_interactions_and_accounts(workspace: Workspace, tmp_path: Path) -> None:
    done = ingest(workspace, write(tmp_path / "page.json", PAGE), "x-api-v2", now=NOW)
    assert (done.table, done.rows, done.appended, done.repeated, done.rejected) == (
        "interactions and accounts",
        9,
        7,
        1,
        1,
    )
    assert logged(
        workspace,
        'SELECT event_id, account_id, kind, target_id, text, urls, hashtags, client, "at" FROM interactions ORDER BY 1',
    ) == [
        (
            "11",
            "1",
            "note",
            None,
            "the long text of it",
            ["https://news.example/a?utm_source=x"],
            ["sea", "海"],
            "Web App",
            NINE,
        ),
        ("12", "2", "share", "11", None, None, None, None, NINE),
        ("13", "3", "reply", "12", "post 13", None, None, None, NINE),
        ("14", "3", "share", "11", "post 14", None, None, None, NINE),
    ]
    assert logged(workspace, "SELECT account_id, registered_at, verified_role FROM accounts ORDER BY 1") == [
        ("1", 1_577_836_800_000_000, None),
        ("2", None, "business"),
        ("3", None, None),
    ]
    assert logged(workspace, "SELECT object_id FROM actions WHERE event_id = '12'") == [("note:11",)]
    assert logged(workspace, "SELECT fields FROM extras WHERE table_name = 'interactions' AND row_id = '13'") == [
        ('{"lang":"en"}',)
    ]
    assert logged(workspace, "SELECT conversation_id FROM interactions WHERE event_id = '13'") == [("13",)]
    assert done.rejects is not None
    (bad,) = [json.loads(line) for line in done.rejects.read_text().splitlines()]
    assert bad["row"] == 5
    assert bad["reasons"] == ["author_id: empty", "created_at: empty"]


def test_pages_of_x_one_a_line_and_as_one_post_or_none(workspace: Workspace, tmp_path: Path) -> None:
    stream = {"data": post(21, 1), "matching_rules": [{"id": "1"}]}
    empty = {"meta": {"result_count": 0}}
    users = {"data": [{"id": "9", "name": "N", "username": "n"}]}
    path = write(tmp_path / "pages.jsonl", PAGE, stream, empty, users, {"errors": [{"title": "Not Found Error"}]})
    done = ingest(workspace, path, "auto", now=NOW)
    assert "recognised as x-api-v2, because it has the columns data, includes" in str(done)
    assert logged(workspace, "SELECT count(*) FROM interactions") == [(5,)]
    assert logged(workspace, "SELECT count(*) FROM accounts") == [(4,)]


def test_flattened_posts_of_x(workspace: Workspace, tmp_path: Path) -> None:
    path = write(
        tmp_path / "flat.jsonl",
        post(31, 1, author={"username": "ann"}, entities=ENTITIES),
        post(32, 2, referenced_tweets=[{"type": "replied_to", "id": "31", "text": "inlined"}]),
        post(33, 2, referenced_tweets=[{"type": "replied_to"}]),
    )
    done = ingest(workspace, path, "auto", now=NOW)
    assert "recognised as x-api-v2" in str(done)
    assert (done.appended, done.rejected) == (2, 1)
    assert logged(workspace, "SELECT event_id, kind, target_id, urls IS NOT NULL FROM interactions ORDER BY 1") == [
        ("31", "note", None, True),
        ("32", "reply", "31", False),
    ]
    assert done.rejects is not None
    assert "referenced_tweets: a reference without an id" in done.rejects.read_text()


def test_nested_values_of_the_wrong_type_do_not_end_the_work(workspace: Workspace, tmp_path: Path) -> None:
    page = {
        "data": [
            post(41, 1, entities="none", referenced_tweets="none", note_tweet=7),
            post(42, 1, entities={"urls": {"url": 1}, "hashtags": [1, {"tag": ["x"]}]}),
            post(43, 1, entities=None, referenced_tweets=[]),
            "a text",
            None,
        ],
        "includes": "nothing",
        "meta": [],
    }
    done = ingest(workspace, write(tmp_path / "odd.json", page), "x-api-v2", now=NOW)
    assert done.appended == 3
    assert done.rows == done.appended + done.rejected


TWIBOT_20 = [
    {
        "ID": "17461978",
        "profile": {
            "id": "17461978 ",
            "screen_name": "SHAQ ",
            "created_at": "Tue Nov 18 10:27:25 +0000 2008 ",
            "verified": "True ",
        },
        "tweet": ["RT @CarnivalCruise: Are you ready\n", "a second one\n"],
        "neighbor": {"following": ["170861207"], "follower": ["1589377862"]},
        "domain": ["Politics", "Sports"],
        "label": "0",
    },
    {
        "ID": "1297437077403885568",
        "profile": {"created_at": "Sun Aug 23 07:32:34 +0000 2020 ", "verified": "False "},
        "tweet": None,
        "neighbor": None,
        "domain": ["Business"],
        "label": "1",
    },
    {"ID": "5", "profile": {"created_at": "soon"}, "tweet": [], "neighbor": None, "domain": [], "label": "2"},
    {"ID": "6", "profile": None, "tweet": [], "neighbor": None, "domain": []},
]


def test_twibot_20_gives_accounts_and_labels(workspace: Workspace, tmp_path: Path) -> None:
    path = write(tmp_path / "train.json", TWIBOT_20)
    done = ingest(workspace, path, "auto", now=NOW)
    assert "recognised as twibot-20, because it has the columns ID, profile" in str(done)
    assert "tell no time and are not stored" in str(done)
    assert logged(workspace, "SELECT account_id, registered_at, verified_role FROM accounts ORDER BY 1") == [
        ("1297437077403885568", 1_598_167_954_000_000, None),
        ("17461978", 1_227_004_045_000_000, "verified"),
        ("6", None, None),
    ]
    assert logged(workspace, 'SELECT account_id, label, source, "at" FROM labels ORDER BY 1') == [
        ("1297437077403885568", "ai_hosted", "review", 1_609_459_200_000_000),
        ("17461978", "genuine", "review", 1_609_459_200_000_000),
    ]
    assert done.rejects is not None
    assert [json.loads(line)["reasons"] for line in done.rejects.read_text().splitlines()] == [
        ["created_at: soon is no time"],
        ["label: 2 is none of 1, 0"],
    ]


def twibot_22(folder: Path) -> None:
    """The files of TwiBot-22, a row or two each, as they are laid out."""
    folder.mkdir()
    user = {
        "created_at": "2020-01-16 02:02:55+00:00",
        "id": "u1217628182611927040",
        "name": "Boaz",
        "protected": False,
        "public_metrics": {"followers_count": 7316},
        "username": "boaz",
        "verified": False,
        "withheld": None,
    }
    write(folder / "user.json", [user, {**user, "id": "u2664730894", "verified": True}])
    tweet = {
        "attachments": None,
        "author_id": 2664730894,
        "conversation_id": 1502026420331524096,
        "created_at": "2022-03-10 20:36:45+00:00",
        "entities": {"hashtags": [{"start": 0, "end": 3, "tag": "ai"}], "urls": None},
        "id": "t1502026420331524096",
        "in_reply_to_user_id": None,
        "lang": "en",
        "referenced_tweets": None,
        "source": "Twitter Web App",
        "text": "hello #ai",
    }
    retweet = {
        **tweet,
        "id": "t1502026420331524097",
        "referenced_tweets": [{"id": 1502026420331524096, "type": "retweeted"}],
    }
    write(folder / "tweet_0.json", [tweet, retweet])
    (folder / "label.csv").write_text("id,label\nu1217628182611927040,human\nu2664730894,bot\nu3,cyborg\n")
    (folder / "split.csv").write_text("id,split\nu1217628182611927040,train\n")
    (folder / "edge.csv").write_text(
        "source_id,relation,target_id\nu1217628182611927040,following,u2664730894\nu2664730894,post,t1502026420331524096\n"
    )


def test_a_folder_of_twibot_22(workspace: Workspace, tmp_path: Path) -> None:
    twibot_22(tmp_path / "twibot")
    done = {p.name: ingest(workspace, p, "auto", now=NOW) for p in sorted((tmp_path / "twibot").iterdir())}
    assert all("recognised as twibot-22" in str(d) for d in done.values())
    assert (done["edge.csv"].aside, done["edge.csv"].appended) == (2, 0)
    assert "2 rows of edges set aside" in str(done["edge.csv"])
    assert "tell no time" in str(done["edge.csv"])
    assert done["label.csv"].rejected == 1
    assert logged(
        workspace, 'SELECT event_id, account_id, kind, target_id, text, hashtags, "at" FROM interactions ORDER BY 1'
    ) == [
        ("1502026420331524096", "2664730894", "note", None, "hello #ai", ["ai"], 1_646_944_605_000_000),
        ("1502026420331524097", "2664730894", "share", "1502026420331524096", None, None, 1_646_944_605_000_000),
    ]
    assert logged(
        workspace, "SELECT a.account_id, label, verified_role FROM accounts a JOIN labels USING (account_id) ORDER BY 1"
    ) == [
        ("1217628182611927040", "genuine", None),
        ("2664730894", "ai_hosted", "verified"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "format_name"),
    [
        ("i.csv", "account_id,kind,at\na,note,2026-09-01T00:00:00Z\n", "native"),
        ("i.csv", "account_id,kind,at,device_id\na,note,2026-09-01T00:00:00Z,d\n", "native"),
        ("a.csv", "account_id,registered_at\na,2026-09-01T00:00:00Z\n", "native"),
        ("l.csv", "account_id,label,source,at\na,genuine,review,2026-09-01T00:00:00Z\n", "native"),
        ("x.csv", "account_id,channel,object_id,at\na,url,o,2026-09-01T00:00:00Z\n", "actions"),
        ("x.csv", "account_id,channel,object_id,at,device_id\na,url,o,2026-09-01T00:00:00Z,d\n", "actions"),
        ("c.csv", "object_id,account_id,content_id,timestamp_share\no,a,c,1600000000\n", "coortweet"),
        (
            "t.csv",
            "message_id,user_id,username,repost_id,reply_id,message,timestamp,urls\nm,u,n,,,hi,1600000000,\n",
            "coordination-network-toolkit",
        ),
        ("p.json", json.dumps({"data": [], "meta": {}}), "x-api-v2"),
        ("b.json", json.dumps(TWIBOT_20), "twibot-20"),
        ("label.csv", "id,label\nu1,bot\n", "twibot-22"),
    ],
)
def test_each_format_is_recognised_by_its_columns(tmp_path: Path, name: str, content: str, format_name: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert recognised(path)[0] == format_name


def test_parquet_is_recognised_too(tmp_path: Path) -> None:
    pq.write_table(pa.table({"account_id": ["a"], "kind": ["note"], "at": [NINE]}), tmp_path / "i.parquet")
    assert recognised(tmp_path / "i.parquet")[0] == "native"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("who,what\na,b\n", r"no format has its columns \(who, what\); `shoal formats` lists"),
        (
            "account_id,kind,at,channel,object_id\na,like,2026-09-01T00:00:00Z,url,o\n",
            r"more than one format: actions \(account_id, channel, object_id, at\) and native \(account_id, kind, at\)",
        ),
        ("account_id\na\n", "no format has its columns"),
    ],
)
def test_what_fits_no_format_or_several_is_refused(
    workspace: Workspace, tmp_path: Path, content: str, says: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=says) as error:
        ingest(workspace, path, "auto", now=NOW)
    assert str(path) in str(error.value)


def test_recognising_a_file_does_not_make_another_batch_of_it(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("account_id,registered_at\na,2026-09-01T00:00:00Z\n")
    assert ingest(workspace, path, "native", now=NOW).appended == 1
    again = ingest(workspace, path, "auto", now=NOW)
    assert again.known
    assert "recognised as native" in str(again)


def test_every_format_says_what_it_is_and_how_it_is_recognised() -> None:
    for name in known():
        what, how = described(name)
        assert what
        assert how


def test_a_dry_run_shows_what_would_be_stored_and_writes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    row = {
        "event_id": "e1",
        "account_id": "a",
        "kind": "note",
        "at": "2026-09-01T09:00:00Z",
        "text": "hi",
        "mood": "up",
    }
    secret = {**row, "event_id": "e2", "kind": "message", "target_id": "b", "text": "the secret", "mood": "secret too"}
    write(path, row, secret, {**row, "event_id": "e3", "at": "never"}, "{broken")
    lines = list(preview(workspace, path, "auto", now=NOW))
    said = "\n".join(lines)
    assert "recognised as native" in lines[0]
    assert "4 rows of interactions: 2 would be appended, 0 are there already, 2 would be rejected" in said
    assert '{"event_id": "e1", "account_id": "a", "kind": "note", "at": 1788253200000000, "text": "hi"}' in said
    assert "kept beside the rows: mood" in said
    assert "row 3: at: never is no time" in said
    assert "row 4: record: no JSON object" in said
    assert "secret" not in said
    assert not workspace.root.exists()
    ingest(workspace, path, now=NOW)
    with workspace.log.connect():  # whoever reads holds the log, and that leaves an empty file
        before = sorted(p for p in workspace.root.rglob("*"))
    assert "2 are there already" in "\n".join(preview(workspace, path, now=NOW))
    assert sorted(p for p in workspace.root.rglob("*")) == before


def test_coact_recognises_files_too(tmp_path: Path) -> None:
    rows = "".join(f"o{i},{name},c{i}{name},{1_600_000_000 + 1000 * i}\n" for i in range(5) for name in "ab")
    (tmp_path / "x.csv").write_text(f"object_id,account_id,content_id,timestamp_share\n{rows}")
    command = ["coact", str(tmp_path / "x.csv"), "--format", "auto", "--all", "--no-test"]
    done = CliRunner().invoke(cli, [*command, "--out", str(tmp_path / "edges.csv")])
    assert done.exit_code == 0, done.output
    assert "recognised as coortweet, because it has the columns account_id, object_id, timestamp_share" in done.output
    assert "10 actions of 2 accounts" in done.output
