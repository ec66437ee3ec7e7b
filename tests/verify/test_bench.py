"""The benchmark of kernels: what it measures."""

import pytest

from hw5.devices.activations import ELEMENTWISE
from hw5.devices.cpu import CpuDevice
from hw5.verify import bench
from hw5.verify.bench import Timing
from hw5.verify.contracts import CONTRACTS


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(bench, "SECONDS", 1e-5)
    monkeypatch.setattr(bench, "COPY_BYTES", 1 << 12)
    monkeypatch.setattr(bench, "IMAGES", (2,))


def test_every_kernel_that_moves_data_is_timed():
    timings = list(bench.bench_kernels(CpuDevice(), [(4, 3)]))
    kernels = {
        contract.kernel for contract in CONTRACTS if not contract.optional or contract.file == "convolution.cu"
    } - {"advance"}
    same_traffic = {
        f"{theta}_{direction}" for theta in ELEMENTWISE if theta != "relu" for direction in ("forward", "gradient")
    }
    assert {timing.kernel for timing in timings} == kernels - same_traffic
    assert all(len(timing.seconds) == bench.REPEATS and min(timing.seconds) > 0 for timing in timings)


def test_speed_is_bytes_over_the_median():
    timing = Timing("softmax", (2, 2), [1.0, 5.0, 2.0], nbytes=32)
    assert timing.median == 2.0 and timing.bytes_per_second == 16.0
