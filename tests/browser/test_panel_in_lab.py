"""The panel in a real JupyterLab: it lives while the kernel is idle, it steers the
engine, and it comes back.
"""

import contextlib
import re
from uuid import uuid4

import pytest

from tests.browser import notebook_files as cells
from tests.browser.conftest import (
    choose,
    confirm,
    menu,
    open_notebook,
    run_all,
    run_cell,
    watched_page,
)
from tests.browser.jupyter_server import wait_until

pytestmark = pytest.mark.browser

CHECK_CELL = 4


CONTRAST = """panel => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgb = (colours) => {
        canvas.fillStyle = "#fff";
        canvas.fillRect(0, 0, 1, 1);
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (part) => { part /= 255; return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; };
    const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
    const back = getComputedStyle(panel).backgroundColor;
    const poor = [];
    for (const node of panel.querySelectorAll("*")) {
        const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
        if (!own || node.closest("[hidden], :disabled, .rbt-ask")) continue;
        const around = node.closest("button") ? getComputedStyle(node.closest("button")).backgroundColor : back;
        const a = luminance(rgb([back, around])), b = luminance(rgb([back, around, getComputedStyle(node).color]));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push(`${node.className || node.tagName} ${node.textContent.slice(0, 20)}: ${ratio.toFixed(2)}`);
    }
    return poor;
}"""
ROW_COLOURS = """panel => [...new Set([...panel.querySelectorAll("tbody tr")].map((row) => getComputedStyle(row).backgroundColor))]"""
"""The notebook stripes the tables of its outputs; the panel's are plain."""
TOO_WIDE = """panel => [...panel.querySelectorAll(":scope > *, section")]
    .filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => node.className)"""


@contextlib.contextmanager
def running_notebook(browser, lab, name):
    """Run a notebook with a session that trades, and give its page. It begins anew each time:
    a second try of a test would carry on the run that the first one paused.
    """
    code = [
        cells.SETUP,
        cells.STRATEGY,
        cells.FEED,
        cells.attach(f"state-of-{name}-{uuid4().hex[:8]}"),
        cells.CHECK,
        cells.LAST,
    ]
    cells.write(lab.root / name, code)
    with lab.kernel_of(name) as kernel, watched_page(browser) as page:
        open_notebook(page, lab, name=name, kernel=kernel)
        run_all(page)
        page.locator(".rbt-panel").wait_for(timeout=20_000)
        page.locator(".rbt-panel").scroll_into_view_if_needed()
        yield page


@pytest.fixture(scope="module")
def shared(browser, lab):
    """A page for tests that leave the session trading."""
    with running_notebook(browser, lab, "shared.ipynb") as page:
        yield page


@pytest.fixture
def own(browser, lab):
    """A page for one test."""
    with running_notebook(browser, lab, "own.ipynb") as page:
        yield page


def panel_of(page):
    return page.locator(".rbt-panel")


def number_of(panel):
    return int(panel.get_attribute("data-seq"))


def engine_says(page):
    """Return what a cell finds out about the session: a dict of words."""
    return dict(re.findall(r"(\w+)=([\w.-]+)", run_cell(page, CHECK_CELL)))


def is_idle(page):
    return page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').count() > 0


def test_orders_queue_and_equity_move_while_the_kernel_is_idle(shared):
    page, live = shared, panel_of(shared)
    queue, orders = live.locator(".rbt-queue .rbt-count"), live.locator(".rbt-orders .rbt-count")
    first, seen_queue, seen_orders = number_of(live), set(), set()

    def has_moved():
        seen_queue.add(queue.inner_text())
        seen_orders.add(orders.inner_text())
        return len(seen_queue) > 3 and len(seen_orders) > 3 and number_of(live) > first + 10

    wait_until(has_moved, "queue depth and orders to change")

    assert is_idle(page)
    assert live.locator(".rbt-orders tbody tr").count() > 5
    assert live.locator(".rbt-equity path").count() > 0
    statuses = live.locator(".rbt-orders tbody td:nth-child(11)").all_inner_texts()
    assert {"○ pending", "● filled"} <= set(statuses)


