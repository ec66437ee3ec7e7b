"""Minibatches in slices: how they are divided, what their gradients are, and the same bits for any number of ranks.

The ranks are threads here; tests/train/test_ranks.py starts processes.
"""

import math
import threading

import numpy as np
import pytest

from hw5.devices import native
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.devices.division import Division
from hw5.devices.native import CompiledDevice
from hw5.devices.ranks import _Sums
from hw5.devices.slices import SlicedStepper, slices_of
from hw5.errors import InputError
from tests.devices.problems import RATES, ImageProblem, Problem, bits

DIVISIONS = [(k, slices) for k in (1, 15, 16, 17, 32, 100, 128, 500, 4096) for slices in (1, 2, 3, 8, 20)]


@pytest.mark.parametrize("k, slices", DIVISIONS)
def test_a_division_covers_the_minibatch_whatever_the_ranks(k, slices):
    for ranks in (1, 2, 3, 4, 7, 30):
        division = Division(k, slices, ranks)
        assert division.slices <= slices and division.size % 16 == 0
        ends = [division.examples(*division.share(rank)) for rank in range(ranks)]
        assert ends[0][0] == 0 and ends[-1][1] == k
        assert all(end == begin for (_, end), (begin, _) in zip(ends, ends[1:]))
        assert all(begin % 16 == 0 or begin == k for begin, _ in ends)


def written_sum(k, slices, ranks):
    """The sum that the ranks make, as text with brackets."""
    division, found = Division(k, slices, ranks), []
    for rank in range(ranks):
        stack, first = [], division.share(rank)[0]
        for number, times in enumerate(division.additions(rank), start=first):
            stack.append(str(number))
            for _ in range(times):
                right, left = stack.pop(), stack.pop()
                stack.append(f"({left}+{right})")
        assert len(stack) == len(division.sums(rank))
        found += stack
    for left, right in _Sums(_Communicator(0, ranks), 1, division).program:
        found[left] = f"({found[left]}+{found[right]})"
    return found[0]


class _Communicator:
    def __init__(self, rank, size):
        self.rank, self.size = rank, size


@pytest.mark.parametrize("k, slices", DIVISIONS)
def test_the_sum_is_one_tree_whatever_the_ranks(k, slices):
    written = {written_sum(k, slices, ranks) for ranks in (1, 2, 3, 4, 5, 8, 13, 32)}
    assert len(written) == 1


def test_the_tree_by_hand():
    assert written_sum(100, 8, 1) == "(((0+1)+(2+3))+((4+5)+6))"  # seven slices: six of 16 examples, and one of 4


PROBLEMS = {
    "dense": Problem((33, 40, 19, 5), "tanh", examples=200),
    "linear, many classes": Problem((50, 300), examples=200),
    "maxout": Problem((30, 12, 3), "maxout:3", examples=200),
    "one number": Problem((21, 33, 1), loss="squared", examples=200),
    "three numbers": Problem((21, 33, 3), loss="squared", examples=200),
    "five labels": Problem((21, 33, 5), loss="multilabel-cross-entropy", examples=200),
    "one unit": Problem((21, 33, 1), loss="binary-cross-entropy", dtype=np.uint8, examples=200),
    "convolutions": ImageProblem((9, 8, 2), ("conv:5x3+1", "pool:2", "conv:4x3", 12), dtype=np.uint8, examples=200),
    "dropout": ImageProblem(
        (8, 9, 2), ("dropout:0.2", "conv:5x3+1", "dropout:0.3", "pool:2", 12, "dropout:0.4"), examples=200
    ),
}


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_steps_by_slices_agree_with_whole_steps(device, problem, rates):
    """Two minibatches of 70 in five slices and one of 60."""
    assert_same_by_slices(device, problem, 70, 6, rates)


def test_one_example_after_slices_of_more_than_a_chunk(compiled):
    """Eight slices of 144 examples, which the compiled code divides into chunks, and one of 1."""
    problem = Problem((21, 9, 3), "tanh", examples=1153)
    assert Division(1153, 9).size == 144
    assert_same_by_slices(compiled, problem, 1153, 9, RATES["plain"])


def assert_same_by_slices(device, problem, k, slices, rates):
    """Within 1e-4 of the largest number, as rounding grows in a step.

    Adam divides a gradient by its size, so its step, of eta, has the relative error of a gradient that nearly cancels.
    """
    reference = CpuDevice("float64")
    network, (loss, _) = problem.trained(reference, rates, k)
    stepper, tally = SlicedStepper(problem.on(device), slices), Tally(device, k)
    stepper.train(device.upload(problem.order, device.index_dtype), k, rates, tally)
    step = 2e-2 * rates.eta if rates.adam else 0
    for pair, expected in zip(stepper.network.parameters(), network.parameters()):
        largest = max(abs(array).max() for array in expected)
        for array, expected_array in zip(pair, expected):
            np.testing.assert_allclose(array, expected_array, rtol=0, atol=1e-4 * largest + step)
    assert tally.read()[0] == pytest.approx(loss, rel=1e-4)


