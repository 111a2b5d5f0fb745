"""Two sessions at once: their panels beside each other, and the board over both."""

import pytest

from tests.browser import notebook_files as cells
from tests.browser.conftest import choose, confirm, open_notebook, run_all, watched_page
from tests.browser.jupyter_server import wait_until

pytestmark = pytest.mark.browser

BOTH = """\
alpha, beta = (
    rbt.attach(
        Rotation, rbt.PaperBroker(), feed=bursts(size=4), data=bars, name=name, journal="both"
    )
    for name in ("alpha", "beta")
)
"""
BESIDE = """\
import ipywidgets

ipywidgets.HBox([alpha.widget(), beta.widget()])
"""
BOARD = 'rbt.board(journal="both")'


@pytest.fixture(scope="module")
def page(browser, lab):
    """A page with two sessions that trade."""
    code = [cells.SETUP, cells.LIGHT, cells.FEED, BOTH, BESIDE, BOARD, cells.LAST]
    cells.write(lab.root / "both.ipynb", code)
    with lab.kernel_of("both.ipynb") as kernel, watched_page(browser) as page:
        open_notebook(page, lab, name="both.ipynb", kernel=kernel)
        run_all(page)
        yield page


def panel_of(page, name):
    return page.locator(".rbt-panel:not(.rbt-board)").filter(
        has=page.locator(".rbt-name", has_text=name)
    )


def row_of(page, name):
    board = page.locator(".rbt-board")
    return board.locator(f"tbody tr:has(td:first-child:text-is('{name}'))")


def names_on(page):
    return page.locator(".rbt-board tbody td:first-child").all_inner_texts()


def test_two_panels_stand_side_by_side_and_each_steers_its_own(page, screenshots):
    alpha, beta = panel_of(page, "alpha"), panel_of(page, "beta")
    for panel in (alpha, beta):
        panel.locator(".rbt-orders tbody tr").nth(3).wait_for()
    alpha.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "side-by-side.png")
    left, right = alpha.bounding_box(), beta.bounding_box()
    assert left["x"] + left["width"] <= right["x"] + 1
    assert abs(left["y"] - right["y"]) < 2
    assert min(left["width"], right["width"]) > 400

    choose(alpha, "Pause")
    alpha.locator(".rbt-pill", has_text="paused").wait_for()

    number = int(beta.get_attribute("data-seq"))
    wait_until(lambda: int(beta.get_attribute("data-seq")) > number + 5, "the other to go on")
    assert beta.locator(".rbt-pill", has_text="running").count() == 1
    choose(alpha, "Resume")
    alpha.locator(".rbt-pill", has_text="running").wait_for()


def test_the_board_is_sorted_and_its_buttons_reach_one_session(page, screenshots):
    board = page.locator(".rbt-board")
    board.scroll_into_view_if_needed()
    row_of(page, "beta").wait_for()
    value = row_of(page, "beta").locator("td").nth(5)
    before = value.inner_text()
    wait_until(lambda: value.inner_text() != before, "the board to move")
    by_name = board.get_by_role("button", name="Sort by session")
    by_name.click()
    wait_until(lambda: names_on(page) == ["alpha", "beta"], "the board to be sorted")
    by_name.click()
    wait_until(lambda: names_on(page) == ["beta", "alpha"], "the board to be sorted backwards")

    confirm(row_of(page, "alpha"), "Pause")
    row_of(page, "alpha").locator("td", has_text="paused").wait_for()
    page.screenshot(path=screenshots / "board.png")
    assert row_of(page, "beta").locator("td", has_text="paused").count() == 0

    confirm(row_of(page, "alpha"), "Resume")
    row_of(page, "alpha").locator("td:nth-child(4)", has_text="running").wait_for()
    confirm(row_of(page, "beta"), "Stop")
    row_of(page, "beta").locator("td", has_text="stopped").wait_for()
    row_of(page, "beta").get_by_role("button", name="Pause").wait_for(state="hidden")
    assert row_of(page, "alpha").get_by_role("button", name="Pause", exact=True).is_visible()
