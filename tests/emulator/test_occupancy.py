"""What nvcc's assembler says of kernels, and the warps that then fit on a multiprocessor, by NVIDIA's rules."""

import pytest

from hw5.emulator import occupancy
from hw5.emulator.occupancy import Resources, resources
from hw5.errors import InputError

from .support import write_kernel

SAID = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z3sumIdEvPT_' for 'sm_80'
ptxas info    : Function properties for _Z3sumIdEvPT_
    8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 8 bytes cumulative stack size
ptxas info    : Compile time = 32.464 ms
ptxas info    : Compiling entry function 'plain' for 'sm_80'
ptxas info    : Function properties for plain
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 10 registers, used 1 barriers, 1024 bytes smem, 400 bytes cmem[0]
"""


def test_what_the_assembler_says():
    found = dict(occupancy._entries(SAID, "80"))
    assert found["plain"] == Resources("80", 10, 0, 0, 0, 1024)
    (other,) = set(found) - {"plain"}
    assert found[other] == Resources("80", 255, 12, 16, 8, 0)


@pytest.mark.parametrize(
    "architecture, registers, shared, threads, dynamic, expected",
    [
        ("80", 32, 0, 256, 0, (64, 64, "threads")),
        ("80", 33, 0, 256, 0, (48, 64, "registers")),  # 40 registers are taken, 12 warps in each part
        ("80", 64, 0, 256, 0, (32, 64, "registers")),
        ("90", 255, 0, 256, 0, (8, 64, "registers")),
        ("75", 32, 48 * 1024, 128, 0, (4, 32, "shared memory")),
        ("80", 16, 0, 32, 0, (32, 64, "blocks")),
        ("86", 16, 0, 1024, 0, (32, 48, "threads")),
        ("90", 16, 1024, 128, 64 * 1024 - 2048, (12, 64, "shared memory")),
    ],
)
def test_occupancy(architecture, registers, shared, threads, dynamic, expected):
    assert Resources(architecture, registers, 0, 0, 0, shared).occupancy(threads, dynamic) == expected


TEXT = """
template <class T> __global__ void twice(T *x) { x[threadIdx.x] *= 2; }
__global__ void reversed(float *x) {
    __shared__ float s[256];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = s[255 - threadIdx.x];
}
void launch(float *x) { twice<float><<<1, 32>>>(x); }
"""


@pytest.mark.skipif(not occupancy.nvcc_path(), reason="nvcc is not installed")
def test_what_nvcc_makes_of_a_file(tmp_path):
    found = resources(write_kernel(tmp_path, TEXT), "t4")
    assert found["reversed"].shared == 1024 and found["reversed"].architecture == "75"
    assert 4 <= found["reversed"].registers <= 32 and 4 <= found["twice<float>"].registers <= 32
    with pytest.raises(InputError, match="does not compile with nvcc"):
        resources(write_kernel(tmp_path, "__global__ void k() { oops; }"), "h100")


def test_without_nvcc_or_for_a_gpu_that_it_has_left_behind(tmp_path, monkeypatch):
    file = write_kernel(tmp_path, TEXT)
    monkeypatch.setattr(occupancy, "nvcc_path", lambda: None)
    with pytest.raises(InputError, match="nvcc is not on PATH"):
        resources(file, "h100")
    monkeypatch.setattr(occupancy, "nvcc_path", lambda: "nvcc")
    with pytest.raises(InputError, match="no longer compiles for v100"):
        resources(file, "v100")
