"""The plots show the right data: it is read back from the axes and compared with its source."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from hw5.datasets import Dataset, Examples, load
from hw5.devices import open_device
from hw5.errors import InputError
from hw5.metrics import confusion_matrix
from hw5.plots import plot_model, plot_samples, plot_training
from hw5.plots.panels import PANELS
from hw5.plots.samples import draw_samples, sheet_size
from hw5.plots.style import BLUE, CLASS_COLOURS, VERMILION, class_styles, page, shown
from hw5.plots.view import View
from hw5.train.data_source import DataSource
from hw5.train.predictor import Predictor
from hw5.train.run import Run
from hw5.train.settings import Settings


def trained(dataset, epochs=3, split="test", **settings):
    """A View of a small model after a few epochs."""
    device = open_device("cpu")
    run = Run(device, dataset, Settings(epochs=epochs, **settings), DataSource.of(dataset, None, None))
    for _ in run.train():
        pass
    checkpoint = run.checkpoint()
    return View(checkpoint, dataset.name, Predictor(device, checkpoint), run.splits[split])


def many_classes(m=26, n=600, d=5):
    rng = np.random.default_rng(0)
    y = np.arange(n) % m
    X = rng.normal(size=(n, d)).astype(np.float32) + rng.normal(size=(m, d))[y]
    names = tuple(f"class {c}" for c in range(m))
    return Dataset("many", "many", Examples(np.float32(X), y.astype(np.int32)), None, names, None, None)


@pytest.fixture(scope="module")
def views():
    return {
        "digits": trained(load("digits"), hidden=(80,)),
        "linear": trained(load("digits"), hidden=()),
        "xor, linear": trained(load("xor"), hidden=()),
        "spirals": trained(load("spirals"), hidden=(16,), lr=0.1, epochs=20),
        "sine": trained(load("sine", task="regression"), hidden=(16,), loss="squared"),
        "perceptron": trained(load("xor"), hidden=(), loss="perceptron", batch_size=1),
        "binary": trained(load("xor"), hidden=(8,), loss="binary-cross-entropy"),
        "many": trained(many_classes(), hidden=(8,)),
    }


FITTING = {
    "digits": ["curves", "confusion", "mistakes", "weights"],
    "linear": ["curves", "confusion", "mistakes", "weights"],
    "xor, linear": ["curves", "confusion", "regions", "mistakes"],
    "spirals": ["curves", "confusion", "regions", "mistakes"],
    "sine": ["curves", "predictions", "fit"],
    "perceptron": ["curves", "confusion", "regions"],
    "binary": ["curves", "confusion", "regions", "mistakes"],
    "many": ["curves", "confusion", "mistakes"],
}


def drawn(panel, view):
    """The axes of a panel after rendering."""
    figure = Figure(layout="constrained")
    assert PANELS[panel].misfit(view) is None
    PANELS[panel].draw(figure, view)
    FigureCanvasAgg(figure).draw()
    return [axes for axes in figure.axes if axes.axison and axes.get_visible()]


@pytest.mark.slow
@pytest.mark.parametrize("name", FITTING)
def test_all_panels_that_apply_are_drawn_by_default(views, name, tmp_path):
    view = views[name]
    if name in ("binary", "spirals") and (view.predicted == view.y).all():
        pytest.fail("this model must make mistakes")
    assert plot_model(view, [], tmp_path / "a.png") == FITTING[name]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_panel_that_does_not_apply_is_refused(views, tmp_path):
    for name, fitting in FITTING.items():
        for panel in set(PANELS) - set(fitting):
            with pytest.raises(InputError, match=f"--what {panel} cannot be drawn: ") as caught:
                plot_model(views[name], ["curves", panel], tmp_path / "a.png")
            assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.png").exists()


def test_equal_models_give_equal_pictures(views, tmp_path):
    for name in ("a.png", "b.png"):
        plot_model(views["xor, linear"], ["confusion", "regions"], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_title_has_the_scores(views):
    digits, sine = views["digits"], views["sine"]
    assert digits.title.startswith("digits, mlp 64-80-10 relu: accuracy ") and digits.title.endswith("% (359 examples)")
    assert f"{np.mean(digits.predicted == digits.y):.2%}" in digits.title
    assert sine.title.startswith("sine, mlp 1-16-1 relu: R² ") and "RMSE" in sine.title
    assert View(digits.checkpoint, "digits").title == "digits, mlp 64-80-10 relu"


def test_curves_are_the_history(views):
    view = views["digits"]
    loss, accuracy = drawn("curves", view)
    for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
        train, validation = axes.lines
        for line, key in ((train, quantity), (validation, f"validation_{quantity}")):
            assert line.get_xdata().tolist() == [1, 2, 3]
            assert line.get_ydata().tolist() == [row[key] for row in view.checkpoint.history]
    assert loss.get_ylim()[0] == 0
    assert len(drawn("curves", views["sine"])) == 1  # a regression has no accuracy


def test_a_training_without_validation_has_one_curve(tmp_path):
    view = trained(load("xor"), validation=0, hidden=())
    assert [len(axes.lines) for axes in drawn("curves", view)] == [1, 1]
    plot_training(view.checkpoint.history, tmp_path / "a.png", "a title")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_confusion_is_blue_where_right_and_vermilion_where_wrong(views):
    view = views["linear"]
    (axes,) = drawn("confusion", view)
    C = confusion_matrix(view.y, view.predicted, 10)
    cells = axes.images[0].get_array()
    shares = C / C.sum(axis=1, keepdims=True)
    for i, j in np.ndindex(C.shape):
        colour, strength = (BLUE, shares[i, j]) if i == j else (VERMILION, np.sqrt(shares[i, j]))
        np.testing.assert_allclose(1 - cells[i, j], strength * (1 - np.array(to_rgb(colour))), atol=1e-6)
    written = {tuple(reversed(text.get_position())): text.get_text() for text in axes.texts}
    assert written == {(i, j): f"{C[i, j]:,}" for i, j in np.argwhere(C)}
    assert [label.get_text() for label in axes.get_yticklabels()] == list("0123456789")


def test_many_classes_have_names_and_no_numbers(views):
    (axes,) = drawn("confusion", views["many"])
    assert len(axes.texts) == 0 and len(axes.get_xticklabels()) == 26
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert all(above.y0 >= below.y1 - 2 for above, below in zip(boxes, boxes[1:]))  # two pixels of margin


def tiles(axes, height, width):
    """The images of a mosaic, row by row, without empty ones."""
    sheet = np.asarray(axes.images[0].get_array().astype(float).filled(np.nan))
    rows, columns = (sheet.shape[0] + 1) // (height + 1), (sheet.shape[1] + 1) // (width + 1)
    sheet = np.pad(sheet, ((0, 1), (0, 1)), constant_values=np.nan)
    sheet = sheet.reshape(rows, height + 1, columns, width + 1).transpose(0, 2, 1, 3)
    assert np.isnan(sheet[:, :, height]).all() and np.isnan(sheet[:, :, :, width]).all()  # the gaps
    images = sheet[:, :, :height, :width].reshape(-1, height, width)
    return images[~np.isnan(images).any(axis=(1, 2))]


def test_weights_are_images_on_one_scale_around_zero(views):
    view = views["linear"]
    axes, bar = drawn("weights", view)
    np.testing.assert_array_equal(tiles(axes, 8, 8), view.checkpoint.parameters[0][0].reshape(-1, 8, 8))
    assert [text.get_text() for text in axes.texts] == list("0123456789")
    image = axes.images[0]
    low, high = image.get_clim()
    assert low == -high < 0
    np.testing.assert_allclose(image.cmap(image.norm(0.0))[:3], 1, atol=0.01)  # white, up to 256 steps of colour


def test_of_many_units_those_with_the_largest_norms_are_shown(views):
    view = views["digits"]
    W = view.checkpoint.parameters[0][0]
    axes, bar = drawn("weights", view)
    norms = np.linalg.norm(W, axis=1)
    strongest = W[norms >= np.sort(norms)[-64]]
    np.testing.assert_array_equal(tiles(axes, 8, 8), strongest.reshape(-1, 8, 8))


def test_mistakes_are_the_most_confident_ones(views):
    view = views["linear"]
    images = drawn("mistakes", view)
    wrong = np.flatnonzero(view.predicted != view.y)
    surest = wrong[np.argsort(-view.P.max(axis=1)[wrong], kind="stable")][:24]
    assert len(images) == len(surest)
    for axes, example in zip(images, surest):
        np.testing.assert_array_equal(axes.images[0].get_array(), view.X[example].reshape(8, 8))
        predicted, true = view.predicted[example], view.y[example]
        assert axes.get_title() == f"{predicted} ({view.P[example, predicted]:.0%})\ntrue: {true}"


def test_mistakes_without_images_name_the_examples(views):
    view = views["many"]
    (axes,) = drawn("mistakes", view)
    bars = [bar.get_width() for bar in axes.patches]
    assert bars == sorted(bars, reverse=True) and len(bars) == 24
    for label, text, bar in zip(axes.get_yticklabels(), axes.texts, axes.patches):
        row = int(label.get_text().removeprefix("example ").replace(",", "")) - 1  # in the data set
        (example,) = np.flatnonzero(view.subset.rows == row)
        assert text.get_text() == f"class {view.predicted[example]} (true: class {view.y[example]})"
        assert bar.get_width() == view.P[example].max()


@pytest.mark.parametrize("name", ["xor, linear", "spirals", "perceptron", "binary"])
def test_regions_have_the_colour_of_the_predicted_class(views, name):
    view = views[name]
    (axes,) = drawn("regions", view)
    image, (left, right, bottom, top) = np.asarray(axes.images[0].get_array()), axes.images[0].get_extent()
    places = np.random.default_rng(0).integers(0, len(image), (200, 2))  # rows and columns of pixels
    up, across = (places.T + 0.5) / len(image)
    points = np.stack([left + (right - left) * across, bottom + (top - bottom) * up], axis=1)
    P = view.model.predict(np.float32(points))
    sure = P.max(axis=1) > 0.6  # elsewhere the class may depend on rounding
    ink = 1 - image[places[:, 0], places[:, 1]]
    colours = 1 - np.array([to_rgb(colour) for colour in CLASS_COLOURS[: P.shape[1]]])
    nearest = (ink @ colours.T / (np.linalg.norm(ink, axis=1)[:, None] * np.linalg.norm(colours, axis=1))).argmax(
        axis=1
    )
    assert sure.any() or name == "xor, linear"
    np.testing.assert_array_equal(nearest[sure], P.argmax(axis=1)[sure])
    strength = np.linalg.norm(ink, axis=1) / np.linalg.norm(colours[nearest], axis=1)
    m = P.shape[1]
    np.testing.assert_allclose(strength, 0.1 + 0.35 * (P.max(axis=1) - 1 / m) / (1 - 1 / m), atol=1e-3)
    circled = [points.get_offsets() for points in axes.collections if points.get_label() == "mistake"]
    wrong = view.X[view.predicted != view.y]
    assert sum(map(len, circled)) == len(wrong)
    if len(wrong):
        np.testing.assert_allclose(circled[0], wrong)


def test_predictions_and_fit_are_those_of_the_model(views):
    view = views["sine"]
    (axes,) = drawn("predictions", view)
    np.testing.assert_allclose(axes.collections[0].get_offsets(), np.stack([view.y, view.P[:, 0]], 1))
    diagonal = axes.lines[0].get_xydata()
    assert (diagonal[:, 0] == diagonal[:, 1]).all()
    (axes,) = drawn("fit", view)
    x, y = axes.lines[0].get_data()
    np.testing.assert_array_equal(view.model.predict(np.float32(x)[:, np.newaxis])[:, 0], y)
    assert (x[0], x[-1]) == (view.X.min(), view.X.max())


def test_regions_of_a_constant_feature(tmp_path):
    X = np.zeros((40, 2), np.float32)
    X[:, 0] = np.arange(40)
    y = (np.arange(40) >= 20).astype(np.int32)
    flat = Dataset("flat", "flat", Examples(X, y), None, ("a", "b"), ("time", "nothing"), None)
    view = trained(flat, hidden=(), split="train")
    (axes,) = drawn("regions", view)
    assert axes.get_xlabel() == "time" and axes.get_ylabel() == "nothing"
    assert np.diff(axes.get_ylim()) > 0


def test_no_two_classes_look_the_same():
    assert len({(colour, marker) for _, colour, marker in class_styles(56)}) == 56


def samples(dataset):
    figure = Figure(sheet_size(dataset), layout="constrained")
    draw_samples(figure, dataset)
    FigureCanvasAgg(figure).draw()
    return [axes for axes in figure.axes if axes.get_visible()]


def test_samples_have_a_row_of_images_per_class():
    digits = load("digits")
    (axes,) = samples(digits)
    assert [label.get_text() for label in axes.get_yticklabels()] == list("0123456789")
    images = tiles(axes, 8, 8).reshape(10, -1, 8, 8)
    for c in range(10):
        of_class = digits.train.X[digits.train.y == c]
        np.testing.assert_array_equal(images[c], of_class[: images.shape[1]].reshape(-1, 8, 8))
    ticks = axes.get_yticks()
    assert (ticks == np.arange(10) * 9 + 3.5).all()  # the middle of each row


def test_samples_of_two_features_of_a_regression_and_of_a_table(tmp_path):
    (axes,) = samples(load("spirals"))
    assert sum(len(points.get_offsets()) for points in axes.collections) == 900
    sine = load("sine", task="regression")
    (axes,) = samples(sine)
    np.testing.assert_allclose(axes.collections[0].get_offsets(), np.column_stack([sine.train.X, sine.train.y]))
    tables = samples(many_classes(m=3))
    assert [axes.get_xlabel() for axes in tables] == [f"feature {i}" for i in range(1, 6)]
    for dataset in (many_classes(), many_classes(d=40), many_classes(m=2, d=1)):
        plot_samples(dataset, tmp_path / "a.png")
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


NAMES = {
    "тюльпан": "тюльпан",
    "a\nb\x1b": "a\\nb\\x1b",
    "_x": " _x",
    "$\\frac{1}{0}$": "$\\frac{1}{0}$",
    "x" * 300: "x" * 200 + "...",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text_and_every_class_is_in_the_legend(tmp_path, name, recwarn):
    """No mathematics, no TeX (whatever matplotlib's own settings say), and no label hidden by an underscore."""
    assert shown(name) == NAMES[name]
    examples = Examples(np.float32([[0, 0], [1, 1]]), np.int32([0, 1]))
    dataset = Dataset(name, name, examples, None, (name, "z"), (name, "b"), None)
    with matplotlib.rc_context({"text.usetex": True}), page(tmp_path / "a.png", sheet_size(dataset), name) as figure:
        draw_samples(figure, dataset)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [NAMES[name], "z"]
    assert axes.get_xlabel() == NAMES[name] and not axes.xaxis.label.get_usetex()
    assert [str(warning.message) for warning in recwarn if "layout" not in str(warning.message)] == []
