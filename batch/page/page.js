// Shows the counts and the runs, and reads them again every few seconds. It sends nothing.

const PAUSE = 3000; // milliseconds between an answer and the next request, so that requests never pile up

const $ = (id) => document.getElementById(id);
const setText = (id, text) => { // screen readers read each change, so the same text is not set again
  if ($(id).textContent !== text) $(id).textContent = text;
};
const count = (number) => number.toLocaleString("en");
const time = (text, options) => new Date(text).toLocaleString([], options);

function warn(text) {
  setText("trouble", text);
  $("trouble").hidden = !text;
}

/** Return a run as an item of the list. Texts from the database are set as text, never as HTML. */
function item(run, now) {
  const row = $("run").content.firstElementChild.cloneNode(true);
  const set = (name, text) => { row.querySelector(`.${name}`).textContent = text; };
  const alive = Math.max(0, Math.round((new Date(now) - new Date(run.seen_at)) / 1000));
  const heartbeat = run.outcome === "running" || run.outcome === "lost" ? `heartbeat ${count(alive)} s ago` : "";
  row.dataset.outcome = run.outcome;
  set("started", time(run.started_at));
  set("text", [`model ${run.model_version}`, run.policy, run.scope, `${run.host}:${run.pid}`, heartbeat]
    .filter(Boolean).join(" · "));
  set("result", [`${count(run.rows_done)} done`, `${count(run.rows_failed)} failed`,
    run.rows_held ? `${count(run.rows_held)} held` : "", `${run.seconds.toFixed(1)} s`].filter(Boolean).join(", "));
  set("state", run.outcome);
  return row;
}

function show({ now, most, rows, runs }) {
  const all = Object.entries(rows);
  for (const [state, number] of all) setText(state, number < most ? count(number) : `${count(most)}+`);
  setText("most", all.some(([, number]) => number >= most) ? `Rows are counted up to ${count(most)}.` : "");
  setText("now", time(now, { timeStyle: "medium" }));
  $("recorded").hidden = !runs; // null: runs are not recorded
  if (!runs) return;
  const running = runs.filter((run) => run.outcome === "running").length;
  setText("running", running ? `${running} running` : "none is running");
  $("runs").replaceChildren(...runs.map((run) => item(run, now)));
}

let [asking, timer] = [false, 0];
const paused = () => $("pause").getAttribute("aria-pressed") === "true";

/** Read once, show it, and wait for the next time. A page that nobody sees reads nothing. */
async function look() {
  clearTimeout(timer);
  if (asking || paused() || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch("page.json", { cache: "no-store", signal: AbortSignal.timeout(30_000) });
    const said = await answer.json();
    if (answer.ok) show(said);
    warn(answer.ok ? "" : `${said.detail}. Still trying.`);
  } catch {
    warn("The server does not answer. Still trying.");
  }
  asking = false;
  timer = setTimeout(look, PAUSE);
}

$("pause").addEventListener("click", () => {
  $("pause").setAttribute("aria-pressed", String(!paused()));
  look();
});
document.addEventListener("visibilitychange", look);
look();
