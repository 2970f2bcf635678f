"""What an explanation rests on: a run, and the event log as that run saw it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from graph.errors import ConflictError, NothingFoundError
from graph.log import Batch, EventLog, digest_after
from graph.model import is_private
from graph.runs import Run
from graph.words import shown_object


@dataclass(frozen=True)
class Basis:
    """What an explanation rests on: a run, its data window, and what counted as a co-action in it (microseconds)."""

    run_id: str
    since: int
    until: int
    window: int
    horizon: int
    fdr: float
    least_objects: int


class LogAsOf(EventLog):
    """The log with its first batches alone: as it was when the digest was taken.

    Raises ConflictError if the log never was like that.
    """

    def __init__(self, log: EventLog, digest: str) -> None:
        super().__init__(log.root)
        self.wanted = digest

    @cached_property
    def _seen(self) -> list[Batch]:
        manifest = self.manifest()
        batches = list(manifest.batches)
        ids = [b.batch_id for b in batches]
        for count in range(len(ids), -1, -1):
            for times in range(manifest.forgotten.times, -1, -1):  # what was forgotten since is not there any more
                if digest_after(ids[:count], times) == self.wanted:
                    return batches[:count]
        raise ConflictError(f"{self.root}: the run was made from another event log, so its events are not here")

    def batches(self) -> list[Batch]:
        """The batches the run saw."""
        return self._seen


def basis_of(run: Run) -> Basis:
    """Raises NothingFoundError if the run's manifest does not say how it was detected."""
    key = run.manifest["key"]
    try:
        detect, window = key["detect"], key["window"]
        coaction = detect["coaction"]
        return Basis(
            run_id=run.run_id,
            since=window["since"],
            until=window["until"],
            window=coaction["window"],
            horizon=coaction["horizon"],
            fdr=detect["fdr"],
            least_objects=coaction["least_objects"],
        )
    except (KeyError, TypeError) as error:
        raise NothingFoundError(f"run {run.run_id}: its manifest does not say how it was detected") from error


def named(channel: str, object_id: str, private: bool) -> tuple[str, bool]:
    """An object's id as it may be told, and whether it is on private ground."""
    hidden = is_private(channel, object_id)
    return (object_id if private or not hidden else shown_object(channel, object_id)), hidden
