"""The data sets that have a name: digits is bundled, others are synthetic, and others in the data directory."""

import string
from dataclasses import replace
from importlib import resources
from pathlib import Path

from hw5.datasets import idx, synthetic
from hw5.datasets.paths import data_directory
from hw5.errors import InputError
from hw5.tables.table import Table

BUILT_IN = {
    "digits": "1,797 handwritten digits of 8 x 8 pixels, bundled",
    "xor": "synthetic: two classes in the corners of a square, not linearly separable",
    "spirals": "synthetic: three classes on interleaved spiral arms",
    "sine": "synthetic: noisy points of a sine wave, for --task regression",
    "mnist": "70,000 handwritten digits of 28 x 28 pixels, from the data directory",
    "fashion-mnist": "70,000 images of clothes of 28 x 28 pixels, from the data directory",
    "kmnist": "70,000 handwritten Japanese syllables of 28 x 28 pixels, from the data directory",
    "emnist-digits": "280,000 handwritten digits of 28 x 28 pixels, from the data directory",
    "emnist-letters": "145,600 handwritten letters of 28 x 28 pixels, from the data directory",
    "emnist-balanced": "131,600 digits, capital and small letters of 28 x 28 pixels, from the data directory",
}

# The names of the classes that these sets label with numbers
_CLASSES = {
    "fashion-mnist": dict(
        enumerate("T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(","))
    ),
    "kmnist": dict(enumerate("o,ki,su,tsu,na,ha,ma,ya,re,wo".split(","))),
    "emnist-letters": dict(enumerate(string.ascii_uppercase, start=1)),
    "emnist-balanced": dict(enumerate(string.digits + string.ascii_uppercase + "abdefghnqrt")),
}


def read_built_in(name: str, data_dir: str | Path | None) -> tuple[Table, Table | None]:
    """The training set, and the test set if there is one, of a name in BUILT_IN. Raises InputError."""
    included = {"digits": _digits, "xor": synthetic.xor, "spirals": synthetic.spirals, "sine": synthetic.sine}
    if name in included:
        return included[name]()
    folder = data_directory(data_dir) / name
    if not folder.is_dir():
        raise InputError(
            f"{name}: there is no folder {folder}; download it with `hw5 data fetch {name}`, or copy "
            f"{', '.join(idx.FILES)} (each plain or .gz) into it, or choose another data directory with --data-dir "
            "or HW5_DATA"
        )
    train, test = idx.read_folder(folder)
    return _with_class_names(train, name), test and _with_class_names(test, name)


def _with_class_names(table: Table, name: str) -> Table:
    names = _CLASSES.get(name, {})
    return replace(table, labels=[names.get(label, label) for label in table.labels])


def _digits() -> tuple[Table, Table | None]:
    bundled = resources.files("hw5.data")
    with (
        resources.as_file(bundled / "digits-images-idx3-ubyte.gz") as images,
        resources.as_file(bundled / "digits-labels-idx1-ubyte.gz") as labels,
    ):
        return idx.read_pair(images, labels), None
