// The live panel of a session: one view of what the kernel tells, and buttons that tell the kernel.
//
// The rule: every text goes into the page as text, never as markup, and nothing is loaded from anywhere. The kernel
// sends numbered changes; after a gap or a reload the panel asks for the whole.
//
// What a notebook stores is a still picture as HTML. Where this code runs beside the page (JupyterLab, Notebook 7) it
// puts the live view in the picture's place, wherever one is; elsewhere the live view is rendered as a widget.

const PRIORITIES = ["operator", "system error", "order fill", "order update", "trigger", "market data"];
const ENDED = new Set(["stopped", "failed"]);
const STATES = {
  created: "○", submitted: "○", pending: "○", partially_filled: "◐", filled: "●",
  canceled: "–", expired: "–", rejected: "✕", denied: "✕", unknown: "?",
};
const BAD = new Set(["rejected", "denied", "unknown"]);
const WORKING = new Set(["created", "submitted", "pending", "partially_filled"]);
const KEPT = { marks: 200, depths: 150, logs: 50, failures: 5 };
const HERE_MS = 30000; // tells the kernel that somebody looks
const SILENCE_MS = 5000; // the kernel says something every two seconds
const PICTURE_MS = 5000; // how often the state to be saved with the notebook is renewed
const LOOK_MS = 250; // how often new places for the view are looked for
const GONE_LOOKS = 60; // a place that left the page may come back: notebooks take out what is scrolled away
const ANSWER_MS = 20000; // how long the answer to a button stays
const THIN = "\u202f";
const SVG = "http://www.w3.org/2000/svg";

// -- words and numbers ------------------------------------------------------------------------------------------------

function number(value, digits = 0, most = digits) {
  if (value === null || value === undefined) return "–";
  let text = Math.abs(value).toFixed(most);
  while (most > digits && text.endsWith("0")) { text = text.slice(0, -1); most -= 1; }
  if (text.endsWith(".")) text = text.slice(0, -1);
  const [whole, part] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, THIN);
  const zero = Number(text) === 0;
  return (value < 0 && !zero ? "−" : "") + grouped + (part ? "." + part : "");
}

function signed(value, digits, most) {
  const text = number(value, digits, most);
  return value > 0 && /[1-9]/.test(text) ? "+" + text : text;
}

function money(value) {
  return number(value, Math.abs(value) < 1e6 ? 2 : 0);
}

function arrow(value) {
  return value > 0 ? "▲ " : value < 0 ? "▼ " : "";
}

function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 100) return `${s}${THIN}s`;
  if (s < 6000) return `${Math.round(s / 60)}${THIN}min`;
  if (s < 48 * 3600) return `${Math.round(s / 3600)}${THIN}h`;
  return `${number(Math.round(s / 86400))}${THIN}d`;
}

function moment(ms, dateOnly = false) {
  if (!ms) return "–";
  const text = new Date(ms).toISOString();
  return dateOnly ? text.slice(0, 10) : `${text.slice(0, 10)} ${text.slice(11, 16)}`;
}

function micros(us) {
  if (us === null || us === undefined) return "–";
  return us < 1000 ? `${number(us)}${THIN}µs` : `${number(us / 1000, 1)}${THIN}ms`;
}

// -- building the page ------------------------------------------------------------------------------------------------

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children) node.append(child);
  return node;
}

