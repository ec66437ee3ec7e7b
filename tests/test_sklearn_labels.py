"""Labels: fit refuses them, or save, from_checkpoint, hw5 show and hw5 predict give them back, in value and type."""

import csv
import io
import json

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'hw5[sklearn]'")
pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes  # noqa: F401  (says early if its NumPy part is missing)

from hw5.sklearn import LinearClassifier, from_checkpoint
from hw5.train.checkpoint import Checkpoint
from tests.cli.helpers import hw5

X = np.random.default_rng(0).normal(size=(24, 2))
_DISTINCT = {"min_size": 2, "max_size": 5, "unique": True}
_INTEGERS = st.sampled_from(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]).flatmap(
    lambda kind: st.lists(st.integers(np.iinfo(kind).min, np.iinfo(kind).max), **_DISTINCT).map(
        lambda values: np.array(values, kind)
    )
)
_FLOATS = st.lists(st.integers(-(2**53), 2**53), **_DISTINCT).map(lambda values: np.array(values, float))
_WORDS = st.lists(
    st.one_of(st.text(max_size=6), st.sampled_from(["01", "1", "1.0", " a", "a", "", "0.5", "nan", "True"])),
    **_DISTINCT,
)
_TEXT = st.builds(np.array, _WORDS, st.sampled_from([str, object]))
CLASSES = st.one_of(_INTEGERS, _FLOATS, _TEXT, st.just(np.array([False, True])))


def fitted(classes):
    """A model of these classes, or None if fit refuses them with a reason."""
    try:
        return LinearClassifier(epochs=1, random_state=0, device="numpy").fit(X, np.resize(classes, 24))
    except ValueError as error:
        assert "characters that are not text" in str(error) or len(np.unique(classes)) < 2, error
        return None


@settings(deadline=None, max_examples=150)
@given(CLASSES)
def test_a_checkpoint_gives_the_classes_back_in_value_and_type(tmp_path_factory, classes):
    model = fitted(classes)
    if model is None:
        return
    path = tmp_path_factory.mktemp("labels") / "m.npz"
    model.save(path)
    again = from_checkpoint(path, device="numpy")
    assert again.classes_.tolist() == model.classes_.tolist() == np.unique(classes).tolist()
    assert list(map(type, again.classes_.tolist())) == list(map(type, model.classes_.tolist()))
    assert again.classes_.dtype.kind == classes.dtype.kind
    assert classes.dtype.kind == "U" or again.classes_.dtype == classes.dtype
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.fit(X, np.resize(classes, 24)).predict(X).tolist() == model.predict(X).tolist()


@settings(deadline=None, max_examples=10)
@given(CLASSES)
def test_the_program_prints_the_classes_as_they_are(tmp_path_factory, classes):
    model = fitted(classes)
    if model is None:
        return
    folder = tmp_path_factory.mktemp("labels")
    model.save(folder / "m.npz")
    inputs = folder / "new.csv"
    np.savetxt(inputs, X, delimiter=",")
    expected = [str(int(label) if isinstance(label, float) else label) for label in model.predict(X).tolist()]
    text = hw5("predict", folder / "m.npz", inputs).stdout
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["class"] for row in rows] == expected
    assert set(expected) <= set(Checkpoint.load(folder / "m.npz").class_names)
    assert f"{len(model.classes_)} classes:" in hw5("show", folder / "m.npz").stdout
    figures = json.loads(hw5("eval", folder / "m.npz", "--data", labelled(folder, expected), "--json").stdout)
    assert figures["examples"] == 24 and figures["accuracy"] == 1.0


def labelled(folder, labels):
    """A table of X and the predictions."""
    np.savez(folder / "table.npz", X=X, y=np.array(labels))
    return folder / "table.npz"
