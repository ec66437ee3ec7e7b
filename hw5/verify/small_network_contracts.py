"""The contracts of the kernels that fuse the step of a small network, and of the one that makes many steps.

The scale of a product is the sum of its terms' absolute values.
"""

from functools import partial
from types import SimpleNamespace

import numpy as np

from hw5.devices.activations import ELEMENTWISE
from hw5.devices.base import BETA1, BETA2, EPSILON, DeviceData, Rates
from hw5.devices.small_network import LARGE_TILES, SMALL_TILES, EpochLaunch
from hw5.verify.contract import Contract, error, error_of_integers
from hw5.verify.formulas import activations, derivative64, softmax64, theta64


def _examples(bench, dtype, k, d, values):
    """(DeviceData, order, x and the scale of its error in float64) of k of k + 3 examples, in order from the second."""
    X = bench.rng.integers(0, 256, (k + 3, d)) if dtype == np.uint8 else values(bench.rng, (k + 3, d))
    X, order = X.astype(dtype), bench.rng.integers(0, k + 3, k + 2)
    mean, scale = bench.rng.normal(size=d).astype(np.float32), bench.rng.random(d).astype(np.float32) / 64 + 0.01
    y, index = bench.rng.integers(0, 2, k + 3), bench.device.index_dtype
    data = DeviceData(bench.put(X, dtype), bench.put(y, index), bench.put(mean), bench.put(scale))
    x = X[order[2:]].astype(np.float64)
    return data, bench.put(order, index), (x - mean) * scale, (abs(x) + abs(mean)) * scale, y[order[2:]]


def _features(k):
    """The numbers of features of tests with k examples: with and without packs of four, and fewer than in a pack."""
    return (2 if k == 3 else 20, 105)


def _inputs_of_outputs(k):
    """As _features, and with few examples as many as have a product in parts."""
    return (*_features(k), *((520, 301) if k in (3, 5) else ()))


def _layer(bench, m, d, theta=None):
    """A layer with its arrays on the device, and its (W, V, b, Vb, S, Sb) in float64."""
    arrays = [bench.rng.normal(size=shape).astype(np.float32) for shape in ((m, d), (m, d), (m,), (m,))]
    arrays += [bench.rng.random(shape).astype(np.float32) for shape in ((m, d), (m,))]
    W, V, b, Vb, S, Sb = map(bench.put, arrays)
    layer = SimpleNamespace(W=W, V=V, b=b, Vb=Vb, S=S, Sb=Sb, theta=theta)
    return layer, [array.astype(np.float64) for array in arrays]


def hidden_layer(dtype, bench, k, m, values, examples=4):
    for d in _features(k):
        for name in ELEMENTWISE:
            theta = activations(name)[-1]
            data, order, x, x_scale, _ = _examples(bench, dtype, k, d, values)
            layer, (W, _, b, *_) = _layer(bench, m, d, theta)
            H = bench.empty(k, m)
            with bench.start(2) as start:
                bench.device.hidden_layer(data, order, start, layer, H, examples)
            yield name, error(bench.get(H), theta64(theta, x @ W.T + b), x_scale @ abs(W.T) + abs(b))


def _output(bench, x, x_scale, y, W, b, operation):
    """Run operation(weights, tally, Delta, t, updates).

    Gives the errors of what it wrote, the expected Delta and its scale.
    """
    weights, tally, before, Delta = _of_output(bench, *np.shape(x @ W.T))
    t = bench.put([_T], np.int32)
    operation(bench.put(weights), tally, Delta, t, 2)
    errors, *of_Delta = _output_errors(bench, x, x_scale, y, W, b, weights, tally, before, Delta)
    return [*errors, ("t", error_of_integers(bench.get(t), [_T + 2]))], *of_Delta


def _of_output(bench, k, m):
    """Class weights on the host, a tally and its numbers before, and Delta (k, m)."""
    weights = bench.rng.random(m).astype(np.float32) + 0.5
    tally, *before = bench.tally(k)
    return weights, tally, before, bench.empty(k, m)


