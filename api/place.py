"""Where commands work, and who gives them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from graph.workspace import Workspace


def actor() -> str:
    """Who is at the keyboard, for the audit log."""
    import getpass

    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:unknown"


def folder_or_default(folder: Path | None) -> Path:
    """The data folder: the one named, or that of the settings."""
    from graph.settings import settings

    return folder or settings().dir


def store_in(folder: Path | None) -> AbstractContextManager[Engine]:
    """The decision store of a data folder, or the one that the settings name."""
    from api.store import configured

    return configured(folder_or_default(folder))


def workspace_in(folder: Path | None) -> Workspace:
    """The data folder's stores."""
    from graph.workspace import Workspace

    return Workspace(folder_or_default(folder))
