"""The verbs, run as a user runs them: through click's runner, and once through the installed program."""

import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hw5.train.checkpoint import Checkpoint
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


def test_batch_gradient_descent_is_the_batch_that_holds_all(flowers, tmp_path):
    for batch_size in ("all", 10**6):
        out = tmp_path / f"{batch_size}.npz"
        result = hw5("train", "--data", flowers[0], "--batch-size", batch_size, "--epochs", 2, "--out", out)
        assert f"minibatch {batch_size}," in result.stdout
    all_of_them, many = (Checkpoint.load(tmp_path / f"{name}.npz").parameters for name in ("all", 10**6))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(sum(all_of_them, ()), sum(many, ())))


def test_a_regression_from_training_to_prediction(tmp_path):
    out = tmp_path / "sine.npz"
    options = ("--activation", "tanh", "--lr", 0.03, "--momentum", 0.9, "--epochs", 60, "--out", out)
    lines = hw5("train", "--task", "regression", "--data", "sine", *options).stdout.splitlines()
    assert lines[0].startswith("sine: 1 features, regression; ") and lines[1].startswith("mlp 1-128-1 tanh")
    assert "accuracy" not in "".join(lines)
    figures = json.loads(hw5("eval", out, "--json").stdout)
    assert figures.keys() == {"r2", "rmse", "loss", "examples"}
    assert 0.95 < figures["r2"] < 1 and 0.08 < figures["rmse"] < 0.15  # drawn with a standard deviation of 0.1
    assert lines[-2] == f"test R² {figures['r2']:.4f}, RMSE {figures['rmse']:.4g} ({figures['examples']} examples)"
    assert hw5("eval", out).stdout == f"sine, test part: {lines[-2].removeprefix('test ')}\n"
    x = np.linspace(-3, 3, 13)
    rows = hw5("predict", out, write_csv(tmp_path / "x.csv", x[:, None])).stdout.splitlines()
    assert rows[0] == "1,prediction"
    np.testing.assert_allclose([float(row.split(",")[-1]) for row in rows[1:]], np.sin(x), atol=0.15)


