// The live panel of a session: one view of what the kernel sends, and buttons that ask the kernel.
//
// The rule: every text goes into the page as text, never as markup, and nothing is loaded from anywhere. The kernel
// sends numbered changes; after a gap or a reload the panel asks for the whole.
//
// What a notebook stores is a still picture as HTML. Where this code runs beside the page (JupyterLab, Notebook 7) it
// puts the live view in the picture's place, wherever one is; elsewhere the live view is rendered as a widget.

const PRIORITIES = ["operator", "system error", "order fill", "order update", "trigger", "market data"];
const ENDED = new Set(["stopped", "failed"]);
const BAD = new Set(["rejected", "denied", "unknown"]);
const WORKING = new Set(["created", "submitted", "pending", "partially_filled"]);
const KEPT = { markers: 200, depths: 150, logs: 100, failures: 5, price: 400, recorded: 120 };
const HERE_MS = 30000; // tells the kernel that somebody looks
const SILENCE_MS = 5000; // the kernel says something every two seconds
const PICTURE_MS = 5000; // how often the state to be saved with the notebook is renewed
const ANSWER_MS = 20000; // how long the answer to a button stays

// -- what is known ----------------------------------------------------------------------------------------------------

function emptyState() {
  return {
    seq: -1, asked: false, answer: "", answered: 0, linked: false, heard: 0, bar: 0, head: {}, queue: { depths: [], peak: 0, limit: 0 }, meters: {}, feed: {}, money: {}, counts: {},
    live: null, price_live: null, orders: new Map(), positions: new Map(), equity: [], markers: [], depths: [], logs: [], failures: new Map(),
    columns: {}, parameters: {}, refusals: [], recorded: [], symbols: [], price: { symbol: "", points: [] },
  };
}

const GROUPS = ["head", "queue", "meters", "feed", "money", "counts", "live", "price_live", "refusals", "recorded", "symbols", "price"];
const LASTING = ["columns", "parameters"];

function takeWhole(st, m) {
  for (const name of [...GROUPS, ...LASTING]) if (m[name] !== undefined) st[name] = m[name];
  st.seq = m.seq;
  st.asked = false;
  st.orders = new Map((m.orders || []).map((row) => [row.id, row]));
  st.positions = new Map((m.positions || []).map((row) => [row.symbol, row]));
  st.failures = new Map((m.failures || []).map((row) => [row.number, row]));
  for (const name of ["equity", "markers", "depths", "logs"]) st[name] = m[name] || [];
  st.bar = Date.now() - 1000 * (m.silent_s || 0);
}

function takeDelta(st, m) {
  const bar = st.feed.bar;
  for (const name of GROUPS) if (m[name] !== undefined) st[name] = m[name];
  st.seq = m.seq;
  if (st.feed.bar !== bar) st.bar = Date.now();
  for (const row of m.orders || []) st.orders.set(row.id, row);
  for (const key of m.orders_gone || []) st.orders.delete(key);
  for (const row of m.positions || []) st.positions.set(row.symbol, row);
  for (const key of m.positions_gone || []) st.positions.delete(key);
  for (const row of m.failures || []) { st.failures.delete(row.number); st.failures.set(row.number, row); }
  for (const key of [...st.failures.keys()].slice(0, -KEPT.failures)) st.failures.delete(key);
  if (m.equity_anew) st.equity = m.equity_anew;
  else if (m.equity) st.equity.push(...m.equity);
  for (const { name, value, at } of m.recorded_added || []) {
    let row = st.recorded.find((known) => known.name === name);
    if (!row) st.recorded.push(row = { name, value, points: [] });
    row.value = value;
    if (value !== null && at) row.points.push([at, value]);
    row.points.splice(0, row.points.length - KEPT.recorded);
  }
  if (m.price_added) { st.price.points.push(...m.price_added); st.price.points.splice(0, st.price.points.length - KEPT.price); }
  if (m.depth !== undefined) st.depths.push(m.depth);
  if (m.markers) st.markers.push(...m.markers);
  if (m.logs) st.logs.push(...m.logs);
  for (const name of ["markers", "depths", "logs"]) st[name].splice(0, st[name].length - KEPT[name]);
}

