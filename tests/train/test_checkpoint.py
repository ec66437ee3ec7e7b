"""Checkpoints: round trips, and damaged or foreign files are rejected."""

import json
import pickle
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from hw5.datasets import Dataset, Examples
from hw5.datasets.preprocessing import Standardisation
from hw5.errors import InputError
from hw5.nn.hidden import dense_layers
from hw5.nn.network import initial_parameters
from hw5.train.checkpoint import Checkpoint, _checksum, _text
from hw5.train.data_source import DataSource
from hw5.train.settings import Settings
from hw5.train.training import Best, State


@pytest.fixture
def checkpoint():
    parameters = initial_parameters(dense_layers((4, 5, 3), "tanh"), 1)
    return Checkpoint(
        State(parameters, [(W * 2, b + 1) for W, b in parameters], None, 2, 64, np.arange(64.0).reshape(2, 32)),
        Standardisation(np.arange(4, dtype=np.float32), np.ones(4, np.float32)),
        Settings(hidden=(5,), activation="tanh"),
        DataSource.of(made_up(), None, "kind"),
        ("a", "b", "ç"),
        ("w", "x", "y", "z"),
        None,
        [{"epoch": 1, "loss": 0.5, "accuracy": 0.75, "validation_loss": None, "validation_accuracy": None}],
    )


def made_up(class_names=("a", "b", "ç"), feature_names=None, d=4, source="made up", n=10, test=None):
    examples = Examples(np.zeros((n, d), np.float32), np.arange(n, dtype=np.int32) % len(class_names))
    return Dataset(source, source, examples, test, class_names, feature_names, None)


def assert_same(mine, theirs):
    """Equal bit for bit: dataclasses, lists, arrays and scalars."""
    assert type(mine) is type(theirs)
    if is_dataclass(mine):
        mine, theirs = ([getattr(each, field.name) for field in fields(each)] for each in (mine, theirs))
    if isinstance(mine, np.ndarray):
        assert (mine.dtype, mine.shape, mine.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())
    elif isinstance(mine, (list, tuple)):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs):
            assert_same(a, b)
    else:
        assert mine == theirs


@pytest.mark.parametrize("kept", ["nothing more", "best", "before", "all"])
def test_round_trip(checkpoint, kept, tmp_path):
    extra = initial_parameters(dense_layers((4, 5, 3), "tanh"), 2)
    best = Best(1, 0.25, extra) if kept in ("best", "all") else None
    before = extra[::-1][::-1] if kept in ("before", "all") else None
    state = replace(checkpoint.state, best=best, previous_parameters=before, ending="enough" if kept == "all" else None)
    checkpoint = replace(checkpoint, state=state)
    checkpoint.save(tmp_path / "model.npz")
    loaded = Checkpoint.load(tmp_path / "model.npz")
    assert_same(checkpoint, loaded)
    assert_same(loaded.parameters, extra if best else checkpoint.state.parameters)


@pytest.mark.parametrize("epochs", [500, 501])
def test_a_long_history_is_an_array(checkpoint, epochs, tmp_path):
    """Its values are the same bit for bit, and it takes 40 bytes an epoch instead of 400."""
    row = {"loss": 1 / 3, "accuracy": 0.1 + 0.2, "validation_loss": None, "validation_accuracy": 5e-324}
    history = [{"epoch": epoch, **row} for epoch in range(1, epochs + 1)]
    checkpoint = replace(checkpoint, history=history)
    checkpoint.save(tmp_path / "model.npz")
    assert_same(Checkpoint.load(tmp_path / "model.npz"), checkpoint)
    with np.load(tmp_path / "model.npz") as file:
        description = json.loads(_text(file["description"]))
        assert description["format"] == (3 if epochs > 500 else 1) and ("history" in file) == (epochs > 500)
        assert ("history" in description) == (epochs <= 500)


