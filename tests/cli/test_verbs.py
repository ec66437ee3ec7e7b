"""The verbs, run as a user runs them: through click's runner, and once through the installed program."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hw5.checkpoint import Checkpoint
from hw5.cli import VERBS, main

MNIST = Path(__file__).parents[2].parent / "shared" / "data" / "mnist"


def hw5(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def refused(*arguments, code=2):
    """Standard error of a command that must fail: one sentence, no traceback."""
    result = hw5(*arguments, code=code)
    assert result.stderr.startswith("hw5: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A checkpoint of the bundled digits."""
    path = tmp_path_factory.mktemp("digits") / "model.npz"
    hw5("train", "--epochs", 20, "--out", path)
    return path


def test_train_reports_and_saves(tmp_path):
    out = tmp_path / "new folder" / "model.npz"
    result = hw5("train", "--model", "linear", "--epochs", 3, "--out", out)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("digits: 64 features, 10 classes; 1,29")
    assert lines[1].startswith("linear 64-10, minibatch 32, learning rate 0.03, on cpu")
    assert [line.split("  ")[0] for line in lines[2:5]] == ["epoch 1", "epoch 2", "epoch 3"]
    assert lines[5].startswith("test accuracy ") and lines[6] == f"saved {out}"
    assert len(Checkpoint.load(out).history) == 3


def test_equal_seeds_write_equal_files(tmp_path):
    for name in ("a", "b"):
        hw5("train", "--epochs", 2, "--momentum", 0.9, "--seed", 7, "--out", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_log_is_appended_to_and_plot_drawn(tmp_path):
    log, plot = tmp_path / "log.jsonl", tmp_path / "curve.png"
    for _ in range(2):
        hw5("train", "--epochs", 2, "--log", log, "--plot", plot)
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 1, 2]
    assert {"loss", "accuracy", "validation_loss", "validation_accuracy", "seconds", "examples_per_second"} <= rows[
        0
    ].keys()
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_eval_prints_tables_and_json(digits):
    text = hw5("eval", digits).stdout
    assert "digits, test part: accuracy 9" in text and "precision" in text and "true \\ found" in text
    figures = json.loads(hw5("eval", digits, "--json").stdout)
    C = np.array(figures["confusion_matrix"])
    assert C.sum() == figures["examples"] == sum(row["examples"] for row in figures["per_class"])
    assert figures["accuracy"] == pytest.approx(np.trace(C) / C.sum()) and figures["accuracy"] >= 0.96
    assert 0 < figures["loss"] < 0.5
    assert [row["class"] for row in figures["per_class"]] == list("0123456789")
    train = json.loads(hw5("eval", digits, "--json", "--split", "train").stdout)
    assert train["examples"] > figures["examples"] and train["loss"] < figures["loss"]


def test_eval_repeats_the_test_figures_of_the_training(tmp_path):
    out = tmp_path / "model.npz"
    trained = hw5("train", "--epochs", 2, "--seed", 3, "--out", out).stdout.splitlines()[-2]
    assert hw5("eval", out).stdout.splitlines()[0].endswith(trained.removeprefix("test "))


