"""The look of a report, on light screens, dark screens, and paper."""

from rbtlive.research.reports.drawing import TWO_WIDTHS

STYLE = (
    """
:root{--ink:#1d2126;--soft:#626b76;--line:#dde1e6;--page:#fff;--own:#2373b2;--loss:#c9650a;
--other:#8b939c;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7eb;--soft:#98a1ac;--line:#343a42;
--page:#16181c;--own:#5aa5e0;--loss:#e8924a;--other:#7f8893}}
@media print{:root{--ink:#000;--soft:#444;--line:#ccc;--page:#fff;--own:#1f67a0;--loss:#b85a05;
--other:#777}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:14px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 24px 60px}
header h1{margin:0;font-size:28px;letter-spacing:-.01em;overflow-wrap:anywhere}
header p{margin:2px 0 18px;color:var(--soft)}
section{margin:30px 0 0}
h2{font-size:16px;margin:0 0 10px;padding-bottom:5px;border-bottom:1px solid var(--line)}
h3{font-size:13px;margin:16px 0 6px;color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(8,1fr);gap:1px;background:var(--line);
border:1px solid var(--line)}
.tiles div{background:var(--page);padding:10px 12px;min-width:0}
.tiles b{display:block;font-size:19px;font-variant-numeric:tabular-nums;white-space:nowrap;
overflow:hidden;text-overflow:ellipsis}
.tiles span{color:var(--soft);font-size:12px}
@media(max-width:1000px){.tiles{grid-template-columns:repeat(4,1fr)}}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;margin:0 0 14px}
th,td{padding:3px 8px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
thead th{color:var(--soft);font-weight:500;font-size:12px}
th:first-child{text-align:left;font-weight:500;padding-left:0}
table.small{font-size:12px}table.small th,table.small td{padding:2px 6px}
table.heat td{color:#16181c;text-align:center;border:2px solid var(--page);padding:4px 2px;
font-size:12px}table.heat th{text-align:center;border:0}
table.heat td:last-child{font-weight:600}
table.facts td{text-align:left;white-space:normal}
table.facts tbody th{white-space:nowrap;width:1%;padding-right:14px}
.columns table.facts td:nth-child(2){text-align:right;white-space:nowrap;width:1%}
.columns table.facts td:nth-child(3){color:var(--soft);font-size:12px}
table.mono td{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px;
overflow-wrap:anywhere}
table.bridge{max-width:520px}table.bridge tr:last-child{font-weight:700}
.columns{display:grid;grid-template-columns:1fr 1fr;gap:0 34px;align-items:start}
@media screen{section{overflow-x:auto}}
@media(max-width:900px){.columns{grid-template-columns:1fr}svg.wide text{font-size:14px}}
@media screen and (max-width:600px){main{padding:18px 16px 40px}
.tiles{grid-template-columns:repeat(2,1fr)}
.columns table.facts tr{display:grid;grid-template-columns:1fr auto;
border-bottom:1px solid var(--line)}
.columns table.facts th,.columns table.facts td{border:0;width:auto}
.columns table.facts td:nth-child(2){width:auto}
.columns table.facts td:nth-child(3){grid-column:1/-1;padding-left:0}
.columns table.facts thead tr{display:block}}
.hints{margin:0;padding-left:18px}.hints em{color:var(--soft)}
svg{width:100%;height:auto;display:block}
svg text{fill:var(--soft);font-size:11px}
.grid{stroke:var(--line);fill:none}
polyline{fill:none;stroke-width:1.6;stroke-linejoin:round}
polyline.own{stroke:var(--own)}polyline.other{stroke:var(--other);stroke-dasharray:4 3}
polyline.loss{stroke:var(--loss);stroke-width:1}
.area{fill-opacity:.25;stroke:none}polygon.loss{fill:var(--loss)}polygon.own{fill:var(--own)}
.bought,rect.gain{fill:var(--own)}.sold,rect.lost{fill:var(--loss)}
.bought,.sold{stroke:var(--page);stroke-width:.8}
.legend{margin:4px 0 8px;text-align:right;color:var(--soft);font-size:12px}
.legend span{margin-left:16px}.key{display:inline-block;width:18px;height:3px;margin-right:6px;
vertical-align:middle}.key.own{background:var(--own)}.key.other{background:var(--other)}
@media print{@page{size:A4;margin:14mm}body{font-size:10.5px;-webkit-print-color-adjust:exact;
print-color-adjust:exact}main{max-width:none;padding:0}section{break-inside:avoid;margin-top:18px}
section:has(table.small),section:has(.columns),section:has(h3){break-inside:auto}tr{break-inside:avoid}
thead{display:table-header-group}.columns{grid-template-columns:1fr}
table.small{font-size:7.5px}table.small th,table.small td{padding:1px 3px}
.tiles b{font-size:15px}h2,h3{break-after:avoid}
thead th,.columns table.facts td:nth-child(3),table.mono td,.tiles span,.legend{font-size:inherit}}
"""
    + TWO_WIDTHS
)
