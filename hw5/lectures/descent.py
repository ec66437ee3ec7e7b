"""Gradient descent on a loss surface: the paths of single examples, minibatches and momentum from the same start.

All weights of a network are a point in many dimensions. The plane is that of the two directions in which the paths
differ most, their principal components (Li et al. 2018, "Visualizing the loss landscape of neural nets"), through their
mean.
"""

from typing import NamedTuple

import numpy as np

from hw5.datasets import load
from hw5.train.data_source import DataSource
from hw5.train.run import Run
from hw5.train.settings import Settings

_ETA, _EPOCHS = 0.1, 8
_EXAMPLES = 20  # between two points of a path
RULES = {
    "one example": {"batch_size": 1, "lr": _ETA},
    "minibatches of 20": {"batch_size": _EXAMPLES, "lr": _ETA},
    "minibatches, momentum 0.9": {"batch_size": _EXAMPLES, "lr": _ETA, "momentum": 0.9},
}
_SIDE = 41  # points of the surface
_MARGIN = 0.25


class Path(NamedTuple):
    """The weights of a training by step (n, p), and the mean loss of all examples at each of them (n,)."""

    weights: np.ndarray
    losses: np.ndarray


class Surface(NamedTuple):
    """The loss (side, side) over the plane centre + a first + b second; share: of the paths' variance that is in it."""

    a: np.ndarray
    b: np.ndarray
    loss: np.ndarray
    centre: np.ndarray
    axes: np.ndarray  # (2, p), orthonormal
    share: float

    def project(self, weights):
        """The coordinates (n, 2) of weights (n, p)."""
        return (weights - self.centre) @ self.axes.T


def paths(device, seed=0):
    """The Run of the last rule, and {rule: Path}."""
    dataset = load("xor")
    source, found = DataSource.of(dataset, None, None), {}
    for name, rule in RULES.items():
        settings = Settings(
            hidden=(4,), activation="tanh", epochs=_EPOCHS, optimizer="sgd", validation=0.0, seed=seed, **rule
        )
        every = _EXAMPLES // rule["batch_size"]
        run = Run(device, dataset, settings, source, pause_every=every)
        found[name] = _path(run, every)
    return run, found


def _path(run, every):
    weights = [_flat(run.network.parameters())]
    for _ in run.train():
        if run.training.steps % every == 0:  # it also reports by the time
            weights.append(_flat(run.network.parameters()))
    return Path(np.array(weights), np.array([_loss(run, each) for each in weights]))


def surface(run, found):
    """The Surface around the paths of a Run."""
    points = np.concatenate([path.weights for path in found.values()])
    centre = points.mean(axis=0)
    _, sizes, directions = np.linalg.svd(points - centre, full_matrices=False)
    axes, share = directions[:2], float((sizes[:2] ** 2).sum() / (sizes**2).sum())
    shadows = (points - centre) @ axes.T
    low, high = shadows.min(axis=0), shadows.max(axis=0)
    a, b = np.linspace(low - _MARGIN * (high - low), high + _MARGIN * (high - low), _SIDE).T
    loss = np.array([[_loss(run, centre + u * axes[0] + v * axes[1]) for u in a] for v in b])
    return Surface(a, b, loss, centre, axes, share)


def _flat(parameters):
    return np.concatenate([np.float64(array).ravel() for pair in parameters for array in pair])


def _loss(run, weights):
    """The mean loss of the training examples with these weights (p,)."""
    shapes = [array.shape for pair in run.network.parameters() for array in pair]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    arrays = [part.reshape(shape) for part, shape in zip(np.split(np.float32(weights), ends[:-1]), shapes)]
    run.network.assign(list(zip(arrays[::2], arrays[1::2])))
    return run.evaluate("train")[0]


def draw(path, plane, found):
    """Draw the surface with the paths on it, and the loss by step, to a PNG file."""
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    from hw5.plots.style import CLASS_COLOURS, open_frame, page

    with page(
        path, (12, 5.2), f"Gradient descent: {plane.share:.0%} of the paths' variance is in this plane"
    ) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
        levels = np.geomspace(max(plane.loss.min(), 1e-3), plane.loss.max(), 18)
        left.contourf(plane.a, plane.b, plane.loss, levels=levels, cmap="Greys", alpha=0.5, norm="log")
        left.contour(plane.a, plane.b, plane.loss, levels=levels, colors="black", linewidths=0.3)
        for (name, each), colour, marker in zip(found.items(), (CLASS_COLOURS[i] for i in (1, 0, 2)), "os^"):
            left.plot(*plane.project(each.weights).T, color=colour, linewidth=1.2, label=name)
            left.plot(*plane.project(each.weights[-1:]).T, marker, color=colour, markersize=8, markeredgecolor="white")
            steps = np.linspace(0, _EPOCHS, len(each.losses))
            right.plot(steps, each.losses, color=colour, linewidth=1.2, label=name)
        left.plot(
            *plane.project(next(iter(found.values())).weights[:1]).T, "*", color="black", markersize=13, label="start"
        )
        left.set(xlabel="first principal direction", ylabel="second")
        left.legend(frameon=True, fontsize=8, loc="lower left")
        right.set(xlabel="epoch", ylabel="loss of all examples", yscale="log")
        right.yaxis.set_major_formatter(ScalarFormatter())
        right.yaxis.set_minor_formatter(NullFormatter())
        open_frame(right)