function s(tag, attributes = {}) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function set(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

// A table whose rows are kept by key; only cells that changed are touched, and rows move only if they must.
function table(caption, columns) {
  const body = h("tbody");
  const head = h("tr");
  for (const [title, kind] of columns) head.append(h("th", { scope: "col", class: kind }, title));
  const node = h("table", { "aria-label": caption }, h("thead", {}, head), body);
  const kept = new Map();
  function show(rows) {
    const keys = new Set();
    let place = body.firstChild;
    for (const { key, cells, tone } of rows) {
      keys.add(key);
      let row = kept.get(key);
      if (!row) {
        row = h("tr");
        for (const [, kind] of columns) row.append(h("td", { class: kind }));
        kept.set(key, row);
      }
      cells.forEach((text, i) => say(row.children[i], text));
      set(row, "data-tone", tone || "");
      if (row === place) place = place.nextSibling;
      else body.insertBefore(row, place);
    }
    for (const [key, row] of kept) if (!keys.has(key)) { row.remove(); kept.delete(key); }
  }
  return { node, show };
}

function figure(title) {
  const value = h("dd", {}, "–");
  const note = h("dd", { class: "rbt-note" });
  return { node: h("div", { class: "rbt-figure" }, h("dt", {}, title), value, note), value, note };
}

function section(title, name, ...children) {
  const count = h("span", { class: "rbt-count" });
  const heading = h("h4", {}, title, " ", count);
  return { node: h("section", { class: `rbt-${name}`, "aria-label": title }, heading, ...children), count };
}

function scroller(label, ...children) {
  return h("div", { class: "rbt-scroll", tabindex: "0", role: "region", "aria-label": label }, ...children);
}

// -- what is known ----------------------------------------------------------------------------------------------------

function emptyState() {
  return {
    seq: -1, asked: false, answer: "", answered: 0, linked: false, heard: 0, bar: 0, head: {}, queue: [], meters: [], feed: {}, money: [], counts: [],
    live: null, orders: new Map(), positions: new Map(), equity: [], marks: [], depths: [], logs: [], failures: new Map(),
  };
}

const GROUPS = ["head", "queue", "meters", "feed", "money", "counts", "live"];

function takeWhole(st, m) {
  for (const name of GROUPS) if (m[name] !== undefined) st[name] = m[name];
  st.seq = m.seq;
  st.asked = false;
  st.orders = new Map((m.orders || []).map((row) => [row[0], row]));
  st.positions = new Map((m.positions || []).map((row) => [row[0], row]));
  st.failures = new Map((m.failures || []).map((row) => [row[0], row]));
  for (const name of ["equity", "marks", "depths", "logs"]) st[name] = m[name] || [];
  st.bar = Date.now() - 1000 * (m.silent_s || 0);
}

function takeDelta(st, m) {
  const bar = st.feed.bar;
  for (const name of GROUPS) if (m[name] !== undefined) st[name] = m[name];
  st.seq = m.seq;
  if (st.feed.bar !== bar) st.bar = Date.now();
  for (const row of m.orders || []) st.orders.set(row[0], row);
  for (const key of m.orders_gone || []) st.orders.delete(key);
  for (const row of m.positions || []) st.positions.set(row[0], row);
  for (const key of m.positions_gone || []) st.positions.delete(key);
  for (const row of m.failures || []) { st.failures.delete(row[0]); st.failures.set(row[0], row); }
  for (const key of [...st.failures.keys()].slice(0, -KEPT.failures)) st.failures.delete(key);
  if (m.equity_anew) st.equity = m.equity_anew;
  else if (m.equity) st.equity.push(...m.equity);
  if (m.depth !== undefined) st.depths.push(m.depth);
  if (m.marks) st.marks.push(...m.marks);
  if (m.logs) st.logs.push(...m.logs);
  for (const name of ["marks", "depths", "logs"]) st[name].splice(0, st[name].length - KEPT[name]);
}

function wholeOf(st) {
  const picture = { t: "whole", seq: st.seq };
  for (const name of [...GROUPS, "equity", "marks", "depths", "logs"]) picture[name] = st[name];
  for (const name of ["orders", "positions", "failures"]) picture[name] = [...st[name].values()];
  return picture;
}

// -- drawings ---------------------------------------------------------------------------------------------------------

function drawCourse(svg, st, width, height) {
  const points = st.live ? [...st.equity, st.live] : st.equity;
  svg.replaceChildren();
  set(svg, "viewBox", `0 0 ${width} ${height}`);
  if (points.length < 2) return null;
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const [x0, x1] = [xs[0], xs[xs.length - 1]];
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const px = (x) => ((x - x0) / (x1 - x0 || 1)) * (width - 12) + 6;
  const py = (y) => height - 10 - ((y - low) / (high - low || 1)) * (height - 20);
  const line = points.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(" ");
  svg.append(s("polyline", { class: "rbt-line", points: line }));
  const half = st.marks.length > 60 ? 2.5 : 3.5;
  const drawn = { true: -Infinity, false: -Infinity }; // where they crowd, marks of one side are left out
  let at = 0;
  for (const [x, amount, price, symbol] of st.marks) {
    const across = px(x);
    if (x < x0 || x > x1 || across - drawn[amount > 0] < 1.6 * half) continue;
    drawn[amount > 0] = across;
    while (at < points.length - 2 && points[at + 1][0] < x) at += 1;
    const [a, b] = [points[at], points[at + 1]];
    const y = py(a[1] + ((b[1] - a[1]) * (x - a[0])) / (b[0] - a[0] || 1));
    const up = amount > 0;
    const [tip, foot] = up ? [y + 3, y + 3 + 1.7 * half] : [y - 3, y - 3 - 1.7 * half];
    const mark = s("path", { class: up ? "rbt-buy" : "rbt-sell",
      d: `M${across.toFixed(1)} ${tip.toFixed(1)}l${-half} ${(foot - tip).toFixed(1)}h${2 * half}z` });
    const hint = s("title");
    hint.textContent = `${signed(amount, 0, 6)} ${symbol} at ${number(price, 2, 4)}, ${moment(x)}`;
    mark.append(hint);
    svg.append(mark);
  }
  return { low, high, x0, x1 };
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
    stop: "End the session gracefully; open orders stay as the session was told",
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
      const [, open] = st.counts;
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
    value: figure("Portfolio"), profit: figure("Profit"), rate: figure("Events"), latency: figure("Latency p50"),
    lag: figure("Loop lag"), feed: figure("Feed"), errors: figure("Errors"),
  };
  const node = h("dl", { class: "rbt-figures" });
  for (const [name, part] of Object.entries(parts)) {
    part.node.classList.add(`rbt-figure-${name}`);
    node.append(part.node);
  }
  function show(st) {
    const [value, cash, gain, share] = st.money;
    const [events, rate, p50, p99, lag, worst, errors] = st.meters;
    say(parts.value.value, money(value));
    say(parts.value.note, `cash ${money(cash)}`);
    say(parts.profit.value, arrow(gain) + (gain > 0 ? "+" : "") + money(gain));
    say(parts.profit.note, share === null || share === undefined ? "" : `${signed(share * 100, 2)}${THIN}%`);
    set(parts.profit.value, "data-tone", gain > 0 ? "good" : gain < 0 ? "bad" : "");
    say(parts.rate.value, `${number(rate, rate < 10 ? 1 : 0)}${THIN}/s`);
    say(parts.rate.note, `${number(events)} in all`);
    say(parts.latency.value, micros(p50));
    say(parts.latency.note, `p99 ${micros(p99)}`);
    say(parts.lag.value, `${number(lag, lag < 10 ? 1 : 0)}${THIN}ms`);
    say(parts.lag.note, `worst ${number(worst, worst < 10 ? 1 : 0)}${THIN}ms`);
    set(parts.lag.value, "data-tone", worst > 1000 ? "bad" : "");
    say(parts.errors.value, (errors ? "⚠ " : "") + number(errors));
    say(parts.errors.note, errors ? "tracebacks below" : "none");
    set(parts.errors.value, "data-tone", errors ? "bad" : "");
    showFeed(parts.feed, st);
  }
  return { node, show };
}

