"""The universal approximation theorem: a curve, fitted with 1, 2, 4, ... hidden units.

"If your neural network is big enough, it can approximate any continuous function arbitrarily well" (lecture 14, Hornik
1991). A ReLU unit bends the line where its z = w x + b is 0: its hinge.
"""

from typing import NamedTuple

import numpy as np

from hw5.datasets import load
from hw5.train.data_source import DataSource
from hw5.train.defaults import settings_for
from hw5.train.predictor import Predictor
from hw5.train.run import Run

UNITS = (1, 2, 4, 8, 16, 32)
_POINTS = 256
_SEEDS = 5  # trainings of each network, of which the best counts: a few units often end far from the best fit
_SETTINGS = {
    "loss": "squared",
    "epochs": 1000,
    "batch_size": 8,
    "lr": 0.02,
    "lr_schedule": "cosine",
    "l2": 0.0,
    "validation": 0.0,
    "holdout": 0.0,
}


class Fit(NamedTuple):
    """A curve (n,) that hidden units have fitted, its root mean square error, and where their hinges are."""

    units: int
    curve: np.ndarray
    rmse: float
    hinges: np.ndarray  # (units,), ascending


def target():
    """The curve: x (n, 1) and y (n,)."""
    x = np.linspace(-3, 3, _POINTS, dtype=np.float32)[:, np.newaxis]
    return x, np.float32(np.sin(2 * x) + np.abs(x - 1) / 2)[:, 0]


def fits(device, units=UNITS, seed=0):
    """Yield the best Fit of several trainings for each number of hidden units."""
    x, y = target()
    dataset = load((x, y), task="regression")
    source = DataSource.of(dataset, None, None)
    for n in units:
        of_all = []
        for each in range(seed, seed + _SEEDS):
            settings = settings_for(len(y), hidden=(n,), seed=each, **_SETTINGS)
            of_all.append(_fit(Run(device, dataset, settings, source)))
        yield min(of_all, key=lambda fit: fit.rmse)


def _fit(run):
    for _ in run.train():
        pass
    x, y = target()
    model = Predictor(run.network.device, run.checkpoint())
    curve = model.predict(x)[:, 0]
    (W, b), its = model.checkpoint.parameters[0], model.checkpoint.standardisation
    with np.errstate(divide="ignore"):
        hinges = np.sort(-b / W[:, 0] / its.scale[0] + its.mean[0])
    return Fit(len(b), curve, float(np.sqrt(np.mean((curve - y) ** 2))), hinges)


def draw(path, found):
    """Draw each Fit with its hinges to a PNG file."""
    from hw5.plots.style import BLUE, GREY, VERMILION, open_frame, page

    x, y = (array.ravel() for array in target())
    columns = min(len(found), 3)
    rows = -(-len(found) // columns)
    with page(path, (3.6 * columns, 0.6 + 2.7 * rows), "A curve, fitted with more and more hidden units") as figure:
        all_axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for axes in all_axes[len(found) :]:
            axes.set_visible(False)
        for axes, fit in zip(all_axes, found):
            axes.plot(x, y, color=GREY, linewidth=3, alpha=0.6, label="curve")
            axes.plot(x, fit.curve, color=VERMILION, linewidth=1.6, label="network")
            inside = fit.hinges[(fit.hinges > x[0]) & (fit.hinges < x[-1])]
            axes.plot(inside, np.interp(inside, x, fit.curve), "o", color=BLUE, markersize=5, label="hinges")
            unit = "unit" if fit.units == 1 else "units"
            axes.set_title(f"{fit.units} {unit}: RMSE {fit.rmse:.3f}", fontsize=10)
            open_frame(axes)
        all_axes[0].legend(frameon=False, fontsize=8)
