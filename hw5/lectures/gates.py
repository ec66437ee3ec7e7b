"""XOR as OR, NAND and AND: each learned by a perceptron, and composed to a network.

A perceptron separates two classes by one line and cannot learn XOR, but "their composition" can ("From the perceptron
to convolutional networks", "Limitation: XOR problem"; lecture 14, "Limitations of linear models").
"""

import numpy as np

from hw5.datasets import load
from hw5.devices.cpu import CpuDevice
from hw5.nn.network import Network
from hw5.train.data_source import DataSource
from hw5.train.run import Run
from hw5.train.settings import Settings

CORNERS = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
GATES = {"OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0], "AND": [0, 0, 0, 1]}
_PERCEPTRON = {"loss": "perceptron", "hidden": (), "batch_size": 1, "lr": 1.0, "validation": 0.0, "holdout": 0.0}
_MOST_EPOCHS = 100


def learned(device, seed=0):
    """{gate: (w (1, 2), b (1,))} as perceptrons learn them from the four corners, until none is wrong."""
    return {name: _perceptron(device, np.array(y), seed) for name, y in GATES.items()}


def _perceptron(device, y, seed):
    dataset = load((CORNERS, y))
    settings = Settings(epochs=_MOST_EPOCHS, optimizer="sgd", standardise=False, seed=seed, **_PERCEPTRON)
    run = Run(device, dataset, settings, DataSource.of(dataset, None, None))
    for _ in run.train():
        pass
    return run.network.parameters()[0]


def composed(gates, points):
    """The outputs of OR and NAND (n, 2), and AND of both (n,), for points (n, 2)."""
    hidden = np.concatenate([gates["OR"][0], gates["NAND"][0]]), np.concatenate([gates["OR"][1], gates["NAND"][1]])
    network = Network(CpuDevice(), [hidden, gates["AND"]], "heaviside", "perceptron")
    device, X = network.device, np.float32(points)
    data = device.upload_data(X, np.zeros(len(X), np.int32), np.zeros(2), np.ones(2))
    stepper = device.stepper(network, data)
    space, classes = stepper.space(len(X)), np.empty(len(X), np.int64)
    stepper.forward(np.arange(len(X)), 0, space)
    network.loss.predict(device, space.Z, network.layers[-1].b, classes)
    return space.slots[0].X.copy(), classes


def written(gate):
    """A gate as a formula, such as x1 + 2 x2 - 1 > 0."""
    (w,), (b,) = gate
    terms = [f"{'-' if value < 0 else '+'} {_times(abs(value), name)}" for value, name in zip(w, ("x1", "x2")) if value]
    constant = f"{'-' if b < 0 else '+'} {abs(b):g}"
    return " ".join([*terms, constant]).removeprefix("+ ") + " > 0"


def _times(size, name):
    return name if size == 1 else f"{size:g} {name}"


def draw(path, gates):
    """Draw the line of each gate, and the regions of their composition, to a PNG file."""
    from hw5.plots.style import BLUE, VERMILION, page

    side = np.linspace(-0.5, 1.5, 201)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    regions = {name: points @ w[0] + b > 0 for name, (w, b) in gates.items()}
    regions["XOR = AND of OR and NAND"] = composed(gates, points)[1] == 1
    truth = GATES | {"XOR = AND of OR and NAND": CORNERS.sum(axis=1) == 1}
    with page(path, (13, 3.7), "XOR, composed of three perceptrons") as figure:
        for axes, (name, inside) in zip(figure.subplots(1, 4), regions.items()):
            colours = np.where(inside.reshape(201, 201, 1), [0.99, 0.87, 0.78], [0.8, 0.89, 0.95])
            axes.imshow(colours, extent=(-0.5, 1.5, -0.5, 1.5), origin="lower")
            for kind, marker, colour in ((0, "o", BLUE), (1, "s", VERMILION)):
                of_kind = CORNERS[np.equal(truth[name], kind)]
                axes.scatter(
                    *of_kind.T, s=70, marker=marker, color=colour, edgecolors="white", label=str(kind), zorder=2
                )
            formula = written(gates[name]) if name in gates else "both are 1"
            inputs = ("OR", "NAND") if name == "AND" else ("x1", "x2")
            axes.set(title=f"{name}\n{formula}", xlabel=inputs[0], ylabel=inputs[1], xticks=[0, 1], yticks=[0, 1])
        axes.legend(title="class", loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