function showFeed(part, st) {
  const { feed } = st;
  const ended = ENDED.has(st.head.state);
  const kind = feed.live ? "live" : feed.speed ? `replay ×${number(feed.speed)}` : "replay";
  say(part.value, ended ? "ended" : feed.stale ? "⚠ stale" : kind);
  set(part.value, "data-tone", feed.stale && !ended ? "bad" : "");
  const parts = [feed.bar ? moment(feed.bar) : "no bar yet"];
  if (!ended && feed.bar && st.linked) parts.push(`${span(Date.now() - st.bar)} ago`);
  for (const name of ["reconnects", "quarantined", "conflated"]) if (feed[name]) parts.push(`${number(feed[name])} ${name}`);
  say(part.note, parts.join(" · "));
}

function equityPart() {
  const svg = s("svg", { class: "rbt-course", role: "img", preserveAspectRatio: "none" });
  const [high, low, from, to] = [h("span"), h("span"), h("span"), h("span")];
  const latest = h("span");
  const legend = h("span", { class: "rbt-legend" }, h("span", { class: "rbt-good" }, "▲ bought"), " ", h("span", { class: "rbt-bad" }, "▼ sold"), latest);
  const part = section("Equity", "equity",
    h("div", { class: "rbt-plot" }, h("div", { class: "rbt-scale" }, high, low), svg), h("div", { class: "rbt-axis" }, from, legend, to));
  function show(st) {
    const facts = drawCourse(svg, st, Math.max(120, svg.clientWidth), Math.max(60, svg.clientHeight));
    say(high, facts ? number(facts.high) : "");
    say(low, facts ? number(facts.low) : "");
    const dateOnly = facts && facts.x1 - facts.x0 > 3 * 86400000;
    say(from, facts ? moment(facts.x0, dateOnly) : "no course yet");
    say(latest, st.counts[3] > st.marks.length ? ` · latest ${number(st.marks.length)} of ${number(st.counts[3])} fills` : "");
    say(to, facts ? moment(facts.x1, dateOnly) : "");
    set(svg, "aria-label", facts ? `Portfolio value from ${moment(facts.x0)} to ${moment(facts.x1)}, between ${number(facts.low)} and ${number(facts.high)}` : "No course yet");
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
  const note = h("div", { class: "rbt-axis" }, h("span", {}, "last half minute"), h("span"));
  const part = section("Queue", "queue", list, svg, note);
  function show(st) {
    const depths = st.queue.slice(0, PRIORITIES.length);
    const [peak, limit] = st.queue.slice(PRIORITIES.length);
    const total = depths.reduce((a, b) => a + b, 0);
    say(part.count, `${number(total)} waiting`);
    const most = Math.max(10, ...depths);
    lanes.forEach((lane, i) => {
      say(lane.depth, number(depths[i]));
      lane.bar.style.width = `${((depths[i] || 0) / most) * 100}%`;
    });
    drawDepths(svg, st.depths, Math.max(100, svg.clientWidth), Math.max(24, svg.clientHeight));
    set(svg, "aria-label", `Queue depth, now ${total}, at most ${peak}`);
    say(note.lastChild, `peak ${number(peak)} of ${number(limit)}`);
  }
  return { node: part.node, show };
}

function ordersPart() {
  const view = table("Orders", [["#", "num"], ["Symbol", "txt"], ["Filled / amount", "num"], ["Limit", "num opt"], ["Stop", "num opt"],
    ["Price", "num"], ["Status", "txt"], ["Age", "num"], ["Reason", "txt wide"]]);
  const part = section("Orders", "orders", scroller("Orders, open ones first", view.node));
  function show(st) {
    const [all, open, denied] = st.counts;
    const hidden = (all || 0) - st.orders.size;
    const words = [`${number(open || 0)} open`, `${number(all || 0)} in all`];
    if (denied) words.push(`${number(denied)} denied`);
    if (hidden > 0) words.push(`${number(hidden)} older not shown`);
    say(part.count, words.join(" · "));
    const now = st.feed.bar || 0;
    const rows = [...st.orders.values()].sort((a, b) => b[11] - a[11] || b[0] - a[0]);
    view.show(rows.map(([id, symbol, amount, filled, limit, stop, price, state, reason, created, changed, isOpen]) => ({
      key: id,
      tone: BAD.has(state) ? "bad" : WORKING.has(state) ? "good" : "",
      cells: [number(id), symbol, `${signed(filled, 0, 6)} / ${signed(amount, 0, 6)}`, limit === null ? "" : number(limit, 2, 6),
        stop === null ? "" : number(stop, 2, 6), price === null ? "" : number(price, 2, 4),
        `${STATES[state] || "?"} ${state.replaceAll("_", " ")}`, span((isOpen ? Math.max(now, created) : changed) - created), reason],
    })));
  }
  return { node: part.node, show };
}

function positionsPart() {
  const view = table("Positions", [["Symbol", "txt"], ["Amount", "num"], ["Cost", "num opt"], ["Price", "num"], ["Value", "num"], ["Profit", "num tone"]]);
  const none = h("p", { class: "rbt-none" }, "nothing held");
  const part = section("Positions", "positions", scroller("Positions", view.node, none));
  function show(st) {
    const held = st.counts[4] || 0;
    say(part.count, held > st.positions.size ? `${number(held)}, the largest ${number(st.positions.size)} shown` : number(held));
    none.hidden = st.positions.size > 0;
    view.node.hidden = st.positions.size === 0;
    const rows = [...st.positions.values()].sort((a, b) => Math.abs(b[4] || 0) - Math.abs(a[4] || 0));
    view.show(rows.map(([symbol, amount, cost, price, value, gain]) => ({
      key: symbol,
      tone: gain > 0 ? "good" : gain < 0 ? "bad" : "",
      cells: [symbol, signed(amount, 0, 6), number(cost, 2, 4), number(price, 2, 4), number(value, 2), arrow(gain) + signed(gain, 2)],
    })));
  }
  return { node: part.node, show };
}

function reportPart() {
  const log = h("pre", { class: "rbt-log" });
  const logs = section("Log", "logs", scroller("Last log lines", log));
  const list = h("div");
  const failures = section("Errors", "failures", list);
  const kept = new Map();
  const box = log.parentElement;
  const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 8;
  let pinned = true; // to the last line, until somebody scrolls away from it
  box.addEventListener("scroll", () => { if (box.isConnected) pinned = atEnd(); });
  function show(st) {
    const text = st.logs.join("\n");
    say(log, text);
    if (pinned && !atEnd()) box.scrollTop = box.scrollHeight;
    logs.node.hidden = !text;
    failures.node.hidden = st.failures.size === 0;
    for (const [key, [, times, title, trace]] of st.failures) {
      let part = kept.get(key);
      if (!part) {
        part = { title: h("summary"), trace: h("pre") };
        part.node = h("details", {}, part.title, part.trace);
        kept.set(key, part);
        list.prepend(part.node);
      }
      say(part.title, times > 1 ? `${title} (${number(times)} times)` : title);
      say(part.trace, trace);
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

function buildView(st, act) {
  const buttons = controls(act);
  const head = headline();
  const answer = h("div", { class: "rbt-answer", role: "status", "aria-live": "polite" });
  const parts = [figures(), equityPart(), queuePart(), positionsPart(), ordersPart(), reportPart()];
  const [facts, equity, queue, positions, orders, reports] = parts;
  const root = h("div", { class: "rbt-panel", role: "group", "aria-label": "Trading session", "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "rbt-head" }, head.node, buttons.bar), buttons.dialog, head.notice, answer, facts.node,
    h("div", { class: "rbt-grid" }, equity.node, queue.node, positions.node, orders.node), reports.node);
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

// Puts back what moving a node in the page loses: where its boxes were scrolled to, and the focus.
function keepPlace(root) {
  const scrolled = new Map();
  let focused = null;
  root.addEventListener("scroll", ({ target }) => scrolled.set(target, target.scrollTop), true);
  root.addEventListener("focusin", ({ target }) => { focused = target; });
  root.addEventListener("focusout", () => { if (root.isConnected) focused = null; });
  return () => {
    for (const [box, top] of scrolled) box.scrollTop = top;
    if (focused && root.contains(focused)) focused.focus({ preventScroll: true });
  };
}

// A view that draws itself when asked to, at most once a frame.
function liveView(st, act) {
  const { root, show } = buildView(st, act);
  const putBack = keepPlace(root);
  let waiting = 0;
  const request = () => {
    if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; if (root.isConnected) show(); });
  };
  const sizes = new ResizeObserver(request);
  sizes.observe(root);
  const clock = setInterval(request, 1000);
  const close = () => { sizes.disconnect(); clearInterval(clock); cancelAnimationFrame(waiting); root.remove(); };
  return { root, request, putBack, close };
}

// Keeps a view in the place of each still picture with the panel's key.
function placeViews(key, newView, dropView) {
  const places = document.getElementsByClassName(`rbt-at-${key}`);
  const taken = new Map(); // place → its view, and how often it was not found in the page
  const watch = new MutationObserver(() => look());

  function free() {
    for (const [place, { view }] of taken) if (!place.isConnected) { taken.delete(place); return view; }
    return newView();
  }

  function take(place) {
    const view = free();
    for (const child of place.children) child.style.display = "none";
    place.append(view.root);
    view.putBack();
    taken.set(place, { view, missed: 0 });
    view.request();
    watch.disconnect();
    // A picture that is renewed takes the view out of the page; it is put back before the page is painted.
    for (const known of taken.keys()) if (known.parentElement) watch.observe(known.parentElement, { childList: true });
  }

  function look() {
    for (const place of [...places]) if (!taken.has(place)) take(place);
    for (const [place, kept] of taken) {
      kept.missed = place.isConnected ? 0 : kept.missed + 1;
      if (kept.missed > GONE_LOOKS) { taken.delete(place); dropView(kept.view); }
    }
  }

  const clock = setInterval(look, LOOK_MS);
  look();
  return () => { clearInterval(clock); watch.disconnect(); for (const { view } of taken.values()) dropView(view); };
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
    else if (m.t === "answer") [st.answer, st.answered] = [m.text, Date.now()];
    else if (m.t === "delta" && (st.seq < 0 || m.seq !== st.seq + 1)) resync(model);
    else if (m.t === "delta") takeDelta(st, m);
    keepPicture(model);
    refresh();
  }

  function newView(model) {
    const act = (action) => { [st.answer, st.answered] = [`${action} …`, Date.now()]; send(model, { t: "do", action }); refresh(); };
    const view = liveView(st, act);
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
      el.append(view.root);
      view.request();
      return () => dropView(view);
    },
  };
};