function wholeOf(st) {
  const picture = { t: "whole", seq: st.seq };
  for (const name of [...GROUPS, ...LASTING, "equity", "markers", "depths", "logs"]) picture[name] = st[name];
  for (const name of ["orders", "positions", "failures"]) picture[name] = [...st[name].values()];
  return picture;
}

// -- drawings ---------------------------------------------------------------------------------------------------------

function scaled(points, width, height, more = []) {
  const xs = points.map((p) => p[0]);
  const ys = [...points.map((p) => p[1]), ...more];
  const [x0, x1] = [xs[0], xs[xs.length - 1]];
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const px = (x) => ((x - x0) / (x1 - x0 || 1)) * (width - 12) + 6;
  const py = (y) => height - 10 - ((y - low) / (high - low || 1)) * (height - 20);
  return { px, py, low, high, x0, x1 };
}

function drawMarkers(svg, markers, points, axes, exact) {
  const half = markers.length > 60 ? 2.5 : 3.5;
  const drawn = { true: -Infinity, false: -Infinity }; // where they crowd, markers of one side are left out
  let place = 0;
  for (const { at: x, amount, price, symbol } of markers) {
    const up = amount > 0;
    const across = axes.px(x);
    if (x < axes.x0 || x > axes.x1 || across - drawn[up] < 1.6 * half) continue;
    drawn[up] = across;
    while (place < points.length - 2 && points[place + 1][0] < x) place += 1;
    const [a, b] = [points[place], points[place + 1]];
    const online = a[1] + ((b[1] - a[1]) * (x - a[0])) / (b[0] - a[0] || 1);
    const level = exact && Math.abs(price / online - 1) < 0.15 ? price : online; // a fill before a split is on the line
    const y = axes.py(level);
    const [tip, foot] = up ? [y + 3, y + 3 + 1.7 * half] : [y - 3, y - 3 - 1.7 * half];
    const marker = s("path", { class: up ? "rbt-buy" : "rbt-sell",
      d: `M${across.toFixed(1)} ${tip.toFixed(1)}l${-half} ${(foot - tip).toFixed(1)}h${2 * half}z` });
    const hint = s("title");
    hint.textContent = `${signed(amount, 0, 6)} ${symbol} at ${priced(price)}, ${moment(x)}`;
    marker.append(hint);
    svg.append(marker);
  }
}

function drawLine(svg, points, axes) {
  const line = points.map(([x, y]) => `${axes.px(x).toFixed(1)},${axes.py(y).toFixed(1)}`).join(" ");
  svg.append(s("polyline", { class: "rbt-line", points: line }));
}

function drawEquity(svg, st, width, height) {
  const points = st.live ? [...st.equity, st.live] : st.equity;
  svg.replaceChildren();
  set(svg, "viewBox", `0 0 ${width} ${height}`);
  if (points.length < 2) return null;
  const axes = scaled(points, width, height);
  drawLoss(svg, points, axes);
  drawLine(svg, points, axes);
  drawMarkers(svg, st.markers, points, axes, false);
  return axes;
}

// What is missing to the highest value so far, as an area between the two.
function drawLoss(svg, points, axes) {
  let peak = -Infinity;
  const top = points.map(([x, y]) => { peak = Math.max(peak, y); return `${axes.px(x).toFixed(1)},${axes.py(peak).toFixed(1)}`; });
  const bottom = points.map(([x, y]) => `${axes.px(x).toFixed(1)},${axes.py(y).toFixed(1)}`).reverse();
  svg.append(s("polygon", { class: "rbt-loss", points: [...top, ...bottom].join(" ") }));
}

// The line gets coarser as it gets longer, and ends at the price of now.
function pricePoints({ price, price_live: now }) {
  const last = price.points[price.points.length - 1];
  return now && last && now[2] === price.symbol && now[0] > last[0] ? [...price.points, now] : price.points;
}

