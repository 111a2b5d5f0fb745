"""A page with one figure that opens without a network, on light and dark screens.

The rule: the page contains only the part of plotly.js that our figures need, a quarter
of the whole, and stays below 1.5 MB.
"""

from __future__ import annotations

import html
import json
from importlib.resources import files
from typing import Any

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>:root{{color-scheme:light dark}}body{{margin:12px;font-family:system-ui,sans-serif}}
@media(prefers-color-scheme:dark){{body{{background:#16181c}}}}</style></head><body>
<div id="figure" style="width:100%"></div>
<script>{script}</script>
<script>const f={figure},dark=matchMedia("(prefers-color-scheme: dark)");
const ink=()=>dark.matches?"#c3c8cf":"#4a5159";f.layout.font.color=ink();
Plotly.newPlot("figure",f.data,f.layout,{{responsive:true,displaylogo:false}});
dark.addEventListener("change",()=>Plotly.relayout("figure",{{"font.color":ink()}}));</script>
</body></html>
"""


def page_of(figure: Any, title: str) -> str:
    """Return an HTML page of a plotly figure."""
    script = files(__package__).joinpath("assets", "plotly-finance.min.js").read_text("utf-8")
    return _PAGE.format(
        title=html.escape(title),
        script=script.replace("</script", "<\\/script"),
        figure=in_script(figure.to_json()),
    )


def in_script(text: str) -> str:
    """Return JSON in a form that is safe inside a script."""
    json.loads(text)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
