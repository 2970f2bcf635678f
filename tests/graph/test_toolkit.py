"""coordination-network-toolkit's answers: its own on real data, a plain reading of it, and itself where it is there."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from peerkit import TOOLKIT_COLUMNS, Row, plain, toolkit_network
from shoalkit import shoal

from graph.errors import InputError
from graph.peers.toolkit import NETWORKS, ToolkitConfig, network, normal_form

T0 = 1_600_000_000
SAID = ["", "Buy  now", "buy now", "@ann Buy now", "buy NOW @bob", "buy\u00a0now", "don't buy", "猫 猫猫 buy", "!!"]
messages = st.lists(
    st.fixed_dictionaries(
        {
            "message_id": st.integers(0, 12).map("m{}".format),  # some come twice
            "user_id": st.sampled_from(["A", "a", "b", "ä", "10", "9"]),
            "username": st.just("x"),
            "repost_id": st.sampled_from(["", "", "m1", "m2"]),
            "reply_id": st.sampled_from(["", "m1", "m3"]),
            "message": st.sampled_from(SAID),
            "timestamp": st.integers(0, 9).map(lambda t: T0 + t / 2),
            "urls": st.sampled_from(["", "u.org/1", "u.org/1 u.org/2", "u.org/2  u.org/1 "]),
        }
    ),
    max_size=12,
)


def table_of(rows: list[Row]) -> pa.Table:
    kinds = {c: pa.float64() if c == "timestamp" else pa.string() for c in TOOLKIT_COLUMNS}
    return pa.table({c: pa.array([r[c] for r in rows], k) for c, k in kinds.items()})


def edges_of(table: pa.Table) -> dict[tuple[str, str], int]:
    assert table.column_names == ["user_1", "user_2", "weight"]
    rows = list(zip(*(c.to_pylist() for c in table.columns), strict=True))
    assert rows == sorted(rows, key=lambda r: (r[0].encode(), r[1].encode()))
    return {(a, b): weight for a, b, weight in rows}


@pytest.fixture(scope="module")
def russian(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shares as the toolkit's CSV: each a repost of its object."""
    shares = pq.read_table(shared_data / "cooRTweet" / "russian_coord_tweets.parquet")
    none = pa.array([""] * shares.num_rows)
    held = {"message_id": shares["content_id"], "user_id": shares["account_id"], "username": none}
    held |= {"repost_id": shares["object_id"], "reply_id": none, "message": none}
    held |= {"timestamp": shares["timestamp_share"].cast(pa.int64()), "urls": none}
    path = tmp_path_factory.mktemp("toolkit") / "russian.csv"
    pcsv.write_csv(pa.table(held), path)
    return path