function drawPrice(svg, st, width, height) {
  const { symbol } = st.price;
  const points = pricePoints(st);
  svg.replaceChildren();
  set(svg, "viewBox", `0 0 ${width} ${height}`);
  if (points.length < 2) return null;
  const markers = st.markers.filter((one) => one.symbol === symbol);
  const levels = [];
  for (const order of st.orders.values()) {
    if (!order.open || order.symbol !== symbol) continue;
    for (const name of ["limit", "stop"]) if (order[name] !== null) levels.push([order[name], name, order]);
  }
  const seen = points.map((p) => p[1]);
  const reach = Math.max(...seen) - Math.min(...seen) || Math.abs(seen[0]) * 0.02;
  const near = levels.filter(([level]) => level > Math.min(...seen) - reach && level < Math.max(...seen) + reach);
  const axes = scaled(points, width, height, near.map(([level]) => level));
  for (const [level, name, order] of near) {
    const y = axes.py(level).toFixed(1);
    const line = s("line", { class: `rbt-working rbt-${order.side}`, x1: 0, x2: width, y1: y, y2: y });
    const hint = s("title");
    hint.textContent = `order ${order.id}: ${order.side} ${number(Math.abs(order.amount), 0, 6)} ${symbol}, ${name} ${priced(level)}`;
    line.append(hint);
    svg.append(line);
  }
  drawLine(svg, points, axes);
  drawMarkers(svg, markers, points, axes, true);
  return { ...axes, levels: levels.length, hidden: levels.length - near.length };
}

function drawDepths(svg, depths, width, height) {
  svg.replaceChildren();
  set(svg, "viewBox", `0 0 ${width} ${height}`);
  if (depths.length < 2) return;
  const most = Math.max(...depths, 1);
  const step = width / (KEPT.depths - 1);
  const first = width - step * (depths.length - 1);
  const top = depths.map((d, i) => `${(first + i * step).toFixed(1)},${(height - 1 - (d / most) * (height - 3)).toFixed(1)}`);
  svg.append(s("polygon", { class: "rbt-area", points: `${first.toFixed(1)},${height} ${top.join(" ")} ${width},${height}` }));
  svg.append(s("polyline", { class: "rbt-line", points: top.join(" ") }));
}

// -- one view ---------------------------------------------------------------------------------------------------------

function controls(act) {
  const buttons = {};
  const bar = h("div", { class: "rbt-buttons", role: "toolbar", "aria-label": "Session controls" });
  const hints = {
    pause: "Skip the strategy's callbacks; bars are processed and orders live on",
    resume: "Call the callbacks again, and take orders again after a halt",
    flatten: "Cancel all orders, close all positions, halt; asks first",
    stop: "End the session gracefully; open orders stay, unless it was attached with open_orders=\"cancel\"",
    kill: "Cancel all orders and halt at once",
  };
  for (const [name, title] of Object.entries(hints)) {
    const label = name[0].toUpperCase() + name.slice(1);
    buttons[name] = h("button", { type: "button", class: `rbt-button rbt-${name}`, title }, label);
    buttons[name].addEventListener("click", () => (name === "flatten" ? ask() : act(name)));
    bar.append(buttons[name]);
  }
  const question = h("span", {});
  const yes = h("button", { type: "button", class: "rbt-button rbt-sure" }, "Flatten now");
  const no = h("button", { type: "button", class: "rbt-button" }, "Keep trading");
  const dialog = h("div", { class: "rbt-ask", role: "alertdialog", "aria-label": "Flatten?", hidden: true }, question, yes, no);
  let words = () => "";
  function ask() {
    say(question, words());
    dialog.hidden = false;
    no.focus();
  }
  function close() {
    const inside = dialog.contains(document.activeElement);
    dialog.hidden = true;
    if (inside) buttons.flatten.focus();
  }
  yes.addEventListener("click", () => { close(); act("flatten"); });
  no.addEventListener("click", close);
  dialog.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  function show(st, linked) {
    const { state, trading } = st.head;
    const steerable = linked && (state === "running" || state === "paused");
    buttons.pause.disabled = !linked || state !== "running";
    buttons.resume.disabled = !steerable || (state !== "paused" && trading === "running");
    buttons.flatten.disabled = buttons.kill.disabled = !steerable;
    buttons.stop.disabled = !linked || state === "stopping" || ENDED.has(state);
    if (!steerable && !dialog.hidden) close();
    words = () => {
      const { open } = st.counts;
      const count = (n, what) => `${number(n || 0)} ${what}${n === 1 ? "" : "s"}`;
      return `Cancel ${count(open, "open order")}, close ${count(st.positions.size, "position")} and halt trading?`;
    };
  }
  return { bar, dialog, show };
}

