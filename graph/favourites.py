"""What makes Neo4j Browser useful at once: favourite queries and a style, in graph/browser."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from graph.files import write_bytes

BROWSER = Path(__file__).with_name("browser")


def favourites() -> dict[str, str]:
    """Title -> query, in the order of the files."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((BROWSER / "Shoal").glob("*.cypher"))]
    return {text.splitlines()[0].removeprefix("// "): text for text in texts}


def write(folder: Path) -> list[Path]:
    """Write what Browser imports by dropping a file on its window: favourites.zip and style.grass.

    Same Shoal, same bytes.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((BROWSER / "Shoal").glob("*.cypher")):
            entry = zipfile.ZipInfo(f"Shoal/{path.name}")  # without a time: the zip does not change from day to day
            archive.writestr(entry, path.read_text(encoding="utf-8"))
    targets = [folder / "favourites.zip", folder / "style.grass"]
    write_bytes(targets[0], buffer.getvalue())
    write_bytes(targets[1], (BROWSER / "style.grass").read_bytes())
    return targets
