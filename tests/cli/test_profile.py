"""hw5 profile, and hw5 emulate --profile"""

import json

import pytest

from tests.cli.helpers import hw5, refused

pytestmark = pytest.mark.usefixtures("compiler")


def test_our_kernels_read_and_write_whole_sectors():
    """At an aligned shape, every kernel that moves whole rows is within 10 % of the ideal."""
    found = {one["kernel"]: one for one in json.loads(hw5("profile", "kernels", "--gpu", "t4", "--json").stdout)}
    for name in ("softmax", "argmax", "relu_forward", "relu_gradient", "gradient_mean", "sgd_update", "adam_update"):
        cost, ideal = (
            sum(line[k] for line in found[name]["lines"] if line["space"] == "global") for k in ("cost", "ideal")
        )
        assert ideal <= cost <= 1.1 * ideal, name
        assert found[name]["least_seconds"] == found[name]["distinct"] / 320e9
        assert found[name]["distinct"] >= found[name]["must_move"] / 2  # an array that is updated in place counts once


def test_the_worst_line_is_named(tmp_path):
    file = tmp_path / "column.cu"
    file.write_text("__global__ void column(float *x) {\n  x[32 * threadIdx.x] = 1;\n}\n")
    command = ("emulate", file, "--kernel", "column", "--args", "zeros:1024", "--profile")
    out = hw5(*command, "--gpu", "h100").stdout
    assert "column: column.cu:2: global store: 32 sectors per request, ideally 4" in out and "no h100 needs less" in out
    assert json.loads(hw5(*command, "--json").stdout)["lines"][0]["cost"] == 32
    assert "leave out one of them" in refused(*command, "--fast")


def launches(*arguments):
    """{kernel: (launches, bytes)} of a step without a GPU."""
    found = json.loads(hw5("profile", "step", "--json", *arguments).stdout)["launches"]
    return {one["kernel"]: (one["count"], one["nbytes"]) for one in found}


def test_the_launches_of_a_step_and_their_bytes():
    """A kernel that reads an array and writes another touches them once, in sectors of 32 bytes."""
    k, d, m, c = 16, 64, 32, 8
    found = launches("--inputs", d, "--hidden", f"{m},{m}", "--classes", c, "--batch-size", k, "--optimizer", "sgd")
    products = [(k, d, m), (k, m, m), (k, m, c)]
    forward, backward = products, [*products[::-1], *products[1:]]
    assert found["gemm (cuBLAS)"] == (8, sum(4 * (a * b + b * n + a * n) for a, b, n in (*forward, *backward)))
    assert found["relu_forward"] == (2, 2 * 4 * (k * m + m))
    assert found["relu_gradient"] == (2, 2 * 4 * 2 * k * m)
    assert found["gradient_mean"][0] == 3


def test_a_bound_of_a_step():
    arguments = ("profile", "step", "--inputs", 64, "--hidden", 32, "--batch-size", 16)
    found = json.loads(hw5(*arguments, "--gpu", "t4", "--json").stdout)["launches"]
    assert [one["kernel"] for one in found] == ["hidden_uint8", "output_hidden", "update_uint8", "advance"]
    assert all(one["least_seconds"] == one["nbytes"] / 320e9 for one in found)
    out = hw5(*arguments, "--gpu", "t4").stdout
    assert "4 launches, 4 of them one after another" in out and "at least 4 us on t4, a bound: 4 by the launches" in out
    for unused in ("--hidden", 8), ("--activation", "tanh"):
        sentence = refused("profile", "step", "--model", "linear", *unused)
        assert f"{unused[0]} has no effect on --model linear" in sentence
    linear = ("profile", "step", "--inputs", 64, "--batch-size", 16, "--optimizer", "sgd", "--model", "linear")
    assert "3 launches, 3 of them" in hw5(*linear).stdout
    out = hw5(*arguments, "--optimizer", "sgd", "--hidden", "32,16").stdout
    assert "18 launches, 13 of them one after another" in out
    assert "neither a number of features" in refused("profile", "step", "--inputs", "8x8")


def test_a_folder_without_the_kernels(tmp_path):
    (tmp_path / "k.cu").write_text("__global__ void k() {}")
    assert "has none of the kernels softmax" in refused("profile", "kernels", "--kernels", tmp_path)
