"""The common style of all plots: colours, markers and page layout."""

import io
import textwrap
from contextlib import contextmanager
from itertools import cycle

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from hw5.files import atomic_write
from hw5.text import printable

# The colour-blind safe palette of Okabe and Ito (2008), ordered for contrast between neighbours
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#707070"
CLASS_COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
DIVERGING = LinearSegmentedColormap.from_list("diverging", [BLUE, "white", VERMILION])

_DPI = 110
_PANEL = (6.6, 5.2)  # inches
_MOST_LETTERS = 200  # of a name
_PLAIN = {"text.usetex": False, "text.parse_math": False}  # names may have dollars and backslashes


@contextmanager
def page(path, size, title=""):
    """Yield a figure, with size in inches, and save it to a PNG file at the end."""
    with plain_text():
        figure = figure_of(size, title)
        yield figure
        with atomic_write(path) as file:
            figure.savefig(file, format="png")


def plain_text():
    """A context in which names are text, not formulas."""
    return matplotlib.rc_context(_PLAIN)


class NotebookFigure(Figure):
    """A Figure that a notebook shows, also if matplotlib.pyplot was never imported there."""

    def _repr_png_(self):
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def figure_of(size, title=""):
    """A figure, with size in inches and a title."""
    figure = NotebookFigure(figsize=size, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    title = textwrap.fill(shown(title), int(8 * size[0]))  # 8 letters per inch
    figure.suptitle(title, fontsize=13, fontweight="bold")
    return figure


def shown(name):
    """The name of a class, feature or file in a plot: one line, not too long.

    matplotlib hides labels with a leading underscore, so the name has none.
    """
    name = printable(name if len(name) <= _MOST_LETTERS else f"{name[:_MOST_LETTERS]}...")
    return f" {name}" if name.startswith("_") else name


def _grid(n):
    """Rows and columns for n panels: up to three in one row, more in rows of two."""
    columns = n if n <= 3 else 2
    return -(-n // columns), columns


def page_size(n):
    """The size of a page with n panels, in inches."""
    rows, columns = _grid(n)
    return columns * _PANEL[0], rows * _PANEL[1] + 0.4


def subfigures(figure, n):
    """One subfigure for each of n panels."""
    return figure.subfigures(*_grid(n), squeeze=False, wspace=0.03, hspace=0.03).flat


def class_styles(m):
    """(class, colour, marker) for each of m classes. The first 56 pairs of colour and marker are distinct."""
    return list(zip(range(m), cycle(CLASS_COLOURS), cycle("osD^vPX")))


def show_image(axes, image, **options):
    """Show an image without ticks and with a thin frame."""
    picture = axes.imshow(image, **options)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(linewidth=0.5, color=GREY)
    return picture


def pictures(X, image_shape):
    """Examples X (n, d) as images to show: grey (n, height, width), or red, green and blue (n, height, width, 3).

    The colours are scaled to 0 .. 1. Of images with another number of channels, the mean is shown.
    """
    images = X.reshape(-1, *image_shape).astype(np.float32)
    if images.ndim == 3:
        return images
    if images.shape[3] != 3:
        return images.mean(axis=3)
    darkest, brightest = images.min(), images.max()
    return (images - darkest) / max(brightest - darkest, np.finfo(np.float32).tiny)


def show_mosaic(axes, images, columns, **options):
    """Show pictures in a grid with this number of columns, one grey pixel apart."""
    n, height, width, *colours = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * columns, height + 1, width + 1, *colours), to_rgb(GREY) if colours else np.nan, np.float32)
    sheet[:n, :height, :width] = images
    sheet = sheet.reshape(rows, columns, height + 1, width + 1, *colours).swapaxes(1, 2)
    sheet = sheet.reshape(rows * (height + 1), columns * (width + 1), *colours)[:-1, :-1]
    axes.set_facecolor(GREY)  # shown for nan
    return show_image(axes, sheet, **options)


def open_frame(axes):
    """Add a faint grid, and remove the frame at the top and right."""
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
