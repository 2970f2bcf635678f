"""The kill switch over HTTP: how it stands, setting it, lifting it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from api import switch
from api.answers import SwitchOut
from api.auth import Caller
from api.idempotency import Answer
from api.problems import RESPONSES
from api.routes.access import IdempotencyKey, Store, caller_with, change
from api.schemas import Because
from api.store import reading

router = APIRouter(tags=["network actions"], responses=RESPONSES)
Reader = Annotated[Caller, Depends(caller_with("verdict:read"))]
Halter = Annotated[Caller, Depends(caller_with("action:halt"))]
_PATH = "/v1/kill-switch"


@router.get(_PATH, response_model=SwitchOut)
def standing(store: Store, _caller: Reader) -> dict[str, Any]:
    """Whether the switch is set, since when, by whom and why."""
    with reading(store) as tx:
        return switch.standing(tx)


@router.post(_PATH + ":set", response_model=SwitchOut)
def throw(
    request: Request, body: Because, store: Store, caller: Halter, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Halt every executing network action, and let none begin until the switch is lifted. Reversals go on."""

    def effect(tx: Connection, at: int) -> Answer:
        halted = switch.throw(tx, actor=caller.name, reason=body.reason, at=at)
        return Answer(200, {**switch.standing(tx), "halted": halted})

    return change(request, store, caller, idempotency_key, body, effect)


@router.post(_PATH + ":lift", response_model=SwitchOut)
def lift(
    request: Request, body: Because, store: Store, caller: Halter, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Lift the switch; not by who set it. What it halted is resumed by people, one by one."""

    def effect(tx: Connection, at: int) -> Answer:
        switch.lift(tx, actor=caller.name, reason=body.reason, at=at)
        return Answer(200, {**switch.standing(tx), "halted": []})

    return change(request, store, caller, idempotency_key, body, effect)
