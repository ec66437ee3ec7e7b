"""The formula of every operation in float64, and the shapes and values on which it is tested.

hw5 check kernels tests kernels this way, and the test suite every device. Each formula below states the scale of its
error (contract.py). Those for images are in image_contracts.py, those of the kernels that fuse the step of a small
network in small_network_contracts.py.
"""

from functools import partial

import numpy as np

from hw5.devices.activations import ELEMENTWISE
from hw5.devices.base import BETA1, BETA2, EPSILON, DeviceData, Rates
from hw5.verify.contract import FINITE_VALUES, VALUES, Contract, error, error_of_integers
from hw5.verify.formulas import activations, derivative64, softmax64, theta64
from hw5.verify.image_contracts import IMAGE_CONTRACTS
from hw5.verify.small_network_contracts import SMALL_NETWORK_CONTRACTS

# -- the operations: each runs on the device and yields (name, error) for each array that it writes


def _logits(bench, k, m, values):
    Z, b = values(bench.rng, (k, m)).astype(np.float32), bench.rng.normal(size=m).astype(np.float32)
    if values is VALUES["kink"]:
        Z -= b  # so that z + b is near 0
    return Z, b, (Z + b).astype(np.float64)  # rounded to float32 first: this error is not the softmax's


def softmax(bench, k, m, values):
    Z, b, S = _logits(bench, k, m, values)
    P, scale, *_ = softmax64(S)
    z = bench.put(Z)
    bench.device.softmax(z, bench.put(b))
    yield "Z", error(bench.get(z), P, scale)


def softmax_cross_entropy(bench, k, m, values):
    Z, b, S = _logits(bench, k, m, values)
    P, scale, shifted, log_sums = softmax64(S)
    y, weights = bench.rng.integers(0, m, k), bench.rng.random(m).astype(np.float32) + 0.5
    at_label, w = (np.arange(k), y), weights[y].astype(np.float64)
    tally, loss_before, correct_before = bench.tally(k)
    z, labels = bench.put(Z), bench.put(y, bench.device.index_dtype)
    bench.device.softmax_cross_entropy(z, bench.put(b), labels, bench.put(weights), tally)
    P[at_label] -= 1
    scale[at_label] += 1
    yield "Z", error(bench.get(z), w[:, None] * P, w[:, None] * scale)
    loss = w * (log_sums[:, 0] - shifted[at_label])
    loss_scale = abs(loss_before) + w * (abs(shifted[at_label]) + m**0.5)
    yield "loss", error(bench.get(tally.loss), loss_before + loss, loss_scale)
    yield "correct", error_of_integers(bench.get(tally.correct), correct_before + (S.argmax(axis=1) == y))


def _units(bench, k, m, values):
    """Z and b on the device, Z + b rounded to float32, and a tally."""
    Z, b, S = _logits(bench, k, m, values)
    return bench.put(Z), bench.put(b), S, *bench.tally(k)


def _unit(bench, k, values):
    """z and b of one unit on the device, z + b rounded to float32, and a tally."""
    z, b, S, *tally = _units(bench, k, 1, values)
    return z, b, S[:, 0], *tally


def sigmoid_cross_entropy(bench, k, m, values):
    z, b, S, tally, loss_before, correct_before = _units(bench, k, m, values)
    y, weights = bench.rng.integers(0, 2, (k, m)), np.array([0.5, 3], np.float32)
    if m > 1:
        y[::2] = ~(S[::2] <= 0)  # half of the examples have all labels right
    bench.device.sigmoid_cross_entropy(z, b, bench.put(y, bench.device.index_dtype), bench.put(weights), tally)
    w = weights[y].astype(np.float64)
    p = 1 / (1 + np.exp(-S))
    yield "Z", error(bench.get(z), w * (p - y), w)
    loss = w * np.logaddexp(0, np.where(y == 1, -S, S))
    scale = m**0.5 * (w + loss).sum(axis=1)
    yield "loss", error(bench.get(tally.loss), loss_before + loss.sum(axis=1), abs(loss_before) + scale)
    correct = (~(S <= 0) == y).all(axis=1)
    yield "correct", error_of_integers(bench.get(tally.correct), correct_before + correct)


