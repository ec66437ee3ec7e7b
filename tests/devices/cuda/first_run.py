"""First checks on a machine with a GPU, run from the root of the repository:

    python -m tests.devices.cuda.first_run [MINIBATCHES]

It prints a line for each check that needs a GPU, and the number of failures. MINIBATCHES: the length of an epoch of the
small network (default: 200), whose speed is measured.
"""

import gc
import sys
import time
import traceback

import numpy as np

from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.devices.cuda.runtime import PyCudaRuntime
from hw5.devices.kernels import KernelDevice, kernel_sources
from hw5.nn.hidden import LENET, layers_of
from hw5.nn.network import Network, initial_parameters
from hw5.verify.contract import TOLERANCE
from hw5.verify.contracts import CONTRACTS
from tests.devices.test_agreement import OF_IMAGES, RATES, require_agreement

K, D, CLASSES = 128, 784, 10
MINIBATCHES = int(sys.argv[1]) if sys.argv[1:] else 200
SMALL = ((D,), (128,))  # the shape of an example and the hidden layers
OF_LENET = ((28, 28, 1), LENET)
f32 = np.float32


def opened_warm():
    """The second start uses the cached machine code."""
    times = []
    for _ in range(2):
        began = time.perf_counter()
        PyCudaRuntime(kernel_sources()).close()
        times.append(time.perf_counter() - began)
    return f"{times[0]:.2f} s, then {times[1]:.2f} s"


def versions():
    import pycuda
    import pycuda.driver as driver

    from hw5.devices.cuda import cublas

    PyCudaRuntime(kernel_sources()).close()
    name = getattr(driver.Device(0), "name", lambda: "a simulated GPU")()
    library = getattr(cublas.load()._libcublas, "_name", "a simulated cuBLAS")
    return f"{name}, PyCUDA {getattr(pycuda, 'VERSION_TEXT', '(simulated)')}, {library}"


def products():
    """cuBLAS and NumPy agree, and TF32 is used if requested (from Ampere on), at a size where it is faster.

    The errors are relative to |A| |B|. A float32 has 24 significant bits; one of TF32 has 11, so that the factors are
    rounded by up to 2^-12 each, and the errors of 1024 products partly cancel.
    """
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 1024, 1024)).astype(f32)
    expected, scale, errors = B.astype(float) @ A.T, abs(B).astype(float) @ abs(A.T), []
    for precision in ("fp32", "tf32"):
        runtime = PyCudaRuntime(kernel_sources(), precision)
        device = KernelDevice("cuda", runtime)
        C = device.empty(expected.shape)
        device.gemm(device.upload(A), device.upload(B), C, transpose_a=True)  # with A as W: C = B A^T in NumPy's shapes
        errors.append((abs(device.download(C) - expected) / scale).max())
        runtime.close()
    assert errors[0] < 2**-20 < 2**-16 < errors[1] < 2**-11, errors
    return f"largest relative error {errors[0]:.1e} in fp32, {errors[1]:.1e} in tf32"


def operations():
    """Every kernel against float64, on every case of hw5 check."""
    runtime = PyCudaRuntime(kernel_sources())
    device, worst = KernelDevice("cuda", runtime), (0.0, "")
    for contract in CONTRACTS:
        for case in contract.cases():
            worst = max(worst, (contract.run(device, case), f"{contract.kernel}, {case}"))
    runtime.close()
    assert worst[0] <= TOLERANCE, worst
    return f"worst error {worst[0]:.2f} of {TOLERANCE}: {worst[1]}"


def epoch(device, network, k, n, step_by_step=False):
    """Two epochs on random data: the loss of the second, the parameters, and the examples per second of the second."""
    rng, layers = np.random.default_rng(0), layers_of(*network, CLASSES, "relu")
    X, y = rng.integers(0, 256, (n, D), np.uint8), rng.integers(0, CLASSES, n)
    data = device.upload_data(X, y, np.full(D, 127.0, f32), np.full(D, 1 / 74, f32))
    network = Network(device, initial_parameters(layers, 1), layers=layers)
    order = device.upload(rng.permutation(n), device.index_dtype)
    stepper = device.stepper(network, data)
    if step_by_step:
        device.record = lambda work: None
    for _ in range(2):
        tally, began = Tally(device, k), time.perf_counter()
        stepper.train(order, k, Rates(0.03), tally)
        loss, _ = tally.read()
    rate = n / (time.perf_counter() - began)
    if step_by_step:
        del device.record
    return loss, [array.tobytes() for pair in network.parameters() for array in pair], rate