function headline() {
  const name = h("span", { class: "rbt-name" });
  const about = h("span", { class: "rbt-about" });
  const state = h("span", { class: "rbt-pill" });
  const trading = h("span", { class: "rbt-pill" });
  const silence = h("span", { class: "rbt-pill", "data-tone": "bad", hidden: true });
  const notice = h("div", { class: "rbt-notice", role: "status", hidden: true });
  const node = h("div", { class: "rbt-title" }, name, about, state, trading, silence);
  const glyphs = { running: "●", paused: "❚❚", stopping: "◌", starting: "◌", stopped: "■", failed: "✕" };
  function show(st, quiet) {
    const { head } = st;
    say(name, head.name || "");
    say(about, `${head.strategy || ""} on ${head.broker || ""}`);
    say(state, `${glyphs[head.state] || ""} ${head.state || ""}`);
    set(state, "data-tone", head.state === "failed" ? "bad" : head.state === "running" ? "good" : "");
    const trades = head.trading === "running" ? "taking orders" : head.trading;
    say(trading, `${head.trading === "running" ? "✓" : "⚠"} ${trades || ""}`);
    set(trading, "data-tone", head.trading === "running" ? "" : "bad");
    trading.hidden = ENDED.has(head.state);
    say(silence, quiet);
    silence.hidden = !quiet;
    const text = head.failure ? `Failed: ${head.failure}` : head.trading !== "running" && head.reason ? `Trading is ${head.trading}: ${head.reason}` : "";
    say(notice, text ? `⚠ ${text}` : "");
    notice.hidden = !text;
  }
  return { node, notice, show };
}

function figures() {
  const parts = {
    value: figure("Portfolio"), day: figure("Day"), profit: figure("Profit"), drawdown: figure("Drawdown"),
    exposure: figure("Exposure"), feed: figure("Feed"), engine: figure("Engine"),
  };
  const node = h("dl", { class: "rbt-figures" });
  for (const [name, part] of Object.entries(parts)) {
    part.node.classList.add(`rbt-figure-${name}`);
    node.append(part.node);
  }
  const tone = (value) => (value > 0 ? "good" : value < 0 ? "bad" : "");
  function show(st) {
    const { money: m, meters: e } = st;
    say(parts.value.value, money(m.value));
    say(parts.value.note, `cash ${money(m.cash)}`);
    say(parts.day.value, gained(m.day));
    say(parts.day.note, percent(m.day_share));
    set(parts.day.value, "data-tone", tone(m.day));
    say(parts.profit.value, gained(m.gain));
    say(parts.profit.note, `${percent(m.gain_share)} · open ${signed(m.open, 2)}`);
    set(parts.profit.node, "title", `realised ${signed(m.realised, 2)}, open ${signed(m.open, 2)}`);
    set(parts.profit.value, "data-tone", tone(m.gain));
    say(parts.drawdown.value, percent(m.drawdown));
    say(parts.drawdown.note, `deepest ${percent(m.max_drawdown)}`);
    set(parts.drawdown.value, "data-tone", m.drawdown < 0 ? "bad" : "");
    say(parts.exposure.value, m.gross === null || m.gross === undefined ? "–" : `${number(m.gross * 100, 1)}${THIN}%`);
    say(parts.exposure.note, `net ${percent(m.net, 1)} · costs ${number(m.commissions, 2)}`);
    const worst = e.worst_lag_ms;
    say(parts.engine.value, e.errors ? `⚠ ${number(e.errors)} error${e.errors === 1 ? "" : "s"}` : micros(e.p50_us));
    say(parts.engine.note, `p99 ${micros(e.p99_us)} · lag ${number(worst, worst < 10 ? 1 : 0)}${THIN}ms`);
    set(parts.engine.node, "title", `${number(e.rate, 1)} events a second; latency p50 ${micros(e.p50_us)}, p99 ${micros(e.p99_us)}; loop lag now ${number(e.lag_ms, 1)} ms, worst ${number(worst, 1)} ms`);
    set(parts.engine.value, "data-tone", e.errors || worst > 1000 ? "bad" : "");
    showFeed(parts.feed, st);
  }
  return { node, show };
}

