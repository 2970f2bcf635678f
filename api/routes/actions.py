"""Network actions over HTTP: propose, preview, approve, execute, hold, go on, reverse, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import Connection, select

from api import actions, execution
from api.answers import ActionDetail, ActionOut, ActionPage
from api.auth import Caller
from api.clock import EPOCH, iso, iso_or_none
from api.idempotency import Answer
from api.problems import RESPONSES
from api.routes.access import Cursor, IdempotencyKey, Limit, PathId, Store, caller_with, change, id_in_path, text_cursor
from api.schemas import Approval, Because, Begin, GoOn, NewOverride, Proposal
from api.store import reading
from api.tables import network_actions, penalties, targets

router = APIRouter(tags=["network actions"], responses=RESPONSES)
Reader = Annotated[Caller, Depends(caller_with("evidence:read"))]
Proposer = Annotated[Caller, Depends(caller_with("action:propose"))]
Approver = Annotated[Caller, Depends(caller_with("action:approve"))]
Executor = Annotated[Caller, Depends(caller_with("action:execute"))]
_PATH = "/v1/network-actions"
_ONE = _PATH + "/{action_id}"


def body_of(tx: Connection, action_id: str) -> dict[str, Any]:
    """An action as the API answers it."""
    found = actions.standing(tx, action_id)
    row, sample = found.row, found.sample
    return {
        "action_id": row.action_id,
        "network_id": row.network_id,
        "action": row.action,
        "reason": row.reason,
        "state": row.state,
        "note": row.note,
        "proposer": row.proposer,
        "proposed_at": iso(row.proposed_at),
        "updated_at": iso(row.updated_at),
        "digest": row.digest,
        "counts": row.counts,
        "targets_by_state": row.tally or {},
        "approvals": found.approvers,
        "approvals_needed": found.needed,
        "sample": None
        if sample is None
        else {
            "accounts": list(sample.accounts),
            "reviewed": sample.reviewed,
            "agreeing": sample.agreeing,
            "needed": sample.needed,
            "passed": sample.passed,
        },
        "impact": row.impact,
        "execute_at": iso_or_none(row.execute_at),
        "executor": row.executor,
        "held_for": row.held_for,
        "held_until": iso_or_none(row.held_until),
        "overrides": [
            {
                "override_id": o.override_id,
                "cap": o.cap,
                "targets": o.targets,
                "actor": o.actor,
                "reason": o.reason,
                "at": iso(o.at),
                "expires_at": iso(o.expires_at),
            }
            for o in found.overrides
        ],
    }


@router.post(_PATH, status_code=201, response_model=ActionOut)
def propose(
    request: Request, body: Proposal, store: Store, caller: Proposer, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Propose to warn, restrict or ban a network. Nothing happens to anybody yet."""

    def effect(tx: Connection, at: int) -> Answer:
        action_id = actions.propose(
            tx, network_id=body.network_id, action=body.action, reason=body.reason, proposer=caller.name, at=at
        )
        return Answer(201, body_of(tx, action_id), f"{_PATH}/{action_id}")

    return change(request, store, caller, idempotency_key, body, effect)


@router.get(_PATH, response_model=ActionPage)
def list_actions(
    store: Store,
    _caller: Reader,
    cursor: Cursor = None,
    limit: Limit = 50,
    network_id: Annotated[str | None, Query(max_length=512)] = None,
) -> dict[str, Any]:
    """Actions, newest first."""
    found = select(network_actions.c.action_id)
    before = text_cursor(cursor)
    if before is not None:
        found = found.where(network_actions.c.action_id < before)
    if network_id is not None:
        found = found.where(network_actions.c.network_id == id_in_path(network_id))
    with reading(store) as tx:
        names = list(tx.execute(found.order_by(network_actions.c.action_id.desc()).limit(limit)).scalars())
        page = [body_of(tx, name) for name in names]
    return {"actions": page, "next_cursor": names[-1] if len(names) == limit else None}


@router.get(_ONE, response_model=ActionDetail)
def action(
    action_id: PathId,
    store: Store,
    _caller: Reader,
    cursor: Cursor = None,
    limit: Limit = 100,
    state: Annotated[str | None, Query(pattern="^[a-z_]{1,20}$")] = None,
) -> dict[str, Any]:
    """An action with a page of its targets, in order of account; those in one state, if asked."""
    name, after = id_in_path(action_id), text_cursor(cursor)
    found = (
        select(targets, penalties.c.notice_id)
        .outerjoin(
            penalties,
            (penalties.c.action_id == targets.c.action_id) & (penalties.c.account_id == targets.c.account_id),
        )
        .add_columns(penalties.c.penalty_id.label("made"))
        .where(targets.c.action_id == name)
    )
    if after is not None:
        found = found.where(targets.c.account_id > after)
    if state is not None:
        found = found.where(targets.c.state == id_in_path(state))
    with reading(store) as tx:
        body = body_of(tx, name)
        rows = tx.execute(found.order_by(targets.c.account_id).limit(limit)).all()
    page = [
        {
            "account_id": r.account_id,
            "tier": r.tier,
            "prior": r.prior,
            "guard": r.guard,
            "state": r.state,
            "penalty_id": r.made,
            "notice_id": r.notice_id,
        }
        for r in rows
    ]
    return {**body, "targets": page, "next_cursor": rows[-1].account_id if len(rows) == limit else None}


