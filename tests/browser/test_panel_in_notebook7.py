"""The panel in Jupyter Notebook 7: the same code in the other front end."""

import pytest

from tests.browser import notebook_files as cells
from tests.browser.conftest import choose, open_notebook, run_all, watched_page
from tests.browser.jupyter_server import running_server, wait_until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def notebook7(chromium, tmp_path_factory):
    del chromium
    pytest.importorskip(
        "notebook", reason="Jupyter Notebook 7 is not installed: pip install notebook"
    )
    root, home = tmp_path_factory.mktemp("root7"), tmp_path_factory.mktemp("home7")
    with running_server(root, home, application="notebook") as server:
        yield server


def test_the_panel_lives_and_steers_in_notebook_7(browser, notebook7, screenshots):
    code = [cells.SETUP, cells.STRATEGY, cells.FEED, cells.attach("state"), cells.LAST]
    cells.write(notebook7.root / "seven.ipynb", code)

    with notebook7.kernel_of("seven.ipynb") as kernel, watched_page(browser) as page:
        open_notebook(page, notebook7, name="seven.ipynb", kernel=kernel, place="notebooks")
        # Notebook 7.6 itself trips over a setting while it opens any notebook; from
        # here on nothing may complain.
        page.complaints.clear()
        run_all(page)
        panel = page.locator(".rbt-panel")
        panel.wait_for(timeout=30_000)
        depths = set()

        def has_moved():
            depths.add(panel.locator(".rbt-queue .rbt-count").inner_text())
            return len(depths) > 3 and panel.locator(".rbt-orders tbody tr").count() > 5

        wait_until(has_moved, "queue depth and orders to change")
        panel.scroll_into_view_if_needed()
        page.screenshot(path=screenshots / "notebook-7.png")
        choose(panel, "Pause")
        panel.locator(".rbt-pill", has_text="paused").wait_for()
        choose(panel, "Stop")
        panel.wait_for(state="detached")
        page.locator(".jp-OutputArea-output", has_text="Rotation on paper · stopped").wait_for()
