// The regions of two features, or the curve of one, with the example as a point to drag, by the pointer or the arrow keys.
"use strict";

const CLASS_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000"]; // of Okabe and Ito
const SIDE = 300, CELL = 5;

// A function that shows where x is, or null if the model has no plane
function planeOf(fields) {
  const isPlane = fields.every(({ isPlain }) => isPlain) && (isRegression ? fields.length === 1 : fields.length === 2);
  if (!isPlane || model.class_names.length > CLASS_COLOURS.length) return null;
  const [across, up] = isRegression ? [fields[0], heights(fields[0])] : fields;
  const canvas = element("canvas", "", { id: "plane", width: SIDE, height: SIDE, tabindex: "0", role: "application", "aria-describedby": "drag" });
  canvas.setAttribute("aria-label", isRegression ? `The answer by ${across.name}` : `Regions of the classes by ${across.name} and ${up.name}`);
  const text = element("p", `Across: ${across.name}. Up: ${isRegression ? "the answer" : up.name}. Drag the point, or move it with the arrow keys.`, { id: "drag" });
  $("input").append(canvas, text, legend());
  const still = element("canvas", "", { width: SIDE, height: SIDE }), context = canvas.getContext("2d");
  const to = ([x, y]) => [(SIDE * (x - across.low)) / (across.high - across.low || 1), SIDE - (SIDE * (y - up.low)) / (up.high - up.low || 1)];
  (isRegression ? drawCurve : drawRegions)(still.getContext("2d"), across, up, to);
  const move = (px, py) => {
    const part = (value, { low, high }) => low + (Math.min(Math.max(value, 0), SIDE) * (high - low)) / SIDE;
    across.put(part(px, across));
    if (!isRegression) up.put(part(SIDE - py, up));
    across.label.dispatchEvent(new Event("input"));
  };
  let place = [0, 0], isDown = false;
  const drag = (event) => {
    const box = canvas.getBoundingClientRect();
    move(((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height);
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId), (isDown = true), drag(event); });
  canvas.addEventListener("pointermove", (event) => isDown && drag(event));
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (isDown = false));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-CELL, 0], ArrowRight: [CELL, 0], ArrowUp: [0, -CELL], ArrowDown: [0, CELL] }[event.key];
    if (step) event.preventDefault(), move(place[0] + step[0], place[1] + step[1]);
  });
  return (x) => {
    place = to([x[0] + across.offset, isRegression ? answer(model, x)[0] : x[1] + up.offset]);
    context.drawImage(still, 0, 0);
    dot(context, place, 8, "#fff"), dot(context, place, 6, "#000");
  };
}

function dot(context, [x, y], radius, colour) {
  context.beginPath(), context.arc(x, y, radius, 0, 7);
  context.fillStyle = colour, context.fill();
}

// Paler where the model is less sure; the test examples as points
function drawRegions(context, across, up, to) {
  context.fillStyle = "#fff", context.fillRect(0, 0, SIDE, SIDE);
  const m = model.class_names.length;
  for (let py = 0; py < SIDE; py += CELL)
    for (let px = 0; px < SIDE; px += CELL) {
      const x = across.low + ((px + CELL / 2) * (across.high - across.low)) / SIDE;
      const y = up.high - ((py + CELL / 2) * (up.high - up.low)) / SIDE;
      const answers = answer(model, [x - across.offset, y - up.offset]), p = Math.max(...answers);
      context.fillStyle = CLASS_COLOURS[answers.indexOf(p)], context.globalAlpha = 0.12 + (0.4 * (p - 1 / m)) / (1 - 1 / m);
      context.fillRect(px, py, CELL, CELL);
    }
  context.globalAlpha = 1;
  for (const { x: [a, b], y } of model.points) dot(context, to([a + across.offset, b + up.offset]), 3.6, "#fff"), dot(context, to([a + across.offset, b + up.offset]), 2.8, CLASS_COLOURS[y] ?? "#777");
}

// The range of the answers over that of a feature, and of the test examples
function heights({ low, high, offset }) {
  const values = Array.from({ length: 101 }, (_, i) => answer(model, [low + (i * (high - low)) / 100 - offset])[0]);
  values.push(...model.points.map(({ y }) => y));
  const [least, most] = [Math.min(...values), Math.max(...values)], margin = 0.06 * (most - least || 1);
  return { low: least - margin, high: most + margin };
}

function drawCurve(context, across, up, to) {
  context.fillStyle = "#fff", context.fillRect(0, 0, SIDE, SIDE);
  context.globalAlpha = 0.4;
  for (const { x: [a], y } of model.points) dot(context, to([a + across.offset, y]), 3, CLASS_COLOURS[0]);
  context.globalAlpha = 1, context.strokeStyle = CLASS_COLOURS[1], context.lineWidth = 3;
  context.beginPath();
  for (let px = 0; px <= SIDE; px++) {
    const x = across.low + (px * (across.high - across.low)) / SIDE;
    context.lineTo(...to([x, answer(model, [x - across.offset])[0]]));
  }
  context.stroke();
}

function legend() {
  return element("ul", "", { class: "legend" }, ...model.class_names.map((name, i) => {
    const square = element("span");
    square.style.background = CLASS_COLOURS[i];
    return element("li", "", {}, square, element("span", name));
  }));
}
