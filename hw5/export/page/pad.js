// Images: a pad to draw on, with the mouse, a pen, a finger or the keyboard.
"use strict";

function pad() {
  const [h, w] = model.image_shape, size = 280;
  const canvas = element("canvas", "", {
    id: "pad", width: size, height: Math.round((size * h) / w), tabindex: "0", role: "application",
    "aria-label": "Drawing pad", "aria-describedby": "keys",
  });
  const keys = element("p", "Draw with the mouse or a finger. Keys: arrows move, space puts the pen down or up, Delete clears.", { id: "keys" });
  const pen = element("p", "", { role: "status", class: "heard" });
  const cursor = element("div", "", { id: "cursor", hidden: "" }), board = element("div", "", { id: "board" }, canvas, cursor);
  const context = canvas.getContext("2d", { willReadFrequently: true }), seen = element("canvas", "", { id: "seen", width: w, height: h, role: "img", "aria-label": "What the model sees" });
  let last = null, isFinished = false, waits = false;

  const clear = () => {
    context.fillStyle = "#000", context.fillRect(0, 0, canvas.width, canvas.height);
    isFinished = false;
  };
  const update = () => {
    waits = false;
    if (isFinished) return;
    const image = centred(context.getImageData(0, 0, canvas.width, canvas.height), h, w);
    const { darkest, brightest } = model, isLight = model.mean[0] > (darkest + brightest) / 2;
    const x = Array.from(image, (grey) => darkest + ((isLight ? 255 - grey : grey) * (brightest - darkest)) / 255);
    paint(seen, image);
    window.pixels = x;
    show(model.image_shape[2] === 3 ? x.flatMap((value) => [value, value, value]) : x);
  };
  const later = () => {
    if (!waits) (waits = true), requestAnimationFrame(update);
  };
  const line = (from, [x, y]) => {
    if (isFinished) clear();
    Object.assign(context, { strokeStyle: "#fff", lineWidth: size / 13, lineCap: "round", lineJoin: "round" });
    context.beginPath(), context.moveTo(...from), context.lineTo(x, y + 1e-3), context.stroke();  // browsers may omit a line without length
    later();
  };

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  const stroke = (event) => {
    const now = at(event);
    line(last, now);
    last = now;
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId), (last = at(event)), stroke(event); });
  canvas.addEventListener("pointermove", (event) => last && stroke(event));
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (last = null));

  keyboard(canvas, cursor, pen, line, () => (clear(), later()));
  const button = element("button", "Clear", { type: "button" });
  button.addEventListener("click", () => (clear(), later()));
  $("input").append(board, keys, pen, button, element("div", "What the model sees:"), seen);
  clear(), update();
  mistakes((x) => {
    const c = model.image_shape[2], span = (model.brightest - model.darkest) / 255 || 1;
    const greys = Array.from({ length: h * w }, (_, i) => (x.slice(i * c, i * c + c).reduce((a, b) => a + b) / c - model.darkest) / span);
    clear(), paint(seen, greys);
    context.imageSmoothingEnabled = false, context.drawImage(seen, 0, 0, canvas.width, canvas.height);
    isFinished = true, show(x);
  });
}

// Draw with the keyboard: a cursor moves by a 28th of the pad, with the pen down or up
function keyboard(canvas, cursor, pen, line, clear) {
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }, step = canvas.width / 28;
  let place = [canvas.width / 2, canvas.height / 2], isDown = false;
  const put = () => {
    Object.assign(cursor.style, { left: `${(100 * place[0]) / canvas.width}%`, top: `${(100 * place[1]) / canvas.height}%` });
    cursor.hidden = false, cursor.classList.toggle("down", isDown);
  };
  canvas.addEventListener("keydown", (event) => {
    if (STEPS[event.key]) {
      const before = place, [dx, dy] = STEPS[event.key];
      place = [Math.min(Math.max(place[0] + step * dx, 0), canvas.width), Math.min(Math.max(place[1] + step * dy, 0), canvas.height)];
      if (isDown) line(before, place);
    } else if (event.key === " ") {
      isDown = !isDown;
      if (isDown) line(place, place);
      pen.textContent = isDown ? "pen down" : "pen up";
    } else if (["Delete", "Backspace", "Escape"].includes(event.key)) clear();
    else return;
    event.preventDefault();
    put();
  });
  canvas.addEventListener("blur", () => ((cursor.hidden = true), (isDown = false)));
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

