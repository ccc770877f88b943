// Sends images to the proxy, follows their jobs, and shows what becomes of them.

import { onDrawing } from "./drawing.js";

const WATCHING = 3; // A browser opens 6 connections to one host over HTTP/1.1: these wait for answers,
const SENDING = 2; // these send, and one is always free for the reader.
const ROUND = 5; // Seconds in which every open job has had its turn.
const TYPES = { jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", gif: "image/gif", bmp: "image/bmp" };
const KEPT = ["id", "name", "thumb", "state", "text", "label"]; // what of a job outlives a reload
const STORE = "prediction-jobs";
const TITLE = document.title;

const $ = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const say = (id, text) => { // changed only when it is another: these texts are read out
  if ($(id).textContent !== text) $(id).textContent = text;
};
const isOpen = (job) => ["sending", "accepted", "running"].includes(job.state);

/** Return a function that runs tasks in the order they come, at most `free` of them at a time. */
function slots(free) {
  const queue = [];
  const next = () => {
    if (!free || !queue.length) return;
    free--;
    queue.shift()().finally(() => { free++; next(); });
  };
  return (task) => new Promise((resolve) => {
    queue.push(() => task().then(resolve));
    next();
  });
}

const [sending, watching, shrinking] = [slots(SENDING), slots(WATCHING), slots(1)];
let jobs = []; // oldest first

// ---- the list -------------------------------------------------------------------------------------------------

function addRow(job) {
  job.row = $("job").content.firstElementChild.cloneNode(true);
  job.row.querySelector(".retry").addEventListener("click", () => {
    job.row.focus(); // the button goes away, the keyboard's place must not
    post(job);
  });
  jobs.push(job);
  $("jobs").prepend(job.row);
}

/** Change a job, and show and keep what changed. Whatever came from elsewhere is set as text, never as HTML. */
function update(job, change) {
  Object.assign(job, change);
  const part = (name) => job.row.querySelector(`.${name}`);
  job.row.dataset.state = job.state;
  for (const name of ["name", "text", "label", "state"]) part(name).textContent = job[name] ?? "";
  part("retry").hidden = !job.again;
  part("retry").setAttribute("aria-label", `Retry ${job.name}`);
  const image = job.row.querySelector("img");
  image.hidden = !job.thumb;
  if (job.thumb && image.src !== job.thumb) image.src = job.thumb;
  keep();
}

function keep() {
  const open = jobs.filter(isOpen).length;
  say("count", `${open} open, ${jobs.length - open} ended`);
  $("tidy").hidden = open === jobs.length;
  document.title = open ? `(${open}) ${TITLE}` : TITLE;
  try {
    sessionStorage.setItem(STORE, JSON.stringify(jobs, KEPT));
  } catch {
    // Full or forbidden: then the list does not outlive a reload, and nothing else is lost.
  }
}

function notify(text) {
  const toast = document.createElement("p");
  toast.textContent = text;
  $("toasts").append(toast);
  setTimeout(() => toast.remove(), 6000); // it stays in the list
}

/** End a job on this page, and say so. */
function end(job, state, change) {
  update(job, { state, ...change });
  notify(`${job.name}: ${job.label ?? state}${job.text ? ` – ${job.text}` : ""}`);
}

// ---- the proxy ------------------------------------------------------------------------------------------------

/** Return the status code and the JSON of an answer; 0 when there is none, whatever the browser calls the reason. */
async function ask(url, seconds, options) {
  try {
    const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(1000 * seconds), ...options });
    return [answer.status, await answer.json()];
  } catch {
    return [0, { detail: "The server does not answer." }];
  }
}

function submit(file, name) {
  // Made here and kept for a retry, so that an answer lost on the way does not make two jobs of one image.
  // Not crypto.randomUUID(): browsers have that on https and localhost only.
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"));
  const job = { key: key.join(""), name, file, state: "sending" };
  addRow(job);
  post(job);
  shrinking(async () => update(job, { thumb: await thumbnail(file) }));
}

