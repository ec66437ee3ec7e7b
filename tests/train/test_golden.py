"""Old checkpoints (tests/train/golden) load, give the same predictions, and can be resumed."""

from pathlib import Path

import numpy as np
import pytest

from hw5.datasets import load, open_inputs
from hw5.devices.cpu import CpuDevice
from hw5.train.checkpoint import Checkpoint
from hw5.train.predictor import Predictor
from hw5.train.run import Run

GOLDEN = Path(__file__).parent / "golden"
PREDICTIONS = {  # (inputs, predictions when the file was written)
    "classifier-format-1": (
        [[1, 1], [1, -1], [-1, 0.5]],
        [[0.8587932, 0.14120682], [0.12630676, 0.87369323], [0.11735649, 0.88264352]],
    ),
    "adam-format-1": (
        [[1, 1], [1, -1], [-1, 0.5]],
        [[0.47314611, 0.52685392], [0.18877661, 0.81122339], [0.49233559, 0.50766438]],
    ),
    "table-format-2": (
        [[-326, 0, 1, 0, 1, 0, 1, 0, 4.1, 0], [273, 0, -1, 0, -1, 0, 0, 1, 2.2, 0]],
        [[0.5833689, 0.4166311], [0.023970282, 0.97602969]],
    ),
    "colours-format-2": (
        [[*range(126)], [*range(126)][::-1]],
        [[0.29252565, 0.25116396, 0.45631036], [0.11062108, 0.41761327, 0.47176564]],
    ),
    "history-format-3": (
        [[1, 1], [1, -1], [-1, 0.5]],
        [[0.4654876, 0.5345124], [0.37046742, 0.62953252], [0.41591319, 0.58408684]],
    ),
    "targets-format-4": (
        [[1, 0, 0], [0, 1, -1]],
        [[12.2593746, -0.0495563298], [37.8410110, -0.0626622736]],
    ),
    "decimal-format-5": ([[1234, 3], [2500, 2]], [[0.57829493, 0.42170507], [0.13813487, 0.8618651]]),
    "regression-format-1": ([[-1], [0], [2]], [[-0.17501816], [0.036408424], [0.36555266]]),
}


def test_every_file_is_tested():
    assert {path.stem for path in GOLDEN.glob("*.npz")} == set(PREDICTIONS)


@pytest.mark.parametrize("name", PREDICTIONS)
def test_an_old_checkpoint_gives_the_same_predictions(name):
    """To 1e-6: another NumPy may round exp and tanh differently."""
    X, expected = PREDICTIONS[name]
    model = Predictor(CpuDevice(), Checkpoint.load(GOLDEN / f"{name}.npz"))
    np.testing.assert_allclose(model.predict(np.array(X, np.float32)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "prices", "note"),
    [
        ("1.234;3\n2.500;2\n", [1234, 2500], "as in training"),
        ("1234;3\n2500;2\n", [1234, 2500], None),
        ("1.234,5;3\n2.500;2\n", [1234.5, 2500], "decimal comma"),
        ("1.234;3\n2.5;2\n", [1.234, 2.5], None),
    ],
)
def test_a_checkpoint_of_decimal_commas_reads_points_as_in_training_if_they_may_be(tmp_path, rows, prices, note):
    path = tmp_path / "new.csv"
    path.write_text(f"price;count\n{rows}")
    table = open_inputs(path, Checkpoint.load(GOLDEN / "decimal-format-5.npz").schema)
    X = np.concatenate([block.X for block in table.blocks()])
    assert X[:, 0].tolist() == list(map(np.float32, prices))
    assert (note in table.notes()[0]) if note else table.notes() == []


def test_a_table_for_an_old_checkpoint(tmp_path):
    """Text, a date, and a gap, which becomes the mean of the training rows."""
    path = tmp_path / "new.csv"
    path.write_text("site,height,planted,id\nnorth,4.1,2019-03-01,1\nsouth,2.2,2020-10-20,2\nfar,,2018-11-05,3\n")
    checkpoint = Checkpoint.load(GOLDEN / "table-format-2.npz")
    rows = open_inputs(path, checkpoint.schema)
    X = np.concatenate([block.X for block in rows.blocks()])
    assert X[:, 5:].tolist() == [
        [0, 1, 0, np.float32(4.1), 0],
        [0, 0, 1, np.float32(2.2), 0],
        [0, 0, 0, np.float32(22.1 / 7), 1],
    ]
    assert X[:, 0].tolist() == [-326, 273, -442] and rows.unseen == {"site": 1}
    P = Predictor(CpuDevice(), checkpoint).predict(X)
    np.testing.assert_allclose(P[:2], [[0.6958182, 0.3041818], [0.0332445, 0.9667555]], rtol=0, atol=1e-6)


def test_an_old_checkpoint_can_be_resumed():
    """From step 34 to 36, with momentum and patience; the loss of the epoch was 0.1389."""
    checkpoint = Checkpoint.load(GOLDEN / "classifier-format-1.npz")
    assert (checkpoint.state.epoch, checkpoint.state.done, checkpoint.state.best.epoch) == (3, 320, 2)
    run = Run(CpuDevice(), load("xor"), checkpoint.settings, checkpoint.data, checkpoint)
    *_, last = run.train()
    assert last.epoch == 3 and last.loss == pytest.approx(0.1389, abs=5e-5) and run.training.best.epoch == 3


def test_the_history_of_an_old_checkpoint():
    history = Checkpoint.load(GOLDEN / "history-format-3.npz").history
    assert [row["epoch"] for row in history] == list(range(1, 502))
    assert history[-1] == {
        "epoch": 501,
        "loss": 0.5088708038545318,
        "accuracy": 0.8277777777777777,
        "validation_loss": 0.5493142332881689,
        "validation_accuracy": 0.75,
    }
