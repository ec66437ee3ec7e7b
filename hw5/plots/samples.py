"""A plot of a data set: its images by class, or the distribution of its features."""

import numpy as np

from hw5.plots.style import BLUE, CLASS_COLOURS, class_styles, open_frame, pictures, show_mosaic, shown

_MOST_CLASSES = 64
_MOST_FEATURES = 12
_MOST_POINTS = 2000


def sheet_size(dataset):
    """The size of the figure, in inches."""
    if dataset.image_shape and dataset.class_names:
        rows, columns = _rows_and_columns(dataset)
        height, width = dataset.image_shape[:2]
        return 1.2 + 0.45 * columns, 0.6 + 0.45 * rows * height / width
    if dataset.train.X.shape[1] <= 2:
        return 6.4, 5.2
    return 11, 0.6 + 2.2 * -(-min(dataset.train.X.shape[1], _MOST_FEATURES) // 4)


def draw_samples(figure, dataset):
    """Draw a data set on a figure of sheet_size(dataset)."""
    features, is_regression = dataset.train.X.shape[1], not dataset.class_names
    if dataset.image_shape and not is_regression:
        _draw_images(figure, dataset)
    elif features == 2 and not is_regression:
        _draw_plane(figure, dataset)
    elif is_regression:
        _draw_targets(figure, dataset)
    else:
        _draw_histograms(figure, dataset)


def _rows_and_columns(dataset):
    rows = min(len(dataset.class_names), _MOST_CLASSES)
    return rows, max(12, rows // 2)


def _draw_images(figure, dataset):
    """Draw the first images of each class, one row per class."""
    rows, columns = _rows_and_columns(dataset)
    X, y = dataset.train.X, dataset.train.y
    examples = [np.flatnonzero(y == c)[:columns] for c in range(rows)]
    found = pictures(X[np.concatenate(examples)], dataset.image_shape)
    height = found.shape[1]
    images = np.full((rows, columns, *found.shape[1:]), 1 if found.ndim == 4 else np.nan, np.float32)
    for c, of_class in enumerate(np.split(found, np.cumsum([len(each) for each in examples])[:-1])):
        images[c, : len(of_class)] = of_class
    axes = figure.subplots()
    show_mosaic(axes, images.reshape(-1, *found.shape[1:]), columns, cmap="gray")
    axes.set_yticks(np.arange(rows) * (height + 1) + (height - 1) / 2, _class_names(dataset)[:rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _feature_names(dataset):
    names = dataset.feature_names or [f"feature {i + 1}" for i in range(dataset.train.X.shape[1])]
    return list(map(shown, names))


def _class_names(dataset):
    return list(map(shown, dataset.class_names))


def _draw_plane(figure, dataset):
    axes, X, names = figure.subplots(), dataset.train.X[:_MOST_POINTS], _class_names(dataset)
    for c, colour, marker in class_styles(len(dataset.class_names)):
        points = X[dataset.train.y[: len(X)] == c]
        axes.scatter(*points.T, s=22, color=colour, marker=marker, edgecolors="white", linewidths=0.6, label=names[c])
    axes.set(**dict(zip(("xlabel", "ylabel"), _feature_names(dataset))))
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, title="class")
    open_frame(axes)


def _grid(figure, dataset):
    """Yield axes and values for each of the first features."""
    names, X = _feature_names(dataset), dataset.train.X
    n = min(len(names), _MOST_FEATURES)
    columns = min(n, 4)
    all_axes = figure.subplots(-(-n // columns), columns, squeeze=False, sharey=True).ravel()
    for axes in all_axes:
        axes.set_visible(False)
    for axes, name, x in zip(all_axes, names, X.T):
        axes.set_visible(True)
        axes.set_xlabel(name)
        open_frame(axes)
        yield axes, x


def _draw_targets(figure, dataset):
    y, names = dataset.train.y[:_MOST_POINTS], dataset.target_names
    columns, colours = (y.T, [colour for _, colour, _ in class_styles(len(names))]) if names else ([y], [BLUE])
    for axes, x in _grid(figure, dataset):
        for column, colour in zip(columns, colours):
            axes.scatter(x[:_MOST_POINTS], column, s=14, color=colour, alpha=0.4, linewidths=0)
    if names:
        figure.legend(list(map(shown, names)), loc="outside right upper", frameon=False, title="target")
    figure.supylabel("target")


def _draw_histograms(figure, dataset):
    y, names = dataset.train.y, _class_names(dataset)
    apart = len(names) <= len(CLASS_COLOURS)  # else one histogram for all classes
    for axes, x in _grid(figure, dataset):
        edges = np.histogram_bin_edges(x.astype(np.float64), bins=24)
        for c, colour, _ in class_styles(len(names) if apart else 1):
            values = x[y == c] if apart else x
            axes.hist(values, edges, histtype="step", color=colour, linewidth=1.4, label=names[c])
    if apart:
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", frameon=False, title="class")
    figure.supylabel("examples")