async function post(job) {
  update(job, { state: "sending", text: "", again: false });
  const suffix = job.name.split(".").pop().toLowerCase();
  const type = job.file.type.startsWith("image/") ? job.file.type : TYPES[suffix] ?? "application/octet-stream";
  const headers = { "Content-Type": type, "Idempotency-Key": job.key };
  const [code, said] = await sending(() => ask("predict", 300, { method: "POST", body: job.file, headers }));
  if (code >= 200 && code < 300) {
    update(job, { state: "accepted", id: said.job_id });
    watch(job);
  } else if (code) {
    end(job, "refused", { text: said.detail, again: code >= 500 });
  } else {
    end(job, "not sent", { text: "The server does not answer, or the file cannot be read.", again: true });
  }
}

/** Look at a job until it has ended. All open jobs queue for the few slots, so a slow one delays no other. */
async function watch(job) {
  while (isOpen(job)) await watching(() => look(job));
}

let pause = 500;

async function look(job) {
  // The more jobs are open, the shorter each may hold its slot.
  const wait = Math.max(0.5, Math.min(ROUND, (ROUND * WATCHING) / jobs.filter(isOpen).length)).toFixed(1);
  const [code, said] = await ask(`job/${job.id}?wait=${wait}`, ROUND + 10);
  const away = code === 0 || code >= 500;
  say("trouble", away ? `${said.detail} Still trying.` : "");
  $("trouble").hidden = !away;
  if (away) {
    await sleep(pause * (0.5 + Math.random())); // not all pages in the same moment
    pause = Math.min(1.3 * pause, 8000);
    return;
  }
  pause = 500;
  if (code === 404) {
    // A proxy with REGISTER=background answers before the job exists, so the first 404 may be too early.
    job.misses = (job.misses ?? 0) + 1;
    if (job.misses > 2) end(job, "unknown", { text: said.detail });
    else await sleep(1000);
  } else if (said.status === "done") {
    end(job, "done", { label: said.label, text: `${Math.floor(100 * said.probability)} % sure` });
  } else if (said.status === "running" || said.status === "pending") {
    update(job, { state: said.status === "running" ? "running" : "accepted" });
  } else {
    end(job, said.status ?? "failed", { text: said.reason ?? said.detail });
  }
}

// ---- images ---------------------------------------------------------------------------------------------------

/** Return a small picture as a data URL, which unlike an object URL outlives a reload; none of what is no image. */
async function thumbnail(file) {
  try {
    const image = await createImageBitmap(file);
    const small = document.createElement("canvas");
    const scale = 96 / Math.max(image.width, image.height);
    [small.width, small.height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale)));
    small.getContext("2d").drawImage(image, 0, 0, small.width, small.height);
    image.close(); // a photograph takes 100 MB unpacked
    return small.toDataURL("image/webp", 0.8);
  } catch {
    return "";
  }
}

const submitAll = (files) => Array.from(files).forEach((file) => submit(file, file.name));

$("files").addEventListener("change", ({ target }) => {
  submitAll(target.files);
  target.value = ""; // so that the same file can be chosen again
});

addEventListener("dragover", (event) => {
  event.preventDefault(); // else the browser opens what is dropped
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  submitAll(event.dataTransfer.files);
});

// ---- the start ------------------------------------------------------------------------------------------------

$("tidy").addEventListener("click", () => {
  jobs.filter((job) => !isOpen(job)).forEach((job) => job.row.remove());
  jobs = jobs.filter(isOpen);
  keep();
});

onDrawing(
  (file) => submit(file, `drawing ${new Date().toLocaleTimeString()}`),
  () => notify("Draw a digit first."),
);

let kept = [];
try {
  kept = JSON.parse(sessionStorage.getItem(STORE)) ?? [];
} catch {
  // Forbidden: the page starts with an empty list.
}
for (const job of kept) {
  addRow(job);
  const lost = job.state === "sending" && { state: "not sent", text: "The page was reloaded; choose the file again." };
  update(job, lost || {});
  watch(job);
}
keep();