def write_csv(path, X, y=None, header=None):
    lines = [header] if header else []
    lines += [
        ",".join([*map(str, row), *([label] if y is not None else [])])
        for row, label in zip(X, y if y is not None else X)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def flowers(tmp_path):
    """A CSV file of two easily told classes, and the features alone."""
    rng = np.random.default_rng(0)
    y = np.repeat(["rose", "tulip"], 40)
    X = rng.normal(size=(80, 3)).round(3) + 4 * (y == "tulip")[:, None]
    labelled = write_csv(tmp_path / "flowers.csv", X, y, "height,width,depth,species")
    return labelled, write_csv(tmp_path / "new.csv", X, header="height,width,depth"), X, y


def test_csv_from_training_to_prediction(flowers, tmp_path):
    labelled, unlabelled, X, y = flowers
    out = tmp_path / "model.npz"
    hw5("train", "--data", labelled, "--label-column", "species", "--hidden", "8", "--out", out)
    assert json.loads(hw5("eval", out, "--json").stdout)["accuracy"] > 0.9
    assert json.loads(hw5("eval", out, "--data", labelled, "--json").stdout)["accuracy"] > 0.9
    np.save(tmp_path / "new.npy", X)
    by_csv, by_npy = (hw5("predict", out, path).stdout.splitlines() for path in (unlabelled, tmp_path / "new.npy"))
    assert by_npy[0] == "class,probability" and by_csv[0] == "height,width,depth,class,probability"
    assert [line.split(",", 3)[3] for line in by_csv] == by_npy
    found = np.array([line.split(",")[0] for line in by_npy[1:]])
    assert (found == y).mean() > 0.95
    assert all(0.5 <= float(line.split(",")[1]) <= 1 for line in by_npy[1:])


def test_eval_takes_other_columns_order_and_one_class_alone(flowers, tmp_path):
    labelled, _, X, y = flowers
    out = tmp_path / "model.npz"
    hw5("train", "--data", labelled, "--label-column", "species", "--hidden", "8", "--out", out)
    other = tmp_path / "other.csv"
    rows = [f"{i},{depth},tulip,{height},{width}" for i, (height, width, depth) in enumerate(X[y == "tulip"])]
    other.write_text("\n".join(["id,depth,species,height,width", *rows]) + "\n")
    figures = json.loads(hw5("eval", out, "--data", other, "--json").stdout)
    assert figures["accuracy"] > 0.9 and figures["examples"] == 40
    other.write_text(other.read_text().replace("tulip", "daisy", 1))
    sentence = refused("eval", out, "--data", other)
    assert "row 2, column 3 ('species')" in sentence and "'daisy'" in sentence and "'rose', 'tulip'" in sentence


def test_batch_larger_than_the_set_is_one_minibatch(flowers):
    hw5("train", "--data", flowers[0], "--batch-size", 10**6, "--epochs", 2)


def test_a_diverging_run_fails_with_advice_and_leaves_the_old_checkpoint(tmp_path):
    out = tmp_path / "model.npz"
    out.write_bytes(b"precious")
    assert "try a smaller --lr" in refused("train", "--lr", "1e30", "--out", out, code=1)
    assert out.read_bytes() == b"precious"


BAD_SETTINGS = {
    "a layer without units": (("--hidden", "0"), "without units"),
    "no sizes": (("--hidden", "12,x"), "not a list of sizes"),
    "hidden layers of a linear model": (("--model", "linear", "--hidden", "8"), "--hidden needs --model mlp"),
    "negative rate": (("--lr", "-0.1"), "-0.1 is not in the range"),
    "rate of zero": (("--lr", "0"), "not in the range"),
    "rate that is no number": (("--lr", "nan"), "not a finite number"),
    "infinite rate": (("--l2", "inf"), "not a finite number"),
    "negative penalty": (("--l1", "-1"), "not in the range"),
    "momentum of 1": (("--momentum", "1"), "not in the range"),
    "negative momentum": (("--momentum", "-0.5"), "not in the range"),
    "no examples in a minibatch": (("--batch-size", "0"), "not in the range"),
    "no epochs": (("--epochs", "0"), "not in the range"),
    "unknown activation": (("--activation", "relux"), "did you mean 'relu'?"),
    "unknown option": (("--foo",), "No such option"),
    "unknown data": (("--data", "digist"), "digits"),
    "missing file": (("--data", "no/such.csv"), "no/such.csv"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings_are_one_sentence(case):
    arguments, words = BAD_SETTINGS[case]
    assert words in refused("train", *arguments)


def test_too_large_a_network_is_one_sentence():
    assert "not enough memory" in refused("train", "--hidden", 2**31 - 1, code=1)


def test_unwritable_outputs_are_refused_before_the_training(tmp_path):
    (tmp_path / "file").write_text("")
    for option in ("--out", "--log", "--plot"):
        assert f"{option} {tmp_path}" in refused("train", option, tmp_path)
        assert "cannot be written" in refused("train", option, tmp_path / "file" / "x")


def test_outputs_must_be_files_of_their_own(flowers, tmp_path):
    same = tmp_path / "same.npz"
    assert "--plot and --out are the same file" in refused("train", "--out", same, "--plot", same)
    before = flowers[0].read_bytes()
    assert "--out and --data are the same file" in refused("train", "--data", flowers[0], "--out", flowers[0])
    assert flowers[0].read_bytes() == before
    assert "not a regular file" in refused("train", "--out", "/dev/null")


def test_a_file_may_have_the_name_of_a_built_in_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        hw5("train", "--data", "digits", "--epochs", 1, "--out", "digits")
    assert len(Checkpoint.load("digits").history) == 1


def test_the_test_part_is_never_what_was_trained_on(flowers, tmp_path, monkeypatch):
    labelled, _, X, y = flowers
    other = write_csv(tmp_path / "other.csv", X[::2] + 0.1, y[::2], "height,width,depth,species")
    with_test, without = tmp_path / "with.npz", tmp_path / "without.npz"
    monkeypatch.chdir(tmp_path)
    hw5("train", "--data", labelled.name, "--test", other.name, "--epochs", 2, "--out", with_test)
    hw5("train", "--data", labelled.name, "--epochs", 2, "--out", without)
    monkeypatch.chdir("/")

    def examples(*arguments):
        return json.loads(hw5("eval", *arguments, "--json").stdout)["examples"]

    assert examples(with_test) == 40  # found from another folder
    assert "nothing of flowers.csv was held out" in refused("eval", with_test, "--data", labelled)
    assert examples(with_test, "--data", labelled, "--split", "train") == 72
    assert examples(without) == 16 and examples(without, "--split", "train") == 58
    assert examples(without, "--test", other) == 40
    assert examples(without, "--test", other, "--split", "train") == 58
    labelled.write_text(labelled.read_text().replace("rose", "tulip", 1))
    assert "has changed since the training" in refused("eval", without)


def test_training_goes_on_when_nobody_reads_its_output(tmp_path):
    program, out = Path(sysconfig.get_path("scripts")) / "hw5", tmp_path / "model.npz"
    subprocess.run(f"'{program}' train --epochs 30 --out '{out}' | head -n 1", shell=True, capture_output=True)
    assert len(Checkpoint.load(out).history) == 30


def test_numbers_beyond_float32_are_told_so(flowers, tmp_path):
    _, _, X, y = flowers
    small = write_csv(tmp_path / "small.csv", X / 1000, y, "height,width,depth,species")
    out = tmp_path / "model.npz"
    hw5("train", "--data", small, "--hidden", "8", "--epochs", 2, "--out", out)
    far = write_csv(
        tmp_path / "far.csv", np.where(np.arange(80)[:, None] == 2, 1e38, X), y, "height,width,depth,species"
    )
    assert "far.csv: example 3 has values too far" in refused("predict", out, far)
    assert json.loads(hw5("eval", out, "--data", far, "--json").stdout)["loss"] is None


BAD_CSV = {
    "ragged row": "a,b,kind\n1,2,x\n3,y\n5,6,x\n",
    "text in a number's place": "a,b,kind\n1,2,x\n3,four,y\n5,6,x\n",
    "not a number": "a,b,kind\n1,2,x\n3,nan,y\n5,6,x\n",
    "infinite": "a,b,kind\n1,2,x\n3,inf,y\n5,6,x\n",
    "empty cell": "a,b,kind\n1,2,x\n3,,y\n5,6,x\n",
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv_is_one_sentence_with_its_row(case, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(BAD_CSV[case])
    sentence = refused("train", "--data", path)
    assert "bad.csv" in sentence and "row 3" in sentence


def test_one_class_and_missing_label_column_are_one_sentence(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("a,b,kind\n1,2,x\n3,4,x\n")
    assert "class" in refused("train", "--data", path)
    assert "sort" in refused("train", "--data", path, "--label-column", "sort")


def test_checkpoint_and_data_that_do_not_fit(digits, flowers, tmp_path):
    assert "64" in refused("eval", digits, "--data", flowers[0])
    assert "64" in refused("predict", digits, flowers[1])
    assert "no such file" in refused("eval", tmp_path / "none.npz")
    assert "not a hw5 checkpoint" in refused("eval", flowers[0])


def test_help_and_version_of_every_verb():
    listing = hw5("--help").stdout
    for verb, summary in VERBS.items():
        assert summary in listing
        assert hw5(verb, "-h").stdout.startswith(f"Usage: hw5 {verb} ")
    assert hw5("--version").stdout.startswith("hw5, version ")
    assert "No such command" in refused("trian")


def test_the_installed_program(tmp_path):
    program = Path(sysconfig.get_path("scripts")) / "hw5"
    out = tmp_path / "model.npz"
    train = subprocess.run(
        [program, "train", "--epochs", "2", "--out", out], capture_output=True, text=True, cwd=tmp_path
    )
    assert (train.returncode, train.stderr) == (0, "") and "saved" in train.stdout
    bad = subprocess.run([program, "eval", tmp_path / "none.npz"], capture_output=True, text=True, cwd=tmp_path)
    assert bad.returncode == 2 and bad.stdout == "" and bad.stderr.startswith("hw5: ")


def test_help_imports_no_heavy_package():
    script = "import sys; from hw5.cli import main; main(['--help'], standalone_mode=False)"
    probe = f"{script}; print([m for m in ('numpy', 'rich', 'matplotlib') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "[]", result


@pytest.mark.skipif(not MNIST.is_dir(), reason="the MNIST files are not there")
def test_a_slice_of_mnist(tmp_path):
    from hw5.datasets import load

    mnist = load(str(MNIST))
    path = tmp_path / "slice.npz"
    np.savez(
        path,
        x_train=mnist.train.X[:6000],
        y_train=mnist.train.y[:6000],
        x_test=mnist.test.X[:2000],
        y_test=mnist.test.y[:2000],
    )
    out = tmp_path / "model.npz"
    hw5("train", "--data", path, "--epochs", 3, "--out", out)
    assert json.loads(hw5("eval", out, "--json").stdout)["accuracy"] > 0.88