class Together:
    """Ranks that are threads, and add up what they have in the order of Division's tree."""

    def __init__(self, ranks, division):
        self.barrier, self.parts = threading.Barrier(ranks), [None] * ranks
        self.program = _Sums(_Communicator(0, ranks), 1, division).program

    def exchange_of(self, rank):
        def exchange(stack, count):
            self.parts[rank] = stack[:count].copy()
            self.barrier.wait(60)
            found = list(np.concatenate(self.parts))
            for left, right in self.program:
                found[left] = found[left] + found[right]
            self.barrier.wait(60)
            stack[0] = found[0]

        return exchange


def trained_on(ranks, problem, open_device, k, slices, rates):
    """The bits of the network after an epoch of whole minibatches on so many ranks, and of their tallies together."""
    division, results = Division(k, slices, ranks), [None] * ranks
    together = Together(ranks, division)

    def train(rank):
        device = open_device()
        by_slices, tally = slices_of(problem.on(device)), Tally(device, k)
        order = device.upload(problem.order, device.index_dtype)
        by_slices.train(order, division, rank, rates, tally, together.exchange_of(rank))
        results[rank] = bits(by_slices.network, tally.sums())

    threads = [threading.Thread(target=train, args=(rank,)) for rank in range(ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({networks for _, *networks in map(tuple, results) for networks in [tuple(networks)]}) == 1
    return sum(tally for tally, *_ in results).tobytes(), *results[0][1:]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("rates", ["plain", "momentum and penalties", "adam and penalties"])
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_the_same_bits_for_any_number_of_compiled_ranks(monkeypatch, problem, rates, threads):
    """Also with ranks that have no slice, slices smaller and larger than the compiled code's chunks, and one of 8."""
    monkeypatch.setattr(native, "_FLOPS_PER_THREAD", 1)
    try:
        CompiledDevice(threads)
    except InputError as error:
        pytest.skip(str(error))
    for k, slices in ((100, 4), (200, 8), (200, 1)):
        results = {
            trained_on(ranks, problem, lambda: CompiledDevice(threads), k, slices, RATES[rates])
            for ranks in (1, 2, 3, 5, 20)
        }
        assert len(results) == 1


@pytest.mark.parametrize("rates", ["plain", "adam and penalties"])
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_the_same_bits_for_any_number_of_numpy_ranks(problem, rates):
    results = {trained_on(ranks, problem, CpuDevice, 100, 5, RATES[rates]) for ranks in (1, 2, 3, 7)}
    assert len(results) == 1


@pytest.mark.parametrize("name", ["dense", "dropout"])
def test_an_exchange_that_fails_raises(compiled, name):
    problem = PROBLEMS[name]
    by_slices, tally = slices_of(problem.on(compiled)), Tally(compiled, 100)

    def exchange(stack, count):
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        by_slices.train(problem.order, Division(100, 4, 2), 0, Rates(0.1), tally, exchange)


def test_evaluation_after_training_by_slices_is_as_before(compiled):
    """The compiled code's arguments of the share are no longer set."""
    problem = PROBLEMS["convolutions"]
    sliced, whole = SlicedStepper(problem.on(compiled), 4), problem.on(compiled)
    sliced.train(problem.order, 64, Rates(0.1), Tally(compiled, 64))
    whole.network.assign(sliced.network.parameters())
    assert sliced.stepper.outputs(problem.order).tobytes() == whole.outputs(problem.order).tobytes()


def test_streamed_data_have_the_same_bits(launching, monkeypatch):
    """Data that stays on the host: a slice is copied to the device when it is due."""
    problem, results = PROBLEMS["dropout"], set()
    for most in (math.inf, problem.X[:100].nbytes):
        monkeypatch.setattr(launching, "most_resident_bytes", most)
        stepper, tally = SlicedStepper(problem.on(launching), 3), Tally(launching, 70)
        order = launching.upload(problem.order, launching.index_dtype)
        stepper.train(order, 70, RATES["nesterov"], tally)
        loss, _ = stepper.stepper.evaluate(np.arange(20))[:2]  # as between two epochs
        stepper.train(order, 70, RATES["nesterov"], tally)
        results.add((loss, *bits(stepper.network, tally.read())))
    assert len(results) == 1
