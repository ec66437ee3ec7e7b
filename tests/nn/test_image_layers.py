"""Convolution, pooling and dropout: what they compute, by plain loops, and their gradients, numerically."""

from itertools import product
from math import prod

import numpy as np
import pytest

from hw5.devices.activations import Activation
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.devices.windows import Window
from hw5.errors import InputError
from hw5.nn.hidden import LENET, hidden_layer, layers_of, read_hidden, written
from hw5.nn.network import Network, initial_parameters

FLOAT64 = CpuDevice(np.float64)
rng = np.random.default_rng(0)

WINDOWS = {
    "1 x 1": Window((5, 4, 3), (1, 1), 1, 0),
    "of an image of one pixel": Window((1, 1, 2), (1, 1), 1, 0),
    "the whole image": Window((5, 4, 2), (5, 4), 1, 0),
    "larger than the image": Window((2, 3, 2), (4, 5), 1, 2),
    "with padding": Window((5, 6, 2), (3, 3), 1, 1),
    "with a stride that leaves a rest": Window((7, 6, 1), (2, 2), 3, 0),
    "with a stride above its size": Window((9, 7, 2), (2, 1), 4, 0),
    "overlapping": Window((6, 7, 3), (3, 2), 2, 1),
    "not square": Window((4, 9, 1), (1, 5), 2, 0),
}
windows = pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)


def images(window, k=3):
    return rng.normal(size=(k, prod(window.image)))


def each_place(X, window):
    """Yield (example, place, [(number in the window, pixel (c,) or None outside), ...]) by plain loops."""
    (h, w, c), (rows, columns), s, p = window.image, window.size, window.stride, window.padding
    for n, image in enumerate(X.reshape(len(X), h, w, c)):
        for y, x in product(*map(range, window.places)):
            at = [(y * s - p + i, x * s - p + j) for i, j in product(range(rows), range(columns))]
            pixels = [image[a, b] if 0 <= a < h and 0 <= b < w else None for a, b in at]
            yield n, y * window.places[1] + x, list(enumerate(pixels))


@windows
def test_unfold_makes_a_row_of_every_patch(window):
    X, places = images(window), prod(window.places)
    patches = np.full((len(X) * places, window.patch), np.nan)
    FLOAT64.unfold(X, window, patches)
    for n, place, pixels in each_place(X, window):
        expected = [np.zeros(window.image[2]) if pixel is None else pixel for _, pixel in pixels]
        assert (patches[n * places + place] == np.concatenate(expected)).all()


@windows
def test_fold_is_the_adjoint_of_unfold(window):
    """<unfold X, P> = <X, fold P>; the sums have a few hundred terms."""
    X = images(window)
    patches = np.empty((len(X) * prod(window.places), window.patch))
    FLOAT64.unfold(X, window, patches)
    P, folded = rng.normal(size=patches.shape), np.full(X.shape, np.nan)
    FLOAT64.fold(P, window, folded)
    np.testing.assert_allclose(np.vdot(patches, P), np.vdot(X, folded), rtol=1e-12, atol=1e-12)


def pooled(X, window):
    out = np.empty((len(X), prod(window.places) * window.image[2]))
    largest = np.empty(out.shape, np.int32)
    FLOAT64.max_pool(X, window, out, largest)
    return out, largest


@windows
@pytest.mark.parametrize("values", ["numbers", "ties", "NaN", "infinities"])
def test_max_pooling(window, values):
    """Of equal pixels the first is taken, NaN is larger than any number, and the edge has no pixels."""
    X, c = images(window), window.image[2]
    if values == "ties":
        X = np.round(X)
    elif values != "numbers":
        X[rng.random(X.shape) < 0.3] = np.nan if values == "NaN" else -np.inf
    out, largest = pooled(X, window)
    for n, place, pixels in each_place(X, window):
        for channel in range(c):
            inside = [(number, pixel[channel]) for number, pixel in pixels if pixel is not None]
            number, value = inside[int(np.argmax([value for _, value in inside]))]
            at = place * c + channel
            assert largest[n, at] == number
            np.testing.assert_equal(out[n, at], value)


