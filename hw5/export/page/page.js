// The page: the answer of the model for an example, however it came: drawn, filled in, dragged or a mistake.
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
const isRegression = !model.class_names.length;
const percent = (p) => `${(100 * p).toFixed(1)}%`;
const short = (value) => Number(Number(value).toPrecision(6)).toString();

function show(x) {
  const outputs = forward(model, x), answers = answerOf(model, outputs.at(-1));
  if (isRegression) {
    $("number").hidden = false;
    $("number").textContent = short(answers[0]);
    say(short(answers[0]));
  } else {
    const order = answers.map((p, i) => i);
    if (order.length > MOST_CLASSES) order.sort((a, b) => answers[b] - answers[a]).length = MOST_CLASSES;
    const best = answers.indexOf(Math.max(...answers));
    $("classes").replaceChildren(...order.map((i) => row(model.class_names[i], answers[i], i === best)));
    say(`${model.class_names[best]}, ${percent(answers[best])}`);
  }
  if (model.image_shape) showInside(outputs);
}

function row(name, p, isBest) {
  const bar = element("div");
  bar.style.width = `${100 * p}%`;
  const made = element("li", "", isBest ? { class: "best" } : {}, element("span", name));
  made.append(element("div", "", { class: "bar", "aria-hidden": "true" }, bar), element("span", percent(p)));
  return made;
}

// Tell a screen reader the answer, once it no longer changes
let saying = 0;
function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => ($("said").textContent = text), 400);
}

// What each layer below the top makes of the image, in a canvas each: the maps of convolutions and pooling side by side, and
// the units of a dense layer as pixels. The canvases are made once, for drawing must not wait for the page's layout.
const MOST_MAPS = 16, ACROSS = 8, UNITS_ACROSS = 32;
let inside = null;

function showInside(outputs) {
  inside ??= model.layers.slice(0, -1).flatMap((layer, l) => (layer.kind === "dropout" ? [] : [insideOf(layer, l)]));
  for (const { l, canvas, place } of inside) {
    const largest = Math.max(...outputs[l], 1e-9);
    paint(canvas, place.map((i) => (i < 0 ? -1 : (255 * outputs[l][i]) / largest)));
  }
}

// The canvas of a layer, and which output each of its pixels shows, or -1
function insideOf(layer, l) {
  const [h, w, c] = layer.window ? layer.shape : [1, 1, layer.shape[0]], gap = layer.window ? 1 : 0;
  const n = layer.window ? Math.min(c, MOST_MAPS) : c, across = Math.min(n, layer.window ? ACROSS : UNITS_ACROSS);
  const width = across * (w + gap) - gap, height = Math.ceil(n / across) * (h + gap) - gap, place = new Array(width * height).fill(-1);
  for (let channel = 0; channel < n; channel++)
    for (let i = 0; i < h * w; i++) {
      const row = Math.floor(channel / across) * (h + gap) + Math.floor(i / w), column = (channel % across) * (w + gap) + (i % w);
      place[row * width + column] = i * c + channel;
    }
  const canvas = element("canvas", "", { width, height, class: "maps", "aria-hidden": "true" });
  canvas.style.width = `${(layer.window ? 2.9 : 0.6) * across}rem`;
  $("inside").append(element("div", layer.window ? layer.text : `${layer.text} units`), canvas);
  return { l, canvas, place };
}

// Grey values into a canvas of as many pixels; below 0 is transparent
function paint(canvas, greys) {
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  greys.forEach((grey, i) => grey >= 0 && image.data.set([grey, grey, grey, 255], 4 * i));
  context.putImageData(image, 0, 0);
  return canvas;
}

// -- the mistakes of the test part, one after the other; place(x) shows an example where the input is

function mistakes(place) {
  const all = model.mistakes;
  if (!all.length) return;
  let now = -1;
  const text = element("p", `The model is wrong on ${model.wrong} of ${model.tested} test examples.`, { role: "status" });
  const step = (by) => {
    now = (now + by + all.length) % all.length;
    const { example, truth, x } = all[now];
    place(Array.from(x.bytes === undefined ? floats(x.floats) : bytes(x.bytes)));
    text.textContent = `Mistake ${now + 1} of ${all.length}: example ${example} is ${model.class_names[truth]}.`;
  };
  const button = (name, by) => {
    const made = element("button", name, { type: "button" });
    made.addEventListener("click", () => step(by));
    return made;
  };
  const next = button("Next mistake", 1), back = button("Previous", -1);
  $("mistakes").append(element("h2", "Mistakes"), text, next, back);
  $("mistakes").hidden = false;
}

$("title").textContent = document.title = model.title;
$("about").textContent = model.about;
