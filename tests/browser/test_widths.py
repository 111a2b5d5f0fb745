"""The panel and the report at the widths that phones, screens and halves of screens have."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import rbtlive as rbt
import rbtlive.notebook.panel
from rbtlive.notebook.panel.snapshot import PanelState
from tests.builders import Churn, daily_frame

pytestmark = pytest.mark.browser

WIDTHS = (380, 400, 480, 560, 561, 640, 720, 760, 800, 900, 960, 1020, 1021, 1200, 1440, 1920)
PAGE = """<!doctype html><meta charset="utf-8"><style>body{margin:0}STYLE</style>
<div id="here"></div><script type="module">
const source = SOURCE;
const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
const {initialize, render} = (await import(url)).default();
const heard = {};
const model = {
  get: () => null, set() {}, save_changes() {}, on(name, take) { heard[name] = take; }, off() {}, send() {},
};
globalThis.hear = (whole) => heard["msg:custom"](whole);
initialize({model});
render({model, el: document.getElementById("here")});
</script>"""
ROWS = """() => {
  const rows = new Map();
  for (const tile of document.querySelectorAll(".rbt-figure")) {
    const box = tile.getBoundingClientRect();
    rows.set(Math.round(box.top), (rows.get(Math.round(box.top)) || 0) + 1);
  }
  return [...rows.values()];
}"""


@pytest.fixture
def page(browser, tmp_path):
    """A panel that waits for its session."""
    here = Path(rbtlive.notebook.panel.__file__).parent
    source = "\n".join((here / name).read_text("utf-8") for name in ("common.js", "panel.js"))
    text = PAGE.replace("SOURCE", json.dumps(source))
    text = text.replace("STYLE", (here / "panel.css").read_text("utf-8"))
    (tmp_path / "panel.html").write_text(text, encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "panel.html").as_uri())
    page.locator(".rbt-figure").nth(6).wait_for()
    yield page
    page.close()


def test_no_tile_stands_alone_at_any_width_and_one_row_holds_all_at_1440(page):
    rows = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})

        rows[width] = page.evaluate(ROWS)

        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
    assert {width: counts for width, counts in rows.items() if min(counts) < 2} == {}
    assert rows[1440] == rows[1920] == [7]


COVERED = """() => [...document.querySelectorAll(".rbt-orders .rbt-scroll")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1).length"""
TALL = """() => Math.max(...[...document.querySelectorAll(".rbt-orders tbody tr")]
  .map((row) => row.getBoundingClientRect().height))"""


async def denied(tmp_path):
    """Return what the panel shows of a session whose orders are refused."""
    session = rbt.attach(
        Halted,
        rbt.PaperBroker(),
        feed=rbt.ReplayFeed(daily_frame(60)),
        journal=tmp_path,
        breakers=rbt.Breakers(max_drawdown=0.000001),
        log_level="error",
    )
    await session.wait()
    return PanelState(session).whole()


class Halted(rbt.TradingAlgorithm):
    """Buys and sells, and is halted by the first loss."""

    def initialize(self, context):
        context.bars = 0

    def handle_data(self, context, data):
        context.bars += 1
        self.order(self.symbol("AAA"), 100 if context.bars % 2 else -90, tag="again")


def test_no_button_covers_the_reason_of_an_order(page, tmp_path):
    with ThreadPoolExecutor(1) as thread:  # this one has playwright's loop
        whole = thread.submit(asyncio.run, denied(tmp_path)).result()
    assert any(order["reason"] for order in whole["orders"])
    page.evaluate("(whole) => globalThis.hear(whole)", whole)
    page.locator(".rbt-orders tbody tr").nth(5).wait_for()
    faults = {}
    for width in (w for w in WIDTHS if w > 700):  # narrower ones scroll
        page.set_viewport_size({"width": width, "height": 900})

        if page.evaluate(COVERED) or page.evaluate(TALL) > 60:
            faults[width] = page.evaluate(COVERED), page.evaluate(TALL)
    assert faults == {}


# Names that leave their drawing, are too small to be read, or cover each other.
UNREADABLE = """() => {
  const found = [];
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect();
    const names = [...svg.querySelectorAll("text")].map((t) => [t.textContent, t.getBoundingClientRect()]);
    for (const [name, box] of frame.width ? names : []) {
      if (box.left < frame.left - 1 || box.right > frame.right + 1) found.push(`${name} leaves`);
      if (box.height < 9) found.push(`${name} is ${box.height} high`);
      for (const [other, its] of names)
        if (other !== name && Math.min(box.right, its.right) - Math.max(box.left, its.left) > 1
            && Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top) > 3)
          found.push(`${name} covers ${other}`);
    }
  }
  return found;
}"""


def test_a_report_fits_its_page_and_is_read_at_every_width(browser, tmp_path):
    path = rbt.backtest(Churn, daily_frame(160), benchmark="BBB").report(tmp_path / "run.html")
    page = browser.new_page()
    page.goto(path.as_uri())
    faults = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})

        wide = page.evaluate("document.documentElement.scrollWidth")
        found = page.evaluate(UNREADABLE)

        if found or wide > width:
            faults[width] = wide, found
    page.close()
    assert faults == {}
