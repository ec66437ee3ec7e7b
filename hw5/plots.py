"""Pictures of a training run, by matplotlib."""

from hw5.errors import InputError
from hw5.files import replacing

_TRAIN, _VALIDATION = "#0072B2", "#D55E00"  # blue and vermilion, told apart by every eye (Okabe and Ito 2008)


def require_matplotlib():
    """Find out before the training that a picture cannot be drawn; raises InputError."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise InputError("--plot needs matplotlib: pip install 'hw5[plot]'") from error


def plot_training(history, path, title=""):
    """Draw loss and accuracy by epoch from a checkpoint's history into a PNG file at path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    quantities = [name for name in ("loss", "accuracy") if history[0][name] is not None]
    axes = figure.subplots(1, len(quantities), squeeze=False)[0]
    epochs = [row["epoch"] for row in history]
    for axis, quantity in zip(axes, quantities):
        for prefix, name, colour in (("", "train", _TRAIN), ("validation_", "validation", _VALIDATION)):
            values = [row[prefix + quantity] for row in history]
            if None not in values:
                axis.plot(epochs, values, color=colour, label=name, marker="o", markersize=3)
        axis.set(xlabel="epoch", ylabel=quantity)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(bottom=0)
    axes[-1].legend(frameon=False)
    if "accuracy" in quantities:
        axes[-1].yaxis.set_major_formatter(PercentFormatter(xmax=1))
    figure.suptitle(title)
    with replacing(path) as file:
        figure.savefig(file, format="png")
