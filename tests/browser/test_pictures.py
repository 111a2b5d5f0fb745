"""What is left of a session when its kernel is gone, its notebook is not trusted, or it
was exported.
"""

import re
import shutil

import pytest

from tests.browser import notebook_files as cells
from tests.browser.conftest import choose, menu, open_notebook, run_all, watched_page
from tests.browser.jupyter_server import TOKEN, wait_until
from tests.notebook.exports import executed, html_page

pytestmark = pytest.mark.browser

ATTACH_CELL = 3
PICTURE = 'img[alt^="Portfolio value from"]'
IS_DRAWN = "image => image.complete && image.naturalWidth > 100"


def write(lab, name, *, more=()):
    code = [
        cells.SETUP,
        cells.STRATEGY,
        cells.FEED,
        cells.attach(f"state-of-{name}"),
        *more,
        cells.LAST,
    ]
    cells.write(lab.root / name, code)


def save(page, lab, name, *, holding):
    """Save the notebook until the file holds a text."""

    def is_saved():
        page.keyboard.press("Control+s")
        page.wait_for_timeout(300)
        return holding in (lab.root / name).read_text()

    wait_until(is_saved, f"the file to hold {holding!r}")


def output(page, index):
    return page.locator(".jp-Notebook .jp-CodeCell").nth(index).locator(".jp-OutputArea-output")


def test_when_the_kernel_was_restarted_the_last_state_stays_and_after_a_reload_the_still_picture(
    browser, lab, screenshots
):
    write(lab, "restarted.ipynb")
    with lab.kernel_of("restarted.ipynb") as kernel, watched_page(browser) as page:
        open_notebook(page, lab, name="restarted.ipynb", kernel=kernel)
        run_all(page)
        panel = page.locator(".rbt-panel")
        panel.locator(".rbt-orders tbody tr").nth(5).wait_for()
        save(page, lab, "restarted.ipynb", holding="data:image/svg+xml")

        menu(page, "Kernel", "Restart Kernel…")
        page.locator(".jp-Dialog .jp-mod-accept").click()
        panel.locator(
            ".rbt-pill", has_text="the kernel has gone: this is the last state"
        ).wait_for()
        assert panel.locator(".rbt-orders tbody tr").count() > 5
        assert panel.get_by_role("button", name="Pause").is_disabled()
        save(page, lab, "restarted.ipynb", holding="when this was saved")

        page.reload()
        picture = output(page, ATTACH_CELL).locator(PICTURE)
        picture.wait_for(timeout=60_000)
        page.wait_for_timeout(500)  # twice as long as it takes a live view to find its place
        page.screenshot(path=screenshots / "after-restart.png")
        assert picture.evaluate(IS_DRAWN)
        assert re.search(
            r"Rotation on paper · (running|stopping) when this was saved",
            output(page, ATTACH_CELL).inner_text(),
        )
        assert panel.count() == 0


def test_all_views_show_one_state_and_a_session_that_ended_stays_as_it_was(
    browser, lab, screenshots
):
    write(lab, "ended.ipynb", more=["session", "await asyncio.sleep(2)"])
    with lab.kernel_of("ended.ipynb") as kernel, watched_page(browser) as page:
        open_notebook(page, lab, name="ended.ipynb", kernel=kernel)
        run_all(page)
        first, second = page.locator(".rbt-panel").nth(0), page.locator(".rbt-panel").nth(1)
        second.locator(".rbt-orders tbody tr").nth(5).wait_for()
        choose(first, "Pause")
        second.locator(".rbt-pill", has_text="paused").wait_for()
        same = "panels => new Set(panels.map((p) => p.querySelector('.rbt-orders').textContent)).size === 1"
        wait_until(
            lambda: page.locator(".rbt-panel").evaluate_all(same), "both to show the same orders"
        )

        choose(second, "Stop")
        page.locator(".rbt-panel").first.wait_for(state="detached")
        save(page, lab, "ended.ipynb", holding="Rotation on paper</span> · stopped")
        page.reload()

        for cell in (ATTACH_CELL, ATTACH_CELL + 1):
            output(page, cell).locator(PICTURE).wait_for(timeout=60_000)
            assert "Rotation on paper · stopped" in output(page, cell).inner_text()
        assert page.locator(".rbt-panel").count() == 0

    shutil.copy(
        lab.root / "ended.ipynb", lab.root / "copied.ipynb"
    )  # what was not signed here is not trusted
    with lab.kernel_of("copied.ipynb"), watched_page(browser) as page:
        page.goto(f"{lab.base}/lab/tree/copied.ipynb?token={TOKEN}&reset")
        picture = output(page, ATTACH_CELL).locator(PICTURE)
        picture.wait_for(timeout=60_000)
        wait_until(lambda: picture.evaluate(IS_DRAWN), "the picture to be drawn")
        page.screenshot(path=screenshots / "not-trusted.png")
        assert "Rotation on paper · stopped" in output(page, ATTACH_CELL).inner_text()


def test_an_exported_page_shows_still_pictures_without_asking_anybody(
    browser, tmp_path, screenshots
):
    (tmp_path / "export.html").write_text(html_page(executed(tmp_path)), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1200, "height": 1400})
    page.route(
        re.compile("^https?:"), lambda route: route.abort()
    )  # what nbconvert's own template asks for

    page.goto(f"file://{tmp_path / 'export.html'}", wait_until="domcontentloaded")

    pictures = page.locator(PICTURE)
    assert pictures.count() == 3
    for picture in pictures.all():
        wait_until(lambda: picture.evaluate(IS_DRAWN), "the picture to be drawn")  # noqa: B023 - called at once
    assert page.get_by_text("Buyer on paper · stopped").is_visible()
    assert page.get_by_text("Buyer on paper · running when this was saved").is_visible()
    page.screenshot(path=screenshots / "export.png", full_page=True)
    page.close()