function showFeed(part, st) {
  const { feed } = st;
  const ended = ENDED.has(st.head.state);
  const kind = feed.live ? "live" : feed.speed ? `replay ×${short(feed.speed)}` : "replay";
  say(part.value, ended ? "ended" : feed.stale ? "⚠ stale" : kind);
  set(part.value, "data-tone", feed.stale && !ended ? "bad" : "");
  const parts = [feed.bar ? moment(feed.bar) : "no bar yet"];
  if (!ended && feed.bar && feed.live && st.linked) parts.push(`${span(Date.now() - st.bar)} ago`);
  for (const name of ["reconnects", "quarantined", "conflated"]) if (feed[name]) parts.push(`${number(feed[name])} ${name}`);
  say(part.note, parts.join(" · "));
}

function plotPart(title, name, draw, words, ...extra) {
  const svg = s("svg", { class: "rbt-course", role: "img", preserveAspectRatio: "none" });
  const [high, low, from, to] = [h("span"), h("span"), h("span"), h("span")];
  const note = h("span", { class: "rbt-legend" });
  const part = section(title, name, ...extra,
    h("div", { class: "rbt-plot" }, h("div", { class: "rbt-scale" }, high, low), svg), h("div", { class: "rbt-axis" }, from, note, to));
  function show(st) {
    const facts = draw(svg, st, Math.max(120, svg.clientWidth), Math.max(60, svg.clientHeight));
    const shown = (value) => (Math.abs(value) < 1000 ? priced(value) : number(value));
    say(high, facts ? shown(facts.high) : "");
    say(low, facts ? shown(facts.low) : "");
    const dateOnly = facts && facts.x1 - facts.x0 > 3 * 86400000;
    say(from, facts ? moment(facts.x0, dateOnly) : words.none);
    say(to, facts ? moment(facts.x1, dateOnly) : "");
    say(note, facts ? words.note(st, facts) : "");
    set(svg, "aria-label", facts ? `${words.what(st)} from ${moment(facts.x0)} to ${moment(facts.x1)}, between ${shown(facts.low)} and ${shown(facts.high)}` : words.none);
  }
  return { node: part.node, count: part.count, show };
}

function equityPart() {
  return plotPart("Equity", "equity", drawEquity, {
    none: "no value yet",
    what: () => "Portfolio value",
    note: (st) => `▲ bought ▼ sold${st.counts.fills > st.markers.length ? ` · latest ${number(st.markers.length)} of ${number(st.counts.fills)} fills` : ""}`,
  });
}

function pricePart(watch) {
  const choice = h("select", { class: "rbt-choice", "aria-label": "Symbol" });
  choice.addEventListener("change", () => watch(choice.value));
  const part = plotPart("Price", "price", drawPrice, {
    none: "nothing traded yet",
    what: (st) => `Close of ${st.price.symbol}`,
    note: (st, facts) => [facts.levels ? `${number(facts.levels)} working` : "", facts.hidden ? `${number(facts.hidden)} out of sight` : "", "▲ bought ▼ sold"].filter(Boolean).join(" · "),
  });
  part.node.firstChild.append(choice);
  let known = "";
  function show(st) {
    const wanted = [...st.symbols].sort().join("\n");
    if (wanted !== known) {
      known = wanted;
      choice.replaceChildren(...[...st.symbols].sort().map((symbol) => h("option", { value: symbol }, symbol)));
    }
    choice.hidden = st.symbols.length === 0;
    if (document.activeElement !== choice || choice.value !== st.price.symbol) choice.value = st.price.symbol;
    const [last] = pricePoints(st).slice(-1);
    say(part.count, last ? priced(last[1]) : "");
    part.show(st);
  }
  return { node: part.node, show };
}

