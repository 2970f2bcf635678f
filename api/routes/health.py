"""Whether the service lives and is ready, and its metrics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from api import judging
from api.answers import Health
from api.auth import Caller
from api.problems import RESPONSES, described
from api.routes.access import Store, caller_with
from api.store import HEAD, reading, revision
from graph.errors import UnavailableError

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model=Health)
def alive() -> dict[str, Any]:
    """The process answers. Asks nothing of anything else: a store that is away is no reason to restart this."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Health, responses=described(503))
def ready(store: Store) -> dict[str, Any]:
    """The decision store answers, its schema is this version's, and something is published."""
    if revision(store) != HEAD:
        raise UnavailableError("the decision store's schema is not this version's: run `shoal migrate`")
    with reading(store) as tx:
        current = judging.publication(tx)
    if current is None:
        raise UnavailableError("nothing is published yet")
    return {"status": "ok", "run_id": current.run_id}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE_LATEST.split(";")[0]: {"schema": {"type": "string"}}}}, **RESPONSES},
)
def metrics(request: Request, _caller: Annotated[Caller, Depends(caller_with("metrics:read"))]) -> Response:
    """Metrics in Prometheus' text form: of requests to this process, and of the decision store."""
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)
