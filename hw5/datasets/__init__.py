"""Data sets: `load` reads a named data set, a folder or a file into a Dataset.

digits is bundled; xor, spirals and sine are synthetic (synthetic.py); mnist and the like are in the data directory, to
which fetch.py downloads them. Files are IDX (idx.py), .npz and .npy (arrays.py), svmlight (sparse.py), and tables
(hw5/tables/). In messages, rows and columns count from 1, and the rows of a text table are the lines of the file,
including the header.
"""

from hw5.datasets.built_in import BUILT_IN
from hw5.datasets.dataset import Dataset, Examples
from hw5.datasets.inputs import load_inputs, open_inputs
from hw5.datasets.labelled import examined, open_labelled
from hw5.datasets.loading import load
from hw5.datasets.paths import data_directory
from hw5.datasets.sources import STANDARD_INPUT
from hw5.tables.table import Schema

__all__ = [
    "BUILT_IN",
    "STANDARD_INPUT",
    "Dataset",
    "Examples",
    "Schema",
    "data_directory",
    "examined",
    "load",
    "load_inputs",
    "open_inputs",
    "open_labelled",
]

for _public in (Dataset, Examples):
    _public.__module__ = __name__  # where users import them from
