"""hw5 from Python: fit, load, predict, evaluate, resume, plot; and bad arguments in one sentence."""

import base64
import functools
import inspect
import os
import signal
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

import hw5
from hw5.errors import InputError
from tests.cli.helpers import hw5 as program
from tests.pages import ROOT, code_blocks

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3))
NAMES = np.where(X[:, 0] > 0, "up", "down")
FRAME = pd.DataFrame({"x": X[:, 0], "site": np.where(X[:, 1] > 0, "n", "s"), "kind": NAMES})
QUICK = {"epochs": 4, "progress": False, "device": "cpu"}


@pytest.fixture(scope="module")
def digits():
    return hw5.fit("digits", hidden=32, **QUICK)


NUMBERS = {"epochs": np.int64(2), "hidden": np.array([4, 3]), "lr": np.float32(0.125), "batch_size": np.int32(8),
           "seed": np.uint8(3), "validation": Fraction(1, 4), "l2": np.longdouble(0.5), "shuffle": np.bool_(True),
           "activation": np.str_("tanh"), "class_weight": {0: np.float16(2), np.int64(1): 3}}  # fmt: skip


def test_a_model_of_numpys_numbers_can_be_saved(tmp_path):
    model = hw5.fit((X, np.where(X[:, 0] > 0, 1, 0)), **{**QUICK, **NUMBERS})
    model.save(tmp_path / "a.npz")
    assert hw5.load_model(tmp_path / "a.npz").settings == model.settings
    with pytest.raises(InputError, match="shuffle 'no' is neither True nor False"):
        hw5.fit("xor", shuffle="no", **QUICK)


def test_an_unknown_split(digits):
    with pytest.raises(InputError, match="there is no split 'tset' .did you mean 'test'"):
        digits.evaluate(split="tset")


