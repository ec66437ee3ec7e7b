"""The launches of a step and of an epoch: how many, and that none of them is made one by one."""

import numpy as np
import pytest

from hw5.devices.base import Rates, Tally
from hw5.devices.emulated import EmulatorRuntime
from hw5.devices.kernels import KernelDevice, kernel_sources
from hw5.nn.hidden import layers_of
from hw5.nn.network import Network, initial_parameters
from hw5.verify.step_profile import profile_step

N, K = 300, 8


class Counting(EmulatorRuntime):
    """Lists the kernels and products that are not replayed."""

    def __init__(self, check=False):
        super().__init__(kernel_sources(), check=check)
        self.calls = []

    def allocate(self, *arguments):
        assert self._recording is None, "a graph cannot allocate memory"
        return super().allocate(*arguments)

    def launch(self, kernel, *arguments, **how):
        self._count(kernel)
        super().launch(kernel, *arguments, **how)

    def gemm(self, *arguments):
        self._count("gemm")
        super().gemm(*arguments)

    def _count(self, call):
        if self._recording is None:
            self.calls.append(call)


@pytest.fixture
def device():
    return KernelDevice("emulator", Counting())


def stepper_on(device, sizes, n=N, theta="relu"):
    first, *hidden, m = sizes
    layers = layers_of(first if isinstance(first, tuple) else (first,), hidden, m, theta)
    network = Network(device, initial_parameters(layers, 1), layers=layers)
    rng, d = np.random.default_rng(0), network.features
    X, y = rng.integers(0, 256, (n, d), dtype=np.uint8), rng.integers(0, m, n)
    data = device.upload_data(X, y, np.full(d, 127.0, np.float32), np.full(d, 1 / 74, np.float32))
    return device.stepper(network, data), device.upload(np.arange(n), device.index_dtype)


def calls_of_a_step(device, sizes, k=K, rates=Rates(0.1), theta="relu"):
    stepper, order = stepper_on(device, sizes, k, theta)
    device.runtime.calls.clear()
    stepper.train(order, k, rates, Tally(device, k))
    assert device.runtime.calls.pop() == "advance"  # to the next minibatch
    return device.runtime.calls


HIDDEN = ["minibatch_uint8", "gemm", "relu_forward", "gemm", "softmax_cross_entropy", "gemm", "relu_gradient"]
UPDATES = ["gemm", "gradient_mean"] * 2


def test_the_launches_of_a_step(device):
    assert calls_of_a_step(device, (20, 8, 3)) == HIDDEN + UPDATES
    assert calls_of_a_step(device, (20, 3)) == ["minibatch_uint8", "gemm", "softmax_cross_entropy", *UPDATES[:2]]
    momentum = calls_of_a_step(device, (20, 8, 3), rates=Rates(0.1, 0.9))
    assert momentum == HIDDEN + ["gemm", "sgd_update", "gradient_mean", "sgd_update"] * 2


@pytest.mark.parametrize(
    ("hidden", "rates", "fuses", "calls", "longest"),
    [
        ((), Rates(0.1), False, 5, 4),
        ((8,), Rates(0.1), False, 11, 8),
        ((8,), Rates(0.1, 0.9), False, 15, 9),
        ((8,), Rates(0.1, adam=True), False, 16, 10),
        ((8, 7), Rates(0.1), False, 17, 12),
        ((8,), Rates(0.1), True, 3, 3),
        ((8,), Rates(0.1, adam=True), True, 3, 3),
    ],
)
def test_the_calls_on_the_longest_path_of_a_step(hidden, rates, fuses, calls, longest):
    """A recording updates all weights and biases at the same time. One more call, to the next minibatch, ends it."""
    found, path = profile_step((20,), hidden, 3, K, rates, fuses=fuses)
    assert (sum(one.count for one in found), path) == (calls + 1, longest + 1)


IMAGES = ((6, 6, 1), "conv:2x3", "pool:2", "conv:17x2+1", "dropout:0.5", "meanpool:3", 4)


def test_the_launches_of_a_step_over_images(device):
    """Few filters need no patches. Those of many are unfolded once, and no gradient reaches the images."""
    assert calls_of_a_step(device, IMAGES) == [
        *("minibatch_uint8", "convolution", "relu_forward", "max_pool", "unfold", "gemm", "relu_forward"),
        *("dropout", "mean_pool", "gemm", "softmax_cross_entropy"),
        *(
            "gemm",
            "mean_pool_gradient",
            "dropout",
            "relu_gradient",
            "gemm",
            "fold",
            "max_pool_gradient",
            "relu_gradient",
        ),
        "advance",
        *("convolution_gradient", "gradient_mean", "gradient_mean"),
        *["gemm", "gradient_mean"] * 2,
    ]


