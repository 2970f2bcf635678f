"""Take the picture of Neo4j Browser that the documentation shows: a network of the current run, on real data.

    shoal up --no-api --dir DIR
    python docs/browser_picture.py DIR docs/pictures/browser.png

Needs Debian's chromium.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

from playwright.sync_api import sync_playwright

from graph.embedded import find
from graph.errors import ConflictError
from graph.workspace import Workspace

QUERY = (
    "MATCH (v:View) MATCH (r:Run {view: v.number})<-[:FOUND_IN]-(c:Cluster)<-[m:MEMBER_OF]-(a:Account) "
    "OPTIONAL MATCH (c)-[o:OF]->(n:Network) RETURN r, c, m, a, o, n LIMIT 60"
)


def take(folder: Path, picture: Path, query: str = QUERY) -> None:
    """Log in to the Browser of a running data folder, show `query`, and write a PNG."""
    server = find(Workspace(folder))
    if server is None:
        raise ConflictError(f"{folder}: Neo4j is not running; `shoal up --dir {folder}` starts it")
    bolt = urlsplit(server.uri)
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=1)
        page.goto(f"{server.browser}?dbms=bolt://{server.username}@{bolt.netloc}&cmd=edit&arg={quote(query)}")
        page.locator("input[type=password]").first.press_sequentially(server.password)
        page.get_by_role("button", name="Connect", exact=True).click()
        page.get_by_text("You are connected as user").wait_for(timeout=60_000)
        page.locator("[data-testid=editor-Run]").click(timeout=30_000)
        page.wait_for_timeout(12_000)  # the query answers and the layout settles
        picture.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), Path(sys.argv[2]))