function queuePart() {
  const lanes = PRIORITIES.map((name) => {
    const bar = h("span", { class: "rbt-bar" });
    const depth = h("span", { class: "rbt-depth" }, "0");
    return { bar, depth, node: h("li", {}, h("span", {}, name), h("span", { class: "rbt-track" }, bar), depth) };
  });
  const svg = s("svg", { class: "rbt-spark", role: "img", preserveAspectRatio: "none" });
  const list = h("ul", { class: "rbt-lanes" });
  for (const lane of lanes) list.append(lane.node);
  const count = h("span", { class: "rbt-count" });
  const note = h("div", { class: "rbt-axis" }, h("span", {}, "last half minute"), h("span"));
  const node = h("details", { class: "rbt-queue", "aria-label": "Queue" }, h("summary", {}, h("span", { class: "rbt-heading" }, "Queue"), " ", count), list, svg, note);
  let chosen = false; // by hand: then it stays as it is
  node.querySelector("summary").addEventListener("click", () => { chosen = true; });
  function show(st) {
    const { depths, peak, limit } = st.queue;
    const total = depths.reduce((a, b) => a + b, 0);
    say(count, total ? `${number(total)} waiting` : `empty · peak ${number(peak)} of ${number(limit)}`);
    if (!chosen && total > 10 && !node.open) node.open = true;
    if (!chosen && !st.depths.some((depth) => depth > 0) && node.open) node.open = false;
    const most = Math.max(10, ...depths);
    lanes.forEach((lane, i) => {
      say(lane.depth, number(depths[i]));
      lane.bar.style.width = `${((depths[i] || 0) / most) * 100}%`;
    });
    if (node.open) drawDepths(svg, st.depths, Math.max(100, svg.clientWidth), Math.max(24, svg.clientHeight));
    set(svg, "aria-label", `Queue depth, now ${total}, at most ${peak}`);
    say(note.lastChild, `peak ${number(peak)} of ${number(limit)}`);
  }
  return { node, show };
}

const STEERABLE = (st) => st.linked && (st.head.state === "running" || st.head.state === "paused");
const FILTERS = {
  all: () => true, open: (row) => row.open, filled: (row) => row.state === "filled",
  refused: (row) => BAD.has(row.state), cancelled: (row) => row.state === "canceled" || row.state === "expired",
};

function ordersPart(act) {
  const view = table("Orders", {
    keyed: "id",
    tone: (row) => (BAD.has(row.state) ? "bad" : WORKING.has(row.state) ? "good" : ""),
    first: (a, b) => b.open - a.open || b.id - a.id,
    action: {
      button: (key) => twice("Cancel", "Sure?", `Cancel order ${key}; asks back`, () => act("cancel", key)),
      offered: (row, st) => row.open && STEERABLE(st),
    },
  });
  const choice = h("select", { class: "rbt-choice", "aria-label": "Which orders" });
  for (const name of Object.keys(FILTERS)) choice.append(h("option", { value: name }, name));
  const words = h("input", { class: "rbt-choice rbt-find", type: "search", placeholder: "symbol, side, reason …", "aria-label": "Find orders" });
  const refused = h("div", { class: "rbt-refused" });
  const part = section("Orders", "orders", refused, scroller("Orders, open ones first", view.node));
  part.node.firstChild.append(choice, words);
  let latest = null;
  const again = () => { if (latest) show(latest); };
  choice.addEventListener("change", again);
  words.addEventListener("input", again);
  function show(st) {
    latest = st;
    const { orders: all, open, denied } = st.counts;
    const hidden = (all || 0) - st.orders.size;
    const texts = [`${number(open || 0)} open`, `${number(all || 0)} in all`];
    if (denied) texts.push(`${number(denied)} denied`);
    if (hidden > 0) texts.push(`${number(hidden)} older not shown`);
    say(part.count, texts.join(" · "));
    const told = st.refusals.slice(0, 3).map((row) => `${number(row.count)} × ${row.reason}`);
    say(refused, told.length ? `Denied: ${told.join(" · ")}${st.refusals.length > 3 ? " · …" : ""}` : "");
    refused.hidden = !told.length;
    const wanted = words.value.trim().toLowerCase();
    const found = (row) => !wanted || `${row.id} ${row.symbol} ${row.side} ${row.type} ${row.state} ${row.reason}`.toLowerCase().includes(wanted);
    const rows = [...st.orders.values()].filter((row) => FILTERS[choice.value](row) && found(row));
    view.show(st, st.columns.orders, rows, again);
  }
  return { node: part.node, show };
}