@windows
def test_the_gradient_of_max_pooling_goes_to_the_largest_pixel(window):
    X = np.round(images(window))
    out, largest = pooled(X, window)
    Delta, A, expected = rng.normal(size=out.shape), np.full(X.shape, np.nan), np.zeros(X.shape)
    FLOAT64.max_pool_gradient(Delta, largest, window, A)
    (_, w, c), columns = window.image, window.size[1]
    for n, place in product(range(len(X)), range(prod(window.places))):
        y, x = divmod(place, window.places[1])
        for channel in range(c):
            i, j = divmod(largest[n, place * c + channel], columns)
            row, column = y * window.stride - window.padding + i, x * window.stride - window.padding + j
            expected[n, (row * w + column) * c + channel] += Delta[n, place * c + channel]
    np.testing.assert_allclose(A, expected, rtol=1e-12, atol=1e-13)


@windows
def test_mean_pooling_and_its_gradient(window):
    """The mean of the pixels inside the image; the gradient is its adjoint."""
    X = images(window)
    out = np.empty((len(X), prod(window.places) * window.image[2]))
    FLOAT64.mean_pool(X, window, out)
    for n, place, pixels in each_place(X, window):
        mean = np.mean([pixel for _, pixel in pixels if pixel is not None], axis=0)
        np.testing.assert_allclose(out[n].reshape(-1, window.image[2])[place], mean, rtol=1e-12, atol=1e-14)
    Delta, A = rng.normal(size=out.shape), np.empty(X.shape)
    FLOAT64.mean_pool_gradient(Delta, window, A)
    np.testing.assert_allclose(np.vdot(out, Delta), np.vdot(X, A), rtol=1e-11, atol=1e-12)


def test_dropout_drops_a_share_at_random_and_scales_the_rest():
    X, out = np.ones((300, 200)), np.empty((300, 200))
    kept = []
    for t, key in ((0, 1), (1, 1), (0, 2), (0, 1)):
        FLOAT64.dropout(X, out, 0.3, np.array([t]), key)
        assert {*np.unique(out)} == {0, 1 / 0.7}
        kept.append(out > 0)
    shares = [each.mean() for each in kept]
    # 60,000 elements: a standard deviation of 0.002; by row 0.032, and 300 rows are rarely 4 off
    np.testing.assert_allclose(shares, 0.7, atol=0.008)
    assert abs(kept[0].mean(axis=1) - 0.7).max() < 0.15 and abs(kept[0].mean(axis=0) - 0.7).max() < 0.15
    assert (kept[0] == kept[3]).all()
    for other in kept[1:3]:  # independent: both kept in 0.49 of the cases
        assert abs((kept[0] & other).mean() - 0.49) < 0.01
    neighbours = (kept[0][:, 1:] & kept[0][:, :-1]).mean()
    assert abs(neighbours - 0.49) < 0.01


def test_dropout_is_pcg3d():
    """The first numbers of pcg3d (Jarzynski and Olano 2020), in Python's integers."""

    def pcg3d(x, y, z):
        x, y, z = (n * 1664525 + 1013904223 & 0xFFFFFFFF for n in (x, y, z))
        for last in (False, True):
            x = x + y * z & 0xFFFFFFFF
            y = y + z * x & 0xFFFFFFFF
            z = z + x * y & 0xFFFFFFFF
            x, y, z = (x, y, z) if last else (n ^ n >> 16 for n in (x, y, z))
        return x

    X, out = np.ones((2, 50)), np.empty((2, 50))
    FLOAT64.dropout(X, out, 0.25, np.array([7]), 123456789)
    assert (out.reshape(-1) > 0).tolist() == [pcg3d(n, 7, 123456789) >= 2**30 for n in range(100)]


NETWORKS = {
    "with dropout at the bottom": ((6,), ("dropout:0.3", 5)),
    "with dropout twice": ((5, 4, 2), ("conv:3x2", "dropout:0.4", 6, "dropout:0.2")),
    "with dropout between images": ((6, 6, 1), ("conv:3x3", "dropout:0.5", "pool:2")),
}


