// The model of the page: the layers of hw5 forward, for one example. Images are rows (h, w, c), as in hw5.
"use strict";

const THETA = {
  relu: (z) => (z > 0 ? z : 0),
  leaky_relu: (z, a) => (z > 0 ? z : a * z),
  elu: (z, a) => (z >= 0 ? z : a * Math.expm1(z)),
  tanh: (z) => Math.tanh(z),
  sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  linear: (z) => z,
};

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const floats = (base64) => new Float32Array(bytes(base64).buffer);

// Numbers in half precision: a sign, 5 bits of exponent and 10 of fraction
function halves(base64) {
  return Float32Array.from(new Uint16Array(bytes(base64).buffer), (h) => {
    const sign = h >> 15 ? -1 : 1, exponent = (h >> 10) & 31, fraction = h & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
  });
}

// X = theta(W x + b) for one patch; of a maxout unit, the largest of its pieces
function units(layer, patch) {
  const out = new Array(layer.b.length / layer.pieces).fill(-Infinity);
  for (let row = 0; row < layer.b.length; row++) {
    let z = layer.b[row];
    for (let i = 0, at = row * patch.length; i < patch.length; i++) z += layer.W[at + i] * patch[i];
    const unit = Math.floor(row / layer.pieces);
    if (layer.pieces > 1) out[unit] = Math.max(out[unit], z);
    else out[unit] = layer.theta ? THETA[layer.theta](z, layer.alpha) : z;
  }
  return out;
}

// work(the pixels of the window inside the image, each [number in the window, index of its first channel]) for each place
function eachPlace(w, work) {
  for (let y = 0; y < w.places[0]; y++)
    for (let x = 0; x < w.places[1]; x++) {
      const pixels = [];
      for (let i = 0; i < w.size[0]; i++)
        for (let j = 0; j < w.size[1]; j++) {
          const row = y * w.stride - w.padding + i, column = x * w.stride - w.padding + j;
          if (row >= 0 && row < w.image[0] && column >= 0 && column < w.image[1])
            pixels.push([i * w.size[1] + j, (row * w.image[1] + column) * w.image[2]]);
        }
      work(pixels);
    }
}

function convolution(layer, image) {
  const w = layer.window, c = w.image[2], out = [];
  eachPlace(w, (pixels) => {
    const patch = new Array(w.size[0] * w.size[1] * c).fill(0);
    for (const [number, at] of pixels) for (let i = 0; i < c; i++) patch[number * c + i] = image[at + i];
    out.push(...units(layer, patch));
  });
  return out;
}

function pooled(combine) {
  return (layer, image) => {
    const c = layer.window.image[2], out = [];
    eachPlace(layer.window, (pixels) => {
      for (let i = 0; i < c; i++) out.push(combine(pixels.map(([, at]) => image[at + i])));
    });
    return out;
  };
}

const LAYERS = {
  dense: units,
  conv: convolution,
  pool: pooled((numbers) => Math.max(...numbers)),
  meanpool: pooled((numbers) => numbers.reduce((a, b) => a + b) / numbers.length),
  dropout: (layer, x) => x,
};

// The arrays of a model, from its JSON
function decoded(model) {
  const layers = model.layers.map((layer) =>
    layer.W === undefined ? layer : { ...layer, W: (layer.isHalf ? halves : floats)(layer.W), b: floats(layer.b) });
  return { ...model, layers, mean: floats(model.mean), scale: floats(model.scale) };
}

// The outputs of every layer for the features x (d), of which the last are z (m)
function forward(model, x) {
  let now = Array.from(x, (value, i) => (value - model.mean[i]) * model.scale[i]);
  return model.layers.map((layer) => (now = LAYERS[layer.kind](layer, now)));
}

// The probability of each class, or the number of a regression; a perceptron gives 1 to the predicted class
const answer = (model, x) => answerOf(model, forward(model, x).at(-1));

// The same from the outputs z
function answerOf(model, z) {
  const top = Math.max(...z);
  if (!model.class_names.length) return z;
  if (model.loss === "perceptron") return z.map((_, i) => (i === z.indexOf(top) ? 1 : 0));
  const powers = z.map((value) => Math.exp(value - top)), sum = powers.reduce((a, b) => a + b);
  return powers.map((value) => value / sum);
}

if (typeof module !== "undefined") module.exports = { decoded, forward, answer };
