"""What the generated pages are put together from."""

from __future__ import annotations


def row(*cells: str) -> list[str]:
    """One line of a Markdown table."""
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"]