@pytest.mark.parametrize("theta", ["tanh", "maxout:3"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradient_of_a_training_step(name, theta):
    """Numerically, for what the step drops: to 1e-6 of the array's largest gradient, with h = 1e-5."""
    shape, hidden = NETWORKS[name]
    layers, k = layers_of(shape, hidden, 3, theta), 6
    parameters = [(W.astype(float), b + 0.1) for W, b in initial_parameters(layers, 1)]
    network = Network(FLOAT64, parameters, layers=layers)
    space, tally = network.workspace(k, np.intp), Tally(FLOAT64, k)
    X, space.y[:] = rng.normal(size=(k, prod(shape))), np.arange(k) % 3

    def mean_loss():
        losses = Tally(FLOAT64, k)
        space.X[:] = X
        network.forward(space, np.array([3]))
        network.loss.gradient(FLOAT64, space.Z, network.layers[-1].b, space.y, network.class_weights, losses)
        return losses.read()[0] / k

    network.assign(parameters, network.velocities(), updates=3)
    space.X[:] = X
    network.step(space, Rates(0.1, momentum=0.5), tally)  # the velocities are the gradient
    assert network.updates[0] == 3 + network.counts_updates
    gradients = network.velocities()
    network.assign(parameters)
    for layer, pair in zip(network.weighted, gradients, strict=True):
        for array, gradient in zip((layer.W, layer.b), pair):
            entries, numerical = array.reshape(-1), []
            for i in range(entries.size):
                value = entries[i]
                entries[i] = value + 1e-5
                above = mean_loss()
                entries[i] = value - 1e-5
                numerical.append((above - mean_loss()) / 2e-5)
                entries[i] = value
            np.testing.assert_allclose(gradient.reshape(-1), numerical, rtol=0, atol=1e-6 * abs(gradient).max())


def test_dropout_is_for_training_only():
    layers = layers_of((4,), ("dropout:0.5",), 3, "relu")
    plain = layers_of((4,), (), 3, "relu")
    parameters, X = [(rng.normal(size=(3, 4)), rng.normal(size=3))], rng.normal(size=(9, 4))
    data = FLOAT64.upload_data(X, np.zeros(9, int), np.zeros(4), np.ones(4))
    dropping, without = (
        FLOAT64.stepper(Network(FLOAT64, parameters, layers=each), data).outputs(np.arange(9))
        for each in (layers, plain)
    )
    np.testing.assert_array_equal(dropping, without)


def test_initial_filters_have_the_deviation_that_the_activation_wants():
    layers = layers_of((9, 9, 40), ("conv:200x5",), 10, "relu")
    (W, b), _ = initial_parameters(layers, 0)
    assert W.shape == (200, 5 * 5 * 40) and not b.any() and W.dtype == b.dtype == np.float32
    np.testing.assert_allclose(W.std(), (2 / 1000) ** 0.5, rtol=0.01)


def test_lenet():
    layers = layers_of((28, 28, 1), LENET, 10, "relu")
    assert written(layers) == "28x28x1-conv:6x5+2-pool:2-conv:16x5-pool:2-120-84-10"
    assert [layer.shape for layer in layers] == [
        (28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (120,), (84,), (10,)
    ]  # fmt: skip
    assert sum(prod(shape) for layer in layers if layer.weighted for shape in layer.parameter_shapes) == 61_706


@pytest.mark.parametrize(
    ("entry", "size", "stride", "padding"),
    [
        ("conv:6x5", (5, 5), 1, 0),
        ("conv:6x5x3", (5, 3), 1, 0),
        ("conv:6x5/2", (5, 5), 2, 0),
        ("conv:6x5x4/2+3", (5, 4), 2, 3),
        ("pool:3", (3, 3), 3, 0),
        ("pool:3x2/2", (3, 2), 2, 0),
        ("meanpool:3/1+1", (3, 3), 1, 1),
    ],
)
def test_the_text_of_a_layer(entry, size, stride, padding):
    (layer, _) = layers_of((16, 15, 2), (entry,), 3, "tanh")
    assert str(layer) == entry and layer.window == Window((16, 15, 2), size, stride, padding)


def test_what_is_read_is_what_is_written():
    entries = read_hidden("conv:6x5+2, pool:2,dropout:0.25,120")
    assert entries == ("conv:6x5+2", "pool:2", "dropout:0.25", 120)
    assert read_hidden(",".join(map(str, entries))) == entries


@pytest.mark.parametrize(
    "entry",
    [
        *("", "conv", "conv:", "conv:6x٣", "conv:0x3", "conv:3x0"),
        *("pool:x", "pool:0", "pool:2x0/1", "pool:2/0", "pool:2+2", "pool:2+-1", "pool:3x2"),
        *("dropout:0", "dropout:1", "dropout:1e400"),
        *(True, 2.5, 0, -1),
    ],
)
def test_what_is_no_layer_is_refused(entry):
    with pytest.raises(InputError, match="is not a layer; give the units"):
        hidden_layer(entry, Activation.of("relu"))
