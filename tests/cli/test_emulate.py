"""hw5 emulate"""

import json

import numpy as np
import pytest

from hw5.emulator.occupancy import nvcc_path
from tests.cli.helpers import hw5, refused

TEXT = """#include <iostream>
__global__ void saxpy(int n, float a, const float *x, float *y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = a * x[i] + y[i];
}
template <typename T> __global__ void fill(T *x, T value) { x[threadIdx.x] = value; }
__global__ void stop(int *x) { exit(1); }
int main() { saxpy<<<4, 256>>>(1000, 2.0f, nullptr, nullptr); }
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "saxpy.cu"
    path.write_text(TEXT)
    return path


def test_the_kernels_of_a_file_are_listed(compiler, file):
    out = hw5("emulate", file).stdout
    assert "saxpy(int32, float32, float32*, float32*)" in out
    assert "fill: " in out and "choose an instance, such as --kernel 'fill<float>'" in out
    assert "stop: not emulated: saxpy.cu:7: exit() is a function of the host" in out
    listed = json.loads(hw5("emulate", file, "--json").stdout)
    assert listed["kernels"] == {"saxpy": ["int32", "float32", "float32*", "float32*"]}


def test_a_kernel_runs_and_its_arrays_are_saved(compiler, file, tmp_path):
    x = np.linspace(0, 1, 1000, dtype=np.float32)
    np.save(tmp_path / "x.npy", x)
    command = ("emulate", file, "--kernel", "saxpy", "--grid", "4", "--block", "256")
    arguments = ("--args", f"1000, 2.0, {tmp_path / 'x.npy'}, ones:1000")
    out = hw5(*command, *arguments, "--out", tmp_path / "out").stdout
    assert "saxpy: no faults in 4 orders of threads" in out and "arg4: float32, 1,000 elements, 999 changed" in out
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "arg4.npy"), 2 * x + 1)
    report = json.loads(hw5(*command, *arguments, "--json", "--fast").stdout)
    assert report["changed"] == ["arg4"] and report["orders"] == ["forward"]
    np.testing.assert_array_equal(report["arrays"]["arg4"], 2 * x + 1)


def test_a_fault_is_reported_by_file_and_line(compiler, file):
    file.write_text(TEXT.replace("i < n", "i <= n"))
    arguments = ("--args", "1000,2.0,random:1000,zeros:1000")
    result = hw5("emulate", file, "--kernel", "saxpy", "--grid", "4", "--block", "256", *arguments, code=1)
    assert "at saxpy.cu:4 reads 4 bytes, right after the end of array 'argument 3'" in result.stderr


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--kernel", "none"], "there is no kernel none; the kernels are saxpy"),
        (["--kernel", "fill"], "fill is a kernel template"),
        (["--kernel", "stop"], "stop cannot be emulated: saxpy.cu:7"),
        (
            ["--kernel", "saxpy", "--args", "1"],
            "takes 4 arguments (int32, float32, float32*, float32*), and --args has 1",
        ),
        (["--kernel", "saxpy", "--args", "x,1,zeros:1,zeros:1"], "--args: x is not an int"),
        (["--kernel", "saxpy", "--args", "1,1,zero:1,zeros:1"], "--args: zero:1 is no array; write zeros:N"),
        (["--kernel", "saxpy", "--args", "1,1,no.npy,zeros:1"], "--args: no.npy cannot be read"),
        (["--kernel", "saxpy", "--grid", "0x"], "'0x' is not 1 to 3 whole numbers"),
    ],
)
def test_bad_input_is_refused(compiler, file, arguments, sentence):
    assert sentence in refused("emulate", file, *arguments)


def test_textures_and_surfaces(compiler, tmp_path):
    file = tmp_path / "shift.cu"
    file.write_text(
        "__global__ void shift(cudaTextureObject_t t, cudaSurfaceObject_t s) {\n"
        "    surf2Dwrite(tex2D<short>(t, threadIdx.x + 1, 0), s, 2 * threadIdx.x, 0);\n}\n"
    )
    assert "shift(texture, surface)" in hw5("emulate", file).stdout
    np.save(tmp_path / "x.npy", np.arange(32, dtype=np.int16).reshape(1, 32))
    np.save(tmp_path / "y.npy", np.zeros((1, 32), np.int16))
    out = hw5("emulate", file, "--kernel", "shift", "--args", f"{tmp_path / 'x.npy'},{tmp_path / 'y.npy'}").stdout
    assert "arg1: int16, 32 elements, unchanged" in out and "arg2: int16, 32 elements, changed: 1 2 3 4" in out
    error = refused("emulate", file, "--kernel", "shift", "--args", "zeros:32,zeros:32")
    assert "--args: zeros:32: the parameter is a texture; pass a FILE.npy of its shape" in error


def test_an_instance_of_a_template(compiler, file):
    out = hw5("emulate", file, "--kernel", "fill<int>", "--args", "zeros:32,3").stdout
    assert "arg1: int32, 32 elements, changed: 3 3 3" in out


def test_a_profile_as_a_heat_map(compiler, file, tmp_path):
    pytest.importorskip("matplotlib")
    file.write_text("".join(line for line in TEXT.splitlines(True) if "exit" not in line))
    command = ("emulate", file, "--kernel", "saxpy", "--grid", "4", "--block", "256")
    arguments = ("--args", "1000,2.0,random:1000,zeros:1000", "--profile", "--gpu", "t4")
    out = hw5(*command, *arguments, "--plot", tmp_path / "heat.png").stdout
    assert (tmp_path / "heat.png").read_bytes().startswith(b"\x89PNG")
    assert ("nvcc for sm_75: " in out) == bool(nvcc_path())
    assert not nvcc_path() or "32 of 32 warps fit on a multiprocessor, limited by threads" in out
    report = json.loads(hw5(*command, *arguments, "--json").stdout)
    assert ("resources" in report) == bool(nvcc_path())
    assert report["threads"] == 256 and report["shared"] == 0
    assert "--plot shows a profile; add --profile" in refused(*command, "--plot", tmp_path / "heat.png")
    assert "--gpu shows a profile; add --profile" in refused(*command, "--gpu", "t4")


def test_values_and_instances_that_do_not_fit(compiler, tmp_path):
    file = tmp_path / "few.cu"
    file.write_text(
        "template <int n, class T> __global__ void fill(T *y) { y[threadIdx.x] = n; }\n"
        "__global__ void set(volatile int *y, bool yes, int n) { if (yes) y[threadIdx.x] = n; }\n"
    )
    command = ("emulate", file, "--kernel")
    assert "choose an instance, such as 'fill<32, float>'" in refused(*command, "fill", "--args", "zeros:32")
    assert "few.cu has no instance fill<3> of a template" in refused(*command, "fill<3>", "--args", "zeros:32")
    assert "of a template; there is no flaot" in refused(*command, "fill<3, flaot>", "--args", "zeros:32")
    large = refused(*command, "set", "--args", "zeros:32,true,99999999999")
    assert "argument 3 of set is 99999999999, but the parameter is an int" in large
    assert "32 elements, changed: 7 7 7 7" in hw5(*command, "set", "--args", "zeros:32,true,7").stdout
    file.write_text("#include <cuda_fp16.h>\n__global__ void twice(half *y) { y[threadIdx.x] *= __float2half(2); }")
    assert "arg1: float16, 32 elements, changed: 2. 2." in hw5(*command, "twice", "--args", "ones:32").stdout


def test_how_many_elements_are_changed(compiler, tmp_path):
    file = tmp_path / "set.cu"
    file.write_text("__global__ void set(int *y, int n) { y[threadIdx.x] = n; }\n")
    command = ("emulate", file, "--kernel")
    assert "40 elements, 32 changed: 7 7 7 7" in hw5(*command, "set", "--args", "zeros:40,7").stdout