def test_a_model_is_not_saved_in_the_place_of_a_device(digits, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is not a regular file"):
        digits.save(tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_test_set_and_its_labels_are_those_that_are_given(tmp_path):
    FRAME.to_csv(tmp_path / "table.csv", index=False)
    others = FRAME.assign(kind=np.where(FRAME["kind"] == "up", "down", "up"))
    others.to_csv(tmp_path / "others.csv", index=False)
    model = hw5.fit(tmp_path / "table.csv", label_column="kind", **QUICK | {"epochs": 30})
    assert model.evaluate(test=tmp_path / "others.csv")["accuracy"] < 0.2 < 0.8 < model.evaluate()["accuracy"]
    with pytest.raises(InputError, match="'nonsense'"):
        model.evaluate(label_column="nonsense")
    with pytest.raises(InputError, match="pass the data with data"):
        hw5.fit(FRAME, label_column="kind", **QUICK).evaluate(test=others)


def test_validation_sets(tmp_path):
    model, without = (hw5.fit((X, NAMES), validation=share, **QUICK) for share in (0.2, 0))
    assert model.evaluate(split="validation")["examples"] == 19  # of 96 that were not held out
    with pytest.raises(InputError, match="is not the training data, so it has no validation set"):
        model.evaluate((X + 1, NAMES), split="validation")
    with pytest.raises(InputError, match="the model was trained without a validation set"):
        without.evaluate(split="validation")


def test_a_copy_of_the_training_data_is_no_test_set(tmp_path):
    for name in ("table.csv", "copy.csv"):
        FRAME.to_csv(tmp_path / name, index=False)
    model = hw5.fit(tmp_path / "table.csv", test=tmp_path / "table.csv", label_column="kind", **QUICK)
    with pytest.raises(InputError, match="copy.csv has no test set"):
        model.evaluate(tmp_path / "copy.csv")


def test_columns_are_given_as_a_list_or_as_for_the_program():
    frame = FRAME.assign(a=1.0, b=2.0)
    for drop in (["a", "b"], "a, b", ("b", "a")):
        names = hw5.fit(frame, label_column="kind", drop=drop, **QUICK).checkpoint.schema.feature_names
        assert len(names) == 2 and not {"a", "b"} & set(names)


def test_it_is_the_model_of_the_program(digits, tmp_path):
    """The same bits, and the same figures."""
    out = tmp_path / "model.npz"
    program("train", "--hidden", 32, "--epochs", 4, "--device", "cpu", "--out", out)
    digits.save(tmp_path / "same.npz")
    assert out.read_bytes() == (tmp_path / "same.npz").read_bytes()
    again = hw5.load_model(out, device="cpu")
    assert again.evaluate()["accuracy"] == digits.evaluate()["accuracy"] > 0.9
    assert again.history == digits.history and len(digits.history) == 4
    np.testing.assert_array_equal(again.parameters[0][0], digits.parameters[0][0])


def test_arrays_give_back_the_values_of_the_classes(tmp_path):
    model = hw5.fit((X, NAMES == "up"), hidden=(8, 8), **QUICK | {"epochs": 60})
    assert model.predict(X).dtype == bool and (model.predict(X) == (X[:, 0] > 0)).mean() > 0.9
    assert model.predict(X[0]).shape == (1,) and model.probabilities(X).shape == (120, 2)
    numbers = hw5.fit((X, np.where(X[:, 0] > 0, 7, -3)), **QUICK)
    assert {*numbers.predict(X).tolist()} == {7, -3}
    numbers.save(tmp_path / "model.npz")
    again = hw5.load_model(tmp_path / "model.npz", device="cpu")
    np.testing.assert_array_equal(again.probabilities(X), numbers.probabilities(X))
    with pytest.raises(hw5.InputError, match="pass the data with data"):
        again.evaluate()
    assert again.evaluate((X, np.where(X[:, 0] > 0, 7, -3)))["accuracy"] == numbers.evaluate()["accuracy"]


def test_a_frame_is_a_table(tmp_path):
    model = hw5.fit(FRAME, label_column="kind", **QUICK)
    assert model.class_names == ("down", "up") and "yes/no: site" in model.describe()
    FRAME.to_csv(tmp_path / "table.csv", index=False)
    of_file = hw5.fit(tmp_path / "table.csv", label_column="kind", **QUICK)
    np.testing.assert_array_equal(model.parameters[0][0], of_file.parameters[0][0])
    by_frame, by_file = model.predict(FRAME[["site", "x"]]), of_file.predict(tmp_path / "table.csv")
    assert (by_frame == by_file).all() and (by_frame == NAMES).mean() > 0.9
    assert model.evaluate(FRAME, split="train")["examples"] < 120  # the rows that it was trained on


def test_regression_and_options_of_reading():
    targets = FRAME.assign(kind=3 * X[:, 0] + 1)
    model = hw5.fit(targets, label_column="kind", task="regression", drop=["site"], **QUICK | {"epochs": 30})
    assert model.evaluate()["r2"] > 0.8 and model.predict(targets).shape == (120,)
    assert model.class_names == () and "left out: site" in model.describe()


def test_images_and_layers():
    images = rng.integers(0, 255, (40, 9, 8)).astype(np.uint8)
    model = hw5.fit((images, np.arange(40) % 2), hidden="conv:4x3,pool:2,dropout:0.5,6", **QUICK)
    assert "9x8x1-conv:4x3-pool:2-dropout:0.5-6-2" in repr(model)
    assert model.predict(images).shape == (40,) and model.predict(images[0]).shape == (1,)


def test_resuming_gives_the_bits_of_one_go():
    whole, half = (hw5.fit((X, NAMES), epochs=n, progress=False, device="cpu") for n in (6, 3))
    resumed = half.resume(6, progress=False)
    for a, b in zip(whole.parameters, resumed.parameters):
        np.testing.assert_array_equal(a[0], b[0])
    assert len(resumed.history) == 6 and len(half.history) == 3


def test_a_file_of_data_in_memory_is_resumed_with_the_data(tmp_path):
    hw5.fit((X, NAMES), **QUICK).save(tmp_path / "model.npz")
    model = hw5.load_model(tmp_path / "model.npz", device="cpu")
    assert len(model.resume(5, data=(X, NAMES), progress=False).history) == 5
    with pytest.raises(hw5.InputError, match="the data has changed since the checkpoint was written"):
        model.resume(5, data=(X + 1, NAMES), progress=False)


def test_ctrl_c_keeps_what_was_learnt(ctrl_c):
    with pytest.warns(UserWarning, match=r"interrupted in epoch \d+ of 100000; call resume\(\) to continue"):
        model = hw5.fit("xor", epochs=100_000, progress=False, device="numpy")
    assert model.checkpoint.state.epoch >= 1 and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert 0 <= model.evaluate()["accuracy"] <= 1


def test_figures(digits):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    assert isinstance(digits.plot(), Figure) and len(digits.plot("confusion").subfigs) == 1
    with pytest.raises(hw5.InputError, match="fit cannot be drawn: it needs a regression"):
        digits.plot("fit")
    with pytest.raises(hw5.InputError, match="there is no panel 'confusio' .did you mean 'confusion'"):
        digits.plot("confusio")


WRONG = {
    "an unknown argument": (
        lambda: hw5.fit("digits", epoch=3),
        r"fit has no argument 'epoch' \(did you mean 'epochs'\?\)",
    ),
    "a number out of range": (lambda: hw5.fit("digits", lr=-1), "^lr -1 is out of range; give a number above 0"),
    "no such data": (lambda: hw5.fit("digit"), r"digit: no such file or folder \(did you mean 'digits'\?\)"),
    "a number to predict": (lambda: hw5.fit("xor", **QUICK).predict(5), "^X is a int; give an array, a DataFrame"),
    "no layer": (lambda: hw5.fit("digits", hidden="conv:6"), "^hidden: 'conv:6' is not a layer"),
    "no labels": (lambda: hw5.fit((X, NAMES[:5])), "X has 120 examples, but y has 5 labels"),
    "one class": (lambda: hw5.fit((X, NAMES[:1].repeat(120))), "at least two classes"),
    "not a number": (lambda: hw5.fit((X * np.nan, NAMES)), "X, row 1, column 1: nan is not a finite float32"),
    "no model": (lambda: hw5.load_model("nowhere.npz"), "nowhere.npz: no such file"),
    "an unknown model": (lambda: hw5.fit("digits", model="lenett"), "did you mean 'lenet'"),
    "three arrays": (
        lambda: hw5.fit((X, NAMES, X)),
        r"^the data: arrays are given as \(X, y\), but these are 3; give two",
    ),
    "no array": (lambda: hw5.fit((3, NAMES)), "^X is a int; give an array"),
    "no labels at all": (lambda: hw5.fit((X, None)), "^y is a NoneType; give an array"),
    "no examples": (lambda: hw5.fit((X[:0], NAMES[:0])), r"^X has the shape \(0, 3\), which is empty; give examples"),
    "no features": (lambda: hw5.fit((X[:, :0], NAMES)), r"^X has the shape \(120, 0\), which is empty"),
    "a sparse matrix": (
        lambda: hw5.fit((csr_array(X), NAMES)),
        r"^X is a csr_array; give an array, such as X.toarray\(\)",
    ),
    "masked values": (lambda: hw5.fit((np.ma.array(X, mask=X > 0), NAMES)), "^X has masked values; fill them in"),
    "rows of different lengths": (lambda: hw5.fit(([[1, 2], [3]], ["a", "b"])), "^X is not an array"),
    "a column of a table": (lambda: hw5.fit(FRAME["x"]), "a DataFrame, not a Series; give one"),
    "two columns of a name": (
        lambda: hw5.fit(pd.DataFrame(X, columns=list("aab"))),
        "^the data: the DataFrame is no table .* Duplicate column names",
    ),
    "complex numbers": (
        lambda: hw5.fit(FRAME.assign(x=1j), label_column="kind"),
        "^the data: the DataFrame is no table",
    ),
    "a column by number": (
        lambda: hw5.fit(FRAME, label_column=-1),
        "or its position as text, such as '-1', not by -1$",
    ),
    "a column that is none": (
        lambda: hw5.fit(FRAME, drop=[None]),
        "or its position as text, such as '-1', not by None$",
    ),
    "an unknown way": (lambda: hw5.fit(FRAME, missing="men"), r"there is no missing 'men' \(did you mean 'mean'\?\)"),
    "another task": (lambda: hw5.load_data("xor", task="x"), "^there is no task 'x'; choose from classification, "),
    "another argument": (
        lambda: hw5.load_data("xor", dropp="a"),
        r"^there is no argument 'dropp' \(did you mean 'drop'\?\)",
    ),
    "no checkpoint": (lambda: hw5.load_model(__file__), "pass a file written by hw5 train --out$"),
    "an unknown loss": (
        lambda: hw5.fit("xor", loss="squard"),
        r"there is no loss 'squard' \(did you mean 'squared'\?\)",
    ),
    "no activation": (lambda: hw5.fit("xor", activation=None), "^an activation is a name such as relu, not None"),
    "no hidden layer": (lambda: hw5.fit("xor", hidden=[]), "^hidden has no layer; give one, or model linear"),
    "no thread": (lambda: hw5.fit("xor", threads=0), "^threads 0 is out of range; give a whole number from 1 to 1024"),
    "an unknown task": (lambda: hw5.fit("digits", task="regresion"), "did you mean 'regression'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_arguments_are_one_sentence(name):
    call, sentence = WRONG[name]
    with pytest.raises(hw5.InputError, match=sentence):
        call()


def test_other_shapes_are_refused(digits):
    with pytest.raises(
        hw5.InputError, match=r"X has the shape \(120, 3\), but the model takes 64 features per example"
    ):
        digits.predict(X)


def test_what_the_package_offers():
    assert {"fit", "load_data", "load_model", "Model", "InputError", "RunError", "__version__"} <= {*dir(hw5)}
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        hw5.fitt
    assert "hw5.fit(" in hw5.__doc__ and all(inspect.getdoc(getattr(hw5, name)) for name in hw5.__all__)


def test_importing_it_imports_nothing():
    code = (
        "import sys, hw5; hw5.__version__; print(sorted(set(sys.modules) & {'numpy', 'click', 'pyarrow', 'hw5.api'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_python_m_hw5_is_the_program():
    done = subprocess.run([sys.executable, "-m", "hw5", "data", "list"], capture_output=True, text=True)
    assert done.returncode == 0 and "digits" in done.stdout


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert version("hw5") == hw5.__version__


def test_the_lines_of_the_page_run(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    there = {}
    for block in code_blocks(ROOT / "docs" / "python.md", "python"):
        exec(block, there)
    assert there["model"].evaluate()["accuracy"] > 0.9


@pytest.mark.slow
def test_the_notebook_runs_in_jupyter(tmp_path):
    """Each training ends with a line of its last epoch, the figures are pictures, and nothing warns."""
    pytest.importorskip("matplotlib")
    nbclient, nbformat, _ = map(pytest.importorskip, ("nbclient", "nbformat", "ipykernel"))
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", 4)
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [[output.get("data", output) for output in cell.get("outputs", ())] for cell in notebook.cells]
    trained, drawn, convolved, maps, trees, better, longer = [each for each in outputs if each]
    for training, epochs in (trained, 20), (convolved, 30), (trees, 3), (better, 60), (longer, 80):
        assert training[0]["text/plain"].startswith(f"epoch {epochs}/{epochs}: loss ")
    for figures in drawn, maps:
        assert [base64.b64decode(figure["image/png"])[:4] for figure in figures] == [b"\x89PNG"]
    for training in trained, convolved:
        assert float(training[1]["text/plain"]) > 0.9
    assert "categories: site (3)" in trees[1]["text"] and "still improving" in trees[2]["text/plain"]
    assert longer[1]["text/plain"] == "80" and (tmp_path / "trees.npz").exists()


def _nested(depth):
    return functools.reduce(lambda inner, _: [inner], range(depth), 1)


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": _nested(20_000)},
        {"hidden": [10**5000]},
        {"class_weight": _nested(20_000)},
        {"class_weight": {"0": 10**400}},
        {"class_weight": {"0": None}},
        {"lr": 10**400},
        {"epochs": 10**5000},
    ],
    ids=["deep layers", "huge layer", "deep weights", "huge weight", "no weight", "huge rate", "huge epochs"],
)
def test_options_that_python_cannot_print_or_convert(options):
    with pytest.raises(InputError) as caught:
        hw5.fit("xor", **{"epochs": 1} | options)
    assert len(str(caught.value)) < 1000


def test_columns_of_a_frame_whose_names_are_numbers():
    """label_column=0 is the column of this name, not of a position; a file has no such names."""
    frame = pd.DataFrame(np.c_[NAMES, X])
    data = hw5.load_data(frame.astype({1: float, 2: float, 3: float}), label_column=0, drop=[2])
    assert data.columns.label_names == ("0",) and data.feature_names == ("1", "3")
    model = hw5.fit(frame.astype({1: float, 2: float, 3: float}), label_column=0, epochs=1, progress=False)
    assert model.evaluate(frame.astype({1: float, 2: float, 3: float}), label_column=np.int64(0))["examples"]