function positionsPart(act) {
  const view = table("Positions", {
    keyed: "symbol",
    tone: (row) => (row.profit > 0 ? "good" : row.profit < 0 ? "bad" : ""),
    first: (a, b) => Math.abs(b.value || 0) - Math.abs(a.value || 0),
    action: {
      button: (key) => twice("Close", "Sure?", `Cancel the open orders in ${key} and close the position; asks back`, () => act("close", key)),
      offered: (_row, st) => STEERABLE(st),
    },
  });
  const none = h("p", { class: "rbt-none" }, "nothing held");
  const part = section("Positions", "positions", scroller("Positions", view.node, none));
  let latest = null;
  const again = () => { if (latest) show(latest); };
  function show(st) {
    latest = st;
    const held = st.counts.positions || 0;
    say(part.count, held > st.positions.size ? `${number(held)}, the largest ${number(st.positions.size)} shown` : number(held));
    none.hidden = st.positions.size > 0;
    view.node.hidden = st.positions.size === 0;
    view.show(st, st.columns.positions, [...st.positions.values()], again);
  }
  return { node: part.node, show };
}

// What the strategy was given and what it records: names and values, recorded numbers with their course.
function strategyPart() {
  const given = h("dl", { class: "rbt-pairs" });
  const recorded = h("div", { class: "rbt-recorded" });
  const part = section("Strategy", "strategy", recorded, given);
  const kept = new Map();
  let shown = null;
  function show(st) {
    if (shown !== st.parameters) {
      shown = st.parameters;
      given.replaceChildren();
      for (const [name, value] of Object.entries(st.parameters)) given.append(h("dt", {}, name), h("dd", {}, value));
    }
    for (const { name, value, points } of st.recorded) {
      let row = kept.get(name);
      if (!row) {
        row = { value: h("span", { class: "rbt-now" }), svg: s("svg", { class: "rbt-tiny", role: "img", preserveAspectRatio: "none", viewBox: "0 0 120 22" }) };
        row.node = h("div", {}, h("span", {}, name), row.svg, row.value);
        kept.set(name, row);
        recorded.append(row.node);
      }
      say(row.value, number(value, 0, 4));
      row.svg.replaceChildren();
      if (points.length > 1) drawLine(row.svg, points, scaled(points, 120, 32));
      set(row.svg, "aria-label", `${name}, now ${number(value, 0, 4)}`);
    }
    part.node.hidden = !st.recorded.length && !Object.keys(st.parameters).length;
  }
  return { node: part.node, show };
}

const LEVELS = ["debug", "info", "warning", "error"];

function reportPart() {
  const log = h("pre", { class: "rbt-log" });
  const logs = section("Log", "logs", scroller("Last log lines", log));
  const level = h("select", { class: "rbt-choice", "aria-label": "Least level" });
  for (const name of LEVELS) level.append(h("option", { value: name }, name));
  logs.node.firstChild.append(level);
  let latest = null;
  level.addEventListener("change", () => { if (latest) show(latest); });
  const list = h("div");
  const failures = section("Errors", "failures", list);
  const kept = new Map();
  const box = log.parentElement;
  const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 8;
  let pinned = true; // to the last line, until somebody scrolls away from it
  box.addEventListener("scroll", () => { if (box.isConnected) pinned = atEnd(); });
  function show(st) {
    latest = st;
    const least = LEVELS.indexOf(level.value);
    const text = st.logs.filter((line) => !(LEVELS.indexOf(line.split(":")[0]) < least)).join("\n");
    if (log.textContent !== text) {
      log.replaceChildren();
      for (const line of text ? text.split("\n") : []) log.append(h("span", { class: `rbt-${line.split(":")[0]}` }, `${line}\n`));
    }
    if (pinned && !atEnd()) box.scrollTop = box.scrollHeight;
    logs.node.hidden = !st.logs.length;
    failures.node.hidden = st.failures.size === 0;
    for (const [key, { times, title, traceback }] of st.failures) {
      let part = kept.get(key);
      if (!part) {
        part = { title: h("summary"), trace: h("pre") };
        part.node = h("details", {}, part.title, part.trace);
        kept.set(key, part);
        list.prepend(part.node);
      }
      say(part.title, times > 1 ? `${title} (${number(times)} times)` : title);
      say(part.trace, traceback);
    }
    for (const [key, part] of kept) if (!st.failures.has(key)) { part.node.remove(); kept.delete(key); }
  }
  return { node: h("div", { class: "rbt-reports" }, failures.node, logs.node), show };
}