def squared_error(bench, k, m, values):
    z, b, S, tally, loss_before, correct_before = _units(bench, k, m, values)
    y = bench.rng.normal(size=(k, m)).astype(np.float32)
    bench.device.squared_error(z, b, bench.put(y), tally)
    scale = abs(S) + abs(y)
    yield "Z", error(bench.get(z), 2 * (S - y), 2 * scale)
    loss, loss_scale = ((S - y) ** 2).sum(axis=1), m**0.5 * (scale**2).sum(axis=1)
    yield "loss", error(bench.get(tally.loss), loss_before + loss, abs(loss_before) + loss_scale)
    yield "correct", error_of_integers(bench.get(tally.correct), correct_before)


def perceptron_unit(bench, k, _, values):
    z, b, s, tally, loss_before, correct_before = _unit(bench, k, values)
    y, predicted = bench.rng.integers(0, 2, k), ~(s <= 0)
    bench.device.perceptron(z, b, bench.put(y, bench.device.index_dtype), tally)
    mistake = predicted.astype(int) - y
    yield "Z", error_of_integers(bench.get(z)[:, 0], mistake)
    yield "loss", error(bench.get(tally.loss), loss_before + s * mistake, abs(loss_before) + abs(s))
    yield "correct", error_of_integers(bench.get(tally.correct), correct_before + (predicted == y))


def perceptron(bench, k, m, values):
    Z, b, S = _logits(bench, k, m, values)
    y, predicted = bench.rng.integers(0, m, k), S.argmax(axis=1)
    tally, loss_before, correct_before = bench.tally(k)
    z = bench.put(Z)
    bench.device.perceptron(z, bench.put(b), bench.put(y, bench.device.index_dtype), tally)
    classes, row = np.eye(m, dtype=int), np.arange(k)
    yield "Z", error_of_integers(bench.get(z), classes[predicted] - classes[y])
    loss_scale = abs(loss_before) + abs(S[row, predicted]) + abs(S[row, y])
    yield "loss", error(bench.get(tally.loss), loss_before + S[row, predicted] - S[row, y], loss_scale)
    yield "correct", error_of_integers(bench.get(tally.correct), correct_before + (predicted == y))


def threshold(bench, k, _, values):
    z, b, s, *_ = _unit(bench, k, values)
    out = bench.put(np.full(k, -1), bench.device.index_dtype)
    bench.device.threshold(z, b, out)
    yield "out", error_of_integers(bench.get(out), ~(s <= 0))


def argmax(bench, k, m, values):
    Z, b, S = _logits(bench, k, m, values)
    out = bench.put(np.full(k, -1), bench.device.index_dtype)
    bench.device.argmax(bench.put(Z), bench.put(b), out)
    yield "out", error_of_integers(bench.get(out), S.argmax(axis=1))


def forward(name, bench, k, m, values):
    Z, b, S = _logits(bench, k, m, values)
    for theta in activations(name):
        z = bench.put(Z)
        bench.device.activate(theta, z, bench.put(b))
        want = theta64(theta, S)
        yield "Z", error(bench.get(z), want, abs(want))


def gradient(name, bench, k, m, values):
    A, kinks = values(bench.rng, (k, m)).astype(np.float32), None
    if values is VALUES["kink"]:
        A, kinks = bench.rng.normal(size=(k, m)).astype(np.float32), A  # 0 times any derivative is 0
    for theta in activations(name):
        X = theta64(theta, bench.rng.normal(size=(k, m)) * 3).astype(np.float32)
        if kinks is not None:
            X = np.where(abs(kinks) < 1e-6, kinks, X)
        a = bench.put(A)
        bench.device.activation_gradient(theta, a, bench.put(X))
        want = A * derivative64(theta, X.astype(np.float64))
        yield "A", error(bench.get(a), want, abs(A))


def maxout(bench, k, m, values):
    for p in (2, 3, 6):
        Z, b, S = _logits(bench, k, m * p, values)
        pieces = S.reshape(k, m, p)
        z, X = bench.put(Z), bench.empty(k, m)
        bench.device.maxout(z, bench.put(b), X)
        want = pieces.max(axis=2)
        yield "X", error(bench.get(X), want, abs(want))
        yield "Z", error_of_integers(bench.get(z).reshape(k, m, p), np.eye(p)[pieces.argmax(axis=2)])


def maxout_gradient(bench, k, m, values):
    for p in (2, 3, 6):
        A, largest = values(bench.rng, (k, m)).astype(np.float32), np.eye(p)[bench.rng.integers(0, p, (k, m))]
        delta = bench.put(largest.reshape(k, m * p))
        bench.device.maxout_gradient(bench.put(A), delta)
        want = np.where(largest == 1, A[:, :, None], 0).astype(np.float64)
        yield "Delta", error(bench.get(delta).reshape(k, m, p), want, abs(want))


