// A canvas to draw a digit on, with mouse, finger, pen or keyboard.

const $ = (id) => document.getElementById(id);
const canvas = $("drawing");
const ink = canvas.getContext("2d");
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = canvas.width / 20;
let pen, down, drawn;

function clear() {
  ink.fillStyle = "white"; // a white background, because models differ in how they treat transparency
  ink.fillRect(0, 0, canvas.width, canvas.height);
  // A tenth of the height, about as thick as the strokes in the training data.
  Object.assign(ink, { lineWidth: canvas.width / 10, lineCap: "round", lineJoin: "round", strokeStyle: "black" });
  [pen, down, drawn] = [{ x: canvas.width / 2, y: canvas.height / 2 }, false, false];
  showPen();
}

function showPen() {
  Object.assign($("pen").style, { left: `${(100 * pen.x) / canvas.width}%`, top: `${(100 * pen.y) / canvas.height}%` });
  $("pen").classList.toggle("down", down);
  const state = down ? "Pen down" : drawn ? "Pen up" : "Empty";
  if ($("pen-state").textContent !== state) $("pen-state").textContent = state; // screen readers read each change
}

function moveTo(x, y) {
  const to = { x: Math.max(0, Math.min(canvas.width, x)), y: Math.max(0, Math.min(canvas.height, y)) };
  if (down) {
    ink.beginPath();
    ink.moveTo(pen.x, pen.y);
    ink.lineTo(to.x, to.y); // a line of no length makes a dot
    ink.stroke();
    drawn = true;
  }
  pen = to;
  showPen();
}

function follow(event, press) {
  if (!event.isPrimary) return; // otherwise a second finger would draw lines between the two
  const scale = canvas.width / canvas.clientWidth;
  const [x, y] = [event.offsetX * scale, event.offsetY * scale];
  if (press !== undefined) {
    down = false;
    moveTo(x, y);
    down = press;
  }
  moveTo(x, y);
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  canvas.classList.remove("keys");
  follow(event, event.button === 0);
});
canvas.addEventListener("pointermove", (event) => event.buttons && follow(event));
for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => follow(event, false));

canvas.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const arrow = ARROWS[event.key];
  if (event.key === " ") down = !down;
  if (event.key === "Escape") clear();
  else if (arrow || event.key === " ") moveTo(pen.x + STEP * (arrow?.[0] ?? 0), pen.y + STEP * (arrow?.[1] ?? 0));
  else return;
  canvas.classList.add("keys");
  event.preventDefault();
});

$("clear").addEventListener("click", clear);
clear();

/** Call `take` with each drawing that is sent, as a PNG file, and call `refuse` when the canvas is empty. */
export function onDrawing(take, refuse) {
  $("send").addEventListener("click", () => {
    if (!drawn) return refuse();
    canvas.toBlob(take);
    clear();
  });
}
