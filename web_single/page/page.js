// Builds a field for each input of the model, asks the service for each change, and shows its answer.

const PAUSE = 50; // milliseconds between two requests, however fast a slider is moved
const RETRY = 2000;
const MOST_SHOWN = 20; // labels or values
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/; // as JSON has it

const $ = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const setText = (id, text) => { // screen readers read each change, so the same text is not set again
  if ($(id).textContent !== text) $(id).textContent = text;
};
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`; // for a shell

let model;
let fields = []; // {input, index, json()}

// ---- the row ------------------------------------------------------------------------------------------------------

/** Return a number as JSON. The text is sent as it is, since a JavaScript number would round it. */
function number(text, missing) {
  const plain = text.trim().replace(/^\+/, "").replace(/^(-?)0+(?=\d)/, "$1").replace(/^(-?)\./, "$10.");
  if (NUMBER.test(plain)) return plain;
  return plain === "" && missing ? "null" : JSON.stringify(text); // the service says what is wrong with it
}

/** Return the body of the request, or throw if the row is not JSON. */
function body() {
  if (!model.fields) {
    const row = fields[0].json();
    JSON.parse(row); // throws unless the text is exactly one JSON value
    return `{"data": [${row}]}`;
  }
  const byName = new Map();
  for (const { input, index, json } of fields) {
    if (index === null) byName.set(input, json());
    else byName.set(input, [...byName.get(input) ?? [], json()]);
  }
  const parts = [...byName].map(([name, value]) => [name, Array.isArray(value) ? `[${value.join(", ")}]` : value]);
  const named = () => `{${parts.map(([name, text]) => `${JSON.stringify(name)}: ${text}`).join(", ")}}`;
  return `{"data": [${model.named ? named() : `[${[...byName.values()].flat().join(", ")}]`}]}`;
}

function addField(described) {
  const { kind, input, index, label, missing, value, span, choices } = described;
  const part = $(kind).content.firstElementChild.cloneNode(true);
  const [field, slider] = [part.querySelector(".value"), part.querySelector(".slider")];
  field.id = `field-${fields.length}`;
  part.querySelector("label").htmlFor = field.id;
  if (label) part.querySelector("label").textContent = label;
  if (missing) field.placeholder = "missing";
  field.value = value;
  field.addEventListener("input", () => {
    if (slider && NUMBER.test(field.value)) slider.value = field.value;
    changed();
  });
  if (slider && span) {
    Object.assign(slider, { ...span, value });
    slider.setAttribute("aria-label", `${label}, slider`);
    slider.addEventListener("input", () => {
      field.value = slider.value;
      changed();
    });
  } else slider?.remove();
  if (choices) {
    const list = part.querySelector("datalist");
    field.setAttribute("list", list.id = `choices-${fields.length}`);
    list.append(...choices.map((choice) => Object.assign(document.createElement("option"), { value: choice })));
  }
  const json = { // of the field's value
    number: () => number(field.value, missing), text: () => JSON.stringify(field.value),
    bool: () => field.value, row: () => field.value,
  }[kind];
  fields.push({ input, index, json });
  $("fields").append(part);
}

// ---- the answer ---------------------------------------------------------------------------------------------------

/** Return the status code, the JSON and the model's version of an answer; 0 if there is no answer, for any reason. */
async function ask(url, options) {
  try {
    const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(30_000), ...options });
    const said = await answer.json().catch(() => ({ detail: `The server answers ${answer.status}.` }));
    return [answer.status, said, answer.headers.get("model-version")];
  } catch {
    return [0, { detail: "The server does not answer. Still trying." }];
  }
}

/** Show why there is no answer, and remove the answer to an earlier input. */
function refuse(reason) {
  setText("trouble", reason);
  $("trouble").hidden = false;
  $("answer").replaceChildren();
  setText("likeliest", "");
  setText("rest", "");
}

function show(values) {
  const classes = model.task === "classification";
  const name = (index) => classes ? model.labels[index] : values.length > 1 ? `value ${index}` : "value";
  const parts = values.map((value, index) => ({ name: name(index), value }));
  const best = classes && parts.reduce((one, other) => (other.value > one.value ? other : one));
  if (classes && parts.length > MOST_SHOWN) parts.sort((one, other) => other.value - one.value);
  $("trouble").hidden = true;
  setText("likeliest", best ? best.name : "");
  $("answer").replaceChildren(...parts.slice(0, MOST_SHOWN).map(({ name, value }) => {
    const item = $("part").content.firstElementChild.cloneNode(true);
    item.querySelector(".label").textContent = name;
    item.querySelector(".number").textContent = classes ? value.toFixed(4) : `${value}`;
    if (classes) item.querySelector(".bar span").style.width = `${100 * value}%`;
    else item.querySelector(".bar").remove();
    return item;
  }));
  setText("rest", parts.length > MOST_SHOWN ? `and ${parts.length - MOST_SHOWN} ${classes ? "less likely" : "more"}` : "");
}

/** Ask for the row that the fields hold, and return whether to ask again. */
async function predict() {
  let sent;
  try {
    sent = body();
  } catch (error) {
    refuse(`The row is not JSON: ${error.message}`);
    return false;
  }
  const [code, said, version] = await ask("predict", {
    method: "POST", body: sent, headers: { "Content-Type": "application/json" },
  });
  if (version && version !== String(model.version)) {
    refuse(`Version ${version} of the model answers now. Reload this page, which describes version ${model.version}.`);
  } else if (code === 200) {
    const [answer] = said.prediction;
    show(Array.isArray(answer) ? answer : [answer]);
  } else refuse(said.detail);
  return code === 0 || code >= 500;
}

let [stale, asking] = [false, false];

/** Ask for each change. Only one request is in flight, so the last answer belongs to the last change. */
async function changed() {
  showCommand();
  stale = true;
  if (asking) return;
  asking = true;
  while (stale) {
    stale = false;
    if (await predict()) {
      await sleep(RETRY);
      stale = true;
    } else await sleep(PAUSE);
  }
  asking = false;
}

// ---- the command --------------------------------------------------------------------------------------------------

function showCommand() {
  const start = "curl -H 'content-type: application/json'";
  const url = quoted(new URL("predict", location.href).href);
  try {
    // A row of many values may exceed the length limit of a command's argument.
    const text = model.fields ? `${start} -d ${quoted(body())} ${url}` : `${start} -d @- ${url} <<'END'\n${body()}\nEND\n`;
    $("curl").textContent = text;
  } catch {
    $("curl").textContent = "";
  }
}

$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("curl").textContent);
  } catch { // browsers have the clipboard on https and localhost only
    getSelection().selectAllChildren($("curl"));
    document.execCommand("copy");
  }
  setText("copied", "Copied");
  setTimeout(() => setText("copied", ""), 3000);
});

// ---- the start ----------------------------------------------------------------------------------------------------

$("fields").addEventListener("submit", (event) => event.preventDefault());

for (;;) {
  const [code, said] = await ask("page.json");
  if (code === 200) {
    model = said;
    break;
  }
  refuse(said.detail);
  await sleep(RETRY);
}
document.title = `${model.name}, version ${model.version}`;
setText("title", document.title);
for (const field of model.fields ?? [{ kind: "row", value: model.row }]) addField(field);
changed();