def gradient_mean(bench, k, m, values):
    Delta, before = values(bench.rng, (k, m)).astype(np.float32), bench.rng.normal(size=m).astype(np.float32)
    for factors in ((2.0, -0.25), (), (-0.5, 1.0))[: 1 if k > 10_000 else 3]:  # thousands of slabs take time
        alpha, beta = factors or (1.0, 0.0)
        out = bench.put(before if beta else np.full(m, np.nan))
        bench.device.gradient_mean(bench.put(Delta), out, *factors)
        want = alpha * Delta.mean(axis=0, dtype=np.float64)
        scale = abs(alpha) * abs(Delta).mean(axis=0, dtype=np.float64) * k**0.5
        yield "out", error(bench.get(out), want + beta * before, scale + abs(beta * before))


def minibatch(dtype, bench, k, d, values):
    n, q = k + 3, k % 3 + 1  # q labels of each example
    X = bench.rng.integers(0, 256, (n, d)) if dtype == np.uint8 else values(bench.rng, (n, d))
    X = X.astype(dtype)
    y, order = bench.rng.integers(0, 10, (n, q)), bench.rng.integers(0, n, k + 2)
    mean, scale = bench.rng.normal(size=d).astype(np.float32), bench.rng.random(d).astype(np.float32) + 0.5
    index = bench.device.index_dtype
    data = DeviceData(bench.put(X, dtype), bench.put(y, index), bench.put(mean), bench.put(scale))
    X_out, y_out = bench.empty(k, d), bench.put(np.full((k, q), -1), index)
    with bench.start(2) as start:
        bench.device.minibatch(data, bench.put(order, index), start, X_out, y_out)
    x = X[order[2:]].astype(np.float64)
    yield "X_out", error(bench.get(X_out), (x - mean) * scale, (abs(x) + abs(mean)) * scale)
    yield "y_out", error_of_integers(bench.get(y_out), y[order[2:]])


def advance(bench, first, by, values):
    array = bench.put([first], np.int32)
    bench.device.advance(array, by)
    yield "*first", error_of_integers(bench.get(array), [first + by])


def sgd_update(bench, k, m, values):
    W, V, G = (f(bench.rng, (k, m)).astype(np.float32) for f in (values, VALUES["normal"], VALUES["normal"]))
    for rates in (Rates(0.1), Rates(0.03, 0.9, 0.01, 0.5), Rates(0.03, 0.5, nesterov=True)):
        w, v = bench.put(W), bench.put(V)
        bench.device.sgd_update(w, v, bench.put(G), rates)
        mu = rates.momentum
        g = G + rates.l2 * W.astype(np.float64) + rates.l1 * np.sign(W)
        V64 = mu * V + g
        step = g + mu * V64 if rates.nesterov else V64
        scale = abs(G) + rates.l2 * abs(W.astype(np.float64)) + rates.l1 + mu * abs(V)
        yield "V", error(bench.get(v), V64, scale)
        yield "W", error(bench.get(w), W - rates.eta * step, abs(W.astype(np.float64)) + 2 * rates.eta * scale)


def adam_update(bench, k, m, values):
    W, V, G = (f(bench.rng, (k, m)).astype(np.float32) for f in (values, VALUES["normal"], VALUES["normal"]))
    S = bench.rng.random((k, m)).astype(np.float32)
    rare = bench.rng.random((k, m)) < 0.1  # whose squares are as small as epsilon
    G[rare], S[rare] = 0, EPSILON**2
    for t, rates in ((1, Rates(0.1)), (2, Rates(0.01, l1=0.01, l2=0.5, weight_decay=0.3)), (100_000, Rates(0.03))):
        w, v, s = bench.put(W), bench.put(V), bench.put(S)
        bench.device.adam_update(w, v, s, bench.put(G), bench.put([t], np.int32), rates)
        W64 = W.astype(np.float64)
        g = G + rates.l2 * W64 + rates.l1 * np.sign(W)
        g_scale = abs(G) + rates.l2 * abs(W64) + rates.l1
        V64, S64 = BETA1 * V + (1 - BETA1) * g, BETA2 * S + (1 - BETA2) * g**2
        v_scale, s_scale = abs(V) + g_scale, S + g_scale**2
        root = np.sqrt(S64 / (1 - BETA2**t)) + EPSILON
        step, c = V64 / root, 1 / (1 - BETA1**t)
        yield "V", error(bench.get(v), V64, v_scale)
        yield "S", error(bench.get(s), S64, s_scale)
        scale = abs(W64) + rates.eta * c * (v_scale / root + abs(step) * (1 + s_scale / S64))
        yield "W", error(bench.get(w), W64 - rates.eta * (rates.weight_decay * W64 + c * step), scale)


