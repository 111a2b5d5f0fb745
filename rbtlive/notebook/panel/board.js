// The board of all sessions: one row a session, running here or recorded, with buttons for those that run.

const HERE_MS = 30000; // tells the kernel that somebody looks
const ANSWER_MS = 20000; // how long the answer to a button stays

function boardView(st, act) {
  const buttons = (name) => h("span", { class: "rbt-row" },
    twice("Pause", "Sure?", `Skip the callbacks of ${name}; asks back`, () => act("pause", name)),
    twice("Resume", "Sure?", `Call the callbacks of ${name} again, and take orders; asks back`, () => act("resume", name)),
    twice("Stop", "Sure?", `End ${name} gracefully; asks back`, () => act("stop", name)),
    twice("Kill", "Sure?", `Cancel all orders of ${name} and halt; asks back`, () => act("kill", name)));
  // What would change nothing is not offered.
  function fit({ children: [pause, resume] }, row) {
    const halted = row.state === "paused" || row.trading !== "running";
    pause.hidden = halted;
    resume.hidden = !halted;
  }
  const view = table("Sessions", {
    keyed: "name",
    tone: (row) => (row.state === "failed" || row.trading === "halted" || row.errors ? "bad" : row.profit > 0 ? "good" : ""),
    first: (a, b) => b.running - a.running || (a.name < b.name ? -1 : 1),
    action: { button: buttons, offered: (row) => row.running && st.linked, fit },
  });
  const total = h("span", { class: "rbt-count" });
  const answer = h("div", { class: "rbt-answer", role: "status", "aria-live": "polite" });
  const none = h("p", { class: "rbt-none" }, "no sessions yet");
  const root = h("div", { class: "rbt-panel rbt-board", role: "group", "aria-label": "Sessions", "data-lm-suppress-shortcuts": "true" },
    h("h4", {}, "Sessions ", total), answer, scroller("Sessions", view.node, none));
  function show() {
    const rows = [...st.rows];
    const running = rows.filter((row) => row.running).length;
    say(total, `${number(running)} running · ${number(rows.length)} in all`);
    say(answer, Date.now() - st.answered < ANSWER_MS ? st.answer : "");
    none.hidden = rows.length > 0;
    view.node.hidden = rows.length === 0;
    view.show(st, st.columns, rows, show);
  }
  return { root, show };
}

export default () => {
  const st = { rows: [], columns: null, feed: { bar: Date.now() }, answer: "", answered: 0, linked: false };
  const views = new Set();
  const refresh = () => { for (const view of views) view.request(); };
  const send = (model, message) => { try { Promise.resolve(model.send(message)).catch(() => {}); } catch { st.linked = false; } };
  function take(m) {
    st.linked = true;
    if (m.t === "board") [st.rows, st.columns] = [m.rows, st.columns || m.columns];
    else if (m.t === "answer") [st.answer, st.answered] = [m.text, Date.now()];
    refresh();
  }
  function newView(model) {
    const act = (action, target) => { [st.answer, st.answered] = [`${action} ${target} …`, Date.now()]; send(model, { t: "do", action, target }); refresh(); };
    const view = liveView(boardView(st, act));
    views.add(view);
    return view;
  }
  const dropView = (view) => { views.delete(view); view.close(); };
  return {
    initialize({ model }) {
      const still = model.get("picture");
      if (still && still.rows) [st.rows, st.columns] = [still.rows, still.columns];
      model.on("msg:custom", take);
      send(model, { t: "here" });
      const here = setInterval(() => { if ([...views].some((view) => view.root.isConnected)) send(model, { t: "here" }); }, HERE_MS);
      const leave = placeViews(model.get("key"), () => newView(model), dropView);
      return () => { leave(); model.off("msg:custom", take); clearInterval(here); };
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
