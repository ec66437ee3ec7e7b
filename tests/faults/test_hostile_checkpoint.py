"""Malicious checkpoints with a correct checksum."""

import json
import math
import zipfile

import numpy as np
import pytest

from hw5.datasets.preprocessing import Standardisation
from hw5.nn.hidden import dense_layers
from hw5.nn.network import initial_parameters
from hw5.train.checkpoint import Checkpoint, _checksum
from hw5.train.data_source import DataSource
from hw5.train.settings import Settings
from hw5.train.training import State
from tests.datasets.helpers import input_error

from .helpers import add_zeros, at_most, npy, npz


def saved(path, sizes, settings, class_names, of_targets=None):
    """The arrays and the description of a valid checkpoint with 6 features."""
    parameters = initial_parameters(dense_layers(sizes, settings.activation), 0)
    Checkpoint(
        State(parameters, [(W * 0, b * 0) for W, b in parameters], None, 2, 0, np.zeros((2, 32))),
        Standardisation(np.zeros(6, np.float32), np.ones(6, np.float32)),
        settings,
        DataSource("a.csv", None, None, True, "0" * 32),
        class_names,
        tuple("abcdef"),
        (2, 3),
        [{"epoch": 1, "loss": 0.5, "accuracy": 1, "validation_loss": None, "validation_accuracy": None}],
        of_targets,
    ).save(path)
    with np.load(path) as file:
        arrays = dict(file)
    return arrays, json.loads(str(arrays.pop("description")))


@pytest.fixture
def classification(tmp_path):
    return saved(tmp_path / "a.npz", (6, 3, 2), Settings(hidden=(3,)), ("x", "y"))


@pytest.fixture
def regression(tmp_path):
    of_targets = Standardisation(np.zeros(1, np.float32), np.ones(1, np.float32))
    settings = Settings(hidden=(), loss="squared", lr_decay=0.9, momentum=0.9, patience=3)
    return saved(tmp_path / "a.npz", (6, 1), settings, (), of_targets)


def write(path, arrays, description):
    """Write a checkpoint as Checkpoint.save does; the description may be text that is not JSON."""
    np.savez(path, description=sealed(arrays, description) if isinstance(description, dict) else description, **arrays)
    return path


def sealed(arrays, description):
    """The text of a description with the checksum that it should have."""
    description.pop("checksum", None)
    return json.dumps(description | {"checksum": _checksum(arrays, description)})


def changed(value, path, new):
    """A copy of a JSON tree with a new value at a path of keys."""
    if not path:
        return new
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


