"""hw5 bench kernels: its output, not its times."""

import json

from hw5.verify import bench
from tests.cli.helpers import hw5


def test_it_prints_a_table_or_json(monkeypatch):
    for name, value in {"SECONDS": 1e-5, "COPY_BYTES": 1 << 12, "SHAPES": ((4, 3), (2, 8)), "IMAGES": (2,)}.items():
        monkeypatch.setattr(bench, name, value)
    table = hw5("bench", "kernels", "--device", "cpu").stdout
    assert "softmax_cross_entropy" in table and "2 x 28 x 28 x 1" in table and "cpu: a copy reaches" in table
    figures = json.loads(hw5("bench", "kernels", "--device", "cpu", "--json").stdout)
    assert figures["device"] == "cpu" and figures["copy"] > 0
    shapes = {tuple(timing["shape"]) for timing in figures["kernels"]}
    assert {shape for shape in shapes if len(shape) == 2} == {(4, 3), (2, 8)} and (2, 28, 28, 1) in shapes
