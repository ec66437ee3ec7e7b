"""The panels of hw5 plot, and which models each applies to."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.ticker import MaxNLocator, PercentFormatter

from hw5.metrics import confusion_matrix
from hw5.plots.image_panels import draw_maps, draw_mistaken_images, draw_weights
from hw5.plots.style import BLUE, GREY, VERMILION, class_styles, open_frame

_MOST_MISTAKES = 24
_MOST_POINTS = 2000
_MOST_CLASSES = 2000  # of a confusion matrix; the map of regions has 160,000 probabilities of each class
_MOST_REGIONS = 500
_MOST_NUMBERS = 15  # classes for which a confusion matrix shows its counts
_MOST_NAMES = 60
_LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue
_FINE = 400  # points per curve, and per side of a map


def quantities(history):
    """The quantities to plot by epoch; a regression has no accuracy."""
    return [name for name in ("loss", "accuracy") if history[0][name] is not None]


def draw_curves(axes, history):
    """Plot each quantity by epoch, for training and validation, on its own axes."""
    epochs = [row["epoch"] for row in history]
    for axis, quantity in zip(axes, quantities(history)):
        for prefix, name, colour in (("", "train", BLUE), ("validation_", "validation", VERMILION)):
            values = [row[prefix + quantity] for row in history]
            if None not in values:
                axis.plot(epochs, values, color=colour, label=name, marker="o", markersize=3)
        axis.set(xlabel="epoch", ylabel=quantity)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        open_frame(axis)
    axes[0].set_ylim(bottom=0)
    axes[-1].legend(frameon=False)
    if "accuracy" in quantities(history):
        axes[-1].yaxis.set_major_formatter(PercentFormatter(xmax=1))


def _curves(figure, view):
    history = view.checkpoint.history
    axes = figure.subplots(len(quantities(history)), 1, squeeze=False, sharex=True)[:, 0]
    draw_curves(axes, history)
    for axis in axes[:-1]:
        axis.set_xlabel("")
    figure.suptitle("Training")


def _confusion(figure, view):
    """Blue for correct predictions, vermilion for mistakes; the square root makes rare mistakes visible."""
    names = view.class_names
    C = confusion_matrix(view.y, view.predicted, len(names))
    shares = C / np.maximum(C.sum(axis=1, keepdims=True), 1)
    correct = np.eye(len(names), dtype=bool)
    colours = np.where(correct[:, :, np.newaxis], to_rgb(BLUE), to_rgb(VERMILION))
    strength = np.where(correct, shares, np.sqrt(shares))[:, :, np.newaxis]
    cells = 1 - strength * (1 - colours)
    axes = figure.subplots()
    axes.imshow(cells)
    if len(names) <= _MOST_NUMBERS:
        for i, j in np.argwhere(C):
            colour = "white" if cells[i, j] @ _LUMINANCE < 0.6 else "black"
            axes.text(j, i, f"{C[i, j]:,}", ha="center", va="center", color=colour, fontsize=10 if len(C) < 8 else 8)
    shown = range(0, len(names), -(-len(names) // _MOST_NAMES))
    upright = max(map(len, names)) * len(names) > 60
    size = min(10, max(6, 200 / len(names)))
    axes.set_xticks(shown, [names[c] for c in shown], rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(shown, [names[c] for c in shown], fontsize=size)
    axes.set(xlabel="predicted", ylabel="true")
    figure.suptitle("Confusion matrix (blue: correct, vermilion: mistakes)")


def _mistakes(figure, view):
    """The most confident mistakes."""
    wrong = np.flatnonzero(view.predicted != view.y)
    sureness = view.P[wrong, view.predicted[wrong]]
    order = np.argsort(-sureness, kind="stable")[:_MOST_MISTAKES]
    draw = draw_mistaken_images if view.checkpoint.image_shape else _mistaken_examples
    draw(figure, view, wrong[order], sureness[order])
    shown = "all" if len(wrong) == len(order) else f"the {len(order)} most confident of"
    figure.suptitle(f"Mistakes: {shown} {len(wrong):,}")


def _mistaken_examples(figure, view, wrong, sureness):
    names, axes = view.class_names, figure.subplots()
    places = np.arange(len(wrong))
    axes.barh(places, sureness, color=VERMILION, alpha=0.6)
    for place, example in zip(places, wrong):
        text = f"{names[view.predicted[example]]} (true: {names[view.y[example]]})"
        axes.text(0.01, place, text, va="center", fontsize=8)
    axes.set_yticks(places, [f"example {view.subset.rows[example] + 1:,}" for example in wrong], fontsize=8)
    axes.set(xlim=(0, 1), ylim=(max(len(wrong), 8) - 0.5, -0.5), xlabel="probability of the predicted class")
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.spines[["top", "right"]].set_visible(False)


def _regions(figure, view):
    """The predicted class at each point, paler where the model is less confident, and the examples."""
    X, axes, m = np.float64(view.X), figure.subplots(), len(view.checkpoint.class_names)
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1)
    (left, bottom), (right, top) = low - margin, high + margin
    middles = (np.arange(_FINE) + 0.5) / _FINE  # of the pixels of the map
    across, up = left + (right - left) * middles, bottom + (top - bottom) * middles
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(np.float32)
    P = view.model.predict(plane).reshape(_FINE, _FINE, m)
    predicted, styles = P.argmax(axis=-1), class_styles(m)
    colours = np.array([to_rgb(colour) for _, colour, _ in styles])
    sureness = 0.1 + 0.35 * (P.max(axis=-1, keepdims=True) - 1 / m) / (1 - 1 / m)
    image = 1 - sureness * (1 - colours[predicted])
    axes.imshow(image, extent=(left, right, bottom, top), origin="lower", aspect="auto", interpolation="bilinear")
    for c, _, _ in styles:
        if (predicted == c).any() and (predicted != c).any():
            axes.contour(across, up, predicted == c, levels=[0.5], colors="black", linewidths=0.6)
    shown = np.arange(len(X))[:_MOST_POINTS]
    for c, colour, marker in styles:
        of_class = X[shown][view.y[shown] == c]
        label = view.class_names[c]
        axes.scatter(*of_class.T, s=22, color=colour, marker=marker, edgecolors="white", linewidths=0.6, label=label)
    wrong = X[shown][(view.y != view.predicted)[shown]]
    if len(wrong):
        axes.scatter(*wrong.T, s=70, facecolors="none", edgecolors="black", linewidths=0.9, label="mistake")
    axes.set(xlabel=view.feature_name(0), ylabel=view.feature_name(1))
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, title="class")
    figure.suptitle("Decision regions (paler: less confident)")


def _predictions(figure, view):
    axes, predicted = figure.subplots(), view.P[:, 0]
    low, high = min(view.y.min(), predicted.min()), max(view.y.max(), predicted.max())
    axes.plot([low, high], [low, high], color=GREY, linewidth=1, zorder=1)
    axes.scatter(view.y[:_MOST_POINTS], predicted[:_MOST_POINTS], s=14, color=BLUE, alpha=0.5, linewidths=0, zorder=2)
    axes.set(xlabel="true", ylabel="predicted")
    axes.set_aspect("equal", adjustable="datalim")
    open_frame(axes)
    figure.suptitle("Predicted against true values")


def _fit(figure, view):
    axes, X = figure.subplots(), np.float64(view.X)
    x = np.linspace(X.min(axis=0), X.max(axis=0), _FINE).astype(np.float32)
    axes.scatter(
        X[:_MOST_POINTS, 0], view.y[:_MOST_POINTS], s=14, color=BLUE, alpha=0.4, linewidths=0, label="examples"
    )
    axes.plot(x[:, 0], view.model.predict(x)[:, 0], color=VERMILION, linewidth=2, label="model")
    axes.set(xlabel=view.feature_name(0), ylabel="target")
    axes.legend(frameon=False)
    open_frame(axes)
    figure.suptitle("Fit")


class Panel(NamedTuple):
    """draw(figure, view) draws it; misfit(view) is why it does not apply to the model, or None."""

    draw: Callable
    misfit: Callable
    needs_examples: bool = True


def _is_regression(view):
    return view.checkpoint.settings.task == "regression"


def _has_probabilities(view):
    return view.checkpoint.loss.gives_probabilities


def _has_one_target(view):
    return _is_regression(view) and not view.checkpoint.target_names


def _classes(view):
    return len(view.checkpoint.class_names)


def _features(view):
    return view.checkpoint.schema.features


def _has_maps(view):
    return any(layer.window for layer in view.checkpoint.layers())


def _needs(condition, reason):
    return lambda view: None if condition(view) else reason


PANELS = {
    "curves": Panel(_curves, _needs(lambda view: view.checkpoint.history, "no epoch has finished"), False),
    "confusion": Panel(
        _confusion,
        _needs(lambda view: 0 < _classes(view) <= _MOST_CLASSES, f"it needs 2 to {_MOST_CLASSES:,} classes"),
    ),
    "predictions": Panel(_predictions, _needs(_has_one_target, "it needs a regression of one target")),
    "fit": Panel(
        _fit,
        _needs(
            lambda view: _has_one_target(view) and _features(view) == 1,
            "it needs a regression of one target with one feature",
        ),
    ),
    "regions": Panel(
        _regions,
        _needs(
            lambda view: 0 < _classes(view) <= _MOST_REGIONS and _features(view) == 2,
            f"it needs two features, and 2 to {_MOST_REGIONS:,} classes",
        ),
    ),
    "mistakes": Panel(
        _mistakes,
        _needs(
            lambda view: _classes(view) and _has_probabilities(view) and (view.predicted != view.y).any(),
            "there are no mistakes, or the model has no probabilities of classes",
        ),
    ),
    "weights": Panel(
        draw_weights, _needs(lambda view: view.checkpoint.image_shape, "the model was not trained on images"), False
    ),
    "maps": Panel(draw_maps, _needs(_has_maps, "the model has no convolution or pooling")),
}
