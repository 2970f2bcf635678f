"""The report: everything in it, nothing private in it, nothing hostile out of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.model import DAY, RUN_TABLES, SECOND
from graph.picture import MAX_NODES, draw
from graph.report import MAX_CARDS, NOTHING, render, render_text
from graph.runs import Run, RunStore
from graph.words import aligned, shown

T0 = 1_767_225_600 * SECOND  # 2026-01-01
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "小红薯的账号",
    "مستخدم",
    "\u202egnihsihp",
    "{{ 7 * 7 }}",
    "a" * 500,
    "esc\x1b[31mred",
    "line\nbreak",
]


def network(prefix: str, size: int, channel: str = "comment", target: str = "note:n") -> dict[str, Any]:
    """A fully connected network whose accounts all met on four objects, and a followed account."""
    ids = sorted(f"{prefix}-{n:03d}" for n in range(size))
    return {"ids": ids, "channel": channel, "objects": [f"{target}{n}" for n in range(4)], "title": f"{prefix} at work"}


def make_run(folder: Path, networks: list[dict[str, Any]], *, scores: bool = True, model: bool = True) -> Run:
    """A finished run with these networks and five unclustered accounts."""
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in RUN_TABLES}
    for net in networks:
        ids = sorted(net["ids"])
        roles = ["core"] * len(ids)
        roles[-1], roles[0] = "followed", "bridge"
        pairs = list(combinations(ids, 2))
        for a, b in pairs:
            for channel in ("all", net["channel"]):
                rows["edges"].append((a, b, channel, 8, 4, T0, T0 + 3 * DAY, 0.5, 0.01, 1e-9, 1e-8))
            for n, thing in enumerate(net["objects"]):
                at = T0 + n * DAY
                rows["evidence"].append((a, b, net["channel"], thing, at, at + 4 * SECOND, "e1", "e2", len(ids) + n))
        rows["clusters"] += [(i, ids[0], role, 0.9) for i, role in zip(ids, roles, strict=True)]
        rows["networks"].append(
            (
                f"net-{ids[0]}",
                ids[0],
                "born",
                len(ids),
                1.0,
                0.9,
                4,
                4,
                [net["channel"]],
                T0,
                T0 + 3 * DAY,
                net["title"],
                None,
            )
        )
    everyone = sorted({i for net in networks for i in net["ids"]} | {f"loner-{n}" for n in range(5)})
    rows["behaviour"] = [(i, 10, 5, T0, T0 + 6 * DAY, 9, 4, 0.5, None, None) for i in everyone]
    rows["scores"] = [(i, "coordinated", 0.95, 0.9) for i in everyone]
    building = RunStore(folder / "runs").begin({"window": 60, "since": T0, "seed": len(everyone)})
    for name in ("edges", "clusters", "networks", "evidence", "behaviour", *(["scores"] if scores else [])):
        schema = RUN_TABLES[name].schema
        table = sorted(rows[name], key=lambda row: str(row[:4]))
        columns = list(zip(*table, strict=True)) if table else [[] for _ in schema]
        building.write(name, pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema))
    if model:
        at = [{"threshold": 0.5, "flagged": 9, "precision": 0.75, "lower": 0.5, "recall": 0.625}]
        common = {"accounts": 40, "positives": 20, "auroc": 0.95, "log_loss": 0.1, "at": at}
        tested = {"GraphSAGE": {**common, "auprc": 0.91, "ece": 0.02}, "forest": {**common, "auprc": 0.88, "ece": 0.03}}
        card = {"target": "coordinated", "meaning": "Not a probability of guilt.", "test": tested}
        building.write_file("model.json", json.dumps(card).encode())
    building.done("detect", pairs=12345)
    return building.finish(None, {"shoal": "0.1.0"})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three networks: public, private messages, a private group chat."""
    return make_run(
        tmp_path_factory.mktemp("report"),
        [
            network("squad", 20),
            network("courier", 8, "message", "account:victim"),
            network("ring", 6, "group_message", "group:secret"),
        ],
    )


