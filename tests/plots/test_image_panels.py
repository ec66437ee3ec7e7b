"""The pictures of models of images are the filters, maps and examples that they say."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from hw5.datasets import Dataset, Examples, load
from hw5.plots.style import pictures
from tests.plots.test_plots import drawn, tiles, trained


def coloured(n=120, shape=(6, 5, 3)):
    """Images in which the channel of the class is brighter."""
    rng = np.random.default_rng(0)
    y = np.arange(n, dtype=np.int32) % 3
    X = rng.integers(0, 100, (n, *shape)).astype(np.uint8)
    X[np.arange(n), :, :, y] += 100
    return Dataset("colours", "colours", Examples(X.reshape(n, -1), y), None, tuple("rgb"), None, shape)


@pytest.fixture(scope="module")
def views():
    return {
        "grey": trained(load("digits"), hidden=("conv:6x3+1", "pool:2", "conv:8x3", 12), epochs=2),
        "colours": trained(coloured(), hidden=("conv:8x3+1", "meanpool:2"), epochs=2),
        "below a pool": trained(load("digits"), hidden=("pool:2", 7), epochs=1),
    }


def test_filters_are_shown_by_channel(views):
    (axes, _), view = drawn("weights", views["grey"]), views["grey"]
    np.testing.assert_array_equal(tiles(axes, 3, 3), view.checkpoint.parameters[0][0].reshape(6, 3, 3))
    *channels, _ = drawn("weights", views["colours"])
    filters = views["colours"].checkpoint.parameters[0][0].reshape(8, 3, 3, 3)
    assert [axes.get_title() for axes in channels] == ["red", "green", "blue"]
    for channel, axes in enumerate(channels):
        np.testing.assert_array_equal(tiles(axes, 3, 3), filters[..., channel])


def test_the_first_weights_may_be_above_a_pool(views):
    axes, _ = drawn("weights", views["below a pool"])
    np.testing.assert_array_equal(tiles(axes, 4, 4), views["below a pool"].checkpoint.parameters[0][0].reshape(7, 4, 4))


def test_feature_maps_are_those_of_the_first_example(views):
    view = views["grey"]
    image, first, pooled, second = drawn("maps", view)
    np.testing.assert_array_equal(image.images[0].get_array(), view.X[0].reshape(8, 8))
    W, b = view.checkpoint.parameters[0]
    its = view.checkpoint.standardisation
    x = np.pad(((view.X[0] - its.mean) * its.scale).reshape(8, 8), 1)
    z = np.array([[[(x[i : i + 3, j : j + 3].ravel() @ f) for j in range(8)] for i in range(8)] for f in W])
    maps = np.maximum(z + b[:, np.newaxis, np.newaxis], 0)
    np.testing.assert_allclose(tiles(first, 8, 8), maps, rtol=1e-4, atol=1e-5)  # sums of ten products in float32
    np.testing.assert_allclose(tiles(pooled, 4, 4), maps.reshape(6, 4, 2, 4, 2).max(axis=(2, 4)), rtol=1e-4, atol=1e-5)
    assert len(tiles(second, 2, 2)) == 8
    assert [axes.get_ylabel() for axes in (first, pooled, second)] == ["conv:6x3+1", "pool:2", "conv:8x3"]


def test_pictures_of_colours_are_scaled_to_one():
    X = np.arange(2 * 2 * 2 * 3).reshape(2, -1)
    shown = pictures(X, (2, 2, 3))
    np.testing.assert_allclose(shown, X.reshape(2, 2, 2, 3) / 23, rtol=1e-6)
    np.testing.assert_allclose(pictures(X[:, :8], (2, 2, 2)), X[:, :8].reshape(2, 2, 2, 2).mean(axis=3))
    assert pictures(X, (4, 3)).shape == (2, 4, 3)