def test_the_pieces_of_maxout_are_filters(device):
    """Of which a direct convolution has at most 16: two pieces of 8 units, but not of 9."""
    for units, kernel in ((8, "convolution"), (9, "unfold")):
        calls = calls_of_a_step(device, ((6, 6, 1), f"conv:{units}x3", 4), theta="maxout")
        assert calls[:2] == ["minibatch_uint8", kernel]


def test_the_launches_of_a_fused_step(device):
    device.fuses = True
    assert calls_of_a_step(device, (20, 8, 3)) == ["hidden_uint8", "output_hidden", "update_uint8"]
    adam = calls_of_a_step(device, (20, 8, 3), rates=Rates(0.1, adam=True))
    assert adam == ["hidden_uint8", "output_hidden", "update_uint8"]
    assert calls_of_a_step(device, (20, 3), rates=Rates(0.1, 0.9)) == ["output_uint8", "update_uint8"]


@pytest.mark.parametrize(
    "what",
    [
        dict(sizes=(20, 8, 8, 3)),
        dict(sizes=(20, 8, 3), theta="maxout"),
        dict(sizes=(2, 3), k=513),
        dict(sizes=(2000, 200, 2), k=400),
        dict(sizes=(3, 1025)),
    ],
    ids=["two hidden layers", "maxout", "many examples", "many products", "many classes"],
)
def test_steps_that_are_not_fused(device, what):
    device.fuses = True
    assert calls_of_a_step(device, **what)[0] == "minibatch_uint8"


@pytest.mark.parametrize(
    ("sizes", "k"), [((2, 3), 512), ((3, 1024), 32), ((1 << 12, 8), 512), ((2046, 128, 2), 512)], ids=str
)
def test_the_largest_fused_steps(device, sizes, k):
    """The limits are part of what determines the bits of a run: 512 examples, 1,024 classes, and 2^27 products,
    2^24 of them in the output layer."""
    device.fuses = True
    assert stepper_on(device, sizes, n=8)[0].fuses(k)


def test_one_product_more_than_a_fused_step_has(device):
    device.fuses = True
    for sizes in ((1 << 12) + 1, 8), (2047, 128, 2):
        assert not stepper_on(device, sizes, n=8)[0].fuses(512)


@pytest.mark.parametrize(
    ("sizes", "fuses"), [((20, 8, 3), False), ((20, 8, 3), True), (IMAGES, False)], ids=["launched", "fused", "images"]
)
@pytest.mark.parametrize("k", [K, 7, 200, N], ids=lambda k: f"minibatch {k}")
def test_after_the_first_steps_none_is_launched_one_by_one(device, k, sizes, fuses):
    """Neither a whole minibatch that is left after the recordings of many, nor the last one, which is smaller."""
    device.fuses = fuses
    stepper, order = stepper_on(device, sizes)
    tally, rates = Tally(device, k), Rates(0.1)
    stepper.train(order, k, rates, tally)
    device.runtime.calls.clear()
    stepper.train(order, k, rates, tally)
    assert device.runtime.calls == []


def test_a_schedule_does_not_record_again(device):
    """The learning rate of fused steps is in the memory of the device."""
    device.fuses = True
    stepper, order = stepper_on(device, (20, 8, 3))
    tally, made = Tally(device, K), []
    device.record = lambda work: made.append(1) or device.runtime.record(work)
    for epoch in range(5):
        stepper.train(order, K, Rates(0.1 * 0.9**epoch), tally)
    assert len(made) == 3  # sixteen steps, one step, and the last minibatch, which is smaller


def test_recordings_stay_valid_when_another_network_is_trained():
    """They have the address of the sums of tall gradients. Check mode detects an access to memory that was freed."""
    device = KernelDevice("emulator", Counting(check=True))
    device.tallest_slab = 8
    narrow, wide = (stepper_on(device, (shape, "conv:2x3", 3), n=4 * K) for shape in ((6, 6, 1), (12, 12, 1)))
    tally, rates = Tally(device, K), Rates(0.1)
    for stepper, order in (narrow, wide, narrow):
        device.runtime.calls.clear()
        stepper.train(order, K, rates, tally)
    assert device.runtime.calls == []
