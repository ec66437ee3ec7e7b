"""The panels of models of images: weights and filters, feature maps, and mistaken images."""

import math

import numpy as np

from hw5.devices.cpu import CpuDevice
from hw5.nn.hidden import example_shape, first_weighted
from hw5.nn.network import Network
from hw5.plots.style import DIVERGING, pictures, show_image, show_mosaic

_MOST_UNITS = 64
_MOST_CHANNELS = 4
_LABEL = {"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
_COLOURS = {1: ("",), 3: ("red", "green", "blue")}


def draw_weights(figure, view):
    """The weights of the first layer's units, or of those with the largest norms, by channel on one scale."""
    W, shape = view.checkpoint.parameters[0][0], example_shape(view.checkpoint.image_shape, 0)
    layer, (height, width, channels) = first_weighted(view.checkpoint.layers(), shape)
    units = np.arange(len(W))
    if len(W) > _MOST_UNITS:
        units = np.sort(np.argsort(-np.linalg.norm(W, axis=1), kind="stable")[:_MOST_UNITS])
    limit = np.percentile(np.abs(W[units]), 99.5) or 1  # without outliers, which would make the others pale
    images = W[units].reshape(-1, height, width, channels)
    shown = min(channels, _MOST_CHANNELS)
    side = math.isqrt(-(-2 * len(units) // (shown + 1)))  # narrower for several channels side by side
    columns = min(range(side, 2 * side + 1), key=lambda columns: -len(units) % columns)  # fewest empty places
    all_axes = figure.subplots(1, shown, squeeze=False)[0]
    for channel, axes in enumerate(all_axes):
        mosaic = show_mosaic(axes, images[..., channel], columns, cmap=DIVERGING, vmin=-limit, vmax=limit)
        if channels > 1:
            axes.set_title(_COLOURS.get(channels, [f"channel {channel + 1}"] * (channel + 1))[channel], fontsize=9)
    figure.colorbar(mosaic, ax=all_axes, shrink=0.6, aspect=30, extend="both")
    of_classes = layer.theta is None and len(W) == len(view.checkpoint.class_names)
    for i, name in enumerate(view.class_names if of_classes else ()):
        row, column = divmod(i, columns)
        all_axes[0].text(column * (width + 1), row * (height + 1), name, fontsize=9, va="top", bbox=_LABEL)
    kind = "pieces" if layer.pieces > 1 else "filters" if layer.window else "units"
    which = f"the {_MOST_UNITS} largest of {len(W)} {kind}" if len(W) > len(units) else f"{len(W)} {kind}"
    more = f", {shown} of {channels} channels" if shown < channels else ""
    figure.suptitle(f"Weights of the first layer: {'one image per class' if of_classes else which}{more}")


def draw_maps(figure, view):
    """What each convolution and pooling makes of the first example: an image for each filter."""
    layers, maps = _maps(view)
    rows = 1 + len(layers)
    all_axes = figure.subplots(rows, 1, squeeze=False, height_ratios=[1.5, *[1] * len(layers)])[:, 0]
    show_image(all_axes[0], pictures(view.X[:1], view.checkpoint.image_shape)[0], cmap="gray")
    all_axes[0].set_ylabel(f"true: {view.class_names[view.y[0]]}" if view.class_names else "", fontsize=8)
    for axes, layer, images in zip(all_axes[1:], layers, maps):
        shown = images[:_MOST_UNITS]
        show_mosaic(axes, shown, min(len(shown), 32), cmap="gray")
        axes.set_facecolor("white")
        axes.set_ylabel(str(layer), fontsize=8, rotation=0, ha="right", va="center")
    figure.suptitle("Feature maps of the first example")


def _maps(view):
    """The layers of images, and their outputs (channels, h, w) for the first example."""
    checkpoint, device = view.checkpoint, CpuDevice()
    network = Network(device, checkpoint.parameters, loss=checkpoint.settings.loss, layers=checkpoint.layers())
    its = checkpoint.standardisation
    stepper = device.stepper(network, device.upload_data(view.X[:1], np.zeros(1, int), its.mean, its.scale))
    space = stepper.space(1)
    stepper.forward(np.array([0]), 0, space)
    found = [(layer, slot.X.reshape(layer.shape)) for layer, slot in zip(network.layers, space.slots) if layer.window]
    return [layer for layer, _ in found], [np.moveaxis(X, 2, 0) for _, X in found]


def draw_mistaken_images(figure, view, wrong, sureness):
    names = view.class_names
    images = pictures(view.X[wrong], view.checkpoint.image_shape)
    columns = math.ceil(math.sqrt(len(wrong) * 1.5))
    all_axes = figure.subplots(-(-len(wrong) // columns), columns, squeeze=False).ravel()
    for axes in all_axes:
        axes.set_axis_off()
    for axes, example, image, p in zip(all_axes, wrong, images, sureness):
        axes.set_axis_on()
        show_image(axes, image, cmap="gray", vmin=images.min(), vmax=images.max())
        predicted, true = names[view.predicted[example]], names[view.y[example]]
        axes.set_title(f"{predicted} ({p:.0%})\ntrue: {true}", fontsize=8, pad=2)
