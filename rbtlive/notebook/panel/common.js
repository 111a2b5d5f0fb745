// What the panel of a session and the board of all sessions are built of: words, numbers, tables, places in the page.
//
// The rule: every text goes into the page as text, never as markup, and nothing is loaded from anywhere.

const STATES = {
  created: "○", submitted: "○", pending: "○", partially_filled: "◐", filled: "●",
  canceled: "–", expired: "–", rejected: "✕", denied: "✕", unknown: "?",
};
const SURE_MS = 4000; // how long a button that asked back waits for the second press
const LOOK_MS = 250; // how often new places for the view are looked for
const GONE_LOOKS = 60; // a place that left the page may come back: notebooks take out what is scrolled away
const THIN = "\u202f";
const SVG = "http://www.w3.org/2000/svg";

// -- words and numbers ------------------------------------------------------------------------------------------------

function number(value, digits = 0, most = digits) {
  if (value === null || value === undefined) return "–";
  let text = Math.abs(value).toFixed(most);
  while (most > digits && text.endsWith("0")) { text = text.slice(0, -1); most -= 1; }
  if (text.endsWith(".")) text = text.slice(0, -1);
  const [whole, part] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const zero = Number(text) === 0;
  return (value < 0 && !zero ? "−" : "") + grouped + (part ? "." + part : "");
}

function priced(value) {
  if (value === null || value === undefined) return "";
  return Math.abs(value) >= 1 || value === 0 ? number(value, 2, 4) : number(value, 2, 12);
}

function percent(value, digits = 2) {
  return value === null || value === undefined ? "–" : `${signed(value * 100, digits)}${THIN}%`;
}

function signed(value, digits, most) {
  const text = number(value, digits, most);
  return value > 0 && /[1-9]/.test(text) ? "+" + text : text;
}

// A large whole number in few characters.
function short(value) {
  if (value < 1e5) return number(value);
  return value < 1e6 ? `${number(value / 1e3)}k` : `${number(value / 1e6, 0, 1)}M`;
}

function money(value) {
  return number(value, Math.abs(value) < 1e7 ? 2 : 0);
}

function gained(value) {
  return arrow(value) + (value > 0 ? "+" : "") + money(value);
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

// A time of this bar's day as a time, another day's as a date and time; whole days as dates.
function when(ms, day) {
  if (!ms) return "–";
  const text = new Date(ms).toISOString();
  return text.slice(0, 10) === day ? text.slice(11, 16) : `${text.slice(0, 10)} ${text.slice(11, 16)}`;
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

const RIGHT = new Set(["id", "count", "signed", "price", "money", "gain", "share"]);
const WRITE = {
  id: (v) => String(v ?? ""), count: (v) => number(v), text: (v) => v ?? "", reason: (v) => v ?? "", time: (v, st) => when(v, dayOf(st)),
  signed: (v) => signed(v, 0, 6), price: priced, money: (v) => number(v, 2), share: (v) => percent(v, 1), gain: gained,
  state: (v) => `${STATES[v] || "?"} ${(v || "").replaceAll("_", " ")}`,
};

function dayOf(st) {
  return st.feed.bar ? new Date(st.feed.bar).toISOString().slice(0, 10) : "";
}

function classOf({ kind, wide }) {
  return [RIGHT.has(kind) ? "num" : "txt", kind === "reason" ? "wide" : "", kind === "state" ? "tone" : "", wide ? `from-${wide}` : ""].join(" ").trim();
}

// A table whose rows are kept by key; only cells that changed are touched, and rows move only if they must.
// A click on a heading sorts by it, a second one turns the order round, a third one gives the first order back.
function table(caption, { keyed, tone, first, action }) {
  const body = h("tbody");
  const head = h("tr");
  const node = h("table", { "aria-label": caption }, h("thead", {}, head), body);
  const kept = new Map();
  let columns = [];
  let by = null;
  let down = false;
  let again = () => {};
  function titles(wanted) {
    if (columns === wanted || !wanted) return;
    columns = wanted;
    head.replaceChildren();
    for (const column of columns) {
      const button = h("button", { type: "button", class: "rbt-sort", "aria-label": `Sort by ${column.title.toLowerCase()}` }, column.title);
      button.addEventListener("click", () => {
        if (by !== column.key) [by, down] = [column.key, RIGHT.has(column.kind) || column.kind === "time"];
        else if (down === (RIGHT.has(column.kind) || column.kind === "time")) down = !down;
        else by = null;
        again();
      });
      head.append(h("th", { scope: "col", class: classOf(column) }, button));
    }
    if (action) head.append(h("th", { class: "act", "aria-label": "Actions" }));
  }
  function ordered(rows) {
    if (!by) return rows.sort(first);
    const worth = (row) => (row[by] === null || row[by] === undefined ? -Infinity : row[by]);
    const sign = down ? -1 : 1;
    return rows.sort((a, b) => (worth(a) < worth(b) ? -sign : worth(a) > worth(b) ? sign : first(a, b)));
  }
  function show(st, wanted, rows, redraw) {
    again = redraw;
    titles(wanted);
    [...head.children].forEach((cell, i) => {
      const active = columns[i] && columns[i].key === by;
      set(cell, "aria-sort", active ? (down ? "descending" : "ascending") : "none");
    });
    const keys = new Set();
    let place = body.firstChild;
    for (const data of ordered(rows)) {
      const key = data[keyed];
      keys.add(key);
      let row = kept.get(key);
      if (!row) {
        row = h("tr");
        for (const column of columns) row.append(h("td", { class: classOf(column) }));
        if (action) row.append(h("td", { class: "act" }, action.button(key)));
        kept.set(key, row);
      }
      columns.forEach((column, i) => {
        const value = data[column.key];
        say(row.children[i], WRITE[column.kind](value, st));
        if (column.kind === "reason") set(row.children[i], "title", value || "");
        if (column.kind === "gain") set(row.children[i], "data-tone", value > 0 ? "good" : value < 0 ? "bad" : "");
      });
      if (action) row.lastChild.firstChild.hidden = !action.offered(data, st);
      if (action && action.fit) action.fit(row.lastChild.firstChild, data);
      set(row, "data-tone", tone(data));
      if (row === place) place = place.nextSibling;
      else body.insertBefore(row, place);
    }
    for (const [key, row] of kept) if (!keys.has(key)) { row.remove(); kept.delete(key); }
  }
  return { node, show };
}

// A button that asks back: the first press says what it would do, a second one within a few seconds does it.
function twice(label, sure, title, act) {
  const button = h("button", { type: "button", class: "rbt-button rbt-small", title }, label);
  let timer = 0;
  const calm = () => { clearTimeout(timer); timer = 0; say(button, label); button.classList.remove("rbt-sure"); };
  button.addEventListener("click", () => {
    if (timer) { calm(); act(); return; }
    say(button, sure);
    button.classList.add("rbt-sure");
    timer = setTimeout(calm, SURE_MS);
  });
  button.addEventListener("blur", () => { if (button.isConnected) calm(); });
  return button;
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

// -- places in the page ------------------------------------------------------------------------------------------------

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

// A view that draws itself when asked to, at most once a frame.
function liveView({ root, show }) {
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
