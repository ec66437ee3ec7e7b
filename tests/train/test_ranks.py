"""hw5 train on several ranks: the same file, byte for byte, whatever their number.

The ranks share the cores of this machine, also if they are more.
"""

import sys

import numpy as np
import pytest

from hw5.devices import open_device
from hw5.errors import InputError
from hw5.train.ranks import _Mapped
from tests.cli.helpers import write_csv
from tests.mpi import launcher, run

pytestmark = pytest.mark.slow
IMAGES = "--hidden conv:6x3+1,dropout:0.2,pool:2,20,dropout:0.5 --batch-size 128"
TRAININGS = {
    "adam": "--epochs 2 --batch-size 200 --weight-decay 1e-3",
    "momentum": "--epochs 2 --batch-size 128 --optimizer sgd --momentum 0.9 --nesterov --l1 1e-5",
    "sgd, all at once": "--epochs 3 --batch-size all --optimizer sgd --l2 1e-4",
    "class weights, and small minibatches": "--epochs 1 --batch-size 40 --class-weight balanced --hidden 20,10",
    "images": f"--epochs 1 {IMAGES}",
    "images by sgd": f"--epochs 1 {IMAGES} --optimizer sgd",
    "regression": "--epochs 3 --data houses.csv --label-column -1 --task regression --batch-size 64 --patience 2",
    "perceptron": "--epochs 1 --data xor --model perceptron --holdout 0.9",
    "numpy": "--epochs 1 --batch-size 200 --device numpy",
    "emulator": "--epochs 1 --data xor --batch-size 90 --hidden 8,dropout:0.2,8 --device emulator",
}


def _device_of(options):
    """Skip the test without the device."""
    name = options.partition("--device ")[2].split(" ")[0] or "cpu"
    try:
        open_device(name)
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _folder_with_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).normal(size=(300, 3)).round(4)
    write_csv(tmp_path / "houses.csv", X, (X @ [3, -1, 2]).round(4))


@pytest.mark.parametrize("options", TRAININGS.values(), ids=TRAININGS)
def test_the_same_file_on_any_number_of_ranks(options, tmp_path):
    """And without a launcher, where --slices asks for the same sums."""
    launcher()
    _device_of(options)
    for ranks in range(5):
        run(ranks, "train", *options.split(), *("--slices", 8) * (not ranks), "--out", f"{ranks}.npz")
    assert len({(tmp_path / f"{ranks}.npz").read_bytes() for ranks in range(5)}) == 1


@pytest.mark.parametrize(
    "options", [TRAININGS["momentum"], f"{TRAININGS['images']} --patience 9"], ids=["dense", "images"]
)
def test_resumed_within_an_epoch_on_another_number_of_ranks(options, tmp_path):
    launcher()
    run(3, "train", *options.split(), "--out", "model.npz", "--checkpoint-every", "4steps", "--keep", 99)
    copy = tmp_path / "model.step4.npz"
    assert copy.exists()
    for ranks in (0, 1, 2, 4):
        run(ranks, "train", "--resume", copy, "--out", f"{ranks}.npz")
        assert (tmp_path / f"{ranks}.npz").read_bytes() == (tmp_path / "model.npz").read_bytes()


MAPPING = "from hw5.datasets import stored; stored.LARGE = 1 << 20; from hw5.cli import main; main()"


def test_a_mapped_file_that_a_rank_does_not_have_or_that_is_shorter(tmp_path):
    X = np.lib.format.open_memmap("X.npy", "w+", np.uint8, (20, 3))
    mapped = _Mapped.of(X)
    assert mapped.path == str(tmp_path / "X.npy") and (mapped.open() == X).all()
    (tmp_path / "X.npy").write_bytes((tmp_path / "X.npy").read_bytes()[:-1])
    for _ in range(2):
        with pytest.raises(InputError, match=r"X.npy cannot be read there: .*; it must be the same file for all ranks"):
            mapped.open()
        (tmp_path / "X.npy").unlink(missing_ok=True)


def test_a_large_file_is_mapped_by_each_rank(tmp_path):
    """Not sent by rank 0; here, a file of 2 MB is large."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 3000)
    np.save("X.npy", rng.integers(0, 99, (len(y), 700), np.uint8) + y[:, np.newaxis].astype(np.uint8))
    np.save("y.npy", y)
    options = ("--data", "X.npy", "--model", "linear", "--epochs", 1, "--batch-size", 500)
    run(0, "train", *options, "--slices", 8, "--out", "0.npz", program=[sys.executable, "-c", MAPPING])
    no_copy = f"from hw5.devices.ranks import Ranks; del Ranks.copy_of; {MAPPING}"
    run(2, "train", *options, "--out", "2.npz", program=[sys.executable, "-c", no_copy])
    assert (tmp_path / "0.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