def test_pause_flatten_and_stop_are_obeyed_by_the_engine(own, screenshots):
    page, live = own, panel_of(own)
    choose(live, "Pause")
    live.locator(".rbt-pill", has_text="paused").wait_for()
    assert engine_says(page)["state"] == "paused"

    choose(live, "Resume")
    live.locator(".rbt-pill", has_text="running").wait_for()
    assert engine_says(page)["state"] == "running"
    wait_until(lambda: int(engine_says(page)["held"]) > 0, "something to be held")

    choose(live, "Flatten")
    question = live.get_by_role("alertdialog")
    assert re.search(
        r"Cancel \d+ open orders?, close \d+ positions? and halt trading\?", question.inner_text()
    )
    page.screenshot(path=screenshots / "flatten-asks-back.png")
    choose(live, "Keep trading")
    question.wait_for(state="hidden")
    assert engine_says(page)["trading"] == "running"

    choose(live, "Flatten")
    choose(live, "Flatten now")
    live.locator(".rbt-notice", has_text="Trading is halted: flatten by the operator").wait_for()
    live.locator(".rbt-answer", has_text="flatten: done, nothing rests, nothing is held").wait_for()
    page.screenshot(path=screenshots / "flattened.png")
    after = engine_says(page)
    assert (after["trading"], after["open"], after["held"]) == ("halted", "0", "0")

    choose(live, "Stop")
    live.wait_for(state="detached")  # a still picture takes the live view's place
    page.locator(".jp-OutputArea-output", has_text="Rotation on paper · stopped").wait_for()
    assert engine_says(page)["state"] == "stopped"
    page.screenshot(path=screenshots / "stopped.png")


def test_the_panel_comes_back_after_the_page_is_reloaded(own, lab):
    page, live = own, panel_of(own)
    wait_until(lambda: number_of(live) > 10, "some messages")
    page.keyboard.press("Control+s")
    wait_until(
        lambda: "rbt-at-" in (lab.root / "own.ipynb").read_text(), "the notebook to be saved"
    )
    before = number_of(live)

    page.reload()
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    live.wait_for(timeout=60_000)

    wait_until(
        lambda: number_of(live) > before + 10, "the panel to go on from where the session is"
    )
    live.locator(".rbt-pill", has_text="running").wait_for()
    choose(live, "Pause")
    live.locator(".rbt-pill", has_text="paused").wait_for()


def test_texts_of_others_are_shown_as_text_and_never_as_markup(shared):
    live = panel_of(shared)
    title = live.locator(".rbt-failures summary")
    title.first.wait_for()

    title.first.click()

    assert "a failing callback <b>on purpose</b>" in title.first.inner_text()
    assert "In[2], line" in live.locator(".rbt-failures pre").first.inner_text()
    assert live.locator("b, img, script").count() == 0


