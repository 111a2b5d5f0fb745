"""The quickstart and the tutorial on live trading, as a person goes through them in
JupyterLab.
"""

import contextlib
import re
import shutil

import pytest

from tests.browser.conftest import choose, menu, open_notebook, watched_page
from tests.browser.jupyter_server import ROOT, wait_until

pytestmark = pytest.mark.browser


@contextlib.contextmanager
def opened(browser, lab, name):
    """Open a copy of a tutorial in JupyterLab, without the outputs that it is stored
    with.
    """
    shutil.copy(ROOT / "notebooks" / name, lab.root / name)
    with lab.kernel_of(name) as kernel, watched_page(browser) as page:
        open_notebook(page, lab, name=name, kernel=kernel)
        menu(page, "Edit", "Clear Outputs of All Cells")
        yield page


def code_cell(page, holding):
    """Return the first code cell with a text in its code."""
    return (
        page.locator(".jp-Notebook .jp-CodeCell")
        .filter(has=page.locator(".jp-InputArea", has_text=holding))
        .first
    )


def run_from(page, cell, *, command):
    """Choose a cell by its prompt, and an entry of the menu Run."""
    cell.locator(".jp-InputPrompt").click()
    menu(page, "Run")
    page.locator(f'.lm-Menu-item[data-command="{command}"]').click()


def output(cell):
    return cell.locator(".jp-OutputArea-output")


def wait_for_rest(page):
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for(
        timeout=60_000
    )


def test_the_quickstart_ends_in_a_proof(browser, lab, screenshots):
    with opened(browser, lab, "01_quickstart.ipynb") as page:
        menu(page, "Run", "Run All Cells")

        last = code_cell(page, "session.parity()")
        proof = output(last).filter(
            has_text="The session and its backtest are identical: 82 orders and 82 fills"
        )
        proof.wait_for(timeout=60_000)
        wait_for_rest(page)
        shown = output(code_cell(page, "rbt.attach("))
        shown.filter(has_text="SmaCross on paper · stopped").wait_for()

        last.scroll_into_view_if_needed()
        page.screenshot(path=screenshots / "quickstart.png")
        assert (
            page.locator('img[alt^="Portfolio value from 2005-01-03 to 2010-12-31"]').count() == 3
        )


def test_the_tutorial_on_live_trading_is_lived_through(browser, lab, screenshots):
    with opened(browser, lab, "05_paper_trading_live.ipynb") as page:
        after = code_cell(page, "async def more_bars")
        run_from(page, after, command="notebook:run-all-above")
        panel = page.locator(".rbt-panel")
        panel.locator(".rbt-orders tbody tr").nth(3).wait_for(timeout=60_000)
        wait_for_rest(page)

        choose(panel, "Pause")
        panel.locator(".rbt-pill", has_text="paused").wait_for()
        page.screenshot(path=screenshots / "tutorial-05-paused.png")
        choose(panel, "Resume")
        panel.locator(".rbt-pill", has_text="running").wait_for()
        orders = panel.locator(".rbt-orders .rbt-count")
        before = orders.inner_text()
        wait_until(lambda: orders.inner_text() != before, "orders to come while the kernel is idle")

        run_from(page, after, command="notebook:run-all-below")
        last = code_cell(page, "uninterrupted = rbt.backtest")
        proof = output(last).filter(has_text="The session and its backtest are identical")
        proof.wait_for(timeout=90_000)
        wait_for_rest(page)

        text = "\n".join(output(last).all_inner_texts())
        assert re.findall(r"(orders|fills|performance) equal: +(\w+)", text) == [
            ("orders", "True"),
            ("fills", "True"),
            ("performance", "True"),
        ]
        assert "killed by signal 9" in output(code_cell(page, "process.kill()")).inner_text()
        assert (
            "(True, 6)" in output(code_cell(page, "report.interventions")).inner_text()
        )  # four, and the two above
        assert page.locator(".rbt-panel").count() == 0
        assert not (lab.root / ".tutorial-05").exists()
        last.scroll_into_view_if_needed()
        page.screenshot(path=screenshots / "tutorial-05.png")
