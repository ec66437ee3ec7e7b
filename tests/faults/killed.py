"""Trainings to be killed: small ones, that between them have each kind of optimiser, schedule, layer, loss and data.

They run in a folder with the files of write_data. A training is a line of options and a program, which is hw5 or hw5
with limits so low that these files are large.
"""

import random
import sys
from typing import NamedTuple

import numpy as np

HW5 = ("-m", "hw5.cli")
# An .npy of more than 1 kB is mapped, with its rows shuffled by blocks of 1 kB, ...
MAPPED = ("-c", "from hw5.datasets import mapped, stored; stored.LARGE = mapped._BLOCK = 1 << 10; "
                "from hw5.cli import main; main()")  # fmt: skip
# ... and features of more than 2 kB are copied to the device in pieces of a quarter of that
STREAMED = ("-c", "from hw5.devices.kernels import KernelDevice; "
                  "KernelDevice.most_resident_bytes = property(lambda device: 1 << 11, lambda device, value: None); "
                  "from hw5.cli import main; main()")  # fmt: skip


class Training(NamedTuple):
    """The options of hw5 train, and the arguments of Python that run hw5."""

    options: str
    program: tuple[str, ...] = HW5

    def command(self, *arguments):
        """To run hw5 train with these arguments in place of the options."""
        return [sys.executable, *self.program, "train", *map(str, arguments)]


TRAININGS = {
    "velocities, penalties, best and previous weights": Training(
        "--hidden 48 --momentum 0.9 --nesterov --l1 1e-5 --lr-decay 0.95 --patience 50 --tolerance 1e-9 --epochs 12"
    ),
    "convolution, pooling, dropout, AdamW, cosine": Training(
        "--hidden conv:4x3+1,pool:2,dropout:0.3,16 --weight-decay 0.01 --lr-schedule cosine --epochs 6"
    ),
    "strides, mean pooling, maxout, steps after a warmup": Training(
        "--hidden conv:3x3x2/2+1,meanpool:2,dropout:0.2,12 --activation maxout:3 --lr-schedule step --lr-decay 0.5 "
        "--lr-step 2 --warmup 2 --epochs 6"
    ),
    "a table with text, dates and gaps, balanced classes": Training(
        "--data table.csv --label-column class --hidden 16 --class-weight balanced --epochs 12"
    ),
    "several targets": Training(
        "--data table.csv --label-column size,count --task regression --hidden 16 --lr-schedule 1/t --lr-decay 0.1 "
        "--epochs 12"
    ),
    "several labels": Training(
        "--data table.csv --label-column odd,fifth --task multilabel --hidden 12,8 --activation tanh --epochs 12"
    ),
    "features that are centred in float64": Training("--data X_times.npy --hidden 16 --epochs 30"),
    "early stopping": Training(
        "--data X_noise.npy --hidden 16 --lr 0.05 --patience 4 --min-delta 1e-3 --validation 0.3 --epochs 60"
    ),
    "no shuffling, unlike slices, no validation": Training(
        "--data table.csv --label-column class --hidden 16 --no-shuffle --batch-size 50 --slices 3 --validation 0 "
        "--optimizer sgd --epochs 30"
    ),
    "a linear model with two classes": Training(
        "--data table.csv --label-column odd --model linear --loss binary-cross-entropy --l2 1e-3 --no-standardise "
        "--epochs 12"
    ),
    "a perceptron": Training("--data table.csv --label-column class --model perceptron --epochs 2"),
    "a mapped file": Training("--data X_large.npy --hidden 16 --momentum 0.5 --epochs 20", MAPPED),
    "data that stay on the host": Training("--data X_large.npy --hidden 16 --epochs 20", STREAMED),
}


def write_data(folder):
    """A table of 300 rows, arrays with classes that can be learned (times, large) and with none that can (noise)."""
    rng, more = random.Random(0), np.random.default_rng(0)
    rows = [
        f"{rng.random() + i % 3:.3f},{rng.choice(['red', 'green', ''])},2024-{1 + i % 12:02}-{1 + i % 28:02},"
        f"{rng.choice(['', i % 7])},{'abb'[i % 3]},{i % 2},{i % 5 == 0:d}"
        for i in range(300)
    ]
    (folder / "table.csv").write_text("\n".join(["size,colour,day,count,class,odd,fifth", *rows, ""]))
    y = np.arange(300) % 3
    X = more.normal(size=(len(y), 5)) + y[:, np.newaxis]
    arrays = {"times": X + 1.7e9, "large": X.astype(np.float32), "noise": more.normal(size=X.shape)}
    for name, features in arrays.items():
        np.save(folder / f"X_{name}.npy", features)
        np.save(folder / f"y_{name}.npy", y)
