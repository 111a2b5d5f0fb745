"""What browser tests share: a server, pages that are watched, and what a person does
with mouse and menus.
"""

import contextlib
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.browser.jupyter_server import TOKEN, running_server, wait_until

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
OWN_ADDRESS = re.compile(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:|about:")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# What JupyterLab itself says on the console whatever is shown.
NOT_OURS = re.compile(
    r"favicon|ResizeObserver loop|Failed to load resource.*(404|workspaces)", re.IGNORECASE
)


def find_chromium():
    """Return the path of a chromium, or None."""
    asked = os.environ.get("CHROMIUM")
    return asked or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@pytest.fixture(scope="session")
def chromium():
    path = find_chromium()
    if path is None:
        reason = "no chromium was found on this machine: install it (Debian: chromium), or set CHROMIUM to its path"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return path


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory):
    asked = os.environ.get("RBTLIVE_SCREENSHOTS")
    folder = Path(asked) if asked else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def lab(chromium, tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture(scope="module")
def browser(chromium):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def watched_page(browser):
    """Open a page that must ask for nothing outside, and must not complain on the
    console.

    The page's `complaints` are what its console said.
    """
    context = browser.new_context(viewport={"width": 1600, "height": 1250})
    context.set_default_timeout(20_000)
    page = context.new_page()
    outside, complaints = [], []
    page.on("request", lambda r: None if OWN_ADDRESS.match(r.url) else outside.append(r.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda m: (
            complaints.append(m.text) if m.type == "error" and not NOT_OURS.search(m.text) else None
        ),
    )
    page.complaints = complaints
    yield page
    context.close()
    assert outside == []
    assert complaints == []


def open_notebook(page, server, *, name, kernel, place="lab/tree"):
    """Open a notebook in JupyterLab (or where else the server shows one) and wait until
    its kernel is connected.
    """
    page.goto(f"{server.base}/{place}/{name}?token={TOKEN}&reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    wait_until(lambda: server.is_connected(kernel), "the page to connect to its kernel")


def menu(page, title, *labels):
    """Open a menu and choose an entry, through its submenus if need be."""
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{title}$")).click()
    for label in labels:
        page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{label}$")).click()


def run_all(page):
    """Run all cells, and wait until the kernel has come to rest."""
    menu(page, "Run", "Run All Cells")
    page.locator(".jp-OutputArea-output", has_text="last cell done").wait_for(timeout=60_000)
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for(
        timeout=60_000
    )


def run_cell(page, index):
    """Run one cell, and return its output once the kernel has answered."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(index)
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    prompt.click()
    menu(page, "Run")
    page.locator('.lm-Menu-item[data-command="runmenu:run"]').click()
    wait_until(
        lambda: re.fullmatch(r"\[\d+\]:", prompt.inner_text()) and prompt.inner_text() != before,
        "the cell to run",
    )
    output = cell.locator(".jp-OutputArea-output")
    output.first.wait_for()
    return "\n".join(output.all_inner_texts())


def choose(panel, name):
    """Press a button of the panel."""
    panel.get_by_role("button", name=name, exact=True).click()


def confirm(row, name):
    """Press a button that asks back, and once more; from the start if it has calmed down
    in between, as it does after some seconds or when its row moves.
    """
    from playwright.sync_api import TimeoutError as NotThere

    asked, sure = (row.get_by_role("button", name=text, exact=True) for text in (name, "Sure?"))
    tried = False

    def is_confirmed():
        nonlocal tried
        if tried and not asked.count() and not sure.count():
            return True  # it was, though the click gave no answer in time
        try:
            asked.click(timeout=5_000)
            tried = True
            sure.click(timeout=2_000)
        except NotThere:
            return False
        return True

    wait_until(is_confirmed, f"{name} to be confirmed")
