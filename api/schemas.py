"""What callers send: strict requests, no unknown fields, no conversions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from api.facts import Decision
from api.yamltext import MAX_BYTES

MAX_IDS = 1_000
MAX_PAGE = 1_000
ActionTier = Literal["warn", "restrict", "ban"]
CapName = Literal["per_action", "per_hour", "per_policy", "active_share"]


def storable(value: str) -> str:
    """Text every engine can store. Raises ValueError for NUL characters and halves of surrogate pairs."""
    if "\x00" in value:
        raise ValueError("must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("is not well-formed Unicode") from error
    return value


def all_storable(values: list[str]) -> list[str]:
    """`storable` of many texts at once. Raises ValueError."""
    storable("".join(values))
    return values


NO_NUL = r"^[^\x00]*$"
Id = Annotated[str, Field(min_length=1, max_length=512, pattern=NO_NUL), AfterValidator(storable)]
Text = Annotated[
    str, Field(min_length=1, max_length=2_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$"), AfterValidator(storable)
]
INTEGRAL = BeforeValidator(lambda v: int(v) if isinstance(v, float) and v.is_integer() else v)  # 3.0 is 3 in JSON
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class BatchGet(_Request):
    """Ids to answer verdicts of, in this order."""

    account_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=512, pattern=NO_NUL)]],
        Field(min_length=1, max_length=MAX_IDS),
        AfterValidator(all_storable),
    ]


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


class Begin(_Request):
    """When an approved action is executed: at a time (RFC 3339, with its offset), or now."""

    execute_at: Annotated[AwareDatetime, Field(strict=False)] | None = None


class GoOn(_Request):
    """Why a held action goes on. `override`: before a canary's time is over, which takes a second person."""

    reason: Text
    override: bool = False


class NewOverride(_Request):
    """How many targets a cap means for one action (counted as the cap counts), for how many hours, and why."""

    cap: CapName
    targets: Annotated[int, Field(ge=1, le=1_000_000_000), INTEGRAL]
    hours: Annotated[int, Field(ge=1, le=8_760), INTEGRAL]
    reason: Text


class Submission(_Request):
    """A policy, as the text of its file, and why it is proposed."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_BYTES, pattern=NO_NUL), AfterValidator(storable)]
    reason: Text


class Activation(_Request):
    """Why a candidate becomes the policy in use, and the publication whose shadow was read (null: none exists yet)."""

    reason: Text
    publication_id: Annotated[int, Field(ge=1, le=(1 << 31) - 1), INTEGRAL] | None


class NewReview(_Request):
    """A person's decision about an account; for an action's blind sample with the action's id."""

    account_id: Id
    decision: Decision
    reason: Text
    action_id: Id | None = None
