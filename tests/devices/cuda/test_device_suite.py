"""The device tests and training on KernelDevice("cuda", PyCudaRuntime(...)), with the simulated GPU."""

import numpy as np
import pytest

from hw5.datasets import load
from hw5.datasets.preprocessing import Standardisation, split_dataset
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.devices.cuda.runtime import PyCudaRuntime
from hw5.devices.emulated import EmulatorRuntime
from hw5.devices.kernels import KernelDevice, kernel_sources
from hw5.devices.stepper import Stepper
from hw5.errors import InputError
from hw5.nn.hidden import dense_layers
from hw5.nn.network import Network, initial_parameters
from hw5.train.settings import Settings
from hw5.train.training import Training
from hw5.verify.contract import TOLERANCE
from hw5.verify.contracts import CONTRACTS
from tests.devices.test_agreement import OF_IMAGES, RATES, network_of, one_epoch, require_agreement
from tests.devices.test_persistent import after, bits, on, stepper_on

# Exceptions in finalizers are errors too
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def device(runtime):
    return KernelDevice("cuda", runtime)


class SameProducts(EmulatorRuntime):
    """The emulator with the matrix product of the simulation, so that both give the same bits."""

    def _gemm(self, transpose_a, transpose_b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc):
        from skcuda.cublas import _Matrix, sgemm

        a = _Matrix(A, lda, *((k, m) if transpose_a else (m, k)), check=False)
        b = _Matrix(B, ldb, *((n, k) if transpose_b else (k, n)), check=False)
        c = _Matrix(C, ldc, m, n, check=False)
        sgemm(transpose_a, transpose_b, alpha, a.view(), b.view(), beta, c.view())


@pytest.fixture
def emulator(simulated):
    return KernelDevice("emulator", SameProducts(kernel_sources()))


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.kernel)
def test_operation_agrees_with_float64(device, contract):
    for case in contract.cases():
        assert contract.run(device, case) <= TOLERANCE, case


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize(
    ("sizes", "theta"),
    [((20, 3), "relu"), ((33, 17, 5), "tanh"), ((50, 40, 30, 4), "sigmoid"), *((sizes, "relu") for sizes in OF_IMAGES)],
)
def test_two_steps_agree(device, sizes, theta, rates):
    """Within 1e-5 of the largest number in the array, as on the other devices."""
    of_adam = 5e-3 if sizes in OF_IMAGES else 0
    require_agreement(device, CpuDevice("float64"), sizes, theta, rates, np.uint8, of_adam)


def trained(device, settings):
    """The loss of every epoch and the parameters after training on the digits."""
    digits = load("digits")
    parts = split_dataset(digits, settings.validation, settings.holdout, settings.seed)
    standardisation = Standardisation.fit(parts["train"])
    data = device.upload_data(digits.train.X, digits.train.y, standardisation.mean, standardisation.scale)
    parameters = initial_parameters(dense_layers((64, *settings.hidden, 10), settings.activation), settings.seed)
    network = Network(device, parameters, settings.activation)
    losses = [
        now.loss for now in Training(device.stepper(network, data), parts["train"].rows, settings) if now.epoch_ends
    ]
    return losses, [array.tobytes() for pair in network.parameters() for array in pair]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_training_gives_the_same_bits_as_the_emulator(device, emulator, momentum):
    settings = Settings(hidden=(32,), epochs=3, momentum=momentum)
    losses, parameters = trained(device, settings)
    assert losses[-1] < losses[0] / 2
    assert (losses, parameters) == trained(emulator, settings)


def test_a_short_training_in_check_mode(simulated):
    gpu = simulated(check=True)
    runtime = PyCudaRuntime(kernel_sources())
    device = KernelDevice("cuda", runtime)
    one_epoch(device, (33, 17, 5), "relu", RATES["momentum and penalties"], np.uint8)
    one_epoch(device, (64, 32, 10), "tanh", RATES["plain"], np.float32)
    one_epoch(device, OF_IMAGES[1], "relu", RATES["plain"], np.uint8)
    one_epoch(device, OF_IMAGES[2], "relu", RATES["adam"], np.uint8)
    one_epoch(device, ((4, 4, 1), "conv:2x1", "pool:2", 3), "relu", RATES["plain"], np.uint8)
    assert {kernel for kernel, *_ in gpu.launches} >= {
        *("minibatch_uint8", "minibatch_float32", "sgd_update"),
        *("unfold", "fold", "convolution", "convolution_gradient", "max_pool", "max_pool_gradient"),
        *("mean_pool", "mean_pool_gradient", "dropout"),
    }
    runtime.close()


