"""Mutated files for the readers: python -m tests.faults.fuzz READER SEED FIRST LAST

Valid files are mutated in a dozen ways and read. The outcome must be a valid result or an InputError of one sentence,
within bounds of memory and time; otherwise the process ends with a traceback. Input i of a seed is always the same, so
a failure can be reproduced. Prints a line of JSON: the counts, and the largest time (seconds) and memory (bytes).
"""

import bz2
import contextlib
import csv
import dataclasses
import faulthandler
import functools
import gzip
import io
import json
import lzma
import math
import re
import resource
import sys
import tempfile
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import click
import numpy as np
import numpy.ma  # NumPy imports it when it needs it, and the memory of that is not a reader's
import openpyxl  # noqa: F401  not to count imports as memory of reading
import pandas as pd
import PIL.Image
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
import sklearn.datasets  # noqa: F401

from hw5.cli.options import READING, reading_of
from hw5.cli.setting_options import SETTINGS
from hw5.cli.train import command as train
from hw5.datasets import Schema, load, load_inputs, open_inputs
from hw5.datasets.images import load_image
from hw5.datasets.inputs import ArrayInputs
from hw5.datasets.preprocessing import Standardisation, class_weights
from hw5.errors import InputError
from hw5.nn.hidden import dense_layers
from hw5.nn.network import initial_parameters
from hw5.opening import inflation_limit
from hw5.text import printable, without_middle
from hw5.train.checkpoint import HISTORY, Checkpoint, _checksum
from hw5.train.data_source import DataSource
from hw5.train.plan import new_plan
from hw5.train.settings import Settings
from hw5.train.training import Best, State
from tests.datasets.helpers import idx_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_SECONDS = 60  # per input; the slowest takes a few milliseconds
_ADDRESS_SPACE = 4 << 30  # bytes


def memory_bound(size, name=""):
    """The bytes that reading a file may allocate: deflate's 1,032 bytes per byte, as float32 and with copies.

    The formats below may inflate more, and a file of svmlight does not have the zeros: up to a limit, and its copies. A
    byte of an inflated PNG may be 8 pixels, which take 16 bytes each.
    """
    inflates = name.endswith((".xz", ".bz2", ".zst", ".svm"))
    return (4 << 20) + (8 * 16 if name.endswith(".png") else 12) * 1032 * size + 3 * inflation_limit(size) * inflates


# Mutations: (rng, content, another valid file) -> content


def _position(rng, content, width=1):
    return int(rng.integers(0, max(1, len(content) - width + 1)))


def _range(rng, content):
    start = _position(rng, content)
    return start, start + int(rng.integers(1, 1 + min(len(content), 1 << int(rng.integers(1, 9)))))


def flip_bit(rng, content, other):
    at = _position(rng, content)
    return content[:at] + bytes([content[at] ^ 1 << int(rng.integers(8))]) + content[at + 1 :]


def random_byte(rng, content, other):
    at = _position(rng, content)
    return content[:at] + rng.bytes(1) + content[at + 1 :]


def truncate(rng, content, other):
    return content[: _position(rng, content)]


def cut_out(rng, content, other):
    start, stop = _range(rng, content)
    return content[:start] + content[stop:]


def duplicate(rng, content, other):
    start, stop = _range(rng, content)
    return content[:stop] + content[start:stop] * int(rng.integers(1, 5)) + content[stop:]