def dropout(bench, k, m, values):
    X = values(bench.rng, (k, m)).astype(np.float32)
    for share, t, key, first in ((0.5, 1, 0, 0), (None, 123_456, 2**32 - 1, 9), (0.999, 2**31 - 1, 7, 2**32 - 3)):
        numbers = _pcg3d64((first + np.arange(k * m)).reshape(k, m), t, key)
        share = share or float(numbers[0, 0]) / 2**32  # an element whose number is the threshold stays
        out = bench.empty(k, m)
        bench.device.dropout(bench.put(X), out, share, bench.put([t], np.int32), key, first)
        stays = numbers >= int(share * 2**32)
        want = X * np.where(stays, 1 / (1 - share), 0)
        yield "out", error(bench.get(out), want, abs(want))


def _pcg3d64(*numbers):
    """The first random number of pcg3d (Jarzynski and Olano 2020), modulo 2^32 in 64 bits."""
    x, y, z = ((np.uint64(1664525) * np.uint64(number) + np.uint64(1013904223)) % 2**32 for number in numbers)
    x = (x + y * z) % 2**32
    y = (y + z * x) % 2**32
    z = (z + x * y) % 2**32
    x, y, z = (v ^ v // 2**16 for v in (x, y, z))
    return (x + y * z) % 2**32


# -- the kernels and their test cases

_ROWS = (
    (1, 1),
    (2, 2),
    (3, 10),
    (37, 31),
    (7, 32),
    (33, 33),
    (257, 7),
    (130, 128),
    (2, 127),
    (2, 1021),
    (2, 1024),
    (3, 4099),
    (2, 4096),  # blocks loop over packs
    (33_000, 3),  # more rows than 16 bits count
)
_TALL = ((1, 1), (2, 3), (31, 10), (32, 32), (33, 33), (1000, 5), (131, 67), (3, 1021), (2100, 9))
_EXAMPLES = ((1, 1), (2, 1), (255, 1), (256, 1), (1000, 1))
_UNITS = ((1, 1), (2, 3), (255, 1), (256, 7), (1000, 1))
_FINITE, _ALL = tuple(FINITE_VALUES), tuple(VALUES)

CONTRACTS = [
    Contract("softmax", "softmax.cu", softmax, _ROWS, _ALL),
    Contract("softmax_cross_entropy", "softmax.cu", softmax_cross_entropy, _ROWS, _ALL),
    Contract("argmax", "argmax.cu", argmax, _ROWS, _ALL),
    *(
        Contract(f"{name}_{direction.__name__}", "activation.cu", partial(direction, name), _TALL, values)
        for name in ELEMENTWISE
        for direction, values in ((forward, _ALL), (gradient, _FINITE))
    ),
    Contract("maxout", "maxout.cu", maxout, _TALL, _ALL),
    Contract("maxout_gradient", "maxout.cu", maxout_gradient, _TALL, _FINITE),
    Contract("perceptron", "perceptron.cu", perceptron, _ROWS[1:], _FINITE),
    *(
        Contract(operation.__name__, "unit.cu", operation, shapes, values)
        for operation, shapes, values in (
            (sigmoid_cross_entropy, _UNITS, _ALL),
            (squared_error, _UNITS, _FINITE),
            (perceptron_unit, _EXAMPLES, _FINITE),
            (threshold, _EXAMPLES, _ALL),
        )
    ),
    Contract("gradient_mean", "gradient_mean.cu", gradient_mean, (*_TALL, (33_000, 1)), _FINITE),
    Contract("minibatch_uint8", "minibatch.cu", partial(minibatch, np.uint8), _ROWS, ()),
    Contract("minibatch_float32", "minibatch.cu", partial(minibatch, np.float32), _ROWS, _FINITE),
    Contract("advance", "minibatch.cu", advance, ((0, 1), (5, 7), (1 << 20, 512)), ()),
    Contract("sgd_update", "sgd_update.cu", sgd_update, _TALL, _FINITE),
    Contract("adam_update", "adam_update.cu", adam_update, _TALL, ("normal", "outliers", "ties", "denormal")),
    Contract("dropout", "dropout.cu", dropout, _TALL, _ALL),
    *IMAGE_CONTRACTS,
    *SMALL_NETWORK_CONTRACTS,
]
