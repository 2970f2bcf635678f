"""Every error Shoal raises on purpose, in one tree.

    ShoalError
    ├── InputError            the user's file, option or request is not usable as it is
    │   └── NothingFoundError a valid question with an empty answer that stops the work
    ├── ConflictError         the state does not allow it (busy folder, drifted preview, ...)
    ├── DeniedError           the caller may not do this
    ├── IntegrityError        stored bytes are not what their manifest says
    └── UnavailableError      something Shoal needs does not answer (Neo4j, database, download)

The command line prints the message and exits with `exit_code`; the API maps each class to one
problem+json status, in one place. Notes (`add_note`) are for whoever runs Shoal: the command line prints them and the
API logs them, and no answer tells them.
"""

from __future__ import annotations


class ShoalError(Exception):
    """Root of the tree. The message is for a person: what, where, what was expected."""

    exit_code = 1


class InputError(ShoalError):
    """The user's file, option or request is not usable as it is."""

    exit_code = 2


class NothingFoundError(InputError):
    """A valid question whose answer is empty, where the work cannot go on without one."""


class ConflictError(ShoalError):
    """The present state does not allow it."""

    exit_code = 3


class DeniedError(ShoalError):
    """The caller may not do this."""

    exit_code = 4


class IntegrityError(ShoalError):
    """Stored bytes are not what their manifest says they are."""

    exit_code = 5


class UnavailableError(ShoalError):
    """Something Shoal needs does not answer."""

    exit_code = 6
