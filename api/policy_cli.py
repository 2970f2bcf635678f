"""Commands of the policy: check a file, show the one in use, compare a candidate with it, try it on past runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.place import store_in, workspace_in
from graph.console import dir_option

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from api.comparing import Backtest
    from api.judging import Context
    from api.rules import Policy
    from api.shadows import Shadow

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


def chosen(path: Path | None) -> Policy:
    """The policy in a file, in SHOAL_POLICY, or the one that ships."""
    from api.rules import load
    from graph.settings import settings

    return load(path or settings().policy)


@click.group()
def policy() -> None:
    """The policy: check a file, show and list those in use, compare a candidate, try it on past runs."""


@policy.command("check")
@FILE
def check(file: Path) -> None:
    """Read a policy file and say its version and hash, or what is wrong with it and where."""
    found = chosen(file)
    click.echo(f"{file}: policy {found.version}, sha256 {found.sha256}")


@policy.command("schema")
def schema() -> None:
    """Print the form of a policy file as JSON Schema, for editors."""
    from api.policy_schema import json_schema

    click.echo(json.dumps(json_schema(), indent=1))


@policy.command("show")
@click.option("--published", is_flag=True, help="The policy of the current publication instead.")
@dir_option
def show(folder: Path | None, *, published: bool) -> None:
    """Print the policy that the next publication uses: the activated one, else SHOAL_POLICY, else the one shipped."""
    from api.candidates import for_publication
    from graph.settings import settings

    if not published and not _has_store(folder):
        click.echo(chosen(None).text, nl=False)
        return
    with store_in(folder) as engine:
        found = _published(engine).policy if published else for_publication(engine, settings().policy)
        click.echo(found.text, nl=False)


def _has_store(folder: Path | None) -> bool:
    """Whether there is a decision store to ask already: showing a file makes none."""
    from api.place import folder_or_default
    from graph.settings import settings

    return settings().database_url is not None or (folder_or_default(folder) / "decisions.db").exists()


@policy.command("list")
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON object.")
@dir_option
def listing(folder: Path | None, *, as_json: bool) -> None:
    """List the newest policies: candidates, the one in use, retired ones; who did what, and how candidates compare."""
    from api import candidates
    from api.store import reading

    with store_in(folder) as engine, reading(engine) as tx:
        found = candidates.described(tx, candidates.page(tx, None, 100))
    if as_json:
        click.echo(json.dumps({"policies": found}, ensure_ascii=False))
        return
    for one in found:
        published = ", published" if one["published"] else ""
        click.echo(f"{one['sha256'][:12]}  version {one['version']}  {one['state']}{published}")
        for event in one["events"]:
            click.echo(f"  {event['at']}  {event['event']} by {event['actor']}: {event['reason']}")
        if one["shadow"] is not None and one["state"] == "candidate":
            told = one["shadow"]
            click.echo(
                f"  at publication {told['publication_id']}: {told['changed']:,} of {told['judged']:,} accounts "
                f"would be judged otherwise, {told['stricter']:,} more strictly"
            )
    if not found:
        click.echo("No policy was published or submitted yet.")


def _published(engine: Engine) -> Context:
    """The current publication and its policy. Raises ConflictError before the first."""
    from api.judging import required
    from api.store import reading

    with reading(engine) as tx:
        return required(tx)


@policy.command("shadow")
@FILE
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Accounts to list.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON object.")
@dir_option
def shadow(file: Path, limit: int, folder: Path | None, *, as_json: bool) -> None:
    """Compare a candidate with the published policy: who would be judged otherwise now, and why. Changes nothing."""
    from api import comparing
    from api.clock import now
    from graph.console import progress

    place, candidate = workspace_in(folder), chosen(file)
    with store_in(folder) as engine:
        context = _published(engine)
        run = place.runs.get(context.run_id)
        with progress(f"judging run {run.run_id} twice"):
            found = comparing.shadow(run, place.log, engine, context.policy, candidate, now())
    if as_json:
        click.echo(json.dumps(_shadow_json(found), ensure_ascii=False))
        return
    click.echo(f"Run {found.run_id}, {found.judged:,} accounts; the published policy, then {file}:")
    for (before, after), n in sorted(found.moves.items()):
        click.echo(f"{n:>9,}  {before:8} {'as before' if before == after else '-> ' + after}")
    click.echo(f"{len(found.changes):,} accounts would be judged otherwise: {found.stricter:,} more strictly.")
    for change in found.changes[:limit]:
        click.echo(f"\n{change.account_id}: {change.before.tier} -> {change.after.tier}")
        for name, judgement in (("now", change.before), ("then", change.after)):
            for reason in judgement.reasons:
                click.echo(f"  {name}: {reason.text}")


def _shadow_json(found: Shadow) -> dict[str, Any]:
    def said(judgement: Any) -> dict[str, Any]:
        return {"tier": judgement.tier, "reasons": [reason.text for reason in judgement.reasons]}

    return {
        "run_id": found.run_id,
        "active": found.active,
        "candidate": found.candidate,
        "moves": found.told,
        "changes": [
            {"account_id": c.account_id, "before": said(c.before), "after": said(c.after)} for c in found.changes
        ],
    }


@policy.command("backtest")
@FILE
@click.option("--runs", type=click.IntRange(1), default=10, show_default=True, help="Published runs to go back.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@dir_option
def backtest(file: Path, runs: int, folder: Path | None, *, as_json: bool) -> None:
    """Judge past runs as on their day, by a candidate and by the published policy, beside what was found later."""
    from api import comparing
    from graph.console import progress
    from graph.errors import ConflictError

    place, candidate = workspace_in(folder), chosen(file)
    with store_in(folder) as engine:
        active = _published(engine).policy
        kept = {run.run_id for run in place.runs.all()}
        named = comparing.past_runs(engine, runs)
        past = [place.runs.get(name) for name in named if name in kept]
        if not past:
            raise ConflictError("no published run is kept any more: there is nothing to test on")
        with progress(f"judging {len(past)} runs twice"):
            results = {
                name: comparing.backtest(past, place.log, engine, p)
                for name, p in (("now", active), ("then", candidate))
            }
    if as_json:
        click.echo(json.dumps({name: _backtest_json(result) for name, result in results.items()}))
        return
    missing = len(named) - len(past)
    gone = f" ({missing} more are not kept)" if missing else ""
    click.echo(f"{len(past)} published runs{gone}. now: the published policy; then: {file}.")
    click.echo("tier      policy  accounts  looked at later: agreed  genuine  penalties taken back")
    for tier in ("watch", "warn", "restrict", "ban"):
        for name, result in results.items():
            row = result.tiers[tier]
            click.echo(f"{tier:9} {name:6} {row.accounts:9,} {row.agreed:23,} {row.genuine:8,} {row.reversed:21,}")
    click.echo("Of accounts that nobody looked at later this says nothing, and people look where a policy points them.")


def _backtest_json(result: Backtest) -> dict[str, Any]:
    return {
        "policy": result.policy,
        "runs": result.runs,
        "tiers": {tier: vars(row) | {"looked_at": row.looked_at} for tier, row in result.tiers.items()},
    }
