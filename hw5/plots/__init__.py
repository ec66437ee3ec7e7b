"""Plots of training, models and data, as PNG files. matplotlib is imported on use, so nothing else needs it."""

from hw5.errors import InputError, require_known


def require_matplotlib(option="--plot"):
    """Raise InputError if matplotlib is missing. Call before long work."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise InputError(f"{option} needs matplotlib: pip install 'hw5[plot]'") from error
    except ValueError as error:  # of a variable such as MPLBACKEND
        raise InputError(f"{option} needs matplotlib, which does not load: {error}; correct its settings") from error


def plot_training(history, path, title=""):
    """Plot loss and accuracy by epoch, from a checkpoint's history, to a PNG file."""
    from hw5.plots.panels import draw_curves, quantities
    from hw5.plots.style import page

    with page(path, (9, 3.6), title) as figure:
        draw_curves(figure.subplots(1, len(quantities(history)), squeeze=False)[0], history)


def plot_model(view, names, path):
    """Draw the named panels of a View, by default all that apply, to a PNG file. Return their names.

    Raises InputError if a named panel does not apply to the model.
    """
    from hw5.plots.style import page, page_size

    drawn = _fitting(view, names)
    with page(path, page_size(len(drawn)), view.title) as figure:
        _draw(figure, view, drawn)
    return drawn


def figure_of_model(view, names):
    """As plot_model, but a Figure, which a notebook shows."""
    from hw5.plots.style import figure_of, page_size, plain_text

    drawn = _fitting(view, names)
    with plain_text():
        figure = figure_of(page_size(len(drawn)), view.title)
        _draw(figure, view, drawn)
    return figure


def _fitting(view, names):
    """The named panels, by default all that apply. Raises InputError if a named one does not."""
    from hw5.plots.panels import PANELS

    for name in names:
        require_known("panel", name, PANELS)
    reasons = {name: PANELS[name].misfit(view) for name in names or PANELS}
    for name, reason in reasons.items():
        if names and reason:
            raise InputError(f"--what {name} cannot be drawn: {reason}; leave it out")
    return [name for name, reason in reasons.items() if not reason]


def _draw(figure, view, names):
    from hw5.plots.panels import PANELS
    from hw5.plots.style import subfigures

    for name, subfigure in zip(names, subfigures(figure, len(names))):
        PANELS[name].draw(subfigure, view)


def plot_samples(dataset, path):
    """Plot a data set to a PNG file: images by class, or the distribution of its features."""
    from hw5.plots.samples import draw_samples, sheet_size
    from hw5.plots.style import page

    with page(path, sheet_size(dataset), dataset.name) as figure:
        draw_samples(figure, dataset)