@router.post(_ONE + ":preview", response_model=ActionOut)
def preview(
    request: Request, action_id: PathId, store: Store, caller: Proposer, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Freeze who would be acted on, with reasons for those left out; the digest is what gets approved."""

    def effect(tx: Connection, at: int) -> Answer:
        actions.preview(tx, action_id, actor=caller.name, at=at)
        return Answer(200, body_of(tx, action_id))

    return change(request, store, caller, idempotency_key, None, effect)


@router.post(_ONE + ":approve", response_model=ActionOut)
def approve(
    request: Request,
    action_id: PathId,
    body: Approval,
    store: Store,
    caller: Approver,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Approve exactly what a digest names. Not by the proposer; not before the blind sample is reviewed."""

    def effect(tx: Connection, at: int) -> Answer:
        actions.approve(tx, action_id, digest=body.digest, approver=caller.name, at=at)
        return Answer(200, body_of(tx, action_id))

    return change(request, store, caller, idempotency_key, body, effect)


@router.post(_ONE + ":execute", status_code=202, response_model=ActionOut)
def execute(
    request: Request,
    action_id: PathId,
    store: Store,
    caller: Executor,
    body: Begin | None = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Begin to carry the approved action out, now or at a time; the action says how far it is."""
    when = None if body is None or body.execute_at is None else (body.execute_at - EPOCH) // timedelta(microseconds=1)

    def do(tx: Connection, at: int) -> None:
        actions.execute(tx, action_id, actor=caller.name, at=at, execute_at=when)

    return _carried_on(request, action_id, store, caller, idempotency_key, body, do)


@router.post(_ONE + ":pause", response_model=ActionOut)
def pause(
    request: Request,
    action_id: PathId,
    body: Because,
    store: Store,
    caller: Executor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Stop an executing action after the batch at hand."""

    def effect(tx: Connection, at: int) -> Answer:
        actions.pause(tx, action_id, actor=caller.name, reason=body.reason, at=at)
        return Answer(200, body_of(tx, action_id))

    return change(request, store, caller, idempotency_key, body, effect)


@router.post(_ONE + ":resume", status_code=202, response_model=ActionOut)
def resume(
    request: Request,
    action_id: PathId,
    body: GoOn,
    store: Store,
    caller: Executor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Let a paused action go on. A halted one, and a canary before its time, take a second person."""

    def do(tx: Connection, at: int) -> None:
        actions.resume(tx, action_id, actor=caller.name, reason=body.reason, override=body.override, at=at)

    return _carried_on(request, action_id, store, caller, idempotency_key, body, do)


@router.post(_ONE + ":override", response_model=ActionOut)
def override(
    request: Request,
    action_id: PathId,
    body: NewOverride,
    store: Store,
    caller: Approver,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Let the action exceed a cap, to a number and for some hours. Not by its proposer or executor."""

    def effect(tx: Connection, at: int) -> Answer:
        actions.override(
            tx,
            action_id,
            cap=body.cap,
            allowed=body.targets,
            hours=body.hours,
            reason=body.reason,
            actor=caller.name,
            at=at,
        )
        return Answer(200, body_of(tx, action_id))

    return change(request, store, caller, idempotency_key, body, effect)


@router.post(_ONE + ":reverse", status_code=202, response_model=ActionOut)
def reverse(
    request: Request,
    action_id: PathId,
    body: Because,
    store: Store,
    caller: Executor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Begin to take an action back: every target has again what the other penalties leave. An executing one stops."""

    def do(tx: Connection, at: int) -> None:
        actions.reverse(tx, action_id, actor=caller.name, reason=body.reason, at=at)

    return _carried_on(request, action_id, store, caller, idempotency_key, body, do)


@router.post(_ONE + "/targets/{account_id:path}:reverse", response_model=ActionOut)
def reverse_one(
    request: Request,
    action_id: PathId,
    account_id: PathId,
    body: Because,
    store: Store,
    caller: Executor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Take the action back from one target; the others stay as they are."""
    name = id_in_path(account_id)

    def effect(tx: Connection, at: int) -> Answer:
        execution.reverse_one(tx, action_id, name, actor=caller.name, reason=body.reason, at=at)
        return Answer(200, body_of(tx, action_id))

    return change(request, store, caller, idempotency_key, body, effect)


@router.post(_ONE + ":cancel", response_model=ActionOut)
def cancel(
    request: Request,
    action_id: PathId,
    body: Because,
    store: Store,
    caller: Proposer,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Take a proposal back, or end a held action: what it did stays, and can be reversed."""
    return _end(request, action_id, body, store, caller, idempotency_key, "cancelled")


@router.post(_ONE + ":reject", response_model=ActionOut)
def reject(
    request: Request,
    action_id: PathId,
    body: Because,
    store: Store,
    caller: Approver,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Refuse a proposal for good."""
    return _end(request, action_id, body, store, caller, idempotency_key, "rejected")


def _carried_on(
    request: Request,
    action_id: PathId,
    store: Store,
    caller: Caller,
    key: str | None,
    body: BaseModel | None,
    do: Callable[[Connection, int], None],
) -> JSONResponse:
    """A change that something is to be carried out after: answered 202, and the runner is woken."""

    def effect(tx: Connection, at: int) -> Answer:
        do(tx, at)
        return Answer(202, body_of(tx, action_id), f"{_PATH}/{action_id}")

    answer = change(request, store, caller, key, body, effect)
    request.app.state.wake()
    return answer


def _end(
    request: Request, action_id: PathId, body: Because, store: Store, caller: Caller, key: str | None, state: str
) -> JSONResponse:
    def effect(tx: Connection, at: int) -> Answer:
        actions.mark(tx, action_id, state, actor=caller.name, why=body.reason, at=at)
        return Answer(200, body_of(tx, action_id))

    return change(request, store, caller, key, body, effect)
