"""Activations and their derivatives, and where the units of a trained model are on them.

"Note that most derivatives of tanh function will be zero!" (lecture 14, "Examples of activation fns"). How many are, on
the examples of a model, can be counted.
"""

from typing import NamedTuple

import numpy as np

from hw5.devices.activations import ELEMENTWISE, Activation
from hw5.devices.cpu import CpuDevice
from hw5.devices.stepper import Stepper
from hw5.errors import InputError

SMALL = 0.01  # a derivative that lets hardly any of the gradient through
_BINS = 50


class LayerDerivatives(NamedTuple):
    """theta'(z) of a layer over all examples: counts (_BINS,) between 0 and the largest, and shares of the units.

    zero: exactly 0; small: below SMALL, in size; dead: units whose derivative is 0 for every example.
    """

    name: str
    counts: np.ndarray
    edges: np.ndarray
    zero: float
    small: float
    dead: float


def curves(name, z):
    """theta(z) and theta'(z) of an activation, float64."""
    device, theta = CpuDevice(np.float64), Activation.of(name)
    X, Delta = np.array(z, np.float64)[:, np.newaxis], np.ones((len(z), 1))
    device.activate(theta, X, np.zeros(1))
    device.activation_gradient(theta, Delta, X)
    return X[:, 0], Delta[:, 0]


def of_layers(model, X):
    """The LayerDerivatives of the hidden layers of a Predictor for examples X (n, d).

    Raises InputError if there are none.
    """
    network, its = model.network, model.checkpoint.standardisation
    numbers = [l for l, layer in enumerate(network.layers) if layer.weighted and layer.theta and layer.pieces == 1]
    if not numbers:
        raise InputError(
            "this model has no hidden layer with an activation of one piece, whose derivatives can be counted"
        )
    stepper = Stepper(network, network.device.upload_data(X, np.zeros(len(X), np.int32), its.mean, its.scale))
    parts = [_parts(stepper, X, l) for l in numbers]
    return [_counted(f"layer {l + 1}, {network.layers[l]}", part) for l, part in zip(numbers, parts)]


def _parts(stepper, X, l):
    """theta'(z) (n, units) of layer l."""
    device, layer, found = stepper.device, stepper.network.layers[l], []
    for start in range(0, len(X), stepper.chunk):
        rows = np.arange(start, min(start + stepper.chunk, len(X)))
        space = stepper.space(len(rows))
        stepper.forward(device.upload(rows, device.index_dtype), 0, space)
        Delta = device.upload(np.ones(space.slots[l].X.shape), device.dtype)
        device.activation_gradient(layer.theta, Delta, space.slots[l].X)
        found.append(device.download(Delta))
    return np.concatenate(found)


def _counted(name, D):
    counts, edges = np.histogram(D, _BINS, (min(0.0, D.min()), max(1.0, D.max())))
    return LayerDerivatives(
        name, counts, edges, np.mean(D == 0), np.mean(abs(D) < SMALL), np.mean((D == 0).all(axis=0))
    )


def draw(path, layers=(), title=""):
    """Draw all activations with their derivatives, and the derivatives of a model's layers below, to a PNG file."""
    from hw5.plots.style import BLUE, VERMILION, open_frame, page

    z, columns = np.linspace(-4, 4, 801), 4
    rows = -(-len(ELEMENTWISE) // columns)
    of_layers = -(-len(layers) // columns)
    with page(path, (12, 0.5 + 2.5 * (rows + of_layers)), title or "Activations and their derivatives") as figure:
        all_axes = figure.subplots(rows + of_layers, columns, squeeze=False)
        for axes in all_axes.flat:
            axes.set_visible(False)
        for axes, name in zip(all_axes[:rows].flat, ELEMENTWISE):
            axes.set_visible(True)
            theta, derivative = curves(name, z)
            axes.plot(z, theta, color=BLUE, linewidth=2, label="θ(z)")
            axes.plot(z, derivative, color=VERMILION, linewidth=1.6, linestyle="--", label="θ′(z)")
            axes.set(title=name, ylim=(-1.6, 2.6))
            open_frame(axes)
        all_axes[0, 0].legend(frameon=False, fontsize=8)
        for axes, layer in zip(all_axes[rows:].flat, layers):
            axes.set_visible(True)
            axes.stairs(layer.counts / layer.counts.sum(), layer.edges, color=VERMILION, fill=True, alpha=0.6)
            axes.set(title=f"{layer.name}: {layer.zero:.1%} are 0", xlabel="θ′(z)", ylabel="share")
            open_frame(axes)
