"""Training by one launch for many steps. The contracts of epoch_TYPE check each result of a step."""

import numpy as np
import pytest

from hw5.devices import open_device, persistent
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.devices.emulated import EmulatorRuntime
from hw5.devices.kernels import KernelDevice, kernel_sources
from hw5.devices.small_network import EpochLaunch
from hw5.errors import InputError
from hw5.nn.hidden import layers_of
from hw5.nn.network import Network, initial_parameters
from hw5.verify.contract import TOLERANCE, Case
from hw5.verify.contracts import CONTRACTS
from tests.devices.test_recorded import Counting

RATES = {
    "plain": Rates(0.1, l2=0.01),
    "momentum": Rates(0.05, 0.9, 1e-3, 1e-2, nesterov=True),
    "adam": Rates(0.01, adam=True, weight_decay=0.1),
}


@pytest.fixture(scope="module")
def device():
    return on(EmulatorRuntime(kernel_sources()))


def on(runtime):
    device = KernelDevice("emulator", runtime)
    device.persists = True
    return device


def stepper_on(device, sizes, n, dtype=np.uint8):
    first, *hidden, m = sizes
    layers = layers_of((first,), hidden, m, "tanh")
    network = Network(device, initial_parameters(layers, 1), layers=layers, class_weights=np.linspace(0.5, 1.5, m))
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (n, first)).astype(dtype), rng.integers(0, m, n)
    data = device.upload_data(X, y, np.full(first, 127.0, np.float32), np.full(first, 1 / 74, np.float32))
    return device.stepper(network, data), device.upload(rng.permutation(n), device.index_dtype)


def after(device, sizes, n, k, rates, dtype=np.uint8, stretches=None):
    """The parameters, velocities and squares after training on n examples, in stretches, and the tally."""
    (stepper, order), tally, start = stepper_on(device, sizes, n, dtype), Tally(device, k), 0
    for stretch in stretches or (n,):
        stepper.train(order[start : start + stretch], k, rates, tally)
        start += stretch
    network = stepper.network
    state = (network.parameters(), network.velocities(), network.squares() if rates.adam else [])
    return [array for pairs in state for pair in pairs for array in pair], tally.read()


SHAPES = {
    "hidden": ((33, 17, 5), 50, 8),
    "linear": ((50, 3), 50, 8),
    "one block": ((15, 8, 3), 37, 16),
    "parts of two units": ((18, 130, 4), 12, 5),
    "parts of four units": ((7, 520, 2), 6, 4),
    "parts of eight units": ((30, 514, 3), 5, 3),
    "more columns than threads": ((2100, 6, 3), 5, 3),
    "more sums than are shared by threads": ((3, 4, 2), 130, 65),
    "many classes": ((20, 40, 33), 30, 30),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.float32], ids=["uint8", "float32"])
@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize(("sizes", "n", "k"), SHAPES.values(), ids=SHAPES)
def test_an_epoch_agrees_with_float64(device, sizes, n, k, rates, dtype):
    """Within 1e-4 of the largest number in the array: a few steps, each with rounding errors of about 1e-7, which Adam
    divides by the roots of small gradients."""
    got, tally = after(device, sizes, n, k, rates, dtype)
    want, its_tally = after(CpuDevice("float64"), sizes, n, k, rates, dtype)
    for one, other in zip(got, want, strict=True):
        assert abs(one - other).max() <= 1e-4 * max(abs(other).max(), 1e-6)
    assert abs(tally[0] - its_tally[0]) <= 1e-5 * its_tally[0] and tally[1] == its_tally[1]


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize("sizes", [(33, 17, 5), (50, 3)], ids=str)
def test_the_bits_do_not_depend_on_where_a_stretch_ends(device, sizes, rates):
    """The last minibatch has other numbers of examples than the ones before."""
    whole = after(device, sizes, 28, 24, rates)
    assert bits(after(device, sizes, 28, 24, rates, stretches=(24, 4))) == bits(whole)


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize("sizes", [(33, 17, 5), (50, 3)], ids=str)
def test_the_bits_do_not_depend_on_how_steps_are_launched(device, sizes, rates, monkeypatch):
    """In stretches, as training pauses for a checkpoint; in launches of few steps; in other orders of threads."""
    whole = bits(after(device, sizes, 50, 8, rates))
    for stretches in ((8, 24, 18), (48, 2)):
        assert bits(after(device, sizes, 50, 8, rates, stretches=stretches)) == whole
    for order in ("reverse", "random"):
        monkeypatch.setattr(device.runtime, "order", order)
        assert bits(after(device, sizes, 50, 8, rates)) == whole
    monkeypatch.setattr(device.runtime, "order", "forward")
    monkeypatch.setattr(persistent, "MOST_STEPS", 2)
    assert bits(after(device, sizes, 50, 8, rates)) == whole


