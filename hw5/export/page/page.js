// The page: a pad to draw on for images, or a form for a table, and the answer.
"use strict";

const model = decoded(JSON.parse(document.getElementById("model").textContent));
const $ = (id) => document.getElementById(id);

// An element with text, attributes and children; text is only ever text
function element(name, text = "", attributes = {}, ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// -- the answer

const MOST_CLASSES = 12;

function show(x) {
  const outputs = answer(model, x);
  if (!model.class_names.length) {
    $("number").hidden = false;
    $("number").textContent = Number(outputs[0].toPrecision(6)).toString();
  } else {
    const order = outputs.map((p, i) => i);
    if (order.length > MOST_CLASSES) order.sort((a, b) => outputs[b] - outputs[a]).length = MOST_CLASSES;
    const best = outputs.indexOf(Math.max(...outputs));
    $("classes").replaceChildren(...order.map((i) => row(model.class_names[i], outputs[i], i === best)));
  }
  if (model.image_shape) showMaps(x);
}

function row(name, p, isBest) {
  const bar = element("div");
  bar.style.width = `${100 * p}%`;
  const made = element("li", "", isBest ? { class: "best" } : {}, element("span", name));
  made.append(element("div", "", { class: "bar", "aria-hidden": "true" }, bar), element("span", `${(100 * p).toFixed(1)}%`));
  return made;
}

// What each convolution and pooling makes of the image
function showMaps(x) {
  const outputs = forward(model, x), rows = [];
  model.layers.forEach((layer, l) => {
    if (!layer.window) return;
    const [h, w, c] = layer.shape, canvases = [], largest = Math.max(...outputs[l], 1e-9);
    for (let channel = 0; channel < Math.min(c, 16); channel++)
      canvases.push(drawn(h, w, (i) => (255 * outputs[l][i * c + channel]) / largest));
    rows.push(element("div", layer.text), element("div", "", { class: "maps", "aria-hidden": "true" }, ...canvases));
  });
  $("inside").replaceChildren(...rows);
}

// A canvas of h x w grey pixels
function drawn(h, w, grey, canvas = element("canvas")) {
  canvas.width = w, canvas.height = h;
  const context = canvas.getContext("2d"), image = context.createImageData(w, h);
  for (let i = 0; i < h * w; i++) {
    const value = grey(i);
    image.data.set([value, value, value, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// -- images: a pad

function pad() {
  const [h, w] = model.image_shape, size = 280, canvas = element("canvas", "", {
    id: "pad", width: size, height: Math.round((size * h) / w), tabindex: "0", role: "img",
    "aria-label": "Draw here with the mouse or a finger",
  });
  const context = canvas.getContext("2d", { willReadFrequently: true }), seen = element("canvas", "", { id: "seen", "aria-label": "What the model sees" });
  let last = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  const clear = () => {
    context.fillStyle = "#000", context.fillRect(0, 0, canvas.width, canvas.height);
    update();
  };
  const update = () => {
    const image = centred(context.getImageData(0, 0, canvas.width, canvas.height), h, w);
    drawn(h, w, (i) => image[i], seen);
    const { darkest, brightest } = model, isLight = model.mean[0] > (darkest + brightest) / 2;
    const x = Array.from(image, (grey) => darkest + ((isLight ? 255 - grey : grey) * (brightest - darkest)) / 255);
    window.pixels = x;
    show(model.image_shape[2] === 3 ? x.flatMap((value) => [value, value, value]) : x);
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId), (last = at(event)), stroke(event); });
  canvas.addEventListener("pointermove", (event) => last && stroke(event));
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (last = null));
  const stroke = (event) => {
    const now = at(event);
    Object.assign(context, { strokeStyle: "#fff", lineWidth: size / 13, lineCap: "round", lineJoin: "round" });
    context.beginPath(), context.moveTo(...last), context.lineTo(...now), context.stroke();
    last = now;
    requestAnimationFrame(update);
  };
  const button = element("button", "Clear", { type: "button" });
  button.addEventListener("click", clear);
  $("input").append(canvas, button, element("div", "What the model sees:"), seen);
  clear();
}

// The drawing as grey values (h w), 0 .. 255, scaled and centred as MNIST's digits are: the longer side takes 20 of 28
// pixels, and the centre of mass is in the middle. Small images are filled.
function centred(drawing, h, w) {
  const ink = (x, y) => drawing.data[4 * (y * drawing.width + x)];
  let [left, right, top, bottom, mass, mx, my] = [Infinity, -1, Infinity, -1, 0, 0, 0];
  for (let y = 0; y < drawing.height; y++)
    for (let x = 0; x < drawing.width; x++) {
      const value = ink(x, y);
      if (!value) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
      mass += value, (mx += value * x), (my += value * y);
    }
  const out = new Float32Array(h * w);
  if (!mass) return out;
  const side = Math.min(h, w), box = side >= 20 ? (20 * side) / 28 : side;
  const step = Math.max(right - left + 1, bottom - top + 1) / box;
  const isCentredByMass = side >= 20;
  const cx = isCentredByMass ? mx / mass : (left + right) / 2, cy = isCentredByMass ? my / mass : (top + bottom) / 2;
  for (let row = 0; row < h; row++)
    for (let column = 0; column < w; column++) {
      const x0 = cx + (column - w / 2) * step, y0 = cy + (row - h / 2) * step;
      let sum = 0, count = 0;
      for (let y = Math.floor(y0); y < y0 + step; y++)
        for (let x = Math.floor(x0); x < x0 + step; x++, count++)
          if (x >= 0 && y >= 0 && x < drawing.width && y < drawing.height) sum += ink(x, y);
      out[row * w + column] = count ? sum / count : 0;
    }
  return out;
}

// -- tables: a form

function form() {
  const fields = model.fields.map((field) => (field.options ? choice : field.date ? date : slider)(field));
  const update = () => show(fields.flatMap(({ features }) => features()));
  for (const { label } of fields) label.addEventListener("input", update);
  $("input").append(...fields.map(({ label }) => label));
  update();
}

// A number, by a slider over three standard deviations and a box for any other; then whether it is missing, never here
function slider({ name, mean, deviation, offset, rest }) {
  const [low, high] = [mean - 3 * deviation, mean + 3 * deviation];
  const range = element("input", "", { type: "range", min: low, max: high, step: (high - low) / 200 || 1, "aria-label": name });
  const box = element("input", "", { type: "number", step: "any", "aria-label": `${name}, as a number` });
  const short = (value) => Number(Number(value).toPrecision(5));
  range.value = mean, box.value = short(mean);
  range.addEventListener("input", () => (box.value = short(range.value)));
  box.addEventListener("input", () => (range.value = box.value));
  const number = () => (box.value === "" ? mean : Number(box.value));
  return { label: element("label", "", {}, element("span", name), range, box), features: () => [number() - offset, ...rest] };
}

// One of some values, each with its features
function choice({ name, options }) {
  const select = element("select", "", { "aria-label": name }, ...options.map(({ text }) => element("option", text)));
  return { label: element("label", "", {}, element("span", name), select), features: () => options[select.selectedIndex].features };
}

// A day, as the days since another, and where it is in each cycle (in seconds)
function date({ name, date, origin, cycles, rest }) {
  const box = element("input", "", { type: "date", "aria-label": name });
  box.value = date;
  const features = () => {
    const seconds = (box.valueAsNumber || 0) / 1000, turns = cycles.map((length) => (2 * Math.PI * (seconds % length)) / length);
    return [seconds / 86400 - origin, ...turns.flatMap((angle) => [Math.sin(angle), Math.cos(angle)]), ...rest];
  };
  return { label: element("label", "", {}, element("span", name), box), features };
}

$("title").textContent = model.title;
$("about").textContent = model.about;
model.image_shape ? pad() : form();
