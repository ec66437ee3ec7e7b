"""Faults planted in the kernels for images and dropout: hw5 check kernels finds each."""

import shutil

import pytest

from hw5.devices.kernels import kernel_sources
from hw5.verify.contracts import CONTRACTS
from hw5.verify.grading import check_kernels

pytestmark = pytest.mark.slow
KERNELS = kernel_sources()[0].parent

SCATTERED = """
#include "window.cuh"
extern "C" __global__ void fold(const float *patches, float *out, int k, int h, int w, int c, int rows, int columns,
                                int stride, int padding) {
    const Window window(h, w, c, rows, columns, stride, padding);
    for_each_in_rows(k, h * w * c, false, [=](auto, int n, int q) { out[n * h * w * c + q] = 0.0f; });
    for_each_in_rows(k * window.places(), window.pixels() * c, false, [=](auto, int place, int q) {
        const int n = place / window.places(), at = place % window.places();
        const int row = window.rows.start(at / window.columns.places) + q / c / columns;
        const int column = window.columns.start(at % window.columns.places) + q / c % columns;
        if (row >= 0 && row < h && column >= 0 && column < w)
            out[n * h * w * c + window.pixel(row, column) + q % c] += patches[place * window.pixels() * c + q];
    });
}
"""

# (kernel, file, what is there, what is planted instead, and a word of the reason: a wrong result has an "expected" one)
PLANTED = {
    "no stride": ("unfold", "window.cuh", "return place * stride - padding", "return place - padding", "expected"),
    "no padding": ("unfold", "window.cuh", "return place * stride - padding", "return place * stride", "expected"),
    "too few places": ("unfold", "window.cuh", "2 * padding + stride)", "2 * padding)", "expected"),
    "rows for columns": ("unfold", "unfold.cu", "at(place, window.columns", "at(place, window.rows", "out-of-bounds"),
    "one row below": ("unfold", "unfold.cu", "+ in_window.row;", "+ in_window.row + 1;", "expected"),
    "no lower bound": ("unfold", "unfold.cu", "column >= 0 && ", "", "out-of-bounds"),
    "no upper bound": ("unfold", "unfold.cu", "row < h && ", "", "out-of-bounds"),
    "the first channel": ("unfold", "unfold.cu", " + in_window.channel", "", "expected"),
    "the first image": ("unfold", "unfold.cu", "static_cast<size_t>(n) *", "size_t(0) *", "expected"),
    "packs off their alignment": ("unfold", "unfold.cu", " && aligned(X, out)", "", "misaligned"),
    "packs across pixels": ("unfold", "unfold.cu", "c % 4 == 0 &&", "patch % 4 == 0 &&", "misaligned"),
    "a grid that does not loop": ("unfold", "pack.cuh", "i < k; i += rows)", "i < k; i = k)", "expected"),
    "scattered additions": ("fold", "fold.cu", None, SCATTERED, "race"),
    "the first channel of a patch": ("fold", "fold.cu", " + at.channel", "", "expected"),
    "a place that is not there": (
        "fold",
        "window.cuh",
        "return at_last_place > 0 ? at_last_place : (pixel + padding) % stride;",
        "return (pixel + padding) % stride + 0 * at_last_place;",
        "",
    ),
    "a window too few": ("fold", "window.cuh", "pixel + padding + 1)", "pixel + padding)", "expected"),
    "pixels between the places": ("fold", "window.cuh", "j += columns.stride", "++j", ""),
    "the place before": ("fold", "window.cuh", "(pixel + padding - i) / stride", "(pixel - i) / stride", ""),
    "weights of other filters": (
        "convolution",
        "convolution.cu",
        "channel) * groups + group]",
        "channel) * groups]",
        "expected",
    ),
    "a filter that is not there": ("convolution", "convolution.cu", "f < m ? W[i] : 0.0f", "W[i]", "out-of-bounds"),
    "an image before it is there": (
        "convolution",
        "convolution.cu",
        "            __syncthreads();\n            const int count",
        "            const int count",
        "",
    ),
    "a tile before it is complete": (
        "convolution",
        "convolution.cu",
        "            __syncthreads();\n            float *out",
        "            float *out",
        "race",
    ),
    "the first channel of a filter": (
        "convolution",
        "convolution.cu",
        "image[pixel + channel]",
        "image[pixel]",
        "expected",
    ),
    "too few places at once": (
        "convolution",
        "convolution.cu",
        "min(at_once, places - first)",
        "at_once",
        "out-of-bounds",
    ),
    "a place past the image": (
        "convolution_gradient",
        "window.cuh",
        "min(places, last / stride + 1)",
        "places + 0 * last",
        "",
    ),
    "a place before the image": (
        "convolution_gradient",
        "window.cuh",
        "return max(0, (padding - i + stride - 1) / stride)",
        "return 0 * i",
        "",
    ),
    "the parts apart": ("convolution_gradient", "convolution.cu", "part < blockDim.y", "part < 1", "expected"),
    "sums before they are complete": (
        "convolution_gradient",
        "convolution.cu",
        "sums[thread] = sum;\n        __syncthreads();",
        "sums[thread] = sum;",
        "race",
    ),
    "one image a block": (
        "convolution_gradient",
        "convolution.cu",
        "Filters sum{};\n        for (int n = blockIdx.x; n < k; n += gridDim.x)",
        "Filters sum{};\n        for (int n = blockIdx.x; n < k; n += k)",
        "expected",
    ),
    "ties to the last": ("max_pool", "max_pool.cu", "!(x[j] <= best[j])", "!(x[j] < best[j])", "expected"),
    "NaN is overtaken": ("max_pool", "max_pool.cu", " && !isnan(best[j])", "", "expected"),
    "NaN is passed over": ("max_pool", "max_pool.cu", "!(x[j] <= best[j])", "x[j] > best[j]", "expected"),
    "the padding takes part": ("max_pool", "max_pool.cu", "best[j] = -INFINITY", "best[j] = 0.0f", "expected"),
    "a pixel that is padding": ("max_pool", "max_pool.cu", "chosen[j] = first;", "chosen[j] = 0 * first;", "expected"),
    "pixels past the image": (
        "max_pool",
        "window.cuh",
        "return min(size, pixels - start(place))",
        "return size",
        "out-of-bounds",
    ),
    "pixels by rows": (
        "max_pool",
        "window.cuh",
        "body(i * columns.size + j, pixel",
        "body(i * rows.size + j, pixel",
        "expected",
    ),
    "pooled channels mixed": (
        "max_pool",
        "max_pool.cu",
        "Spot at(q, window.columns.places, c)",
        "Spot at(q, c, window.columns.places)",
        "",
    ),
    "every window": ("max_pool_gradient", "max_pool.cu", "chosen[j] == i ?", "chosen[j] >= i ?", "expected"),
    "the padding counts": (
        "mean_pool",
        "mean_pool.cu",
        "/= pixels_inside(window, at.row, at.column)",
        "/= rows * columns",
        "expected",
    ),
    "the whole window's share": (
        "mean_pool_gradient",
        "mean_pool.cu",
        "/ pixels_inside(window, u, v)",
        "/ window.pixels()",
        "expected",
    ),
    "one random number a pack": ("dropout", "dropout.cu", "(i + j)", "(i)", "expected"),
    "the same mask at every step": ("dropout", "dropout.cu", "step = *t", "step = 1 + 0 * *t", "expected"),
    "the same mask in every layer": (
        "dropout",
        "dropout.cu",
        "z = linear_congruential(z)",
        "z = linear_congruential(y)",
        "expected",
    ),
    "the rest is dropped": ("dropout", "dropout.cu", ">= threshold;", "< threshold;", "expected"),
}


def report_on(kernel, folder, change=lambda folder: None):
    """The report on a kernel of ours, alone in a folder with its changed file."""
    file = next(contract.file for contract in CONTRACTS if contract.kernel == kernel)
    for path in (KERNELS / file, *KERNELS.glob("*.cuh")):
        shutil.copy(path, folder)
    change(folder)
    return next(report for report in check_kernels(folder) if report.kernel == kernel)


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(compiler, tmp_path, fault):
    kernel, file, old, new, word = PLANTED[fault]

    def plant(folder):
        text = (folder / file).read_text()
        assert old is None or text.count(old) == 1
        (folder / file).write_text(new if old is None else text.replace(old, new))

    report = report_on(kernel, tmp_path, plant)
    assert report.verdict in ("wrong", "fault") and word in report.reason, report


@pytest.mark.parametrize("kernel", sorted({kernel for kernel, *_ in PLANTED.values()}))
def test_without_it_there_is_none(compiler, tmp_path, kernel):
    assert report_on(kernel, tmp_path).verdict == "right"