@pytest.mark.parametrize("dtype", [np.uint8, np.float32], ids=["uint8", "float32"])
@pytest.mark.parametrize(("sizes", "n", "k"), SHAPES.values(), ids=SHAPES)
def test_the_bits_do_not_depend_on_how_many_blocks_the_gpu_has_room_for(device, sizes, n, k, dtype, monkeypatch):
    """Nor on whether there is memory for the next minibatch."""
    many = bits(after(device, sizes, n, k, RATES["adam"], dtype))
    for room in (3, 5):
        monkeypatch.setattr(device.runtime, "resident_blocks", lambda kernel, threads, shared, room=room: room)
        assert bits(after(device, sizes, n, k, RATES["adam"], dtype)) == many
    everywhere = EpochLaunch.all
    monkeypatch.setattr(
        EpochLaunch, "all", lambda *shape: [launch for launch in everywhere(*shape) if not launch.ahead]
    )
    assert bits(after(device, sizes, n, k, RATES["adam"], dtype)) == many


@pytest.mark.parametrize("few_blocks", [False, True])
def test_the_contract_leaves_out_what_a_turing_gpu_has_no_shared_memory_for(few_blocks, monkeypatch):
    turing, launched = on(EmulatorRuntime(kernel_sources())), []
    launch, resident = turing.runtime.launch, 30

    def noted(kernel, grid, block, args, shared, cooperative):
        launched.append(shared)
        return launch(kernel, grid, block, args, shared, cooperative)

    monkeypatch.setattr(turing.runtime, "resident_blocks", lambda *launch: resident if launch[2] <= 64 << 10 else 0)
    monkeypatch.setattr(turing.runtime, "launch", noted)
    contract = next(contract for contract in CONTRACTS if contract.kernel == "epoch_float32")
    assert contract.run(turing, Case(1, 1, few_blocks=few_blocks)) <= TOLERANCE
    assert len(launched) == 12 and max(launched) <= 64 << 10  # of 13


def bits(result):
    arrays, tally = result
    return [array.tobytes() for array in arrays], tally


def test_check_mode_finds_nothing():
    checked = on(EmulatorRuntime(kernel_sources(), check=True))
    for sizes, n, k in SHAPES.values():
        after(checked, sizes, n, k, RATES["adam"])


def test_the_arithmetic_is_called_the_same_on_all_gpus():
    device = on(Counting())
    device.name = "cuda:1"  # as open_device renames it
    assert stepper_on(device, (33, 17, 5), 8)[0].arithmetic == "the persistent CUDA kernel (emulator)"


def test_an_epoch_is_one_launch():
    device = on(Counting())
    for rates, expected in (RATES["plain"], ["epoch_uint8"]), (RATES["adam"], ["epoch_uint8", "advance"]):
        device.runtime.calls.clear()
        after(device, (33, 17, 5), 50, 8, rates)
        assert device.runtime.calls == expected


def test_what_cannot_be_trained_by_it(device, monkeypatch):
    for sizes in ((20, 8, 8, 3), (20, "dropout:0.5", 3)):
        with pytest.raises(InputError, match="--persistent needs a softmax classifier with at most one hidden layer"):
            stepper_on(device, sizes, 8)
    stepper, _ = stepper_on(device, (2000, 20, 3), 256)
    with pytest.raises(
        InputError, match="needs room for 20 blocks with 5.. KB of shared memory at the same time; leave it out"
    ):
        stepper.how_with(256)
    monkeypatch.setattr(device, "most_resident_bytes", 10)
    with pytest.raises(InputError, match="needs data that fits into the memory of the GPU"):
        stepper_on(device, (20, 8, 3), 8)
    for name in ("cpu", "numpy"):
        with pytest.raises(InputError, match=f"needs --device cuda or emulator, and this is {name}"):
            open_device(name, persistent=True)