function quietness(st) {
  if (ENDED.has(st.head.state)) return "";
  if (st.gone) return "the kernel has gone: this is the last state";
  if (!st.linked) return st.waited ? "no kernel: as it was when saved" : "";
  const quiet = Date.now() - st.heard;
  return quiet > SILENCE_MS ? `kernel is busy: no news for ${span(quiet)}` : "";
}

function buildView(st, act, watch) {
  const buttons = controls(act);
  const head = headline();
  const answer = h("div", { class: "rbt-answer", role: "status", "aria-live": "polite" });
  const parts = [figures(), equityPart(), pricePart(watch), positionsPart(act), strategyPart(), ordersPart(act), queuePart(), reportPart()];
  const [facts, equity, price, positions, strategy, orders, queue, reports] = parts;
  const root = h("div", { class: "rbt-panel", role: "group", "aria-label": "Trading session", "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "rbt-head" }, head.node, buttons.bar), buttons.dialog, head.notice, answer, facts.node,
    h("div", { class: "rbt-grid" }, equity.node, price.node, positions.node, strategy.node, orders.node), queue.node, reports.node);
  function show() {
    set(root, "data-state", st.head.state || "");
    set(root, "data-seq", String(st.seq));
    head.show(st, quietness(st));
    buttons.show(st, st.linked);
    say(answer, Date.now() - st.answered < ANSWER_MS ? st.answer : "");
    for (const part of parts) part.show(st);
  }
  return { root, show };
}

// -- the model: one a session and page, however many views -------------------------------------------------------------

export default () => {
  const st = emptyState();
  const views = new Set();
  let savedAt = 0;

  function refresh() {
    for (const view of views) view.request();
  }

  function send(model, message) {
    try {
      Promise.resolve(model.send(message)).catch(() => {});
    } catch {
      st.linked = false; // a saved notebook without its kernel
    }
  }

  function resync(model) {
    if (st.asked && Date.now() - st.asked < 2000) return;
    st.asked = Date.now();
    send(model, { t: "resync" });
  }

  function keepPicture(model) {
    if (Date.now() - savedAt < PICTURE_MS && !ENDED.has(st.head.state)) return;
    savedAt = Date.now();
    model.set("picture", wholeOf(st));
  }

  function take(model, m) {
    st.linked = true;
    st.heard = Date.now();
    if (m.t === "whole") takeWhole(st, m);
    else if (m.t === "price") st.price = { symbol: m.symbol, points: m.points };
    else if (m.t === "answer") [st.answer, st.answered] = [m.text, Date.now()];
    else if (m.t === "delta" && (st.seq < 0 || m.seq !== st.seq + 1)) resync(model);
    else if (m.t === "delta") takeDelta(st, m);
    keepPicture(model);
    refresh();
  }

  function newView(model) {
    const act = (action, target = "") => {
      [st.answer, st.answered] = [`${action} ${target}…`, Date.now()];
      send(model, { t: "do", action, target: String(target) });
      refresh();
    };
    const view = liveView(buildView(st, act, (symbol) => send(model, { t: "watch", symbol })));
    views.add(view);
    return view;
  }

  function dropView(view) {
    views.delete(view);
    view.close();
  }

  return {
    initialize({ model }) {
      const picture = model.get("picture");
      if (picture && picture.head) { takeWhole(st, picture); st.seq = -1; }
      const listen = (m) => take(model, m);
      const lose = () => { st.linked = false; st.gone = true; refresh(); };
      model.on("msg:custom", listen);
      model.on("comm_live_update", lose);
      resync(model);
      const here = setInterval(() => { if ([...views].some((view) => view.root.isConnected)) send(model, { t: "here" }); }, HERE_MS);
      const wait = setTimeout(() => { st.waited = true; refresh(); }, SILENCE_MS);
      const leave = placeViews(model.get("key"), () => newView(model), dropView);
      return () => {
        leave();
        model.off("msg:custom", listen);
        model.off("comm_live_update", lose);
        clearInterval(here);
        clearTimeout(wait);
      };
    },

    render({ model, el }) {
      const view = newView(model);
      el.classList.add("rbt-host");
      el.append(view.root);
      view.request();
      return () => dropView(view);
    },
  };
};