def test_a_regression_of_large_targets(tmp_path):
    """Prices in the 100,000s: the figures and the predictions are in their units, and the loss is not."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3)).round(4)
    price = (4e5 + X @ [60_000, -30_000, 10_000] + rng.normal(scale=2_000, size=300)).round(2)
    houses, out = (
        write_csv(tmp_path / "houses.csv", X, price.astype(str), "rooms,age,area,price"),
        tmp_path / "model.npz",
    )
    lines = hw5(
        "train", "--task", "regression", "--model", "linear", "--data", houses, "--epochs", 100, "--out", out
    ).stdout.splitlines()
    assert all(float(line.split("loss ")[1].split()[0]) < 2 for line in lines[2:-2])
    whole = tmp_path / "all.csv"
    whole.write_text(houses.read_text())
    figures = json.loads(hw5("eval", out, "--data", whole, "--json").stdout)
    assert figures["r2"] > 0.995 and 1_500 < figures["rmse"] < 2_700
    new = write_csv(tmp_path / "new.csv", X, header="rooms,age,area")
    found = np.array([float(row.split(",")[-1]) for row in hw5("predict", out, new).stdout.splitlines()[1:]])
    assert np.sqrt(np.mean((found - price) ** 2)) == pytest.approx(figures["rmse"], rel=1e-4)
    assert 1 - np.sum((found - price) ** 2) / np.sum((price - price.mean()) ** 2) == pytest.approx(figures["r2"])


def test_a_sigmoid_unit_for_two_classes(flowers, tmp_path):
    labelled, unlabelled, _, y = flowers
    out = tmp_path / "model.npz"
    hw5("train", "--data", labelled, "--loss", "binary-cross-entropy", "--hidden", 8, "--out", out)
    assert Checkpoint.load(out).parameters[-1][0].shape == (1, 8)
    assert json.loads(hw5("eval", out, "--json").stdout)["accuracy"] > 0.9
    rows = [line.split(",") for line in hw5("predict", out, unlabelled).stdout.splitlines()]
    assert rows[0][-2:] == ["class", "probability"]
    assert np.mean([name == label for (*_, name, _), label in zip(rows[1:], y)]) > 0.95
    assert all(0.5 <= float(p) <= 1 for *_, p in rows[1:])


def test_a_perceptron_ends_with_the_separation(flowers, tmp_path):
    labelled, unlabelled, _, y = flowers
    out = tmp_path / "model.npz"
    result = hw5("train", "--model", "perceptron", "--data", labelled, "--epochs", 1000, "--out", out)
    assert "minibatch 1, learning rate 1" in result.stdout
    assert "made no mistake: the classes are separated" in result.stdout
    assert len(Checkpoint.load(out).history) < 1000
    assert json.loads(hw5("eval", out, "--json").stdout)["accuracy"] > 0.9
    rows = hw5("predict", out, unlabelled).stdout.splitlines()
    assert rows[0].endswith(",class") and np.mean([row.split(",")[-1] for row in rows[1:]] == y) > 0.95


def test_a_perceptron_of_several_classes():
    """The training digits can be separated by planes."""
    assert "the classes are separated" in hw5("train", "--model", "perceptron", "--epochs", 200).stdout


def test_a_perceptron_says_that_it_cannot_learn_xor():
    result = hw5("train", "--model", "perceptron", "--data", "xor", "--epochs", 5)
    assert re.search(
        r"^epoch 5, the last, still made mistakes \(\d+\): the classes are not separated; ", result.stdout, re.M
    )
    assert "they are not linearly separable" in result.stdout


def test_xor_needs_a_hidden_layer(tmp_path):
    """The best line parts three of the four corners."""
    accuracy = {}
    for model in ("linear", "perceptron", "mlp"):
        out = tmp_path / f"{model}.npz"
        hw5("train", "--model", model, "--data", "xor", "--epochs", 20, "--out", out)
        accuracy[model] = json.loads(hw5("eval", out, "--json").stdout)["accuracy"]
    assert accuracy["mlp"] > 0.98 and max(accuracy["linear"], accuracy["perceptron"]) < 0.8


def test_early_stopping_saves_the_best_weights(tmp_path):
    out = tmp_path / "model.npz"
    options = ("--lr", 0.5, "--momentum", 0.5, "--patience", 3, "--epochs", 200, "--seed", 1)
    result = hw5("train", *options, "--out", out)
    history = Checkpoint.load(out).history
    losses = [row["validation_loss"] for row in history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 4 < 200
    assert f"the validation loss has not improved since epoch {best + 1}, whose weights are kept (--patience 3)" in result.stdout
    again = tmp_path / "again.npz"  # the same training, as far as the best epoch
    hw5("train", *options[:-4], "--epochs", best + 1, "--seed", 1, "--out", again)
    saved, wanted = (sum(Checkpoint.load(path).parameters, ()) for path in (out, again))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(saved, wanted))


def test_convergence_ends_the_training():
    result = hw5("train", "--model", "linear", "--lr-decay", 0.5, "--tolerance", 1e-3, "--epochs", 100)
    assert "of their norm" in result.stdout and "epoch 100" not in result.stdout


def test_class_weights_turn_the_scales(tmp_path):
    """One class in ten, drawn over the other: with even weights it is hardly ever found, with balanced ones often."""
    rng = np.random.default_rng(0)
    y = np.where(rng.random(2000) < 0.1, "a=b", "usual")
    X = (rng.normal(size=(2000, 2)) + 0.8 * (y == "a=b")[:, None]).round(3)
    labelled, other = (write_csv(tmp_path / f"{half}.csv", X[half::2], y[half::2], "u,v,kind") for half in range(2))
    out, recalls = tmp_path / "model.npz", {}
    for weights in ((), ("--class-weight", "balanced"), ("--class-weight", "a=b=9")):
        hw5("train", "--model", "linear", "--data", labelled, "--epochs", 20, *weights, "--out", out)
        rare = json.loads(hw5("eval", out, "--data", other, "--json").stdout)["per_class"][0]
        assert rare["class"] == "a=b"
        recalls[weights[-1:]] = rare["recall"]
    assert recalls[()] < 0.3 and min(recalls["balanced",], recalls["a=b=9",]) > 0.6


def test_a_schedule_and_a_warm_up_are_taken(tmp_path):
    """The same weights as with a constant rate, where the schedule comes to no other: and others where it does."""
    saved = {}
    for name, options in {
        "constant": (),
        "slow": ("--lr-schedule", "step", "--lr-step", 2, "--lr-decay", 0.5),
        "cosine": ("--lr-schedule", "cosine"),
        "warm": ("--warmup", 1),
        "nesterov": ("--momentum", 0.5, "--nesterov"),
    }.items():
        hw5("train", "--epochs", 2, *options, "--out", tmp_path / name)
        checkpoint = Checkpoint.load(tmp_path / name)
        saved[name] = checkpoint.parameters[0][0].tobytes()
        assert checkpoint.settings.nesterov == (name == "nesterov")
    assert saved["slow"] == saved["constant"]  # no step in two epochs
    assert len({*saved.values()}) == 4


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
    "activation in capitals": (("--activation", "ReLU"), "did you mean 'relu'?"),
    "step to be trained by gradient": (("--activation", "heaviside"), "cannot train through heaviside"),
    "maxout of one piece": (("--activation", "maxout:1"), "number of pieces, a whole number from 2"),
    "maxout of half a piece": (("--activation", "maxout:2.5"), "a whole number from 2"),
    "parameter of nothing": (("--activation", "relu:0.1"), "relu has no parameter"),
    "slope above 1": (("--activation", "leaky_relu:2"), "a number from 0 to 1"),
    "unknown loss": (("--loss", "squard"), "did you mean 'squared'?"),
    "loss of other data": (("--loss", "binary-cross-entropy"), "parts two classes, and digits has 10"),
    "squared loss of classes": (("--loss", "squared"), "not for --task classification"),
    "cross-entropy of numbers": (("--task", "regression", "--loss", "cross-entropy"), "not for --task regression"),
    "unknown task": (("--task", "regresion"), "did you mean 'regression'?"),
    "unknown model": (("--model", "percepton"), "did you mean 'perceptron'?"),
    "unknown device": (("--device", "emulater"), "did you mean 'emulator'?"),
    "unknown schedule": (("--lr-schedule", "cosin"), "did you mean 'cosine'?"),
    "schedule without its decay": (("--lr-schedule", "1/t"), "schedule 1/t needs --lr-decay"),
    "schedule without its step": (("--lr-schedule", "step", "--lr-decay", "0.5"), "step needs --lr-step"),
    "step without its decay": (("--lr-step", "3"), "step needs --lr-decay"),
    "decay of a constant": (("--lr-schedule", "constant", "--lr-decay", "0.5"), "--lr-decay has no effect"),
    "step of an exponential": (
        ("--lr-schedule", "exponential", "--lr-decay", "0.5", "--lr-step", "3"),
        "--lr-step has no effect",
    ),
    "decay that rises": (("--lr-decay", "2"), "would increase the learning rate"),
    "warm-up without an end": (("--epochs", "5", "--warmup", "5"), "leaves no epoch for the training"),
    "nesterov without momentum": (("--nesterov",), "give --momentum"),
    "neither a number nor all": (("--batch-size", "al"), "neither a number of examples nor all"),
    "half a minibatch": (("--batch-size", "2.5"), "neither a number of examples nor all"),
    "patience without validation": (("--patience", "3", "--validation", "0"), "--patience watches the validation loss"),
    "no patience": (("--patience", "0"), "not in the range"),
    "no tolerance": (("--tolerance", "0"), "not in the range"),
    "weights of no class": (("--class-weight", "balance"), "'balance' names no class"),
    "weights of another class": (("--class-weight", "10=2"), "no class '10'"),
    "weight that is none": (("--class-weight", "3=-1"), "'-1' is not a weight"),
    "weights of numbers": (("--task", "regression", "--class-weight", "balanced"), "no meaning for a regression"),
    "perceptron with layers": (("--model", "perceptron", "--hidden", "8"), "a perceptron model has no hidden layers"),
    "activation of no layer": (("--model", "linear", "--activation", "tanh"), "--activation needs --model mlp"),
    "perceptron with minibatches": (("--model", "perceptron", "--batch-size", "8"), "one mistake at a time"),
    "perceptron with momentum": (("--model", "perceptron", "--momentum", "0.9"), "--momentum has no meaning"),
    "perceptron with l1": (("--model", "perceptron", "--l1", "0.1"), "--l1 has no meaning"),
    "perceptron with l2": (("--model", "perceptron", "--l2", "0.1"), "--l2 has no meaning"),
    "perceptron with a schedule": (
        ("--model", "perceptron", "--lr-schedule", "cosine"),
        "--lr-schedule has no meaning",
    ),
    "perceptron with a decay": (("--model", "perceptron", "--lr-decay", "0.9"), "--lr-decay has no effect"),
    "perceptron with a warm-up": (("--model", "perceptron", "--warmup", "2"), "--warmup has no meaning"),
    "perceptron with weights": (("--model", "perceptron", "--class-weight", "balanced"), "no meaning for a perceptron"),
    "perceptron of numbers": (("--model", "perceptron", "--task", "regression"), "leave --task out"),
    "perceptron with a loss": (("--model", "perceptron", "--loss", "cross-entropy"), "leave --loss out"),
    "classes that are numbers": (("--data", "sine"), "--task regression"),
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


def test_too_few_examples_to_stop_early_by(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("a,b,kind\n1,2,x\n3,4,y\n2,2,x\n5,4,y\n1,1,x\n")
    assert "--validation 0.1 of few.csv is no example; raise it" in refused("train", "--data", path, "--patience", 2)


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
