"""What callers send: strict requests, no unknown fields, no conversions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.facts import Decision

MAX_IDS = 1_000
MAX_PAGE = 1_000
ActionTier = Literal["warn", "restrict", "ban"]


def storable(value: str) -> str:
    """Text every engine can store. Raises ValueError for NUL characters and halves of surrogate pairs."""
    if "\x00" in value:
        raise ValueError("must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("is not well-formed Unicode") from error
    return value


Id = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(storable)]
Text = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"\S"), AfterValidator(storable)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class BatchGet(_Request):
    """Ids to answer verdicts of, in this order."""

    account_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_IDS)]


class Proposal(_Request):
    """What to do to a network, and why."""

    network_id: Id
    action: ActionTier
    reason: Text


class Approval(_Request):
    """What exactly is approved: the digest the preview gave."""

    digest: Digest


class Because(_Request):
    """Why."""

    reason: Text


class NewReview(_Request):
    """A person's decision about an account; for an action's blind sample with the action's id."""

    account_id: Id
    decision: Decision
    reason: Text
    action_id: Id | None = None
