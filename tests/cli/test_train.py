"""hw5 train."""

import json
import re
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from hw5.train.checkpoint import Checkpoint
from tests.cli.helpers import hw5, refused, write_csv
from tests.pages import ROOT

MNIST = ROOT.parent / "shared" / "data" / "mnist"


def test_train_reports_and_saves(tmp_path):
    out = tmp_path / "new folder" / "model.npz"
    result = hw5("train", "--model", "linear", "--epochs", 3, "--out", out)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("digits: 64 features, 10 classes; 1,29")
    assert re.match(r"linear 64-10, adam, minibatch 32, learning rate 0.03, on (cpu|cuda) \(", lines[1])
    assert [line.split("  ")[0] for line in lines[2:5]] == ["epoch 1", "epoch 2", "epoch 3"]
    assert (
        lines[5].startswith("test accuracy ") and lines[6].startswith("still improving") and lines[7] == f"saved {out}"
    )
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


def test_batch_gradient_descent_is_the_batch_that_holds_all(flowers, tmp_path):
    for batch_size in ("all", 10**6):
        out = tmp_path / f"{batch_size}.npz"
        result = hw5("train", "--data", flowers[0], "--batch-size", batch_size, "--epochs", 2, "--out", out)
        assert f"minibatch {batch_size}," in result.stdout
    all_of_them, many = (Checkpoint.load(tmp_path / f"{name}.npz").parameters for name in ("all", 10**6))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(sum(all_of_them, ()), sum(many, ())))


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


def test_a_perceptron_reports_that_it_cannot_learn_xor():
    result = hw5("train", "--model", "perceptron", "--data", "xor", "--epochs", 5)
    assert re.search(
        r"^epoch 5, the last, still made mistakes \(\d+\): the classes are not separated; ", result.stdout, re.M
    )
    assert "they are not linearly separable" in result.stdout


def test_xor_needs_a_hidden_layer(tmp_path):
    """A line separates at most three of the four corners."""
    accuracy = {}
    for model in ("linear", "perceptron", "mlp"):
        out = tmp_path / f"{model}.npz"
        hw5("train", "--model", model, "--data", "xor", "--epochs", 20, "--out", out)
        accuracy[model] = json.loads(hw5("eval", out, "--json").stdout)["accuracy"]
    assert accuracy["mlp"] > 0.98 and max(accuracy["linear"], accuracy["perceptron"]) < 0.8


