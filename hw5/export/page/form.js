// Tables: a form by column, the sensitivity of the answer to each, and for two features or a curve a plot to drag on.
"use strict";

// A field has its label, its features, those of its neighbours (two of a number, all of a choice), and set(features)
function form() {
  const fields = model.fields.map((field) => (field.options ? choice : field.date ? date : slider)(field));
  const shown = fields.map(() => element("output", "", { class: "sense" }));
  const plane = planeOf(fields);
  const update = () => {
    const parts = fields.map(({ features }) => features()), x = parts.flat();
    show(x);
    sensitivities(fields, parts, shown);
    if (plane) plane(x);
  };
  fields.forEach(({ label }, i) => {
    label.addEventListener("input", update);
    label.append(shown[i]);
  });
  $("input").append(...fields.map(({ label }) => label));
  const what = isRegression ? "the answer" : "the probability of the likeliest class";
  $("input").append(element("p", `Right: how ${what} changes with a column: from half a standard deviation below to as much above, or over its values.`, { class: "note" }));
  const place = (x) => {
    let start = 0;
    for (const field of fields) {
      const n = field.features().length;
      field.set(x.slice(start, start + n));
      start += n;
    }
    update();
  };
  update();
  mistakes(place);
}

// What the answer for the likeliest class is for each neighbour of each field, the others as they are
function sensitivities(fields, parts, shown) {
  const now = answer(model, parts.flat()), best = now.indexOf(Math.max(...now));
  const answers = fields.map(({ neighbours }, i) =>
    neighbours().map((part) => answer(model, [...parts.slice(0, i), part, ...parts.slice(i + 1)].flat())[best]));
  const spans = fields.map(({ isOrdered }, i) => (isOrdered ? answers[i][1] - answers[i][0] : Math.max(...answers[i]) - Math.min(...answers[i])));
  const largest = Math.max(...spans.map(Math.abs), 1e-12);
  spans.forEach((span, i) => {
    const sign = fields[i].isOrdered ? (span < 0 ? "−" : "+") : "±", size = Math.abs(span);
    shown[i].textContent = sign + (isRegression ? Number(size.toPrecision(3)) : percent(size));
    shown[i].style.setProperty("--size", `${(100 * size) / largest}%`);
    shown[i].title = "sensitivity";
  });
}

// A number, by a slider over its range and a box for any other; then whether it is missing, never here
function slider({ name, mean, deviation, offset, rest, low, high }) {
  const range = element("input", "", { type: "range", min: low, max: high, step: (high - low) / 200 || 1, "aria-label": name });
  const box = element("input", "", { type: "number", step: "any", "aria-label": `${name}, as a number` });
  const put = (value) => ((range.value = value), (box.value = Number(Number(value).toPrecision(6))));
  put(mean);
  range.addEventListener("input", () => (box.value = Number(Number(range.value).toPrecision(5))));
  box.addEventListener("input", () => (range.value = box.value));
  const number = () => (box.value === "" ? mean : Number(box.value)), of = (value) => [value - offset, ...rest];
  return {
    label: element("label", "", {}, element("span", name), range, box), isOrdered: true,
    features: () => of(number()), neighbours: () => [of(number() - deviation / 2), of(number() + deviation / 2)],
    set: ([x]) => put(x + offset), low, high, put, isPlain: !rest.length, offset, name,
  };
}

// One of some values, each with its features
function choice({ name, options }) {
  const select = element("select", "", { "aria-label": name }, ...options.map(({ text }) => element("option", text)));
  const distance = (a, b) => a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);
  return {
    label: element("label", "", {}, element("span", name), select), isOrdered: false,
    features: () => options[select.selectedIndex].features, neighbours: () => options.map(({ features }) => features),
    set: (x) => {
      const far = options.map(({ features }) => distance(features, x));
      select.selectedIndex = far.indexOf(Math.min(...far));
    },
  };
}

// A day, as the days since another, and where it is in each cycle (in seconds)
function date({ name, date, origin, cycles, rest, deviation }) {
  const box = element("input", "", { type: "date", "aria-label": name });
  box.value = date;
  const of = (seconds) => {
    const turns = cycles.map((length) => (2 * Math.PI * (seconds % length)) / length);
    return [seconds / 86400 - origin, ...turns.flatMap((angle) => [Math.sin(angle), Math.cos(angle)]), ...rest];
  };
  const seconds = () => (box.valueAsNumber || 0) / 1000;
  return {
    label: element("label", "", {}, element("span", name), box), isOrdered: true, features: () => of(seconds()),
    neighbours: () => [of(seconds() - (86400 * deviation) / 2), of(seconds() + (86400 * deviation) / 2)],
    set: ([days]) => (box.valueAsNumber = 86400000 * Math.round(days + origin)),
  };
}
