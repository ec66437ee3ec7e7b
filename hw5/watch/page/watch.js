// The page of hw5 train --watch: it follows the events of the training. Text is only ever text.
"use strict";

const $ = (id) => document.getElementById(id);
const FIGURES = ["loss", "accuracy"];
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000"]; // of Okabe and Ito
let about = { epochs: 1, classes: [] }, epochs = [], drawing = false;

function element(name, text = "", attributes = {}, ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const written = (name, value) => (value === null ? "" : name.endsWith("accuracy") ? `${(100 * value).toFixed(2)} %` : value.toFixed(4));

// -- figures and curves

function showNow(now) {
  const rows = FIGURES.filter((name) => now[name] !== null || now[`validation_${name}`] !== null);
  const last = epochs.at(-1) ?? {};
  $("figures").tBodies[0].replaceChildren(...rows.map((name) => {
    const validation = now[`validation_${name}`] ?? last[`validation_${name}`] ?? null;
    return element("tr", "", {}, element("th", name, { scope: "row" }), element("td", written(name, now[name])), element("td", written(name, validation)));
  }));
  $("progress").value = now.done / about.epochs;
  $("progress").textContent = `${Math.round((100 * now.done) / about.epochs)} %`;
}

// A chart of lines of [x, y], with the range of y at its side and that of x below
function chart(lines, label, points = []) {
  const all = [...lines.flatMap(({ line }) => line), ...points], [w, h, left, low, top] = [460, 200, 56, 22, 26];
  const [x0, x1, y0, y1] = [Math.min(...all.map(([x]) => x)), Math.max(...all.map(([x]) => x)), Math.min(...all.map(([, y]) => y)), Math.max(...all.map(([, y]) => y))];
  const at = ([x, y]) => [left + ((w - left - 8) * (x - x0)) / (x1 - x0 || 1), h - low - ((h - low - top) * (y - y0)) / (y1 - y0 || 1)];
  const text = (x, y, content, anchor) => {
    const made = shape("text", { x, y, "text-anchor": anchor });
    made.textContent = content;
    return made;
  };
  const short = (value) => Number(value.toPrecision(3)).toString();
  const axes = [shape("line", { class: "axis", x1: left, x2: left, y1: top - 6, y2: h - low }), shape("line", { class: "axis", x1: left, x2: w, y1: h - low, y2: h - low })];
  const texts = [text(left - 4, top + 4, short(y1), "end"), text(left - 4, h - low, short(y0), "end"), text(left, h - 6, short(x0), "start"), text(w - 8, h - 6, short(x1), "end"), text(left, 12, label, "start")];
  const dots = points.map((point) => { const [cx, cy] = at(point); return shape("circle", { cx, cy, r: 2.5 }); });
  const drawn = lines.map(({ line, name }) => shape("polyline", { class: name, points: line.map((point) => at(point).map((v) => v.toFixed(1)).join(",")).join(" ") }));
  const said = lines.map(({ line, name }) => `${name} ${short(line.at(-1)[1])} at ${short(line.at(-1)[0])}`).join(", ");
  return shape("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": `${label}: ${said}` }, ...axes, ...dots, ...drawn, ...texts);
}

function showCurves() {
  drawing = false;
  const charts = FIGURES.flatMap((name) => {
    const lines = ["training", "validation"].map((split) => {
      const key = split === "training" ? name : `validation_${name}`;
      return { name: split, line: epochs.filter((row) => row[key] !== null).map((row) => [row.epoch, row[key]]) };
    }).filter(({ line }) => line.length);
    return lines.length ? [chart(lines, name)] : [];
  });
  const key = element("p", "Training is solid, validation dashed.");
  $("curves").replaceChildren($("curves-title"), key, ...charts);
}

function addEpoch(row) {
  epochs.push(row);
  if (epochs.length > 2000) epochs = epochs.filter((_, i) => i % 2 === 0 || i > 1990);
  if (!drawing) (drawing = true), requestAnimationFrame(showCurves);
}

// -- pictures of the model