def test_without_validation_the_training_loss_is_watched(tmp_path):
    out, options = tmp_path / "model.npz", ("--validation", 0, "--patience", 2, "--min-delta", 0.01, "--no-shuffle")
    result = hw5("train", "--data", "xor", "--epochs", 100, *options, "--out", out)
    losses = [row["loss"] for row in Checkpoint.load(out).history]
    assert 3 < len(losses) < 100 and losses[-3] - 0.01 <= min(losses[-2:])
    assert f"the training loss has not improved since epoch {len(losses) - 2}" in result.stdout
    assert "min-delta = 0.01" in hw5("show", out).stdout and "shuffle = false" in hw5("show", out).stdout
    config = tmp_path / "again.toml"
    config.write_text(hw5("show", out).stdout)
    hw5("train", "--config", config, "--out", tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == out.read_bytes()


def test_without_standardisation(tmp_path):
    hw5(
        "train",
        "--data",
        "sine",
        "--task",
        "regression",
        "--epochs",
        2,
        "--no-standardise",
        "--out",
        tmp_path / "m.npz",
    )
    its = Checkpoint.load(tmp_path / "m.npz")
    assert [array.tolist() for each in (its.standardisation, its.of_targets) for array in (each.mean, each.scale)] == [
        [0],
        [1],
    ] * 2
    assert "standardise = false" in hw5("show", tmp_path / "m.npz").stdout


def test_early_stopping_saves_the_best_weights(tmp_path):
    out = tmp_path / "model.npz"
    options = ("--lr", 0.5, "--momentum", 0.5, "--patience", 3, "--epochs", 200, "--seed", 1)
    result = hw5("train", *options, "--out", out)
    history = Checkpoint.load(out).history
    losses = [row["validation_loss"] for row in history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 4 < 200
    assert (
        f"the validation loss has not improved since epoch {best + 1}, whose weights are kept (--patience 3)"
        in result.stdout
    )
    again = tmp_path / "again.npz"  # the same training, as far as the best epoch
    hw5("train", *options[:-4], "--epochs", best + 1, "--seed", 1, "--out", again)
    saved, wanted = (sum(Checkpoint.load(path).parameters, ()) for path in (out, again))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(saved, wanted))


def test_convergence_ends_the_training():
    result = hw5("train", "--model", "linear", "--lr-decay", 0.5, "--tolerance", 1e-3, "--epochs", 100)
    assert "of their norm" in result.stdout and "epoch 100" not in result.stdout


def test_class_weights_change_the_recall(tmp_path):
    """A rare class that overlaps the other is rarely predicted without class weights, and often with them."""
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


def test_schedule_and_warmup_are_used(tmp_path):
    """The weights differ from those of a constant rate only if the schedule changes the rate."""
    saved = {}
    for name, options in {
        "constant": (),
        "slow": ("--lr-schedule", "step", "--lr-step", 2, "--lr-decay", 0.5),
        "cosine": ("--lr-schedule", "cosine"),
        "warm": ("--warmup", 1),
        "nesterov": ("--momentum", 0.5, "--nesterov"),
    }.items():
        hw5("train", "--optimizer", "sgd", "--epochs", 2, *options, "--out", tmp_path / name)
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
    "unknown activation": (("--activation", "relux"), "did you mean 'relu'?"),
    "activation in capitals": (("--activation", "ReLU"), "did you mean 'relu'?"),
    "step to be trained by gradient": (("--activation", "heaviside"), "cannot train through heaviside"),
    "maxout of one piece": (("--activation", "maxout:1"), "number of pieces, a whole number from 2"),
    "maxout of half a piece": (("--activation", "maxout:2.5"), "a whole number from 2"),
    "parameter of nothing": (("--activation", "relu:0.1"), "relu has no parameter"),
    "slope above 1": (("--activation", "leaky_relu:2"), "a number from 0 to 1"),
    "loss of other data": (("--loss", "binary-cross-entropy"), "needs exactly two classes; digits has 10"),
    "schedule without its decay": (("--lr-schedule", "1/t"), "schedule 1/t needs --lr-decay"),
    "schedule without its step": (("--lr-schedule", "step", "--lr-decay", "0.5"), "step needs --lr-step"),
    "step without its decay": (("--lr-step", "3"), "step needs --lr-decay"),
    "decay of a constant": (("--lr-schedule", "constant", "--lr-decay", "0.5"), "--lr-decay has no effect"),
    "step of an exponential": (
        ("--lr-schedule", "exponential", "--lr-decay", "0.5", "--lr-step", "3"),
        "--lr-step has no effect",
    ),
    "decay that rises": (("--lr-decay", "2"), "would increase the learning rate"),
    "warm-up without an end": (("--epochs", "5", "--warmup", "5"), "leaves no epoch at the full learning rate"),
    "nesterov without momentum": (("--nesterov",), "give --momentum"),
    "less than no improvement": (("--min-delta", "-1"), "not in the range"),
    "weights of no class": (("--class-weight", "balance"), "'balance' names no class"),
    "weights of nothing": (("--class-weight", ""), "names no class"),
    "weights of another class": (("--class-weight", "10=2"), "no class '10'"),
    "weight that is none": (("--class-weight", "3=-1"), "'-1' is not a weight"),
    "weights of numbers": (("--task", "regression", "--class-weight", "balanced"), "no effect on a regression"),
    "perceptron with minibatches": (("--model", "perceptron", "--batch-size", "8"), "one mistake at a time"),
    "perceptron with momentum": (("--model", "perceptron", "--momentum", "0.9"), "--momentum has no effect"),
    "perceptron with l1": (("--model", "perceptron", "--l1", "0.1"), "--l1 has no effect"),
    "perceptron with l2": (("--model", "perceptron", "--l2", "0.1"), "--l2 has no effect"),
    "perceptron with a schedule": (
        ("--model", "perceptron", "--lr-schedule", "cosine"),
        "--lr-schedule has no effect",
    ),
    "perceptron with a decay": (("--model", "perceptron", "--lr-decay", "0.9"), "--lr-decay has no effect"),
    "perceptron with a warm-up": (("--model", "perceptron", "--warmup", "2"), "--warmup has no effect"),
    "perceptron with weights": (("--model", "perceptron", "--class-weight", "balanced"), "no effect on a perceptron"),
    "classes that are numbers": (("--data", "sine"), "--task regression"),
    "too small images": (("--model", "lenet"), "hw5: --model lenet, layer 3: conv:16x5 does not fit"),
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


def test_outputs_must_be_different_files(flowers, tmp_path):
    same = tmp_path / "same.npz"
    assert "--plot and --out are the same file" in refused("train", "--out", same, "--plot", same)
    before = flowers[0].read_bytes()
    assert "--out and --data are the same file" in refused("train", "--data", flowers[0], "--out", flowers[0])
    assert flowers[0].read_bytes() == before
    assert "not a regular file" in refused("train", "--out", "/dev/null")


def test_an_output_is_no_other_file_that_is_read(tmp_path):
    """The checkpoint to resume, which --out alone may replace, and the configuration; and the folder of events."""
    model, options = tmp_path / "model.npz", tmp_path / "options.toml"
    hw5("train", "--data", "xor", "--epochs", 1, "--out", model)
    options.write_text("epochs = 1\n")
    before = model.read_bytes()
    for option in ("--log", "--plot"):
        resumed = ("train", "--resume", model, "--out", tmp_path / "new.npz")
        assert f"{option} and --resume are the same file" in refused(*resumed, option, model)
    for option in ("--out", "--log", "--plot"):
        assert f"{option} and --config are the same file" in refused("train", "--config", options, option, options)
    assert model.read_bytes() == before and options.read_text() == "epochs = 1\n"
    new = tmp_path / "new"
    assert "--out and --tensorboard are the same" in refused("train", "--out", new, "--tensorboard", new)
    hw5("train", "--resume", model, "--epochs", 2, "--out", tmp_path / "." / "model.npz")


def test_a_picture_is_no_file_of_another_kind(tmp_path):
    """Else a slip of the finger replaces a model or a table by a picture."""
    path = tmp_path / "new" / "model.npz"
    for command in (("train", "--plot"), ("data", "show", "xor", "--plot"), ("lecture", "xor", "--out")):
        assert f"{path}: pictures are PNG files; choose a name that ends in .png" in refused(*command, path)
    assert not path.parent.exists()


def test_a_log_is_not_appended_to_another_file(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    assert f"--log {table} is not a log but another file" in refused("train", "--epochs", 1, "--log", table)
    assert table.read_text() == "a,b\n1,2\n"


def test_a_file_may_have_the_name_of_a_built_in_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        hw5("train", "--data", "digits", "--epochs", 1, "--out", "digits")
    assert len(Checkpoint.load("digits").history) == 1


BAD_CSV = {
    "ragged row": "a,b,kind\n1,2,x\n3,y\n5,6,x\n",
    "text in a number's place": "a,b,kind\n1,2,x\n3,four,y\n5,6,x\n",
    "infinite": "a,b,kind\n1,2,x\n3,inf,y\n5,6,x\n",
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
    assert "--validation 0.1 leaves none; increase it" in refused("train", "--data", path, "--patience", 2)


def test_one_class_and_missing_label_column_are_one_sentence(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("a,b,kind\n1,2,x\n3,4,x\n")
    assert "class" in refused("train", "--data", path)
    assert "sort" in refused("train", "--data", path, "--label-column", "sort")


def test_training_continues_when_its_output_is_closed(tmp_path):
    program, out = Path(sysconfig.get_path("scripts")) / "hw5", tmp_path / "model.npz"
    subprocess.run(f"'{program}' train --epochs 30 --out '{out}' | head -n 1", shell=True, capture_output=True)
    assert len(Checkpoint.load(out).history) == 30


def test_changed_data_cannot_be_resumed(tmp_path):
    data, out = tmp_path / "a.csv", tmp_path / "model.npz"
    data.write_text("\n".join(f"{i},{i % 2}" for i in range(50)))
    hw5("train", "--data", data, "--epochs", 1, "--out", out)
    data.write_text("\n".join(f"{i + 1},{i % 2}" for i in range(50)))
    assert "a.csv has changed since the checkpoint was written" in refused("train", "--resume", out)


def test_tensorboard_reads_the_figures(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    hw5("train", "--epochs", 3, "--tensorboard", tmp_path / "runs", "--out", tmp_path / "model.npz")
    checkpoint = Checkpoint.load(tmp_path / "model.npz")
    for name, prefix in (("train", ""), ("validation", "validation_")):
        events = accumulator.EventAccumulator(str(tmp_path / "runs" / name))
        events.Reload()
        for tag in ("loss", "accuracy"):  # the same, so that both are in one chart
            found = [(event.step, event.value) for event in events.Scalars(tag)]
            assert found == [(row["epoch"], pytest.approx(row[prefix + tag], rel=1e-6)) for row in checkpoint.history]
        if name == "train":
            rates = [event.value for event in events.Scalars("learning_rate")]
            assert rates == pytest.approx([checkpoint.settings.rates(epoch).eta for epoch in (1, 2, 3)], rel=1e-6)
    assert b"_hparams_/session_start_info" in next((tmp_path / "runs" / "validation").glob("events*")).read_bytes()


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path):
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").touch()
    assert "--tensorboard" in refused("train", "--tensorboard", tmp_path / "file" / "runs")


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


def test_an_interrupt_while_a_library_is_loaded(tmp_path, monkeypatch):
    """That of matplotlib makes an ImportError of it."""

    def interrupted(*_, **__):
        raise ImportError("initialization failed") from cause

    monkeypatch.setattr("hw5.cli.run_report.plot_training", interrupted)
    train = ("train", "--data", "xor", "--epochs", 1, "--device", "numpy", "--plot", tmp_path / "plot.png")
    cause = KeyboardInterrupt()
    assert "interrupted after the training" in refused(*train, code=130)
    cause = None
    assert isinstance(hw5(*train, code=1).exception, ImportError)


def test_a_persistent_kernel_trains_and_resumes_to_the_same_bits(tmp_path):
    train = ("train", "--data", "xor", "--hidden", 8, "--batch-size", 24, "--persistent", "--device", "emulator")
    whole, stopped = tmp_path / "whole.npz", tmp_path / "stopped.npz"
    assert ", on emulator (a persistent kernel)" in hw5(*train, "--epochs", 3, "--out", whole).stdout
    hw5(*train, "--epochs", 2, "--out", stopped)
    hw5("train", "--resume", stopped, "--epochs", 3, "--persistent", "--device", "emulator")
    assert whole.read_bytes() == stopped.read_bytes()
    hw5("train", "--data", "xor", "--batch-size", 10**6, "--epochs", 1, "--persistent", "--device", "emulator")


def test_when_a_persistent_kernel_cannot_train(tmp_path):
    out = tmp_path / "model.npz"
    persistent = ("--persistent", "--device", "emulator")
    hw5("train", "--data", "xor", "--epochs", 1, *persistent, "--out", out)
    assert "trained by the persistent CUDA kernel (emulator)" in refused("train", "--resume", out, "--epochs", 2)
    assert "--persistent needs --device cuda or emulator" in refused("train", "--persistent", "--device", "cpu")
    assert "leave it out, or --slices" in refused("train", "--slices", 2, *persistent)
    assert "needs a softmax classifier" in refused("train", "--hidden", "8,8", *persistent)
    assert "needs room for 5,000 blocks with 18 KB of shared memory at the same time" in refused(
        "train", "--hidden", 40000, *persistent
    )