def test_the_panel_is_steered_by_keys_alone(shared):
    page, live = shared, panel_of(shared)
    live.get_by_role("button", name="Pause").focus()

    page.keyboard.press("Enter")
    live.locator(".rbt-pill", has_text="paused").wait_for()
    live.get_by_role("button", name="Resume").focus()
    page.keyboard.press("Space")
    live.locator(".rbt-pill", has_text="running").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    live.get_by_role("alertdialog").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Keep trading"
    page.keyboard.press("Escape")

    live.get_by_role("alertdialog").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.textContent") == "Flatten"
    assert page.locator(".jp-Notebook.jp-mod-editMode").count() == 0


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("width", [1600, 800])
def test_nothing_is_cut_off_and_everything_is_readable(shared, screenshots, theme, width):
    page, panel = shared, panel_of(shared)
    panel.locator(".rbt-failures summary").first.wait_for()
    sidebar = page.locator("#jp-left-stack")
    if sidebar.is_visible():
        page.keyboard.press("Control+b")
    page.set_viewport_size({"width": width, "height": 1300 if width > 1000 else 1500})
    menu(page, "Settings", "Theme", f"JupyterLab {theme}")
    page.locator(f'body[data-jp-theme-light="{"true" if theme == "Light" else "false"}"]').wait_for(
        state="attached"
    )
    panel.evaluate("panel => panel.scrollIntoView({block: 'start'})")
    wait_until(
        lambda: panel.evaluate("p => p.getBoundingClientRect().right <= innerWidth"),
        "the page to be laid out",
    )

    page.screenshot(path=screenshots / f"panel-{theme.lower()}-{width}.png")

    assert panel.evaluate(TOO_WIDE) == []
    assert panel.evaluate(CONTRAST) == []
    assert panel.evaluate("p => getComputedStyle(p.querySelector('td.num')).textAlign") == "right"
    assert panel.evaluate(ROW_COLOURS) == ["rgba(0, 0, 0, 0)"]
    assert "tabular-nums" in panel.evaluate(
        "p => getComputedStyle(p.querySelector('td.num')).fontVariantNumeric"
    )


def test_an_order_is_cancelled_and_a_position_closed_where_they_stand(browser, lab):
    with running_notebook(browser, lab, "steered.ipynb") as page:
        cancel_and_close(page, panel_of(page))


def cancel_and_close(page, live):
    wait_until(lambda: int(engine_says(page)["held"]) > 0, "something to be held")
    # It is placed some bars after something is held: a pause before would wait for ever.
    # By its limit alone: 110.50 is a price of other orders, which leave the table.
    resting = live.locator(".rbt-orders tbody tr:has(td:text-is('0.50'))").first
    resting.wait_for()
    choose(live, "Pause")
    live.locator(".rbt-pill", has_text="paused").wait_for()
    number = resting.locator("td").first.inner_text()
    # By its number: a row that comes in above moves the first one.
    row = live.locator(f".rbt-orders tbody tr:has(td:first-child:text-is('{number}'))")

    reason = row.get_by_text("cancelled by the operator")
    press_until(lambda: reason.count() > 0, row, "Cancel", "the order to be cancelled")
    choose_in(live, "Which orders", "cancelled")
    cancelled = live.locator(".rbt-orders tbody tr", has_text="cancelled by the operator")
    cancelled.first.wait_for()
    assert number in cancelled.locator("td:first-child").all_inner_texts()

    positions = live.locator(".rbt-positions tbody")
    symbol = positions.locator("td").first.inner_text()
    # By its symbol: the rows are sorted by weight, and prices move on.
    held = positions.locator(f"tr:has(td:first-child:text-is('{symbol}'))")
    press_until(lambda: held.count() == 0, held, "Close", "the position to be closed")


def press_until(is_done, row, name, what):
    """Press a row's button, and again where it asks back, until that has its effect. On a
    busy machine the second press may come after the button has calmed down, and ask again.
    """

    def is_pressed():
        if not is_done():
            confirm(row, name)
            with contextlib.suppress(AssertionError):
                wait_until(is_done, what, patience_s=5)
        return is_done()

    wait_until(is_pressed, what, patience_s=60)


def test_orders_are_sorted_and_found(shared):
    live = panel_of(shared)
    table = live.get_by_role("table", name="Orders")
    table.get_by_role("button", name="Sort by symbol").click()
    symbols = live.locator(".rbt-orders tbody td:nth-child(3)")
    wait_until(
        lambda: symbols.all_inner_texts() == sorted(symbols.all_inner_texts()),
        "the orders to be sorted by symbol",
    )

    live.get_by_role("searchbox").fill("ibm")

    wait_until(lambda: set(symbols.all_inner_texts()) == {"IBM"}, "the orders of IBM alone")
    live.get_by_role("searchbox").fill("")


def choose_in(live, label, choice):
    live.get_by_label(label).select_option(choice)
