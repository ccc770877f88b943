// Sends images to the proxy, follows their jobs, and shows the results.

import { onDrawing } from "./drawing.js";

const WATCHING = 3; // A browser opens 6 connections to one host over HTTP/1.1: 3 wait for results,
const SENDING = 2; // 2 send, and one stays free for the reader.
const ROUND = 5; // Seconds in which each open job is looked at once.
const TYPES = { jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", gif: "image/gif", bmp: "image/bmp" };
const KEPT = ["id", "name", "thumb", "state", "text", "label"]; // the parts of a job that survive a reload
const STORE = "prediction-jobs";
const TITLE = document.title;

const $ = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const setText = (id, text) => { // screen readers read each change, so the same text is not set again
  if ($(id).textContent !== text) $(id).textContent = text;
};
const isOpen = (job) => ["sending", "accepted", "running"].includes(job.state);

/** Return a function that runs tasks in order of arrival, at most `free` of them at a time. */
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
    job.row.focus(); // the button disappears, and the keyboard's focus must not
    post(job);
  });
  jobs.push(job);
  $("jobs").prepend(job.row);
}

/** Change a job, show the change and keep it. Texts from elsewhere are set as text, never as HTML. */
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
  setText("count", `${open} open, ${jobs.length - open} ended`);
  $("tidy").hidden = open === jobs.length;
  document.title = open ? `(${open}) ${TITLE}` : TITLE;
  try {
    sessionStorage.setItem(STORE, JSON.stringify(jobs, KEPT));
  } catch {
    // The storage is full or forbidden: the list does not survive a reload, and nothing else is lost.
  }
}

function notify(text) {
  const toast = document.createElement("p");
  toast.textContent = text;
  $("toasts").append(toast);
  setTimeout(() => toast.remove(), 6000); // the job stays in the list
}

/** End a job on this page, and show a notification. */
function end(job, state, change) {
  update(job, { state, ...change });
  notify(`${job.name}: ${job.label ?? state}${job.text ? ` – ${job.text}` : ""}`);
}

// ---- the proxy ------------------------------------------------------------------------------------------------

/** Return the status code and the JSON of an answer; 0 if there is no answer, for whatever reason. */
async function ask(url, seconds, options) {
  try {
    const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(1000 * seconds), ...options });
    return [answer.status, await answer.json()];
  } catch {
    return [0, { detail: "The server does not answer." }];
  }
}

function submit(file, name) {
  // Made here and kept for a retry, so that a lost answer does not make two jobs of one image.
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

/** Look at a job until it has ended. All open jobs share a few slots, and a slow job delays no other. */
async function watch(job) {
  while (isOpen(job)) await watching(() => look(job));
}

let pause = 500;

async function look(job) {
  // The more jobs are open, the shorter each occupies its slot.
  const wait = Math.max(0.5, Math.min(ROUND, (ROUND * WATCHING) / jobs.filter(isOpen).length)).toFixed(1);
  const [code, said] = await ask(`job/${job.id}?wait=${wait}`, ROUND + 10);
  const away = code === 0 || code >= 500;
  setText("trouble", away ? `${said.detail} Still trying.` : "");
  $("trouble").hidden = !away;
  if (away) {
    await sleep(pause * (0.5 + Math.random())); // so that not all pages retry at the same moment
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

/** Return a thumbnail as a data URL, which survives a reload; an empty string if the file is not an image. */
async function thumbnail(file) {
  try {
    const image = await createImageBitmap(file);
    const small = document.createElement("canvas");
    const scale = 96 / Math.max(image.width, image.height);
    [small.width, small.height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale)));
    small.getContext("2d").drawImage(image, 0, 0, small.width, small.height);
    image.close(); // a decoded photograph takes 100 MB
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
  event.preventDefault(); // otherwise the browser opens the dropped file
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
  // Forbidden by the browser: the page starts with an empty list.
}
for (const job of kept) {
  addRow(job);
  const lost = job.state === "sending" && { state: "not sent", text: "The page was reloaded; choose the file again." };
  update(job, lost || {});
  watch(job);
}
keep();