@pytest.mark.parametrize("sizes", [(33, 17, 5), ((3, 11, 1), "conv:4x3+1", "pool:2", "dropout:0.2", 17, 5)], ids=str)
@pytest.mark.parametrize("rates", [Rates(0.1, l2=0.01), Rates(0.1, 0.9, 1e-3, 1e-2)], ids=["plain", "momentum"])
def test_a_recorded_step_gives_the_same_bits_as_a_launched_one(device, runtime, gpu, rates, sizes):
    """One graph, replayed for every minibatch; the rows of a minibatch are written to a fixed address."""

    def stretch(recorded, k=32, steps=4):
        rng = np.random.default_rng(0)
        X, y = rng.integers(0, 256, (200, 33), np.uint8), rng.integers(0, 5, 200)
        data = device.upload_data(X, y, np.full(33, 127.0, np.float32), np.full(33, 1 / 74, np.float32))
        network = network_of(device, sizes, "relu")
        tally, rows = Tally(device, k), device.empty((k,), np.int32)
        stepper = Stepper(network, data)
        order = rng.permutation(200).astype(np.int32)

        def step():
            stepper.train(rows, k, rates, tally)

        replay = step
        for i in range(steps):
            runtime.write(rows.address, order[i * k : (i + 1) * k])
            replay()
            if recorded and i == 0:
                replay = runtime.record(step)
        return [array.tobytes() for pair in network.parameters() for array in pair], tally.read()

    launched, launches = stretch(False), len(gpu.launches)
    assert stretch(True) == launched
    # in another order, as branches of a recording are; and the recording itself launched nothing
    assert sorted(gpu.launches[launches:]) == sorted(gpu.launches[:launches])


def test_the_host_waits_once_an_epoch(device, monkeypatch):
    """From the second epoch on, when the speed is known; the first one has an early report."""
    import pycuda.driver

    waits, synchronize = [], pycuda.driver.Stream.synchronize
    monkeypatch.setattr(pycuda.driver.Stream, "synchronize", lambda stream: waits.append(1) or synchronize(stream))
    monkeypatch.setattr("hw5.train.pace._SECONDS_BETWEEN_REPORTS", 60.0)
    digits, settings = load("digits"), Settings(hidden=(16,), epochs=4)
    subset = split_dataset(digits, 0, 0, 0)["train"]
    standardisation = Standardisation.fit(subset)
    data = device.upload_data(digits.train.X, digits.train.y, standardisation.mean, standardisation.scale)
    network = Network(device, initial_parameters(dense_layers((64, 16, 10), "relu"), 0))
    by_epoch = {}
    for now in Training(device.stepper(network, data), subset.rows, settings):
        by_epoch[now.epoch] = len(waits)
    assert [by_epoch[epoch] - by_epoch[epoch - 1] for epoch in (2, 3, 4)] == [1, 1, 1]


def test_one_launch_for_many_steps(simulated):
    """It gives the bits of the emulator; what does not fit the GPU, or needs cuda-bindings, is refused."""
    sizes, n, k, rates = (100, 40, 3), 70, 16, RATES["adam"]
    gpu = simulated(check=True)
    device = KernelDevice("cuda", PyCudaRuntime(kernel_sources()))
    device.persists = True
    expected = bits(after(on(EmulatorRuntime(kernel_sources())), sizes, n, k, rates))
    assert bits(after(device, sizes, n, k, rates)) == expected
    assert [launch[:3] for launch in gpu.launches[:2]] == [
        ("epoch_uint8", (40, 1, 1), (32, 16, 1)),
        ("advance", (1,), (1, 1, 1)),
    ]
    assert stepper_on(device, (30, 1000, 3), 8)[0].launch(8).blocks == 63  # of 16 units: there is no room for 125 of 8
    with pytest.raises(InputError, match="needs room for 20 blocks with 4.. KB of shared memory"):
        stepper_on(device, (2000, 20, 3), 200)[0].how_with(200)
    gpu.attributes["COOPERATIVE_LAUNCH"] = 0
    with pytest.raises(InputError, match="needs room for"):
        stepper_on(device, sizes, n)[0].how_with(k)
    device.runtime.close()


def test_many_steps_in_a_launch_need_cuda_bindings(device, monkeypatch):
    device.persists = True
    monkeypatch.setattr("hw5.devices.cuda.cooperative.why_no_bindings", lambda: "cuda-bindings is not installed")
    with pytest.raises(InputError, match="--persistent needs cuda-bindings: cuda-bindings is not installed"):
        stepper_on(device, (100, 40, 3), 70)[0].how_with(16)
