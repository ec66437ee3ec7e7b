"""Every operation of every device against float64."""

import numpy as np
import pytest

from hw5.devices.emulated import EmulatorRuntime
from hw5.devices.kernels import KernelDevice, kernel_sources
from hw5.verify.contract import TOLERANCE, Workbench, error
from hw5.verify.contracts import CONTRACTS


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.kernel)
def test_operation_agrees_with_float64(device, contract):
    if device.name in ("cpu", "numpy") and contract.file in ("small_network.cu", "small_epoch.cu"):
        pytest.skip("the NumPy device has no such operation")
    for case in contract.cases():
        assert contract.run(device, case) <= TOLERANCE, case


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize(("m", "n", "k"), [(1, 1, 1), (3, 5, 2), (33, 7, 65), (10, 128, 784)])
def test_gemm_agrees_with_float64(device, m, n, k, transpose_a, transpose_b):
    """(m, n) = (m, k) (k, n) in the lecture's orientation; NumPy's arrays are the transposed matrices."""
    rng = np.random.default_rng(m + n + k)
    A = rng.normal(size=(m, k) if transpose_a else (k, m)).astype(np.float32)
    B = rng.normal(size=(k, n) if transpose_b else (n, k)).astype(np.float32)
    C = rng.normal(size=(n, m)).astype(np.float32)
    op_A, op_B = (A.T if transpose_a else A), (B.T if transpose_b else B)
    for alpha, beta in ((1.0, 0.0), (-0.5, 0.75), (2.0, 1.0)):
        bench = Workbench(device, rng)
        out = bench.put(C if beta else np.full_like(C, np.nan))  # not read if beta is 0
        device.gemm(bench.put(A), bench.put(B), out, transpose_a, transpose_b, alpha, beta)
        want = alpha * (op_B.astype(np.float64) @ op_A) + (beta * C if beta else 0)
        scale = abs(alpha) * (abs(op_B).astype(np.float64) @ abs(op_A)) + abs(beta * C)
        assert error(bench.get(out), want, scale) <= TOLERANCE


def test_add(device):
    _require_sums(device)


def test_add_stays_in_its_memory():
    """Check mode detects an access beyond an array."""
    _require_sums(KernelDevice("emulator", EmulatorRuntime(kernel_sources(), check=True)))


def _require_sums(device):
    """Of arrays that grow and shrink: a device may keep a buffer of the largest size so far."""
    for n in (3, 1000, 7, 1001):
        x, y = np.random.default_rng(n).normal(size=(2, n)).astype(np.float32)
        X = device.upload(x, device.dtype)
        device.add(X, device.upload(y, device.dtype))
        assert device.download(X).tobytes() == (x + y).tobytes()


def test_copies_and_views(device):
    host = np.arange(24, dtype=np.float32).reshape(6, 4)
    array = device.upload(host)
    host[:] = 0  # the device has its own copy
    assert device.download(array[2:4]).tolist() == [[8, 9, 10, 11], [12, 13, 14, 15]]
    assert array[4:9].shape == (2, 4) and len(array[6:]) == 0
    assert device.download(array[1:][2:3].reshape((2, 2))).tolist() == [[12, 13], [14, 15]]
    assert (
        device.empty((3, 2)).dtype == device.dtype
        and device.upload([1, 2], device.index_dtype).dtype == device.index_dtype
    )
