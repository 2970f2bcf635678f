"""`shoal text`: the optional classifier of texts, trained on the user's own labelled ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graph.console import dir_option, progress

if TYPE_CHECKING:
    from gnn.text.corpus import Corpus

FILE = click.Path(path_type=Path)
WARNING = (
    "A score of a text is a question for a person. It does not transfer to other kinds of text, "
    "and the policy takes it to `watch` at most."
)
least_chars_option = click.option(
    "--least-chars",
    type=click.IntRange(20, 2000),
    default=60,
    show_default=True,
    help="Shorter texts (without white space) are neither learned from nor scored.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the folds."
)


@click.group()
def text() -> None:
    """Train and use a classifier of texts on your own labelled texts: optional, and a weak witness."""


@text.command()
@click.argument("texts", type=FILE)
@click.option("--out", required=True, type=FILE, help="Where to write the model.")
@least_chars_option
@seed_option
def train(texts: Path, out: Path, least_chars: int, seed: int) -> None:
    """Train on TEXTS (CSV, JSON Lines or Parquet: text, account_id, label, and domain if there are several).

    Prints how well it does on accounts it had not seen, and on each domain left out; one that fails there is of no use.
    """
    from gnn.text.evaluate import table
    from gnn.text.file import save
    from graph.errors import InputError
    from graph.files import sha256_of
    from graph.versions import versions

    if not out.parent.is_dir():
        raise InputError(f"{out}: there is no folder {out.parent}")
    corpus, model, measured = _learn(texts, least_chars, seed)
    digest = sha256_of(texts)
    about: dict[str, Any] = {
        "salt": digest,
        "trained_on": {"sha256": digest, "texts": measured[0].texts, "accounts": measured[0].accounts},
        "seed": seed,
        "measured": [m.as_dict() for m in measured],
        "versions": versions(("shoal", "numpy", "scipy", "scikit-learn")),
    }
    save(out, model, about, corpus.accounts)
    click.echo(f"{table(measured)}\n{out}: {len(model.grams):,} n-grams\n{WARNING}")


@text.command()
@click.argument("texts", type=FILE)
@click.option("--model", "model_file", type=FILE, help="Measure this model, on accounts it was not trained on.")
@least_chars_option
@seed_option
def evaluate(texts: Path, model_file: Path | None, least_chars: int, seed: int) -> None:
    """Measure on labelled TEXTS and keep nothing: held-out accounts, then each domain left out; or a stored model."""
    from gnn.text.evaluate import measure, table
    from gnn.text.model import score as score_forms

    if model_file is None:
        click.echo(f"{table(_learn(texts, least_chars, seed)[2])}\n{WARNING}")
        return
    from gnn.text.corpus import read_corpus, without_copies
    from gnn.text.file import load
    from graph.errors import NothingFoundError

    stored, corpus = load(model_file), without_copies(read_corpus(texts, labelled=True))
    seen = stored.trained_on(corpus.accounts)
    new = corpus.take(~seen)
    if not len(new):
        raise NothingFoundError(f"{texts}: {model_file} was trained on every account in it; nothing can be measured")
    with progress("scoring"):
        found = [measure("all", new, score_forms(stored.model, new.forms))]
        for domain in sorted(set(new.domains)) if len(set(new.domains)) > 1 else []:
            part = new.take(new.domains == domain)
            found.append(measure(f"domain {domain or '(none)'}", part, score_forms(stored.model, part.forms)))
    click.echo(f"{texts}: {int(seen.sum()):,} texts of accounts it was trained on are left out")
    click.echo(f"{table(found)}\n{WARNING}")


@text.command()
@click.argument("model_file", metavar="MODEL", type=FILE)
@click.argument("texts", type=FILE)
@click.option(
    "--out", required=True, type=FILE, help="Scores by text: row, account_id, state, probability. CSV or Parquet."
)
@click.option("--accounts", type=FILE, help="And by account: texts, scored, ai_share. CSV or Parquet.")
def score(model_file: Path, texts: Path, out: Path, accounts: Path | None) -> None:
    """Score TEXTS (text, account_id) with MODEL; it keeps silent about what is unlike its training, and says why."""
    from gnn.text.corpus import read_corpus
    from gnn.text.file import load
    from gnn.text.scores import by_account, by_text
    from graph.files import sha256_of
    from graph.tablefiles import check_target, write_table

    for target in filter(None, (out, accounts)):
        check_target(target, (".csv", ".parquet"))
    stored, corpus = load(model_file), read_corpus(texts, labelled=False)
    with progress("scoring"):
        told = by_text(stored.model, corpus)
    choices = {"model": sha256_of(model_file), "texts": sha256_of(texts)}
    write_table(told, out, choices)
    scored = told["probability"].length() - told["probability"].null_count
    click.echo(f"{out}: {scored:,} of {told.num_rows:,} texts scored")
    if accounts is not None:
        rows = by_account(told)
        write_table(rows, accounts, choices)
        click.echo(f"{accounts}: {rows.num_rows:,} accounts")
    click.echo(WARNING)


@text.command()
@click.argument("model_file", metavar="MODEL", type=FILE)
@click.argument("run_id", metavar="[RUN]", default="CURRENT")
@click.option("--current", is_flag=True, help="Make the derived run the current one.")
@dir_option
def apply(model_file: Path, run_id: str, current: bool, folder: Path | None) -> None:
    """Score the public texts of RUN (default: the current one) with MODEL.

    Writes a derived run: RUN's tables and text_scores. Published, these can lead to `watch` and a review, to no more.
    """
    from gnn.text.file import load
    from gnn.text.scores import of_run
    from graph.files import sha256_of
    from graph.settings import settings
    from graph.versions import versions
    from graph.workspace import Workspace

    stored = load(model_file)
    workspace = Workspace(folder or settings().dir)
    with workspace.writing():
        run = workspace.runs.get(run_id)
        key = {"text": {"model": sha256_of(model_file), "log": workspace.log.digest()}}
        building = workspace.runs.derive(run, key)
        with progress("scoring texts"):
            scores = of_run(stored.model, building, workspace.log)
        building.write("text_scores", scores)
        building.done("text_scores", accounts=scores.num_rows, **key["text"])
        derived = building.finish(run.run_id, {**run.manifest["versions"], **versions()})
        if current:
            workspace.runs.make_current(derived)
    told = scores.num_rows - scores["ai_share"].null_count
    click.echo(f"{told:,} of {scores.num_rows:,} accounts with public texts have enough that the model knows")
    click.echo(f"Run {derived.run_id}, derived from {run.run_id}{' (now current)' if current else ''}.\n{WARNING}")


def _learn(texts: Path, least_chars: int, seed: int) -> tuple[Corpus, Any, Any]:
    from gnn.text.corpus import read_corpus, without_copies
    from gnn.text.evaluate import in_and_out
    from gnn.text.model import usable

    whole = read_corpus(texts, labelled=True)
    once = without_copies(whole)
    corpus = once.take(usable(once, least_chars))
    click.echo(
        f"{texts}: {len(whole):,} texts; {once.dropped:,} copies and {len(once) - len(corpus):,} "
        f"under {least_chars} characters are left out"
    )
    with progress("training", total=1 + len(set(corpus.domains))) as advance:
        model, measured = in_and_out(corpus, seed, least_chars, advance)
    return corpus, model, measured