def test_the_command_gives_the_edges_that_the_toolkit_gave(russian: Path, shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "edges.parquet"
    asked = ("--network", "co_retweet", "--window", "10s", "--minimum", 1)
    done = shoal("coact", russian, "--preset", "coordination-network-toolkit", *asked, "--out", out)
    assert (done.code, done.out) == (0, f"{out}: 2,184 edges of coordination-network-toolkit, from 35,125 rows\n")
    wanted = pq.read_table(shared_data / "cooRTweet" / "cnt152_russian_coretweet_tw10_min1.parquet")
    assert wanted.num_rows == 2184
    assert sorted(pq.read_table(out).to_pylist(), key=str) == sorted(wanted.to_pylist(), key=str)
    config = ToolkitConfig("co_retweet", 10, 1)
    rows = pcsv.read_csv(russian, convert_options=pcsv.ConvertOptions(strings_can_be_null=False))
    assert network(rows, config).equals(pq.read_table(out).replace_schema_metadata(None))


@pytest.mark.parametrize("kind", NETWORKS)
@settings(max_examples=25, deadline=None)
@given(messages, st.sampled_from([0, 0.5, 1, 3]), st.integers(1, 2), st.sampled_from([0.3, 0.5, 1]), st.integers(1, 3))
def test_every_network_is_that_of_the_written_semantics(
    kind: str, rows: list[Row], window: float, minimum: int, similarity: float, least: int
) -> None:
    words = tokens() if kind == "co_similar" else None
    got = network(table_of(rows), ToolkitConfig(kind, window, minimum, similarity, least))
    assert edges_of(got) == toolkit_network(rows, kind, window, minimum, words, similarity, least)


def tokens() -> Any:
    """What a text is cut into, for the few texts of this file: words with their apostrophes, and what is between."""
    known = {
        "": set(),
        "Buy  now": {"buy", "now"},
        "buy now": {"buy", "now"},
        "@ann Buy now": {"buy", "now"},
        "buy NOW @bob": {"buy", "now"},
        "buy\u00a0now": {"buy", "now"},
        "don't buy": {"don't", "buy"},
        "猫 猫猫 buy": {"猫", "buy"},
        "!!": {"!"},
    }
    return known.__getitem__


def message(number: int, user: str, **change: Any) -> Row:
    empty = dict.fromkeys(TOOLKIT_COLUMNS, "")
    return {**empty, "message_id": f"m{number}", "user_id": user, "timestamp": float(T0), **change}


def test_quirks_are_kept() -> None:
    """What the toolkit does to messages without a URL, to empty texts and to repeated messages."""
    none = [message(1, "a"), message(2, "b")]
    for kind in ("co_link", "co_tweet", "co_post"):
        assert edges_of(network(table_of(none), ToolkitConfig(kind, 0, 1))) == {("a", "b"): 1, ("b", "a"): 1}
    for kind in ("co_retweet", "co_reply"):
        assert edges_of(network(table_of(none), ToolkitConfig(kind, 0, 1))) == {}
    again = [message(1, "a", repost_id="x"), message(1, "b", repost_id="x"), message(2, "c", repost_id="x")]
    assert edges_of(network(table_of(again), ToolkitConfig("co_retweet", 0, 1))) == {("a", "c"): 1, ("c", "a"): 1}
    # the links of a dropped repeat stay, under the other user
    links = [message(1, "a", urls="u"), message(1, "b", urls="v"), message(2, "c", urls="v")]
    assert edges_of(network(table_of(links), ToolkitConfig("co_link", 0, 1))) == {("b", "c"): 1, ("c", "b"): 1}
    # one message of a beside two of b: the weights differ by direction
    directed = [message(1, "a"), message(2, "b"), message(3, "b", timestamp=T0 + 1.0)]
    assert edges_of(network(table_of(directed), ToolkitConfig("co_post", 1, 1))) == {("a", "b"): 1, ("b", "a"): 2}


@given(st.text(alphabet=st.sampled_from("@aB \t\n\u00a0\u2003\u3000\x1c\x85é猫"), max_size=12))
@example("@a\u00a0b @")
def test_the_normal_form_takes_mentions_and_white_space(text: str) -> None:
    assert normal_form(text) == plain(text)


def test_a_csv_under_other_column_names_is_read_by_place_as_the_toolkit_does(tmp_path: Path) -> None:
    path, out = tmp_path / "m.csv", tmp_path / "edges.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(list("ABCDEFGH"))
        writer.writerows(
            [r[c] for c in TOOLKIT_COLUMNS] for r in (message(1, "a", message="Hi"), message(2, "b", message="hi"))
        )
    asked = ("--network", "co_tweet", "--minimum", 1)
    done = shoal("coact", path, "--preset", "coordination-network-toolkit", *asked, "--out", out)
    assert done.code == 0, done.err
    with out.open(newline="") as file:
        assert list(csv.reader(file)) == [["user_1", "user_2", "weight"], ["a", "b", "1"], ["b", "a", "1"]]


@pytest.mark.parametrize(
    "change",
    [{"network": "co_hashtag"}, {"window": -1}, {"minimum": 0}, {"similarity": 0}, {"least_tokens": 0}],
)
def test_what_means_nothing_is_refused_by_name(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        ToolkitConfig(**{"network": "co_post", **change})


def test_no_rows_and_a_missing_column() -> None:
    assert network(table_of([]), ToolkitConfig("co_link")).num_rows == 0
    with pytest.raises(InputError, match="missing column urls"):
        network(table_of([]).drop_columns("urls"), ToolkitConfig("co_link"))


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_toolkit_itself_agrees(kind: str, tmp_path: Path) -> None:
    """Where the toolkit is installed (it is no dependency; bench/ has it)."""
    pytest.importorskip("coordination_network_toolkit", reason="the peer itself is not installed here")
    rng = random.Random(kind)
    compared = 0
    for round_, (window, minimum) in enumerate([(12, 1), (4, 1), (20, 2)]):
        rows = [
            message(
                rng.randrange(60),
                rng.choice(["A", "a", "b", "ä", "10", "9"]),
                repost_id=rng.choice(["", "", "m1", "m2"]),
                reply_id=rng.choice(["", "m1", "m3"]),
                message=" ".join(rng.choice(TEXTS[: rng.choice([3, 17])]) for _ in range(rng.randrange(4))),
                timestamp=float(T0 + rng.randrange(40)),
                urls=rng.choice(["", "u.org/1", "u.org/1 u.org/2", "u.org/2  u.org/1 "]),
            )
            for _ in range(80)
        ]
        found = edges_of(network(table_of(rows), ToolkitConfig(kind, window, minimum, 0.4, 1 + round_)))
        assert found == _theirs(rows, kind, window, minimum, 1 + round_, tmp_path / f"{round_}.db")
        compared += len(found)
    assert compared > 10


TEXTS = [
    "Buy",
    "now",
    "@ann",
    "don't",
    "'quoted'",
    "猫猫",
    "日本語テキスト",
    "\U0001f600\U0001f600",
    "a.b",
    "3.14",
    "x@y",
    "e\u0301",
    "\u0e01\u0e02",
    "100%",
    "#tag_1",
    "\u00a0",
    "!?",
]


def _theirs(
    rows: list[Row], kind: str, window: int, minimum: int, least: int, path: Path
) -> dict[tuple[str, str], int]:
    from coordination_network_toolkit import compute_networks as peer
    from coordination_network_toolkit.graph import get_edge_rows
    from coordination_network_toolkit.preprocess import preprocess_data
    from coordination_network_toolkit.similarity import get_similarity_fn_from_min_size

    preprocess_data(str(path), [(*(r[c] for c in TOOLKIT_COLUMNS[:-1]), r["urls"].split(" ")) for r in rows])
    compute = {
        "co_retweet": peer.compute_co_retweet_parallel,
        "co_tweet": peer.compute_co_tweet_network,
        "co_link": peer.compute_co_link_network,
        "co_reply": peer.compute_co_reply_network,
        "co_post": peer.compute_co_post_network,
        "co_similar": peer.compute_co_similar_tweet,
    }[kind]
    more: dict[str, Any] = {}
    if kind == "co_similar":
        more = {"similarity_threshold": 0.4, "similarity_function": get_similarity_fn_from_min_size(least)}
    compute(str(path), window, min_edge_weight=minimum, n_threads=1, **more)
    name = "co_similar_tweet" if kind == "co_similar" else kind
    return {(str(a), str(b)): weight for a, b, weight, *_ in get_edge_rows(str(path), name)}
