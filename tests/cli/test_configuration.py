"""hw5 show and hw5 train --config, and the other ways in which a run is described: completion, TensorBoard."""

import pytest
from click.testing import CliRunner

from hw5.train.checkpoint import Checkpoint
from hw5.cli import VERBS, main

try:
    import tomllib
except ImportError:
    import tomli as tomllib


def hw5(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.stdout if code == 0 else result.stderr


TRAININGS = {
    "defaults": (),
    "linear": ("--model", "linear", "--data", "spirals", "--lr-decay", 0.9),
    "perceptron": ("--model", "perceptron", "--data", "xor", "--seed", 3),
    "regression": ("--task", "regression", "--data", "sine", "--activation", "elu:0.5"),
    "sigmoid": ("--data", "xor", "--loss", "binary-cross-entropy", "--class-weight", "0=2"),
    "all": (
        *("--hidden", "16,8", "--activation", "maxout:3", "--batch-size", "all", "--lr", 0.3, "--momentum", 0.5),
        *("--nesterov", "--l1", 1e-5, "--l2", 1e-4, "--lr-schedule", "step", "--lr-decay", 0.5, "--lr-step", 2),
        *("--warmup", 1, "--tolerance", 1e-9, "--patience", 7, "--validation", 0.2, "--holdout", 0.3, "--seed", 5),
    ),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_what_show_prints_trains_the_same(name, tmp_path):
    """To the byte of the checkpoint."""
    first, again, config = tmp_path / "first.npz", tmp_path / "again.npz", tmp_path / "again.toml"
    hw5("train", *TRAININGS[name], "--epochs", 3, "--out", first)
    shown = hw5("show", first)
    config.write_text(shown, encoding="utf-8")
    hw5("train", "--config", config, "--out", again)
    assert first.read_bytes() == again.read_bytes()
    assert tomllib.loads(shown)["epochs"] == 3 and shown.startswith(f"# {first}: ")


def test_show_tells_where_a_training_stands(tmp_path):
    out = tmp_path / "model.npz"
    hw5("train", "--epochs", 2, "--out", out, "--checkpoint-every", "30steps", "--keep", 9)
    assert "# 2 of at most 2 epochs trained\n" in hw5("show", out)
    shown = hw5("show", tmp_path / "model.step30.npz")
    assert "# 0 of at most 2 epochs trained, and 960 examples into epoch 1\n" in shown
    assert "# 10 classes: 0, 1, 2, 3" in shown and "64-128-10, 9,610 weights and biases" in shown


def test_flags_outrank_the_file(tmp_path):
    config, out = tmp_path / "a.toml", tmp_path / "model.npz"
    config.write_text('hidden = [4]\nepochs = 2\nlr = 0.5\nnesterov = false\nactivation = "tanh"\n')
    hw5("train", "--config", config, "--lr", 0.25, "--out", out)
    settings = Checkpoint.load(out).settings
    assert (settings.hidden, settings.epochs, settings.lr, settings.activation) == ((4,), 2, 0.25, "tanh")


BAD_FILES = {
    "unknown option": ("lrr = 1", "there is no option 'lrr' (did you mean 'lr'?)"),
    "no TOML": ("lr 1", "is not TOML"),
    "no UTF-8": ("lr = '\udcff'", "is not TOML"),
    "bad value": ("lr = -1", "'--lr'"),
    "a word for a number": ('epochs = "many"', "'--epochs'"),
    "a table": ("[lr]\na = 1", "not a table or a list"),
    "a list": ("lr = [1]", "not a table or a list"),
    "a number for a flag": ("nesterov = 1", "takes true or false"),
    "true for a number": ("lr = true", "not true or false"),
    "a file in a file": ('config = "b.toml"', "there is no option 'config'"),
    "no sense": ("nesterov = true", "--nesterov needs momentum"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence(case, tmp_path):
    text, words = BAD_FILES[case]
    (tmp_path / "a.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    message = hw5("train", "--config", tmp_path / "a.toml", code=2)
    assert words in message and len(message.splitlines()) == 1


def test_a_missing_file_is_one_sentence(tmp_path):
    assert "cannot be read: no such file or directory" in hw5("train", "--config", tmp_path / "a.toml", code=2)


def test_what_a_file_says_cannot_change_on_resuming(tmp_path):
    out, config = tmp_path / "model.npz", tmp_path / "a.toml"
    hw5("train", "--epochs", 1, "--out", out)
    config.write_text("lr = 0.5\n")
    message = hw5("train", "--resume", out, "--config", config, code=2)
    assert message == f"hw5: --lr cannot change when a training goes on: in {out} it is 0.03\n"
    config.write_text("lr = 0.03\nepochs = 2\n")
    assert "epoch 2" in hw5("train", "--resume", out, "--config", config)


RESUME = {
    "another rate": (("--lr", 0.1), "--lr cannot change"),
    "other layers": (("--hidden", 5), "--hidden cannot change"),
    "another model": (("--model", "linear"), "--model cannot change"),
    "other data": (("--data", "xor"), "--data cannot change"),
    "another seed": (("--seed", 1), "--seed cannot change"),
    "another loss": (("--loss", "squared"), "--loss cannot change"),
    "nesterov": (("--nesterov",), "--nesterov cannot change"),
}


@pytest.mark.parametrize("case", RESUME)
def test_what_cannot_change_on_resuming_is_named(case, tmp_path):
    out = tmp_path / "model.npz"
    hw5("train", "--epochs", 1, "--out", out)
    arguments, words = RESUME[case]
    assert words in hw5("train", "--resume", out, *arguments, code=2)


def test_a_cosine_has_as_many_epochs_as_it_was_laid_out_for(tmp_path):
    out = tmp_path / "model.npz"
    hw5("train", "--epochs", 2, "--lr-schedule", "cosine", "--out", out)
    assert "falls as a cosine over all of its 2 epochs" in hw5("train", "--resume", out, "--epochs", 3, code=2)
    assert "there is nothing left to train" in hw5("train", "--resume", out)


def test_changed_data_cannot_go_on(tmp_path):
    data, out = tmp_path / "a.csv", tmp_path / "model.npz"
    data.write_text("\n".join(f"{i},{i % 2}" for i in range(50)))
    hw5("train", "--data", data, "--epochs", 1, "--out", out)
    data.write_text("\n".join(f"{i + 1},{i % 2}" for i in range(50)))
    assert "a.csv has changed since the checkpoint was written" in hw5("train", "--resume", out, code=2)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, monkeypatch):
    assert "_HW5_COMPLETE" in hw5("completion", shell)


def test_completion_finds_verbs_and_options(monkeypatch):
    for words, wanted in (("hw5 ", set(VERBS)), ("hw5 train --act", {"--activation"})):
        monkeypatch.setenv("_HW5_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        found = {line.partition(",")[2] for line in hw5().splitlines()}
        assert found == wanted


def test_tensorboard_reads_the_figures(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    hw5("train", "--epochs", 3, "--tensorboard", tmp_path / "runs", "--out", tmp_path / "model.npz")
    events = accumulator.EventAccumulator(str(tmp_path / "runs"))
    events.Reload()
    history = Checkpoint.load(tmp_path / "model.npz").history
    for tag, column in (("loss/train", "loss"), ("accuracy/validation", "validation_accuracy")):
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        assert found == [(row["epoch"], pytest.approx(row[column], rel=1e-6)) for row in history]


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path):
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").touch()
    assert "--tensorboard" in hw5("train", "--tensorboard", tmp_path / "file" / "runs", code=2)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example(verb):
    """Or verbs of its own, of which one has."""
    text = hw5(verb, "-h")
    assert f"hw5 {verb} " in text.replace("Usage: hw5 ", "")
