"""States of a network action and of its targets, and which may follow which."""

from __future__ import annotations

from graph.errors import ConflictError

NEXT: dict[str, tuple[str, ...]] = {
    "proposed": ("previewed", "rejected", "cancelled"),
    "previewed": ("previewed", "approved", "stale", "expired", "rejected", "cancelled"),
    "stale": ("previewed", "rejected", "cancelled"),
    "expired": ("previewed", "rejected", "cancelled"),
    "approved": ("scheduled", "executing", "stale", "rejected", "cancelled"),
    "scheduled": ("scheduled", "executing", "stale", "halted", "rejected", "cancelled"),
    "executing": ("paused", "halted", "executed", "partially_executed", "reversing"),
    "paused": ("executing", "halted", "reversing", "cancelled"),
    "halted": ("executing", "stale", "reversing", "cancelled"),
    "executed": ("reversing",),
    "partially_executed": ("reversing",),
    "cancelled": ("reversing",),
    "reversing": ("reversed", "partially_reversed"),
    "reversed": (),
    "partially_reversed": (),
    "rejected": (),
}
TARGET_NEXT: dict[str, tuple[str, ...]] = {
    "pending": ("applied", "skipped", "failed"),
    "applied": ("confirmed", "reversed", "superseded"),
    "confirmed": ("reversed", "superseded"),
    "skipped": (),
    "failed": (),
    "reversed": (),
    "superseded": (),
}
UNDER_WAY = ("executing", "reversing")
HELD = ("paused", "halted")  # begun or due, and waiting for a person
DONE_TO = ("applied", "confirmed", "reversed", "superseded")  # targets that got their penalty, whatever came of it
IN_FORCE = ("applied", "confirmed")  # targets whose penalty can be taken back


def check(action_id: str, state: str, wanted: str) -> None:
    """Raise ConflictError unless `wanted` may follow `state`."""
    if wanted not in NEXT[state]:
        after = ", ".join(NEXT[state]) or "nothing"
        raise ConflictError(f"network action {action_id} is {state}; from there it can become {after}, not {wanted}")