def training(network=SMALL, k=K, minibatches=MINIBATCHES, fuses=False):
    """GPU and CPU agree, recorded steps give the same bits as launched ones, and equal seeds give equal bits."""
    runtime = PyCudaRuntime(kernel_sources())
    device, problem = KernelDevice("cuda", runtime, fuses=fuses), (network, k, k * minibatches)
    launched, again, recorded = (
        epoch(device, *problem, step_by_step=True),
        epoch(device, *problem, step_by_step=True),
        epoch(device, *problem),
    )
    runtime.close()
    assert launched[:2] == again[:2], "equal seeds gave different bits"
    assert launched[:2] == recorded[:2], "recorded steps gave different bits"
    loss, _, of_numpy = epoch(CpuDevice(), *problem)
    assert abs(loss - launched[0]) < 1e-2 * loss, (loss, launched[0])
    return f"{launched[2]:.3g} examples/s launched, {recorded[2]:.3g} recorded, {of_numpy:.3g} by NumPy"


def fused_training():
    """The same with fused steps."""
    return training(fuses=True)


def persistent_training():
    """The same by one launch for many steps, which agrees with NumPy, and gives equal bits for equal seeds."""
    runtime = PyCudaRuntime(kernel_sources())
    device, problem = KernelDevice("cuda", runtime), (SMALL, 32, 32 * 4 + 5)
    device.persists = True
    first, again, of_numpy = epoch(device, *problem), epoch(device, *problem), epoch(CpuDevice(), *problem)
    runtime.close()
    assert first[:2] == again[:2], "equal seeds gave different bits"
    assert abs(of_numpy[0] - first[0]) < 1e-2 * of_numpy[0], (of_numpy[0], first[0])
    return f"{first[2]:.3g} examples/s, {of_numpy[2]:.3g} by NumPy"


def lenet_steps():
    """Two steps of LeNet, and of networks with all kinds of layers, agree with float64."""
    runtime = PyCudaRuntime(kernel_sources())
    device = KernelDevice("cuda", runtime)
    for sizes in OF_IMAGES:
        for rates in RATES.values():
            require_agreement(device, CpuDevice("float64"), sizes, "relu", rates, np.uint8, of_adam=5e-3)
    runtime.close()
    return f"{len(OF_IMAGES)} networks by {len(RATES)} rules"


def lenet_training():
    """LeNet as the small network; few examples, since the tests run this in the emulator."""
    return training(OF_LENET, k=16, minibatches=18)


def cost_of_calls():
    """Microseconds per launch, product and replay in Python and the driver, without waiting for them."""
    runtime = PyCudaRuntime(kernel_sources())
    memory = runtime.allocate(64)
    a = int(memory)
    calls = {
        "launch": lambda: runtime.launch(
            "sgd_update", (1,), (32,), [a, a, a, *map(f32, (0, 0, 0, 0)), np.int32(0), np.int64(8)]
        ),
        "gemm": lambda: runtime.gemm(False, False, 2, 2, 2, 1.0, a, 2, a, 2, 0.0, a, 2),
    }
    [call() for call in calls.values()]
    calls["replay"] = runtime.record(lambda: [call() for call in tuple(calls.values())])
    assert calls["replay"], "cuda-bindings is not installed"
    times = []
    for name, call in calls.items():
        runtime.synchronize()
        began = time.perf_counter()
        for _ in range(1000):
            call()
        times.append(f"{name} {(time.perf_counter() - began) * 1e3:.1f} us")
    runtime.close()
    return ", ".join(times)


def ends():
    """Recordings, memory and runtimes may be deleted in any order, and then a new runtime can be created."""
    for last in ("runtime", "memory", "recording"):
        runtime = PyCudaRuntime(kernel_sources())
        memory = runtime.allocate(64)
        alive = {"runtime": runtime, "memory": memory, "recording": runtime.record(lambda: None)}
        del runtime, memory
        for name in sorted(alive, key=lambda name: name == last):
            del alive[name]
            gc.collect()
    return "PyCUDA must not print a message above or below this line"


def main():
    failed = 0
    of_training = (training, fused_training, persistent_training, lenet_steps, lenet_training)
    for check in (versions, opened_warm, products, operations, *of_training, cost_of_calls, ends):
        try:
            print(f"{check.__name__}: {check()}", flush=True)
        except Exception:
            failed += 1
            print(f"{check.__name__}: FAILED\n{traceback.format_exc()}", flush=True)
    print(f"{failed} failed")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