class Page(HTMLParser):
    """What a browser would see: tags, the attributes that load something, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_tells_what_was_looked_at_and_every_network(run: Run) -> None:
    page = Page(render(run))
    for words in ("39", "390", "2026-01-01", "2026-01-07", "squad at work", "courier at work", "ring at work"):
        assert words in page.text
    sentence = (
        "All 20 accounts met on note:n0 (channel comment) from 2026-01-01 00:00:00 to 00:00:04 UTC, "
        "pairs a median of 4 s apart; 20 accounts acted on it in all."
    )
    assert sentence in page.text
    for figure in (
        "GraphSAGE",
        "0.910",
        "forest",
        "0.880",
        "0.625",
        "Not a probability of guilt.",
        "39 accounts score 0.9 or more, 5 of them in no network",
    ):
        assert figure in page.text
    assert "svg" in page.tags


def test_the_page_loads_nothing_and_runs_nothing(run: Run) -> None:
    text = render(run)
    page = Page(text)
    assert page.loads == []
    assert page.handlers == []
    assert not {"script", "link", "iframe", "img", "object", "form"} & set(page.tags)
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|https?:", text)


def test_private_recipients_and_group_chats_are_never_named(run: Run) -> None:
    for text in (render(run), render_text(run)):
        assert "victim" not in text
        assert "secret" not in text
    page = Page(render(run)).text
    assert "a private recipient (not shown)" in page
    assert "a private group chat (not shown)" in page


@pytest.mark.parametrize("where", ["account", "object", "title"])
def test_hostile_ids_stay_text(where: str, tmp_path: Path) -> None:
    net = network("squad", 9)
    if where == "account":
        net["ids"] = HOSTILE
    elif where == "object":
        net["objects"] = [f"note:{text}" for text in HOSTILE]
    else:
        net["title"] = "".join(HOSTILE[:6])
    made = make_run(tmp_path, [net])
    text = render(made)
    page, plain = Page(text), render_text(made)
    assert not {"script", "img"} & set(page.tags)
    assert page.handlers == []
    for out in (text, plain):
        assert "\u202e" not in out
        assert "\x1b" not in out
    assert ("{{ 7 * 7 }}" in page.text) == (where != "object")  # only the first three objects are told
    if where == "account":
        assert "小红薯的账号" in page.text
        assert "<script>alert(1)</script>" in page.text


def test_the_text_report_names_every_network_in_aligned_columns(run: Run) -> None:
    text = render_text(run)
    lines = text.splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith("NETWORK"))
    names = ["net-squad-000", "net-courier-000", "net-ring-000"]
    table = lines[head + 1 : head + 4]
    assert [line.split()[0] for line in table] == names
    column = lines[head].index("WHAT IT DOES")
    assert [line[column:] for line in table] == ["squad at work", "courier at work", "ring at work"]
    assert "0.910" in text


def test_a_run_with_too_few_labels_says_why_nothing_is_scored(tmp_path: Path) -> None:
    run = make_run(tmp_path, [network("squad", 9)], scores=False, model=False)
    building = RunStore(tmp_path / "runs").derive(run, {"train": 1})
    building.write("scores", RUN_TABLES["scores"].schema.empty_table())
    card = {"target": "ai_hosted", "meaning": "No account was scored: too few labels.", "reason": "too few labels"}
    building.write_file("model.json", json.dumps(card).encode())
    unscored = building.finish(run.run_id, {})
    for text in (Page(render(unscored)).text, render_text(unscored)):
        assert "No account was scored: too few labels." in text


def test_a_run_without_networks_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path, [], scores=False, model=False)
    assert NOTHING in Page(render(run)).text
    assert NOTHING in render_text(run)
    assert "svg" not in Page(render(run)).tags


def test_figures_are_printed_as_given(run: Run) -> None:
    text = Page(render(run, figures={"synthetic truth": {"precision": 0.987, "recall": 1.0}})).text
    assert "synthetic truth.precision" in text
    assert "0.99" in text


def test_a_large_run_is_cut_and_says_so_and_is_quick(tmp_path: Path) -> None:
    many = [network(f"small{n:03d}", 4) for n in range(MAX_CARDS + 3)]
    run = make_run(tmp_path, [{**network("farm", 340), "objects": ["note:n0"]}, *many])
    begun = time.process_time()
    page = Page(render(run))
    assert time.process_time() - begun < 5
    assert f"Not drawn: {340 - MAX_NODES} further accounts." in page.text
    assert "weakest edges among these accounts" in page.text
    assert "4 smaller networks left out here" in page.text


def test_the_picture_shows_first_whom_a_reviewer_must_not_miss() -> None:
    ids = [f"a{n:04d}" for n in range(400)]
    roles = ["core"] * 399 + ["followed"]
    members = pa.table({"account_id": ids, "role": roles})
    edges = pa.table({"account_a": ids[:-1], "account_b": ids[1:], "objects": [3] * 399})
    picture = draw(members, edges)
    assert "followed" in {dot.role for dot in picture.dots}
    assert picture.roles == ["followed", "core"]
    assert all(0 <= dot.x <= picture.width and 0 <= dot.y <= picture.height for dot in picture.dots)
    assert len(picture.dots) + picture.hidden_accounts == 400


def test_every_role_has_its_own_shape(run: Run) -> None:
    text = render(run)
    for role, shape in {"core": "circle", "bridge": "path", "followed": "path"}.items():
        assert f'<{shape} class="{role}"' in text
    bridge, followed = (re.search(rf'class="{role}" d="M0 [^"]+"', text) for role in ("bridge", "followed"))
    assert bridge is not None
    assert followed is not None
    assert bridge.group()[15:] != followed.group()[17:]


def test_same_run_same_page_whatever_the_hash_seed(run: Run) -> None:
    program = (
        "import sys; from pathlib import Path; from graph.runs import Run\n"
        "from graph.report import render, render_text\n"
        "run = Run(sys.argv[1], Path(sys.argv[2])); sys.stdout.write(render(run) + render_text(run))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, run.run_id, str(run.path)],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == (render(run) + render_text(run)).encode()


@given(st.text(max_size=80))
def test_shown_text_has_nothing_invisible(text: str) -> None:
    assert len(shown(text)) >= min(len(text), 1)
    assert shown(text).isprintable() or any(c.isspace() for c in shown(text))
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f]", shown(text))


@given(st.lists(st.tuples(st.text("ab小é", max_size=6), st.text("xy", max_size=6)), min_size=1, max_size=6))
def test_columns_line_up_in_terminal_cells(rows: list[tuple[str, str]]) -> None:
    from rich.cells import cell_len

    marked = [(first, f"|{second}") for first, second in rows]
    starts = {cell_len(line[: line.index("|")]) for line in aligned(marked)}
    assert len(starts) == 1


def test_a_browser_paints_the_page(run: Run, chromium: Path, tmp_path: Path) -> None:
    file, picture = tmp_path / "report.html", tmp_path / "report.png"
    file.write_text(render(run), encoding="utf-8")
    command = [str(chromium), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=390,844", f"--screenshot={picture}"]
    done = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, timeout=120)
    assert picture.is_file(), done.stderr
    assert picture.stat().st_size > 20_000