def _output_errors(bench, x, x_scale, y, W, b, weights, tally, before, Delta):
    """The errors of a tally and Delta after an operation, and the expected Delta and its scale."""
    (k, m), (loss_before, correct_before) = (len(x), len(b)), before
    S, z_scale = x @ W.T + b, x_scale @ abs(W.T) + abs(b)
    P, scale, shifted, log_sums = softmax64(S)
    at_label, w = (np.arange(k), y), weights[y].astype(np.float64)
    P[at_label] -= 1
    scale += z_scale.max(axis=1, keepdims=True)
    want, scale = w[:, None] * P, w[:, None] * scale
    loss = w * (log_sums[:, 0] - shifted[at_label])
    loss_scale = abs(loss_before) + w * (abs(shifted[at_label]) + m**0.5 + z_scale.max(axis=1))
    errors = [
        ("Delta", error(bench.get(Delta), want, scale)),
        ("loss", error(bench.get(tally.loss), loss_before + loss, loss_scale)),
        ("correct", error_of_integers(bench.get(tally.correct), correct_before + (S.argmax(axis=1) == y))),
    ]
    return errors, want, scale


def output_layer(dtype, bench, k, m, values):
    m = max(m, 2)  # the labels are 0 and 1
    for d in _inputs_of_outputs(k):
        data, order, x, x_scale, y = _examples(bench, dtype, k, d, values)
        layer, (W, _, b, *_) = _layer(bench, m, d)
        with bench.start(2) as start:
            operation = partial(bench.device.output_layer, data, order, start, layer)
            errors, *_ = _output(bench, x, x_scale, y, W, b, operation)
        yield from errors


def output_hidden(bench, k, m, values):
    m = max(m, 2)
    for d in _inputs_of_outputs(k):
        for name in ELEMENTWISE:
            theta = activations(name)[-1]
            data, order, _, _, y = _examples(bench, np.uint8, k, 3, values)
            X = theta64(theta, values(bench.rng, (k, d))).astype(np.float32)
            x = X.astype(np.float64)
            layer, (W, _, b, *_) = _layer(bench, m, d)
            slot = SimpleNamespace(X=bench.put(X), Delta=bench.empty(k, d))
            with bench.start(2) as start:
                operation = partial(bench.device.output_layer, data, order, start, layer, below=(slot, theta))
                errors, Delta, scale = _output(bench, x, abs(x), y, W, b, operation)
            yield from errors
            yield name, _error_below(bench, slot.Delta, theta, x, W, Delta, scale)


def _error_below(bench, Delta_below, theta, x, W, Delta, scale):
    """The error of A o theta'(x) with A = W Delta, Delta having the scale."""
    derivative = derivative64(theta, x)
    scale = (abs(Delta) * (1 + len(W) ** 0.5) + scale) @ abs(W) * abs(derivative) + abs(Delta @ W)  # 1 - x^2 cancels
    return error(bench.get(Delta_below), (Delta @ W) * derivative, scale)


def update_layers(dtype, bench, k, m, values, tiles=SMALL_TILES):
    for d in _features(k):
        for rates in _UPDATES:
            data, order, x, x_scale, _ = _examples(bench, dtype, k, d, values)
            Delta, Delta2, H = (bench.rng.normal(size=(k, n)).astype(np.float32) for n in (m, 3, m))
            layers = [_layer(bench, m, d), _layer(bench, 3, m)]
            slots = [
                SimpleNamespace(X=bench.put(H), Delta=bench.put(Delta)),
                SimpleNamespace(X=None, Delta=bench.put(Delta2)),
            ]
            t = bench.put([_T], np.int32)
            eta = bench.put([rates.eta])
            with bench.start(2) as start:
                bench.device.update_layers(
                    data, order, start, [layer for layer, _ in layers], slots, rates, eta, t, tiles
                )
            H = H.astype(np.float64)
            for (layer, arrays), delta, inputs, size in zip(layers, (Delta, Delta2), (x, H), (x_scale, abs(H))):
                yield from _updated(bench, layer, arrays, delta.astype(np.float64), inputs, size, rates)


_T = 3  # the number of the update
_UPDATES = (
    Rates(0.1, l2=0.5),
    Rates(0.03, 0.9, 0.01, 0.5),
    Rates(0.03, 0.5, nesterov=True),
    Rates(0.01, l1=0.01, l2=0.5, adam=True, weight_decay=0.3),
)


def _updated(bench, layer, arrays, Delta, x, x_scale, rates):
    """The errors of the parameters, velocities and squares after the update by the mean of Delta^T (x, 1)."""
    W, V, b, Vb, S, Sb = arrays
    ones = np.ones((len(Delta), 1))
    yield from _updated_by(bench, (layer.W, layer.V, layer.S), (W, V, S), Delta, x, x_scale, rates)
    host, on_device = (b[:, None], Vb[:, None], Sb[:, None]), (layer.b, layer.Vb, layer.Sb)
    yield from _updated_by(bench, on_device, host, Delta, ones, ones, rates.without_penalties())


