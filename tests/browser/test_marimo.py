"""The panel and the board in marimo, where a session's engine runs on marimo's loop."""

import os
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests.browser import notebook_files as cells
from tests.browser.conftest import choose, confirm, watched_page
from tests.browser.jupyter_server import ROOT, free_port, wait_until

pytestmark = pytest.mark.browser


def notebook_of(*cells):
    """Return a notebook as marimo keeps them: a cell is a function of what it reads."""
    functions = [
        "@app.cell\ndef _("
        + ", ".join(takes)
        + "):\n"
        + "".join(f"    {line}\n" for line in code.splitlines())
        + f"    return {', '.join(gives)}\n"
        for takes, code, gives in cells
    ]
    return "\n\n".join(["import marimo\n\napp = marimo.App()", *functions])


FEED = cells.FEED.replace("size=15", "size=4")
APP = notebook_of(
    ((), cells.SETUP, ("asyncio", "bars", "rbt")),
    (("rbt",), cells.LIGHT, ("Rotation",)),
    (("asyncio", "bars", "rbt"), FEED, ("bursts",)),
    (("Rotation", "bars", "bursts", "rbt"), cells.attach("state"), ("session",)),
    (("rbt", "session"), 'session\nrbt.board(journal="state")', ()),
)


@pytest.fixture(scope="module")
def address(chromium, tmp_path_factory):
    """Serve the notebook by marimo, with a home of its own."""
    del chromium
    pytest.importorskip("marimo", reason="marimo is not installed: pip install marimo")
    folder = tmp_path_factory.mktemp("marimo")
    (folder / "app.py").write_text(APP, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "marimo", "-q", "run", "app.py", "--headless", "--no-token"]
    command += ["--host=127.0.0.1", f"--port={port}"]
    folders = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    environment = {**os.environ, **folders, "PYTHONPATH": str(ROOT)}
    address = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            wait_until(lambda: answers(address) or process.poll() is not None, "marimo to answer")
            assert process.poll() is None, (folder / "server.log").read_text()
            yield address
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def answers(address):
    """Say whether a server answers."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=30) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def test_panel_and_board_live_and_steer_in_marimo(browser, address, screenshots):
    with watched_page(browser) as page:
        page.goto(address)
        panel = page.locator(".rbt-panel:not(.rbt-board)")
        panel.wait_for(timeout=60_000)
        panel.locator(".rbt-orders tbody tr").nth(3).wait_for()
        number = int(panel.get_attribute("data-seq"))
        wait_until(lambda: int(panel.get_attribute("data-seq")) > number + 5, "the panel to move")
        page.screenshot(path=screenshots / "marimo.png")

        choose(panel, "Pause")

        panel.locator(".rbt-pill", has_text="paused").wait_for()
        row = page.locator(".rbt-board tbody tr", has_text="rotation")
        row.locator("td", has_text="paused").wait_for()
        confirm(row, "Resume")
        panel.locator(".rbt-pill", has_text="running").wait_for()
        choose(panel, "Stop")
        panel.locator(".rbt-pill", has_text="stopped").wait_for()
        row.locator("td", has_text="stopped").wait_for()