@pytest.mark.parametrize("length", [100, 100_000])
def test_a_long_description_takes_a_byte_a_character(checkpoint, length, tmp_path):
    checkpoint = replace(checkpoint, class_names=("a", "b", "ç" * (length // 6)))  # "ç" takes six characters of JSON
    checkpoint.save(tmp_path / "model.npz")
    assert_same(Checkpoint.load(tmp_path / "model.npz"), checkpoint)
    with np.load(tmp_path / "model.npz") as file:
        assert file["description"].dtype.kind == ("U" if length == 100 else "u")
    assert (tmp_path / "model.npz").stat().st_size < length + 12_000


@pytest.mark.parametrize(
    "history",
    [np.zeros(5), np.zeros((9, 4)), np.zeros((9, 5, 2)), np.full((9, 5), np.nan), np.zeros((9, 5), np.float32)],
)
def test_an_array_that_is_no_history(checkpoint, tmp_path, history):
    path = tmp_path / "model.npz"
    checkpoint.save(path)
    rewrite(path, history=None)
    with np.load(path) as file:
        arrays = dict(file)
    description = json.loads(str(arrays.pop("description")))
    del description["checksum"]
    arrays["history"] = history
    description["checksum"] = _checksum(arrays, description)
    np.savez(path, description=json.dumps(description), **arrays)
    with pytest.raises(InputError, match="is not a hw5 checkpoint"):
        Checkpoint.load(path)


def test_equal_checkpoints_are_equal_files(checkpoint, tmp_path):
    for name in ("a", "b"):
        checkpoint.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_numpy_reads_it_by_hand(checkpoint, tmp_path):
    checkpoint.save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        assert file["W1"].shape == (5, 4) and file["b2"].shape == (3,)
        assert json.loads(str(file["description"]))["class_names"] == ["a", "b", "ç"]


def rewrite(path, **changes):
    """Change arrays of a checkpoint or entries of its description (None removes one), and update the checksum."""
    with np.load(path) as file:
        arrays = dict(file)
    description = json.loads(str(arrays.pop("description")))
    for name, value in changes.items():
        target = arrays if name in arrays else description
        target[name] = value
        if value is None:
            del target[name]
    del description["checksum"]
    description["checksum"] = _checksum(arrays, description)
    np.savez(path, **arrays | {"description": json.dumps(description)})


BAD_CHANGES = {
    "newer": (dict(format=99), "newer version of hw5"),
    "an array is missing": (dict(W2=None), "not a hw5 checkpoint"),
    "an entry is missing": (dict(class_names=None), "not a hw5 checkpoint"),
    "shapes do not fit": (dict(W1=np.zeros((5, 7), np.float32)), "are inconsistent"),
    "another type": (dict(W1=np.zeros((5, 4))), "are inconsistent"),
    "not finite": (dict(b1=np.full(5, np.nan, np.float32)), "are inconsistent"),
    "another number of classes": (dict(class_names=["a"]), "are inconsistent"),
}


@pytest.mark.parametrize("change", BAD_CHANGES)
def test_invalid_content_is_rejected(checkpoint, tmp_path, change):
    path = tmp_path / "model.npz"
    checkpoint.save(path)
    changes, message = BAD_CHANGES[change]
    rewrite(path, **changes)
    with pytest.raises(InputError, match=f"model.npz .*{message}"):
        Checkpoint.load(path)


CHANGES = {
    "a weight": lambda description: dict(b2=np.ones(3, np.float32)),
    "a weight in its last bit": lambda description: dict(
        mean=np.nextafter(np.arange(4, dtype=np.float32), np.float32(9))
    ),
    "another array": lambda description: dict(extra=np.zeros(3)),
    "the shape": lambda description: dict(mean=np.arange(4, dtype=np.float32).reshape(2, 2)),
    "the sign of a zero": lambda description: dict(mean=np.float32([-0.0, 1, 2, 3])),
    "a setting": lambda description: dict(settings=description["settings"] | {"lr": 0.5}),
    "the order of classes": lambda description: dict(class_names=["b", "a", "ç"]),
    "the history": lambda description: dict(history=[]),
    "a new entry": lambda description: dict(more=1),
    "the checksum": lambda description: dict(checksum="0" * 32),
    "the type of the checksum": lambda description: dict(checksum=[None]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_is_detected_by_the_checksum(checkpoint, tmp_path, change):
    path = tmp_path / "model.npz"
    checkpoint.save(path)
    with np.load(path) as file:
        arrays, description = dict(file), json.loads(str(file["description"]))
    changed = CHANGES[change](description)
    array_changes = {name: value for name, value in changed.items() if isinstance(value, np.ndarray)}
    text = json.dumps(description | {name: value for name, value in changed.items() if name not in array_changes})
    np.savez(path, **arrays | array_changes | {"description": text})
    with pytest.raises(InputError, match="model.npz is damaged: its checksum does not match"):
        Checkpoint.load(path)


def truncated(checkpoint, path):
    checkpoint.save(path)
    path.write_bytes(path.read_bytes()[:-200])


def flipped(checkpoint, path):
    checkpoint.save(path)
    content = bytearray(path.read_bytes())
    content[300] ^= 1  # within an array: the zip's own checksum detects it
    path.write_bytes(content)


FOREIGN = {
    "missing": (lambda checkpoint, path: None, "no such file"),
    "empty": (lambda checkpoint, path: path.write_bytes(b""), "is empty"),
    "text": (lambda checkpoint, path: path.write_text("hello"), "not a hw5 checkpoint"),
    "pickle": (lambda checkpoint, path: path.write_bytes(pickle.dumps([1, 2])), "pickle, which hw5 never loads"),
    "npy": (lambda checkpoint, path: np.save(path.open("wb"), np.zeros(3)), "not a hw5 checkpoint"),
    "npz": (lambda checkpoint, path: np.savez(path, X=np.zeros(3)), "not a hw5 checkpoint"),
    "folder": (lambda checkpoint, path: path.mkdir(), "not a regular file"),
    "truncated": (truncated, "truncated or damaged"),
    "flipped bit": (flipped, "truncated or damaged"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_and_damaged_files_are_rejected(checkpoint, tmp_path, kind):
    path = tmp_path / "model.npz"
    make, message = FOREIGN[kind]
    make(checkpoint, path)
    with pytest.raises(InputError, match=message):
        Checkpoint.load(path)


def test_subsets_of_the_training_data_are_those_of_the_training(checkpoint):
    train, test = (checkpoint.subset(made_up(), split) for split in ("train", "test"))
    assert not set(train.rows) & set(test.rows) and len(test.rows) > 0
    with pytest.raises(InputError, match="has changed since training"):
        checkpoint.subset(made_up(n=11), "test")


def test_other_data_is_used_whole_or_by_its_own_subsets(checkpoint):
    other = made_up(source="other", n=7)
    assert len(checkpoint.subset(other, "test").rows) == 7
    with_test = replace(other, test=made_up(n=3).train)
    assert len(checkpoint.subset(with_test, "test").rows) == 3
    assert len(checkpoint.subset(with_test, "train").rows) == 7