def leaves(value, path=()):
    """The paths of all values in a JSON tree."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield from leaves(entry, (*path, key))


def read(path, arrays, description):
    """As Checkpoint.load does.

    The arrays are always the same, so there is a file only if no text holds the description.
    """
    if isinstance(description, dict):
        return Checkpoint._from_arrays(arrays | {"description": np.array(sealed(arrays, description))}, path)
    return Checkpoint.load(write(path, arrays, description))


ODD = (None, True, -1, 0, 10**9, 10**400, 0.5, math.nan, math.inf, -math.inf, "", "x", "\ud800", [], [[]], {}, [None])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_every_entry_of_the_description_replaced_by_every_odd_value(tmp_path, request, kind):
    arrays, description = request.getfixturevalue(kind)
    outcomes = {"read": set(), "rejected": 0}
    for path in leaves(description):
        for value in ODD:
            new = changed(description, path, value)
            if new == description:
                continue
            try:
                read(tmp_path / "a.npz", arrays, new)
            except Exception as error:
                assert type(error).__name__ == "InputError", (path, value, repr(error))
                assert "\n" not in str(error) and len(str(error)) < 300
                outcomes["rejected"] += 1
            else:
                outcomes["read"].add(".".join(map(str, path)))
    # Some changes are valid: numbers in the settings and the history, text, and optional entries.
    assert outcomes["rejected"] > 500
    assert not outcomes["read"] & {
        "",
        "layers",
        "settings",
        "data",
        "class_names",
        "settings.hidden",
        "settings.hidden.0",
    }
    assert not outcomes["read"] & {"settings.activation", "data.is_held_out", "image_shape.0", "format.0"}


@pytest.mark.parametrize(
    "word", ["NaN", "Infinity", "-Infinity", "1e999", "-1", "1" + "0" * 5000, "true", '"0.1"', "[0.1]"]
)
def test_settings_that_are_not_numbers(tmp_path, classification, word):
    arrays, description = classification
    description["settings"]["lr"] = "LR"
    text = json.dumps(description).replace('"LR"', word)
    try:
        description = json.loads(text)
    except ValueError:  # Python does not parse 5,000 digits
        description = text
    with input_error(tmp_path):
        Checkpoint.load(write(tmp_path / "a.npz", arrays, description))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "3",
        '"x"',
        "{",
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 100_000 + "]" * 100_000,
        "9" * 100_000,
        "\0",
    ],
    ids=lambda text: text[:9],
)
def test_invalid_descriptions(tmp_path, classification, text):
    with input_error(tmp_path, "not a hw5 checkpoint"):
        Checkpoint.load(write(tmp_path / "a.npz", classification[0], text))


@pytest.mark.parametrize(
    "label_type", ["int64", "float64", "uint8", "O", "object0", "datetime64[D]", "bool", 3, ["str"], {}]
)
def test_label_types_that_do_not_fit_the_names(tmp_path, classification, label_type):
    arrays, description = classification
    path = write(tmp_path / "a.npz", arrays, description | {"label_type": label_type})
    with input_error(tmp_path, "damaged" if isinstance(label_type, str) else "not a hw5 checkpoint"):
        Checkpoint.load(path)


@pytest.mark.parametrize("array", [np.zeros(3), np.array(["{}", "{}"]), np.array(b"{}"), np.array(["x"], object)])
def test_descriptions_of_another_type(tmp_path, classification, array):
    np.savez(tmp_path / "a.npz", description=array, **classification[0])
    with input_error(tmp_path):
        Checkpoint.load(tmp_path / "a.npz")


def test_class_names_and_target_scale(tmp_path, classification, regression):
    (arrays, description), targets = regression, ("target_mean", "target_scale")
    assert Checkpoint.load(write(tmp_path / "a.npz", arrays, description)).of_targets.scale == 1
    without = {name: array for name, array in arrays.items() if name not in targets}
    of_targets = {name: arrays[name] for name in targets}
    for bad_arrays, bad_description in (
        (without, description),
        (arrays | {"target_scale": np.zeros(1, np.float32)}, description),
        (arrays | {"target_scale": np.ones(2, np.float32)}, description),
        (arrays, description | {"class_names": ["x"]}),
        (classification[0] | of_targets, classification[1]),
        (classification[0], classification[1] | {"class_names": []}),
        (classification[0], classification[1] | {"class_names": ["x", "x"]}),
        (classification[0], classification[1] | {"class_names": ["x", "\ud800"]}),
        (classification[0], classification[1] | {"class_names": ["x", "\x1b[2J"]}),
    ):
        with input_error(tmp_path, "damaged"):
            Checkpoint.load(write(tmp_path / "a.npz", bad_arrays, bad_description))


@pytest.mark.parametrize(
    "entries",
    [
        {"source": "a\0.csv"},
        {"source": "\ud800.csv"},
        {"test": "\udbff.csv"},
        {"test": "\udc7f"},
        {"darkest": None, "brightest": 16.0},
        {"darkest": 0.0, "brightest": None},
        {"darkest": math.nan, "brightest": 16.0},
        {"darkest": 0.0, "brightest": math.inf},
        {"darkest": 2.0, "brightest": 1.0},
    ],
    ids=str,
)
def test_paths_and_ranges_of_pixels_that_cannot_be(tmp_path, classification, entries):
    arrays, description = classification
    bad = description | {"data": description["data"] | entries}
    with input_error(tmp_path, "damaged"):
        Checkpoint.load(write(tmp_path / "a.npz", arrays, bad))


@pytest.mark.parametrize("entries", [{"source": "\udcff.csv"}, {"darkest": 0.0, "brightest": 0.0}], ids=str)
def test_paths_and_ranges_of_pixels_that_can_be(tmp_path, classification, entries):
    """Such as a path with a byte that is not UTF-8."""
    arrays, description = classification
    good = description | {"data": description["data"] | entries}
    data = Checkpoint.load(write(tmp_path / "a.npz", arrays, good)).data
    assert {name: getattr(data, name) for name in entries} == entries


def test_a_state_has_everything_that_its_settings_need(tmp_path, classification):
    arrays, description = classification
    tolerant = description | {"settings": description["settings"] | {"tolerance": 0.1}}
    before = {f"before_{name}": arrays[name] for name in ("W1", "b1", "W2", "b2")}
    assert Checkpoint.load(write(tmp_path / "a.npz", arrays | before, tolerant)).state.previous_parameters
    row = description["history"][0]
    for bad_arrays, bad_description in (
        (arrays, tolerant),
        (arrays | before | {"before_b2": np.zeros(3, np.float32)}, tolerant),
        (arrays | {"sums": np.zeros(2)}, description),
        (arrays | {"sums": np.float64(0)}, description),
        (arrays, description | {"history": [row, {}]}),
        (arrays, description | {"history": [row | {"more": 1}]}),
    ):
        with input_error(tmp_path, "damaged"):
            Checkpoint.load(write(tmp_path / "a.npz", bad_arrays, bad_description))


ARRAYS = {
    "a scalar": dict(mean=np.float32(0)),
    "no features": dict(mean=np.zeros(0, np.float32), scale=np.zeros(0, np.float32)),
    "two dimensions": dict(mean=np.zeros((2, 3), np.float32), scale=np.zeros((2, 3), np.float32)),
    "float64": dict(b1=np.zeros(3)),
    "big-endian": dict(b1=np.zeros(3, ">f4")),
    "text": dict(b1=np.array(["x"] * 3)),
    "dates": dict(b1=np.zeros(3, "M8[s]")),
    "infinite": dict(V1=np.full((3, 6), np.inf, np.float32)),
    "transposed": dict(W1=np.zeros((6, 3), np.float32)),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(tmp_path, classification, name):
    arrays, description = classification
    with input_error(tmp_path, "damaged"):
        Checkpoint.load(write(tmp_path / "a.npz", arrays | ARRAYS[name], description))


def test_an_array_of_objects(tmp_path, classification):
    np.savez(tmp_path / "a.npz", description="{}", **classification[0] | {"W1": np.full((3, 6), None)})
    with input_error(tmp_path, "damaged"):
        Checkpoint.load(tmp_path / "a.npz")


def test_fortran_order_becomes_c_order(tmp_path, classification):
    arrays, description = classification
    write(tmp_path / "a.npz", arrays | {"W1": np.asfortranarray(arrays["W1"])}, description)
    W1 = Checkpoint.load(tmp_path / "a.npz").parameters[0][0]
    assert W1.flags.c_contiguous and (W1 == arrays["W1"]).all()


@pytest.mark.parametrize("layers", [10**9, 10**30, -5, 0, 3])
def test_a_false_number_of_layers(tmp_path, classification, layers):
    arrays, description = classification
    description["layers"] = layers
    with at_most(1 << 20), input_error(tmp_path):
        Checkpoint.load(write(tmp_path / "a.npz", arrays, description))


def test_a_bomb_in_an_unused_array(tmp_path, classification):
    """All arrays are read for the checksum, so their total size must be bounded."""
    path = write(tmp_path / "a.npz", *classification)
    add_zeros(path, "more.npy", npy("'|u1'", (1 << 30,)), 1 << 30)
    with at_most(1 << 20), input_error(path, "damaged"):
        Checkpoint.load(path)


def test_other_files_in_the_archive(tmp_path, classification):
    path = write(tmp_path / "a.npz", *classification)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../README", "not an array, and never extracted")
    assert Checkpoint.load(path).class_names == ("x", "y")
    npz(path, [("description", b"{}")])
    with input_error(path, "not a hw5 checkpoint"):
        Checkpoint.load(path)
