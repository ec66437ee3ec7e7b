"""hw5 profile, and hw5 emulate --profile"""

import json

import pytest

from hw5.compiler import find_compiler
from hw5.errors import InputError
from tests.cli.helpers import hw5, refused


@pytest.fixture(scope="module", autouse=True)
def compiler():
    try:
        find_compiler()
    except InputError as error:
        pytest.skip(str(error))


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


def test_a_folder_without_the_kernels(tmp_path):
    (tmp_path / "k.cu").write_text("__global__ void k() {}")
    assert "has none of the kernels softmax" in refused("profile", "kernels", "--kernels", tmp_path)