def _updated_by(bench, on_device, arrays, Delta, inputs, size, rates):
    """As _updated, of weights or biases."""
    W, V, S = arrays
    g = Delta.T @ inputs / len(Delta) + rates.l2 * W + rates.l1 * np.sign(W)
    g_scale = abs(Delta.T) @ size / len(Delta) + rates.l2 * abs(W) + rates.l1
    step, scale, V, S = _adam64(V, S, g, g_scale) if rates.adam else (*_sgd64(V, g, g_scale, rates), S)
    got = [bench.get(array).reshape(W.shape) for array in on_device]
    yield "W", error(got[0], W - rates.eta * (step + rates.weight_decay * W), abs(W) + 2 * rates.eta * scale)
    yield "V", error(got[1], V, abs(V) + g_scale)
    yield "S", error(got[2], S, abs(S) + g_scale**2)


def _sgd64(V, g, g_scale, rates):
    """The step, its scale, and V after it."""
    if not (rates.momentum or rates.l1):
        return g, g_scale, V
    after = rates.momentum * V + g
    return (g + rates.momentum * after if rates.nesterov else after), g_scale + rates.momentum * abs(V), after


def _adam64(V, S, g, g_scale):
    """The step, its scale, V and S after it."""
    v, s = BETA1 * V + (1 - BETA1) * g, BETA2 * S + (1 - BETA2) * g**2
    root = np.sqrt(s / (1 - BETA2**_T)) + EPSILON
    step = v / (1 - BETA1**_T) / root
    return step, (abs(V) + g_scale) / (1 - BETA1**_T) / root + abs(step) * (1 + g_scale**2 * (1 - BETA2) / s), v, s


# -- many steps in one launch


def train_small(dtype, bench, k, m, values):
    """Every update with a hidden layer, whose activations take turns, and one without a hidden layer.

    With k = 1, the latter has more features than a block has threads for. A GPU that cannot train a network this way,
    for lack of shared memory, leaves it out.
    """
    narrow, wide = _features_of_epochs(k)
    thetas = [activations(ELEMENTWISE[(i + k) % len(ELEMENTWISE)])[-1] for i in range(len(_UPDATES))]
    cases = [(_one_step, *case) for case in zip((narrow, wide, narrow, wide), thetas, _UPDATES)]
    cases.append((_one_step, 2112 if k == 1 else wide, None, _UPDATES[0]))
    cases += [(_steps_at_once, d, theta, _UPDATES[-1]) for d, theta in ((narrow, thetas[0]), (wide, None))]
    for errors, d, theta, rates in cases:
        if _epoch_launch(bench.device, dtype, k, d, *_units_of_epochs(m, theta)):
            yield from errors(bench, dtype, k, m, d, values, theta, rates)


def _features_of_epochs(k):
    """The numbers of features, with and without packs of 16 bytes; few where many examples share a block's memory."""
    return (3, 16) if k > 512 else (2 if k == 3 else 64, 105)


def _units_of_epochs(m, theta):
    """m units below 3 classes, or m classes, at least 2 and at most 130, and nothing above.

    More classes are more blocks, each with one unit, which are slow in the emulator.
    """
    return (m, 3) if theta else (min(max(m, 2), 130), 0)


def _small_network(bench, k, m, d, theta):
    """[(layer, its arrays in float64)] and slots."""
    m1, m2 = _units_of_epochs(m, theta)
    sizes = [(m1, d), (m2, m1)] if m2 else [(m1, d)]
    layers = [_layer(bench, *size, theta if size[1] == d else None) for size in sizes]
    slots = [SimpleNamespace(X=bench.empty(k, units), Delta=bench.empty(k, units)) for units, _ in sizes]
    return layers, slots


def _train_small(bench, data, order, k, layers, slots, weights, tally, rates, before=_T - 1):
    (m1, d), m2 = layers[0].W.shape, layers[1].W.shape[0] if len(layers) == 2 else 0
    launch = _epoch_launch(bench.device, data.X.dtype, k, d, m1, m2)
    parts, t = bench.empty(launch.parts), bench.put([before], np.int32)
    bench.device.train_small(data, order, k, launch, layers, slots, weights, rates, tally, t, parts)


def _epoch_launch(device, dtype, *shape):
    """The launch that training uses, or with few blocks that of a small GPU; None if none fits.

    A block of a small GPU has as many units as fit into 96 KB of shared memory, and no memory for the next minibatch.
    """
    dtype = np.dtype(dtype)
    if device.most_blocks > 2:
        launch, fits = device.epoch_launch(dtype, *shape)
        return launch if fits else None
    launches = [launch for launch in EpochLaunch.all(dtype, *shape) if not launch.ahead and launch.shared <= 96 << 10]
    return next((launch for launch in reversed(launches) if device.can_be_resident(dtype, launch)), None)


