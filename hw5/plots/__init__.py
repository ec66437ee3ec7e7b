"""Pictures of a training, of a trained model and of data, by matplotlib: one PNG a page.

matplotlib is imported when something is drawn, so that everything else works without it.
"""

from hw5.errors import InputError


def require_matplotlib(option="--plot"):
    """Find out before the work that a picture cannot be drawn; raises InputError naming what needs it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise InputError(f"{option} needs matplotlib: pip install 'hw5[plot]'") from error


def plot_training(history, path, title=""):
    """Draw loss and accuracy by epoch from a checkpoint's history into a PNG file at path."""
    from hw5.plots.panels import draw_curves, quantities
    from hw5.plots.style import page

    with page(path, (9, 3.6), title) as figure:
        draw_curves(figure.subplots(1, len(quantities(history)), squeeze=False)[0], history)


def plot_model(view, names, path):
    """Draw panels of a View on one page, a PNG file at path: those named, or by default all that fit.

    Gives the names of those drawn. Raises InputError where one that is named does not fit the model.
    """
    from hw5.plots.panels import PANELS
    from hw5.plots.style import page, page_size, subfigures

    reasons = {name: PANELS[name].misfit(view) for name in names or PANELS}
    for name, reason in reasons.items():
        if names and reason:
            raise InputError(f"--what {name} cannot be drawn: {reason}; leave it out")
    drawn = [name for name, reason in reasons.items() if not reason]
    with page(path, page_size(len(drawn)), view.title) as figure:
        for name, subfigure in zip(drawn, subfigures(figure, len(drawn))):
            PANELS[name].draw(subfigure, view)
    return drawn


def plot_samples(dataset, path):
    """Draw examples of a data set into a PNG file at path: its images class by class, or how its features lie."""
    from hw5.plots.samples import draw_samples, sheet_size
    from hw5.plots.style import page

    with page(path, sheet_size(dataset), dataset.name) as figure:
        draw_samples(figure, dataset)
