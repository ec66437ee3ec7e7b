"""The look that all pictures share: colours that every eye tells apart, and the page."""

import textwrap
from contextlib import contextmanager
from itertools import cycle

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from hw5.files import atomic_write

# Of Okabe and Ito (2008), in an order in which neighbours differ most
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#707070"
CLASS_COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
DIVERGING = LinearSegmentedColormap.from_list("diverging", [BLUE, "white", VERMILION])

_DPI = 110
_PANEL = (6.6, 5.2)  # inches


@contextmanager
def page(path, size, title=""):
    """A figure of a size in inches, which becomes a PNG file at path when the block ends well."""
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(textwrap.fill(title, int(8 * size[0])), fontsize=13, fontweight="bold")  # 8 letters an inch
    yield figure
    with atomic_write(path) as file:
        figure.savefig(file, format="png")


def _grid(n):
    """Rows and columns for n panels: up to three in a row, then in rows of two."""
    columns = n if n <= 3 else 2
    return -(-n // columns), columns


def page_size(n):
    """Of a page of n panels, in inches."""
    rows, columns = _grid(n)
    return columns * _PANEL[0], rows * _PANEL[1] + 0.4


def subfigures(figure, n):
    """Places for n panels."""
    return figure.subfigures(*_grid(n), squeeze=False, wspace=0.03, hspace=0.03).flat


def class_styles(m):
    """A colour and a marker for each of m classes; they repeat, but no two of the first 56 have both in common."""
    return list(zip(range(m), cycle(CLASS_COLOURS), cycle("osD^vPX")))


def show_image(axes, image, **options):
    """An image without ticks and with a thin frame."""
    shown = axes.imshow(image, **options)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(linewidth=0.5, color=GREY)
    return shown


def show_mosaic(axes, images, columns, **options):
    """Images (n, height, width) in rows of so many columns, a pixel of grey between them."""
    n, height, width = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * columns, height + 1, width + 1), np.nan, np.float32)
    sheet[:n, :height, :width] = images
    sheet = sheet.reshape(rows, columns, height + 1, width + 1).transpose(0, 2, 1, 3)
    sheet = sheet.reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]
    axes.set_facecolor(GREY)  # shows where there is no number
    return show_image(axes, sheet, **options)


def open_frame(axes):
    """Axes with a faint grid and no frame at the top and on the right."""
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