def _one_step(bench, dtype, k, m, d, values, theta, rates):
    """The errors of everything that a step writes, each relative to what it was computed from."""
    data, order, x, x_scale, y = _examples(bench, dtype, k, d, values)
    layers, slots = _small_network(bench, k, m, d, theta)
    top, (W, _, b, *_) = layers[-1]
    weights, tally, before, _ = _of_output(bench, k, len(b))
    _train_small(bench, data, order[2:], k, [layer for layer, _ in layers], slots, bench.put(weights), tally, rates)
    inputs = [(x, x_scale)]
    if theta:
        _, (W1, _, b1, *_) = layers[0]
        X1 = bench.get(slots[0].X)
        yield "X1", error(X1, theta64(theta, x @ W1.T + b1), x_scale @ abs(W1.T) + abs(b1))
        inputs.append((X1.astype(np.float64), abs(X1.astype(np.float64))))
    errors, *_ = _output_errors(bench, *inputs[-1], y, W, b, weights, tally, before, slots[-1].Delta)
    yield from errors
    Deltas = [bench.get(slot.Delta).astype(np.float64) for slot in slots]
    if theta:
        yield "Delta1", _error_below(bench, slots[0].Delta, theta, inputs[1][0], W, Deltas[1], 0.0)
    for (layer, arrays), Delta, (its_inputs, size) in zip(layers, Deltas, inputs):
        yield from _updated(bench, layer, arrays, Delta, its_inputs, size, rates)


def _steps_at_once(bench, dtype, k, m, d, values, theta, rates):
    """Two steps or more, the last of fewer examples, in one launch: the same bits as in one launch each."""
    data, order, *_ = _examples(bench, dtype, k, d, values)
    results, state = [], bench.rng.bit_generator.state
    for lengths in ((k + 2,), [min(k, k + 2 - start) for start in range(0, k + 2, k)]):
        bench.rng.bit_generator.state = state  # the same network again
        layers, slots = _small_network(bench, k, m, d, theta)
        layers = [layer for layer, _ in layers]
        weights, tally, *_ = _of_output(bench, k, slots[-1].Delta.shape[1])
        weights, start = bench.put(weights), 0
        for before, length in enumerate(lengths):
            part, start = order[start : start + length], start + length
            _train_small(bench, data, part, k, layers, slots, weights, tally, rates, before)
        arrays = [getattr(layer, name) for layer in layers for name in ("W", "V", "S", "b", "Vb", "Sb")]
        results.append([bench.get(array) for array in (*arrays, tally.loss, tally.correct)])
    for one, other in zip(*results):
        yield "several steps", error_of_integers(one, other)


# -- the kernels and their test cases

_SMALL = ((1, 1), (3, 12), (5, 33), (33, 5), (513, 1), (9, 32))  # 33 units are a tile and one more, 32 are a whole one
_EPOCHS = (
    (1, 1),
    (3, 12),
    (5, 33),
    (33, 5),
    (2, 130),
    (3, 260),
    (2, 514),
    (513, 1),  # more examples than threads
)  # 130, 260 and 514 units have parts of 2, 4 and 8
_LARGE = ((1, 1), (3, 12), (5, 33), (130, 5), (9, 68), (66, 64))  # the same of tiles of 64 units and 64 examples
SMALL_NETWORK_CONTRACTS = [
    *(
        Contract(
            f"{part}_{dtype.__name__}", "small_network.cu", partial(operation, dtype), shapes, values, optional=True
        )
        for part, operation, shapes in (
            ("hidden", hidden_layer, _SMALL),
            ("hidden_large", partial(hidden_layer, examples=8), _SMALL),
            ("output", output_layer, _SMALL),
            ("update", update_layers, _SMALL),
            ("update_large", partial(update_layers, tiles=LARGE_TILES), _LARGE),
        )
        for dtype, values in ((np.uint8, ()), (np.float32, ("normal", "outliers", "equal")))
    ),
    *(
        Contract(
            f"epoch_{dtype.__name__}", "small_epoch.cu", partial(train_small, dtype), _EPOCHS, values, optional=True
        )
        for dtype, values in ((np.uint8, ()), (np.float32, ("normal", "outliers")))
    ),
    Contract("output_hidden", "small_network.cu", output_hidden, _SMALL, ("normal", "outliers"), optional=True),
]
