"""The panel at the widths that screens and halves of screens have."""

import json
from pathlib import Path

import pytest

import rbtlive.notebook.panel

pytestmark = pytest.mark.browser

WIDTHS = (380, 400, 480, 560, 561, 640, 720, 760, 800, 900, 960, 1020, 1021, 1200, 1440, 1920)
PAGE = """<!doctype html><meta charset="utf-8"><style>body{margin:0}STYLE</style>
<div id="here"></div><script type="module">
const source = SOURCE;
const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
const {initialize, render} = (await import(url)).default();
const model = {get: () => null, set() {}, save_changes() {}, on() {}, off() {}, send() {}};
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