function showRegions({ epoch, side, low, high, classes, sureness, points, labels }) {
  const [of, sure] = [bytes(classes), bytes(sureness)], canvas = $("regions").querySelector("canvas"), size = 6 * side;
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  for (let i = 0; i < side * side; i++) {
    context.fillStyle = "#fff", context.globalAlpha = 1;
    const [x, y] = [6 * (i % side), size - 6 * Math.floor(i / side) - 6];
    context.fillRect(x, y, 6, 6);
    context.fillStyle = COLOURS[of[i]], context.globalAlpha = 0.15 + (0.35 * sure[i]) / 255;
    context.fillRect(x, y, 6, 6);
  }
  context.globalAlpha = 1, context.strokeStyle = "#fff";
  points.forEach(([x, y], i) => {
    context.beginPath(), context.arc((size * (x - low[0])) / (high[0] - low[0]), size - (size * (y - low[1])) / (high[1] - low[1]), 4, 0, 7);
    context.fillStyle = COLOURS[labels[i]] ?? "#777", context.fill(), context.stroke();
  });
  canvas.setAttribute("aria-label", `Regions of the classes after epoch ${epoch}`);
  $("regions").querySelector("ul").replaceChildren(...about.classes.map((name, i) => {
    const square = element("span");
    square.style.background = COLOURS[i];
    return element("li", "", {}, square, element("span", name));
  }));
  $("regions").hidden = false;
}

function showCurve({ curve, points }) {
  $("curve").replaceChildren($("curve-title"), chart([{ name: "model", line: curve }], "model and examples", points));
  $("curve").hidden = false;
}

function showFilters({ n, height, width, weights }) {
  const all = bytes(weights), canvases = [];
  for (let unit = 0; unit < n; unit++) {
    const canvas = element("canvas", "", { width, height }), context = canvas.getContext("2d"), image = context.createImageData(width, height);
    for (let i = 0; i < height * width; i++) {
      const w = (all[unit * height * width + i] - 128) / 127, pale = 255 * (1 - Math.abs(w));
      image.data.set(w > 0 ? [255 - 42 * w, pale + 94 * w, pale, 255] : [pale, pale - 114 * w, 255 + 77 * w, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
    canvases.push(canvas);
  }
  $("filters").querySelector(".maps").replaceChildren(...canvases);
  $("filters").hidden = false;
}

function showConfusion({ counts, on, epoch }) {
  const head = element("tr", "", {}, element("th", "true", { scope: "col" }), ...about.classes.map((name) => element("th", name, { scope: "col" })));
  const rows = counts.map((row, i) => {
    const total = row.reduce((a, b) => a + b, 0) || 1;
    const cells = row.map((count, j) => {
      const cell = element("td", count ? String(count) : "", count ? { class: i === j ? "right" : "wrong" } : {});
      cell.style.setProperty("--share", i === j ? 0.55 + (0.45 * count) / total : Math.sqrt(count / total));
      return cell;
    });
    return element("tr", "", {}, element("th", about.classes[i], { scope: "row" }), ...cells);
  });
  $("confusion").querySelector("table").replaceChildren(element("thead", "", {}, head), element("tbody", "", {}, ...rows));
  $("confusion").querySelector(".on").textContent = `Of ${on} examples after epoch ${epoch}; a row for each true class, a column for each prediction.`;
  $("confusion").hidden = false;
}

// -- the events

const source = new EventSource("events");
const EVENTS = {
  about: (content) => {
    (about = content), (epochs = []); // of a new connection, which brings all epochs again
    $("title").textContent = document.title = about.title;
    $("state").textContent = "Training.";
  },
  now: showNow, epoch: addEpoch, regions: showRegions, curve: showCurve, filters: showFilters, confusion: showConfusion,
  end: ({ text }) => {
    source.close();
    $("state").textContent = `${text} This page stays as it is.`;
  },
};
for (const [name, show] of Object.entries(EVENTS)) source.addEventListener(name, (event) => show(JSON.parse(event.data)));
source.onerror = () => ($("state").textContent = "The training cannot be reached; it may have been killed.");
