"""Reviews: the queue, and people's decisions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection, select

from api import actions, reviews
from api.answers import QueuePage, ReviewOut
from api.auth import Caller
from api.idempotency import Answer
from api.problems import RESPONSES
from api.routes.access import IdempotencyKey, Limit, Store, caller_with, change
from api.schemas import NewReview
from api.store import reading
from api.tables import review_queue
from graph.errors import ConflictError, DeniedError

router = APIRouter(tags=["reviews"], responses=RESPONSES)
Reviewer = Annotated[Caller, Depends(caller_with("review:write"))]


@router.get("/v1/review-queue", response_model=QueuePage)
def queue(store: Store, _caller: Reviewer, limit: Limit = 50) -> dict[str, Any]:
    """Accounts somebody should look at, most wanted first."""
    found = select(review_queue.c.account_id, review_queue.c.priority, review_queue.c.reason)
    with reading(store) as tx:
        order = found.order_by(review_queue.c.priority.desc(), review_queue.c.account_id).limit(limit)
        return {"items": [dict(row) for row in tx.execute(order).mappings()]}


@router.post("/v1/reviews", status_code=201, response_model=ReviewOut)
def review(
    request: Request, body: NewReview, store: Store, caller: Reviewer, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Record a decision; the account is judged anew at once.

    For an action's blind sample, give the action's id: only accounts of the sample, and not by its proposer.
    """

    def effect(tx: Connection, at: int) -> Answer:
        if body.action_id is not None:
            _check_sample(tx, body.action_id, body.account_id, caller.name)
        made = reviews.record(
            tx,
            reviewer=caller.name,
            account_id=body.account_id,
            decision=body.decision,
            reason=body.reason,
            action_id=body.action_id,
            at=at,
        )
        told = {
            "review_id": made.review_id,
            "account_id": body.account_id,
            "decision": body.decision,
            "tier": made.tier,
        }
        return Answer(201, told)

    return change(request, store, caller, idempotency_key, body, effect)


def _check_sample(tx: Connection, action_id: str, account_id: str, reviewer: str) -> None:
    row = actions.find(tx, action_id)
    if row.state != "previewed":
        raise ConflictError(
            f"network action {action_id} is {row.state}: its sample is reviewed between preview and approval"
        )
    if account_id not in (row.sample or []):
        raise ConflictError(f"account {account_id} is not in the sample of network action {action_id}")
    if reviewer == row.proposer:
        raise DeniedError("the proposer of an action cannot review its sample")