def repeat_often(rng, content, other):
    start, stop = _range(rng, content)
    return content[:stop] + content[start:stop] * int(rng.integers(1, 1 + 50_000 // (stop - start))) + content[stop:]


def swap(rng, content, other):
    (a, b), (c, d) = sorted((_range(rng, content), _range(rng, content)))
    return content if b > c else content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def insert_noise(rng, content, other):
    at = _position(rng, content)
    return content[:at] + rng.bytes(int(rng.integers(1, 40))) + content[at:]


def splice(rng, content, other):
    return content[: _position(rng, content)] + other[_position(rng, other) :]


def transplant(rng, content, other):
    (start, stop), at = _range(rng, other), _position(rng, content)
    return content[:at] + other[start:stop] + content[at + (stop - start) * int(rng.integers(2)) :]


def large_integer(rng, content, other):
    """Overwrite 1, 2, 4 or 8 bytes with an extreme size, count or offset."""
    width = int(rng.choice((1, 2, 4, 8)))
    at, top = _position(rng, content, width), 1 << 8 * width
    value = _choice(rng, (0, 1, top - 1, top - 2, top // 2, top // 2 - 1, 10**6 % top, 10**12 % top))
    return content[:at] + value.to_bytes(width, _choice(rng, ("little", "big"))) + content[at + width :]


def large_digits(rng, content, other):
    """Replace a number written in digits."""
    numbers = list(re.finditer(rb"\d+", content[:100_000]))
    if not numbers:
        return content
    number = numbers[int(rng.integers(len(numbers)))]
    new = _choice(
        rng, (b"0", b"-1", b"1000000000000", b"1e400", b"9" * 30, b"9" * 5000, b"1.5", b"NaN", b"-0", b"True")
    )
    return content[: number.start()] + new + content[number.end() :]


_WORDS = (
    *(bytes([byte]) for byte in b'",;\t\n\r\0\xff_? []{}()'),
    *(b'""', b"\r\n", b"\xef\xbb\xbf", b"\xed\xa0\x80", "\u0663\u00a0\U0001f337".encode()),
    *(b"nan", b"inf", b"1e999", b"null", b"true", b"NaN", b"-Infinity", b"\\ud800"),
    *(b"|O", b"<U9", b">f8", b"|V9", b"PK\1\2", b"PK\3\4", b"PK\5\6", b"\x93NUMPY", b"\x1f\x8b\x08"),
)


def insert_word(rng, content, other):
    at = _position(rng, content)
    return content[:at] + _choice(rng, _WORDS) * int(rng.choice((1, 1, 1, 3, 300))) + content[at:]


MUTATIONS = (flip_bit, random_byte, truncate, cut_out, duplicate, repeat_often, swap, insert_noise, splice, transplant,
             large_integer, large_digits, insert_word)  # fmt: skip


def _choice(rng, options):
    return options[int(rng.integers(len(options)))]


def mutate(rng, content, other):
    for _ in range(int(rng.choice((1, 1, 1, 2, 3, 8)))):
        content = _choice(rng, MUTATIONS)(rng, content, other or b"\0") or b"\0"
    return content


# Valid files, as dictionaries of members: a member may be damaged before it is packed, and the file afterwards


class Reader(NamedTuple):
    """A file name, a function that yields the members of valid files, one that packs members, and one that reads."""

    name: str
    valid: Callable
    pack: Callable
    read: Callable


_RNG = np.random.default_rng(0)
_X, _Y = _RNG.normal(size=(6, 4)).astype(np.float32), np.arange(6) % 3
_IMAGES = _RNG.integers(0, 256, (6, 2, 2)).astype(np.uint8)


def _npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _zip(members, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content, compression)
    return buffer.getvalue()


def _csv_files():
    for delimiter, end in ((",", "\n"), (";", "\r\n"), ("\t", "\r")):
        for header in (["a", "b", "c", "d", "label"], ["1", "2", "3", "4", "kind"], None):
            for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
                file = io.StringIO()
                rows = [[*map(str, x), f"k,{y}"] for x, y in zip(_X.tolist(), _Y)]
                csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(
                    [header] * (header is not None) + rows
                )
                yield {"file": file.getvalue().encode("utf-8-sig" if quoting else "utf-8")}
    yield {"file": b"1,2,3\n4,5,6\n7,8,9\n"}


_N = 12
_TABLE = pd.DataFrame(
    {
        "a": [None, *range(1, _N)],
        "b": np.linspace(-1, 1, _N).round(3),
        "site": ["north", "south", None] * (_N // 3),
        "wet": [True, False] * (_N // 2),
        "day": [f"2024-{i + 1:02d}-03" for i in range(_N)],
        "label": ["x", "y", "z"] * (_N // 3),
    }
)


def _table_files():
    """Text tables with all kinds of columns, in several dialects."""
    for sep, decimal in ((",", "."), (";", ","), ("\t", "."), ("|", "."), (" ", ".")):
        for header in (True, False):
            table = _TABLE.astype(object).fillna("?").to_csv(sep=sep, decimal=decimal, header=header, index=False)
            for above in ("", "# units: cm\n", "sep=;\n" if sep == ";" else ""):
                yield {"file": (above + table).encode("utf-16" if above else "utf-8")}
    yield {"file": b'price,rate,kind\n"$1,000",5%,x\n$20,6 %,y\n$3,7%,x\n'}


def _binary_files(write):
    for n in (_N, 3):
        file = io.BytesIO()
        write(_TABLE.head(n), file)
        yield {"file": file.getvalue()}


def _arrow(table, file):
    table = pa.Table.from_pandas(table)
    with pa.ipc.new_file(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)


def _excel_files():
    """The members of the archive, to be damaged before they are packed."""
    for file in _binary_files(lambda table, file: table.to_excel(file, index=False)):
        with zipfile.ZipFile(io.BytesIO(file["file"])) as archive:
            yield {name: archive.read(name) for name in archive.namelist()}


def _pack_excel(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _json_files():
    lines = [json.dumps(row) for row in _TABLE.astype(object).where(_TABLE.notna(), None).to_dict("records")]
    yield {"file": "\n".join(lines).encode()}
    yield {"file": f"[{','.join(lines)}]".encode()}


def _arff_files():
    body = _TABLE.to_csv(header=False, index=False, na_rep="?")
    kinds = ("numeric", "real", "{north,south}", "{True,False}", "date", "{x,y,z}")
    head = "\n".join(f"@attribute '{name}' {kind}" for name, kind in zip(_TABLE, kinds))
    yield {"file": f"% a table\n@relation r\n{head}\n@data\n{body}".encode()}
    body = _TABLE.to_csv(header=False, index=False, sep="\t")
    head = "\t".join(_TABLE) + "\nc\tc\td\td\tt\td\n\t\t\t\tmeta\tclass\n"
    yield {"file": (head + body).encode()}


def _markdown_files():
    rows = [list(_TABLE), ["---"] * _TABLE.shape[1], *_TABLE.astype(object).fillna("").to_numpy().tolist()]
    rows = [list(map(str, row)) for row in rows]
    yield {"file": "".join(f"| {' | '.join(row)} |\n" for row in rows).encode()}
    yield {"file": "".join(f"{' | '.join(row)}\n" for row in rows).encode()}


def _svmlight_files():
    yield {"file": "".join(f"{i % 3} 1:{i / 7} 2:{-i} 4:{i * i}\n" for i in range(9)).encode()}


def _packed(compress):
    return lambda members: compress(members["file"])


def _zipped(content):
    return _pack_excel({"a.csv": content})


def _zstd(content):
    file = pa.BufferOutputStream()
    with pa.CompressedOutputStream(file, "zstd") as stream:
        stream.write(content)
    return file.getvalue().to_pybytes()


def _idx_files():
    for values in (_IMAGES, _IMAGES.astype("i2"), _X, _X.astype("f8"), _Y.astype("u1"), np.ones((6, 2, 1, 2), "i4")):
        yield {"file": idx_bytes(values)}


def _npz_files():
    for X in (_X, _X.astype(">f8"), np.asfortranarray(_X), _IMAGES, _X > 0, _X.astype("f2")):
        for y in (_Y, _Y.astype("f4"), np.array(["a", "b", "ç"])[_Y], _Y[:, np.newaxis], _X[:, 0]):
            yield {"X": _npy(X), "y": _npy(y)}
    yield {"x_train": _npy(_X), "y_train": _npy(_Y), "x_test": _npy(_X), "y_test": _npy(_Y)}


def _npy_files():
    for table in (np.column_stack([_X, _Y]), np.column_stack([_IMAGES.reshape(6, 4), _Y]).astype(np.uint8), _X, _X[0]):
        yield {"file": _npy(table)}
        yield {"file": _npy(np.asfortranarray(table))}


def _images(kind, modes):
    """Files of pictures with these modes, one of them turned by its EXIF data."""
    for mode in modes:
        picture = PIL.Image.fromarray(_RNG.integers(0, 256, (9, 7, 4), np.uint8), "RGBA").convert(mode)
        turned = PIL.Image.Exif()
        turned[0x0112] = 6
        for more in ({}, {"exif": turned}):
            file = io.BytesIO()
            picture.save(file, kind, **more)
            yield {"file": file.getvalue()}


_OF_LABELS = ("size", "colour", "odd", "fifth")


def _label_files():
    """Tables with two columns of labels that are 0 or 1, or of numbers."""
    for words in (("0", "1"), ("no", "yes"), ("0.5", "-2")):
        for delimiter in (",", ";"):
            rows = [(str(i / 7), "red" if i % 2 else "", words[i % 2], words[i % 5 == 0]) for i in range(_N)]
            yield {"file": "".join(f"{delimiter.join(row)}\n" for row in (_OF_LABELS, *rows)).encode()}


def _class_weight_texts():
    for text in ("balanced", "x=1", 'x=1,y=2.5,"z,w"=0', '"x=1","z,w=3"', "y=1e3"):
        yield {"file": text.encode()}


def _checkpoints():
    """Those of a finished run, of one with a tolerance, of one with early stopping, and of Adam."""
    of_targets = Standardisation(np.zeros(1, np.float32), np.ones(1, np.float32))
    for sizes, settings, names in (
        ((4, 3, 2), Settings(hidden=(3,)), ("x", "y")),
        ((4, 3, 3), Settings(hidden=(3,), activation="maxout:2", lr_decay=0.9, tolerance=0.1), ("x", "y", "ç")),
        ((4, 1), Settings(hidden=(), loss="squared", patience=2), ()),
        ((4, 2), Settings(hidden=(), optimizer="adam"), ("x", "y")),
    ):
        parameters = initial_parameters(dense_layers(sizes, settings.activation), 0)
        checkpoint = Checkpoint(
            State(
                parameters,
                parameters,
                parameters if settings.optimizer == "adam" else None,
                epoch=2,
                done=3,
                sums=np.zeros((2, 3)),
                best=Best(1, 0.5, parameters) if settings.patience else None,
                previous_parameters=parameters if settings.tolerance else None,
            ),
            Standardisation(np.zeros(4, np.float32), np.ones(4, np.float32)),
            settings,
            DataSource("a.csv", None, "kind", True, "0" * 32),
            names,
            tuple("abcd"),
            (2, 2),
            [dict.fromkeys(HISTORY, 0.5)] * (501 if settings.optimizer == "adam" else 1),
            of_targets if settings.task == "regression" else None,
        )
        arrays = {name: _npy(array) for name, array in checkpoint._arrays().items()}
        yield arrays | {"description": json.dumps(checkpoint._description()).encode()}


def _pack_checkpoint(members):
    """With the correct checksum of the damaged members, if they can be read at all."""
    members = dict(members)
    description = members.pop("description")
    try:
        arrays = {name: np.load(io.BytesIO(content), allow_pickle=False) for name, content in members.items()}
        entries = json.loads(description)
        entries.pop("checksum", None)
        description = json.dumps(entries | {"checksum": _checksum(arrays, entries)}).encode()
    except Exception:  # of any type, as damaged members raise
        pass
    return _zip(members | {"description": _npy(np.array(description.decode("utf-8", "replace")))}, zipfile.ZIP_STORED)


# Reading, and checks of the result


_SCHEMA = Schema(4, ("k,0", "k,1", "k,2"), ("a", "b", "c", "d"), label_column="label")
_DIGITS = Schema(4, ("0", "1", "2"), image_shape=(2, 2), label_column="-1")


def _read_data(path, rng):
    """Read data in one of the ways that hw5 does."""
    way = int(rng.integers(5))
    if way == 0:
        schema = _choice(rng, (_SCHEMA, _DIGITS))
        inputs = open_inputs(path, schema)
        parts = list(inputs.blocks(4)) if isinstance(inputs, ArrayInputs) else None
        X = load_inputs(path, schema)
        _check_features(X)
        assert X.shape[1] == 4 and (parts is None or (np.concatenate(parts) == X).all())
        return
    if way == 1:
        data = load(path, schema=_choice(rng, (_SCHEMA, _DIGITS)))
    elif way == 2:
        data = load(path, task="regression")
    else:
        data = load(path)
    for examples in filter(None, (data.train, data.test)):
        X, y = examples.X, examples.y
        _check_features(X)
        assert y.shape == (len(X),)
        if data.class_names:
            assert y.dtype == np.int32 and -(way == 1) <= y.min() and y.max() < len(data.class_names)
        else:
            assert y.dtype in (np.float32, np.float64) and np.isfinite(y).all()
    assert len(set(data.class_names)) == len(data.class_names)
    "".join(data.class_names).encode()
    assert data.feature_names is None or len(data.feature_names) == data.train.X.shape[1]
    assert data.image_shape is None or math.prod(data.image_shape) == data.train.X.shape[1]


@functools.cache
def _schema_of_table():
    """The schema of a model of _TABLE."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_text(_TABLE.to_csv(index=False))
        data = load(str(path))
    return Schema(data.train.X.shape[1], data.class_names, data.feature_names, columns=data.columns)


def _read_table(path, rng):
    """Read a table in one of the ways that hw5 does; reading for a model gives the features of the model."""
    schema = _schema_of_table()
    way = int(rng.integers(4))
    if way == 0:
        X = load_inputs(path, schema)
        _check_features(X)
        assert X.shape[1] == schema.features
        return
    options = ({}, {"schema": schema}, {"task": "regression", "label_column": "2"}, {})[way]
    data = load(path, **options)
    X, y = data.train.X, data.train.y
    _check_features(X)
    assert y.shape == (len(X),) and np.isfinite(y).all() and (way == 2 or y.max() < len(data.class_names))
    assert data.feature_names is None or len(data.feature_names) == X.shape[1]
    json.dumps([dataclasses.asdict(data.columns)] if data.columns else [])


_NO_COLOURS = SimpleNamespace(
    data=SimpleNamespace(darkest=0.0, brightest=16.0),
    standardisation=SimpleNamespace(mean=np.zeros(48, np.float32)),
    image_shape=(8, 6),
)
_COLOURS = SimpleNamespace(data=SimpleNamespace(darkest=0.0, brightest=255.0), image_shape=(8, 6, 3))


def _read_image(path, rng):
    model = _choice(rng, (_NO_COLOURS, _COLOURS))
    X = load_image(path, model, _choice(rng, (None, True, False)))
    assert X.shape == (1, math.prod(model.image_shape)) and X.dtype == np.float32 and np.isfinite(X).all()
    assert X.min() >= -1e-3 and X.max() <= model.data.brightest + 1e-3  # except for rounding


def _read_labels(path, rng):
    """Read several labels or targets, and the same file for a model of them."""
    task = _choice(rng, ("multilabel", "regression"))
    data = load(path, task=task, label_column=_choice(rng, ("odd,fifth", "3,4", "-1,-2")))
    y = data.train.y
    _check_features(data.train.X)
    assert y.shape == (len(data.train.X), 2) and np.isfinite(y).all() and len(data.target_names) == 2
    assert task == "regression" or set(y.ravel().tolist()) <= {0, 1}
    names = data.feature_names, None, None, data.columns, data.target_names
    schema = Schema(data.train.X.shape[1], (), *names, has_labels=task == "multilabel")
    X = load_inputs(path, schema)
    assert len(X) > len(y) or (X == data.train.X).all()  # rows without a label are left out


def _read_class_weights(path, rng):
    names = _choice(rng, (("x", "y", "z,w"), ("0", "1")))
    try:
        weights = class_weights(Path(path).read_bytes().decode("utf-8", "surrogateescape"), names, np.arange(9) % 2)
    except InputError as error:
        raise _as_shown(str(error)) from error
    assert weights.shape == (len(names),) and np.isfinite(weights).all() and weights.min() >= 0


def _check_features(X):
    assert (
        X.ndim == 2 and X.size and X.dtype in (np.uint8, np.float32) and X.flags.c_contiguous and np.isfinite(X).all()
    )


def _read_checkpoint(path, rng):
    checkpoint = Checkpoint.load(path)
    checkpoint.save(path)  # and read it again
    Checkpoint.load(path)
    for W, b in checkpoint.parameters + checkpoint.state.parameters + checkpoint.state.velocities:
        assert W.dtype == b.dtype == np.float32 and W.shape == (len(b), W.shape[1]) and W.flags.c_contiguous


_TOML = (
    'hidden = [4, 5]\nepochs = 2\nlr = 0.5\nnesterov = false\nactivation = "leaky_relu:0.1"\nseed = 0x2f\n',
    'model = "linear"\nclass-weight = "0=2,1=.5"\nlr-schedule = "cosine"\nbatch-size = "all"\npatience = 3\n',
    '"hidden" = "conv:6x5+2,pool:2,120,dropout:0.5" # layers\ndevice = "cpu"\nl2 = 1e-4\ncheckpoint-every = "5epochs"\n',
    "drop = \"a,b\"\ntask = 'regression'\nmomentum = 0.9\noptimizer = 'sgd'\nwarmup = 1\nvalidation = 0.25\n",
)


def _read_toml(path, rng):
    """Read options from a file, and plan a run for digits with them, as hw5 train does before it trains."""
    _plan(["--config", path])


def _read_options(path, rng):
    """The same for options on the command line, separated by NUL characters, as the system passes them."""
    _plan(Path(path).read_bytes().decode("utf-8", "surrogateescape").split("\0"))


def _plan(arguments):
    try:
        asked = train.make_context("train", arguments).params
    except click.UsageError as error:
        raise _as_shown(error.format_message()) from error
    except click.exceptions.Exit:  # --help
        return
    names = ("model", "hidden", "task", "loss", "data", "test", "label_column", *(name for name, *_ in SETTINGS))
    try:
        plan = new_plan(reading=reading_of(*(asked[name] for name in READING)), **{name: asked[name] for name in names})
        settings = plan.settings
        assert all(math.isfinite(settings.rates(epoch).eta) for epoch in (1, 2, settings.epochs))
        if settings.class_weight:
            weights = class_weights(settings.class_weight, tuple("0123456789"), np.arange(100) % 10)
            assert weights.shape == (10,) and np.isfinite(weights).all() and weights.min() >= 0
    except InputError as error:
        raise _as_shown(str(error)) from error


def _as_shown(message):
    """The InputError with what hw5 prints: nothing that acts on a terminal.

    Characters beyond ASCII are of no interest.
    """
    shown = without_middle(printable(message))
    assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", shown)
    return InputError(shown.encode("ascii", "replace").decode())


def _option_files():
    for text in _TOML:
        options = tomllib.loads(text)
        words = [word for name, value in options.items() if value is not False for word in (f"--{name}", _word(value))]
        yield {"file": "\0".join(words).encode()}


def _word(value):
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


_FILE = itemgetter("file")
READERS = {
    "idx": Reader("train-images-idx3-ubyte", _idx_files, _FILE, _read_data),
    "gzip": Reader(
        "train-images-idx3-ubyte.gz", _idx_files, lambda members: gzip.compress(_FILE(members), mtime=0), _read_data
    ),
    "csv": Reader("a.csv", _csv_files, _FILE, _read_data),
    "table": Reader("table.csv", _table_files, _FILE, _read_table),
    "csv.gz": Reader("a.csv.gz", _table_files, _packed(lambda content: gzip.compress(content, mtime=0)), _read_table),
    "csv.bz2": Reader("a.csv.bz2", _table_files, _packed(bz2.compress), _read_table),
    "csv.xz": Reader("a.csv.xz", _table_files, _packed(lzma.compress), _read_table),
    "csv.zst": Reader("a.csv.zst", _table_files, _packed(_zstd), _read_table),
    "csv.zip": Reader("a.csv.zip", _table_files, _packed(_zipped), _read_table),
    "parquet": Reader("a.parquet", lambda: _binary_files(pd.DataFrame.to_parquet), _FILE, _read_table),
    "arrow": Reader("a.arrow", lambda: _binary_files(_arrow), _FILE, _read_table),
    "excel": Reader("a.xlsx", _excel_files, _pack_excel, _read_table),
    "json": Reader("a.json", _json_files, _FILE, _read_table),
    "arff": Reader("a.arff", _arff_files, _FILE, _read_table),
    "markdown": Reader("a.md", _markdown_files, _FILE, _read_table),
    "svmlight": Reader("a.svm", _svmlight_files, _FILE, _read_table),
    "npz": Reader("a.npz", _npz_files, _zip, _read_data),
    "toml": Reader("a.toml", lambda: ({"file": text.encode()} for text in _TOML), _FILE, _read_toml),
    "options": Reader("options", _option_files, _FILE, _read_options),
    "png": Reader("a.png", lambda: _images("PNG", ("L", "RGB", "RGBA", "LA", "P", "1")), _FILE, _read_image),
    "jpeg": Reader("a.jpg", lambda: _images("JPEG", ("L", "RGB", "CMYK")), _FILE, _read_image),
    "labels": Reader("a.csv", _label_files, _FILE, _read_labels),
    "class weights": Reader("weights", _class_weight_texts, _FILE, _read_class_weights),
    "npy": Reader("a.npy", _npy_files, _FILE, _read_data),
    "checkpoint": Reader("model.npz", _checkpoints, _pack_checkpoint, _read_checkpoint),
}


def damaged(reader, valid, packed, rng):
    """A valid file with a member damaged before packing, or the packed file damaged, or both, or neither."""
    members, others = dict(_choice(rng, valid)), _choice(rng, valid)
    kind = _choice(rng, (0, 1, 1, 1, 2, 2, 2, 3))
    if kind & 1:
        name = _choice(rng, list(members))
        if name == "description" and rng.integers(3):  # mostly valid JSON
            members[name] = _mutate_json(rng, members[name], others[name])
        else:
            members[name] = mutate(rng, members[name], others.get(name))
    content = reader.pack(members)
    return mutate(rng, content, _choice(rng, packed)) if kind & 2 else content


def _mutate_json(rng, content, other):
    """Replace entries of a JSON tree by unusual values, or by values of another tree."""
    tree, foreign = json.loads(content), [value for _, _, value in _entries(json.loads(other))]
    unusual = (None, -1, 0, 10**9, 10**30, 1e300, math.nan, "", "x", [], {}, [1], True)
    for _ in range(int(rng.integers(1, 4))):
        container, key, _ = _choice(rng, list(_entries(tree)))
        container[key] = _choice(rng, (_choice(rng, unusual), _choice(rng, foreign)))
    return json.dumps(tree).encode()


def _entries(tree):
    """(container, key, value) of every entry of a JSON tree."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield tree, key, value
        yield from _entries(value)


def prepared(folder):
    """The folder, with the file of labels that belongs to images in IDX."""
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(_Y.astype("u1")))
    return folder


def read_one(reader, folder, content, rng, what):
    """Read a file with this content in the folder; return whether it was read, the seconds, and the bytes of memory."""
    path = folder / reader.name
    path.write_bytes(content)
    faulthandler.dump_traceback_later(_SECONDS, exit=True)
    tracemalloc.reset_peak()
    before, began, is_read = tracemalloc.get_traced_memory()[0], time.perf_counter(), False
    try:
        reader.read(str(path), rng)
        is_read = True
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000 and str(error).isprintable(), str(error)
    except BaseException:
        print(f"{what}:", content[:2000], file=sys.stderr)
        raise
    seconds, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1] - before
    assert peak <= memory_bound(len(content), reader.name), f"{what}: {peak} bytes for {len(content)}"
    return is_read, seconds, peak


def run(name, seed, first, last):
    """Read the inputs first .. last - 1 of a seed; return the counts and maxima as a dictionary."""
    reader, figures = READERS[name], {"read": 0, "rejected": 0, "seconds": 0.0, "bytes": 0, "file size": 0}
    valid = list(reader.valid())
    packed = [reader.pack(members) for members in valid]
    with tempfile.TemporaryDirectory() as folder:
        prepared(Path(folder))
        for i in range(first, last):
            rng = np.random.default_rng((seed, i))
            content = damaged(reader, valid, packed, rng)
            is_read, seconds, peak = read_one(reader, Path(folder), content, rng, f"input {i} of seed {seed}")
            figures["read" if is_read else "rejected"] += 1
            figures["seconds"] = max(round(seconds, 3), figures["seconds"])
            if peak > figures["bytes"]:
                figures |= {"bytes": peak, "file size": len(content)}
    return figures


if __name__ == "__main__":
    with contextlib.suppress(ValueError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    warnings.simplefilter("error")
    tracemalloc.start()
    print(json.dumps(run(sys.argv[1], *map(int, sys.argv[2:]))))
