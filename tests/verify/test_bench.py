"""hw5 bench kernels: what it measures and prints, not how fast anything is."""

import json

import pytest
from click.testing import CliRunner

from hw5.verify import bench
from hw5.devices.activations import ELEMENTWISE
from hw5.verify.bench import Timing
from hw5.cli import main
from hw5.verify.contracts import CONTRACTS
from hw5.devices.cpu import CpuDevice


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(bench, "SECONDS", 1e-5)
    monkeypatch.setattr(bench, "COPY_BYTES", 1 << 12)


def test_every_kernel_that_moves_data_is_timed():
    timings = list(bench.bench_kernels(CpuDevice(), [(4, 3)]))
    kernels = {contract.kernel for contract in CONTRACTS} - {"advance"}
    same_traffic = {
        f"{theta}_{direction}" for theta in ELEMENTWISE if theta != "relu" for direction in ("forward", "gradient")
    }
    assert {timing.kernel for timing in timings} == kernels - same_traffic
    assert all(len(timing.seconds) == bench.REPEATS and min(timing.seconds) > 0 for timing in timings)


def test_speed_is_bytes_over_the_median():
    timing = Timing("softmax", (2, 2), [1.0, 5.0, 2.0], nbytes=32)
    assert timing.median == 2.0 and timing.bytes_per_second == 16.0


def test_the_verb_prints_a_table_or_json(monkeypatch):
    monkeypatch.setattr(bench, "SHAPES", ((4, 3), (2, 8)))
    table = CliRunner().invoke(main, ["bench", "kernels", "--device", "cpu"])
    assert table.exit_code == 0 and "softmax_cross_entropy" in table.stdout and "cpu: a copy moves" in table.stdout
    figures = json.loads(CliRunner().invoke(main, ["bench", "kernels", "--device", "cpu", "--json"]).stdout)
    assert figures["device"] == "cpu" and figures["copy"] > 0
    assert {tuple(timing["shape"]) for timing in figures["kernels"]} == {(4, 3), (2, 8)}
