"""Make the pictures of README: the live panel of a session, and a report.

    python scripts/make_pictures.py

They are drawn by the package's own code in Chromium. Needs the extra `test` and a
Chromium, whose path CHROMIUM gives (default: /usr/bin/chromium).
"""

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import rbtlive as rbt
from rbtlive.notebook.panel.snapshot import PanelState

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PANEL_BARS = 470
PAGE = """<!doctype html><meta charset="utf-8"><style>body{margin:8px;background:#fff;
font-family:system-ui,sans-serif}</style><div id="here"></div><script type="module">
const source = SOURCE, whole = WHOLE;
document.head.append(Object.assign(document.createElement("style"), {textContent: STYLE}));
const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
const {initialize, render} = (await import(url)).default();
const heard = {};
const model = {
  get: (name) => ({picture: whole, key: "picture"})[name], set: () => {}, save_changes: () => {},
  on: (name, take) => { heard[name] = take; }, off: () => {}, send: () => {},
};
initialize({model});
render({model, el: document.getElementById("here")});
heard["msg:custom"](whole);
</script>"""


class Cross(rbt.TradingAlgorithm):
    """Hold what is above its average, with a stop below."""

    average = 50

    def initialize(self, context: Any) -> None:
        """Take three assets."""
        context.assets = [self.symbol(name) for name in ("AAPL", "IBM", "MSFT")]

    def handle_data(self, context: Any, data: Any) -> None:
        """Hold a third each of what is above its average."""
        above = 0
        for asset in context.assets:
            closes = data.history(asset, "close", self.average, "1d")
            is_above = closes[-1] > closes.mean()
            above += is_above
            held = context.portfolio.positions[asset].amount
            if self.get_open_orders(asset):
                continue
            if is_above and not held:
                self.order_target_percent(asset, 0.3, tag="trend")
            elif held and not is_above:
                self.order_target(asset, 0, tag="exit")
            elif held:
                stop = round(float(closes[-1]) * 0.93, 2)
                self.order(asset, -held, stop_price=stop, tag="stop")
        self.record(above=above)


async def seen() -> dict[str, Any]:
    """Return what the panel shows of a session that runs."""
    feed = rbt.ReplayFeed(rbt.load_sample("us-daily"), speed=86_400 * 250)
    with tempfile.TemporaryDirectory() as folder:
        session = rbt.attach(
            Cross,
            rbt.PaperBroker(),
            feed=feed,
            start="2005-01-03",
            name="trend",
            journal=folder,
            log_level="error",
        )
        await asyncio.sleep(0.2)
        state = PanelState(session)
        while session.engine.meters.events < PANEL_BARS:
            await asyncio.sleep(0.2)
            state.delta()
        whole = state.whole()
        await session.stop()
    return whole


def main() -> None:
    """Draw both."""
    whole = asyncio.run(seen())
    here = ROOT / "rbtlive" / "notebook" / "panel"
    parts = [(here / name).read_text(encoding="utf-8") for name in ("common.js", "panel.js")]
    source, style = "\n".join(parts), (here / "panel.css").read_text(encoding="utf-8")
    page = PAGE.replace("SOURCE", json.dumps(source)).replace("STYLE", json.dumps(style))
    page = page.replace("WHOLE", json.dumps(whole))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        shown, report = Path(folder, "panel.html"), Path(folder, "report.html")
        shown.write_text(page, encoding="utf-8")
        bars = rbt.load_sample("us-daily")
        result = rbt.backtest(Cross, bars, start="2005-01-03", end="2010-12-31")
        result.report(report)
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        tab.goto(shown.as_uri())
        tab.wait_for_selector(".rbt-buttons")
        tab.wait_for_timeout(500)
        tab.locator("#here").screenshot(path=IMAGES / "panel.png")
        tab.goto(report.as_uri())
        tab.screenshot(
            path=IMAGES / "report.png", clip={"x": 100, "y": 0, "width": 1240, "height": 900}
        )
        browser.close()
    for name in ("panel.png", "report.png"):
        print(f"{name}: {(IMAGES / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
