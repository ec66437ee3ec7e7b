"""Check mode reports each planted bug by kind, file and line, in every order of threads."""

import re
import shutil

import numpy as np
import pytest

from hw5.compiler import find_compiler
from hw5.emulator import KernelFault

from .support import HERE, SCHEDULES, Arrays, Emulator, line_of, schedule

BUGS = HERE / "bugs"
N = 128

# file: the kind of fault, and the number of threads per block (of two blocks)
EXPECTED = {
    "missing_barrier": ("race", 128),
    "missing_barrier_in_loop": ("race", 128),
    "reuse": ("race", 128),
    "missing_syncwarp": ("race", 32),
    "cross_block": ("race", 64),
    "plain_and_atomic": ("race", 64),
    "last_block_without_fence": ("race", 32),
    "read_out_of_bounds": ("out-of-bounds", 160),
    "write_out_of_bounds": ("out-of-bounds", 128),
    "bulk_copy": ("out-of-bounds", 32),
    "shared_out_of_bounds": ("out-of-bounds", 128),
    "adjacent_shared": ("out-of-bounds", 128),
    "dynamic_out_of_bounds": ("out-of-bounds", 128),
    "uninitialised": ("uninitialised", 128),
    "misaligned": ("misaligned", 128),
    "misaligned_store": ("misaligned", 128),
    "barrier_after_return": ("divergence", 128),
    "barrier_in_branch": ("divergence", 128),
    "divergent_shuffle": ("divergence", 32),
    "divergent_vote": ("divergence", 64),
    "spin": ("timeout", 128),
    "endless": ("timeout", 128),
    "endless_hoisted": ("timeout", 128),
    "endless_barriers": ("timeout", 128),
    "failing_assert": ("assertion", 128),
}


def provoke(emulator, threads):
    (kernel,) = emulator.kernels
    x = np.ones(N, np.float32)
    with pytest.raises(KernelFault) as caught:
        Arrays(emulator).run(kernel, (2,), (threads,), x, np.zeros_like(x), np.int32(N), shared=4 * N)
    assert caught.value.kernel == kernel
    return caught.value


def build(name):
    """The time limit is short for endless loops only, so that no other fault times out on a busy machine."""
    time_limit = 0.1 if EXPECTED[name][0] == "timeout" else 60
    return Emulator([BUGS / f"{name}.cu"], check=True, time_limit=time_limit)


def test_every_file_has_an_expected_fault():
    assert {file.stem for file in BUGS.glob("*.cu")} == set(EXPECTED)


UNSEEN_BY_CLANG = {"misaligned", "endless_hoisted"}  # as docs/emulator.md says


@pytest.mark.parametrize("name", ["missing_barrier", "divergent_shuffle", "read_out_of_bounds", "reuse"])
def test_planted_bug_with_clang(monkeypatch, name):
    if not shutil.which("clang++"):
        pytest.skip("clang++ is not installed")
    monkeypatch.setenv("CXX", "clang++")
    test_planted_bug(name)
    if name == "reuse":
        test_a_helper_is_reported_with_its_caller()


@pytest.mark.parametrize("name", EXPECTED)
def test_planted_bug(name):
    if find_compiler().is_clang and name in UNSEEN_BY_CLANG:
        pytest.skip("clang++ does not let it be seen")
    kind, threads = EXPECTED[name]
    emulator = build(name)
    header = BUGS / f"{name}.cuh"
    file = header if header.exists() else BUGS / f"{name}.cu"
    for order, seed in SCHEDULES[:3] if kind == "timeout" else SCHEDULES:
        with schedule(emulator, order, seed):
            fault = provoke(emulator, threads)
        assert (fault.kind, fault.file, fault.line) == (kind, file, line_of(file, "BUG")), f"{order} {seed}: {fault}"


@pytest.mark.parametrize("name", ["missing_barrier", "plain_and_atomic", "barrier_in_branch"])
def test_both_lines_are_reported(name):
    file = BUGS / f"{name}.cu"
    text = str(provoke(build(name), EXPECTED[name][1]))
    assert f"{file.name}:{line_of(file, 'BUG')}" in text
    assert f"{file.name}:{line_of(file, 'WITH')}" in text


def test_a_helper_is_reported_with_its_caller():
    header, file = BUGS / "reuse.cuh", BUGS / "reuse.cu"
    text = str(provoke(build("reuse"), 128))
    assert "of __shared__ 'scratch' at reuse.cuh" in text
    assert f"reuse.cuh:{line_of(header, 'WITH')} (called at reuse.cu:{line_of(file, 'CALLER')})" in text


def test_an_array_is_reported_with_the_distance():
    text = str(provoke(build("read_out_of_bounds"), 160))
    assert "reads 4 bytes, right after the end of array 'argument 1', which has 512 bytes" in text


def test_without_addr2line_the_address_is_reported(monkeypatch):
    emulator = build("write_out_of_bounds")
    monkeypatch.setattr("hw5.emulator.lines.shutil.which", lambda name: None)
    fault = provoke(emulator, 128)
    assert fault.line is None and fault.file == BUGS / "write_out_of_bounds.cu"
    assert re.search(r"at \+0x[0-9a-f]+ in write_out_of_bounds.cu writes 4 bytes", str(fault))


def test_a_fault_leaves_the_emulator_usable():
    emulator = Emulator([BUGS / "divergent_vote.cu", HERE / "correct" / "kernels.cu"], check=True)
    x = np.ones(50, np.float32)
    for _ in range(3):
        with pytest.raises(KernelFault, match="divergence"):
            Arrays(emulator).run("vote", (1,), (32,), x, x, np.int32(50))
        _, y = Arrays(emulator).run("reverse", (2,), (32,), x, 0 * x, np.int32(50), shared=128)
        np.testing.assert_array_equal(y, x)
