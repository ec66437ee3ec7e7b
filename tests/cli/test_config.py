"""hw5 train --config."""

import pytest

from hw5.train.checkpoint import Checkpoint
from tests.cli.helpers import hw5, refused


def test_the_command_line_overrides_the_file(tmp_path):
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
    "a number for a flag": ("nesterov = 1", "must be true or false"),
    "true for a number": ("lr = true", "must have a value, not true or false"),
    "a file in a file": ('config = "b.toml"', "there is no option 'config'"),
    "4,301 digits": ("epochs = " + "9" * 4301, "has a number of too many digits"),
    "4,000 hexadecimal digits": ("epochs = 0x" + "f" * 4000, "epochs must be a smaller number"),
    "400 digits": ("epochs = " + "9" * 400, "of more than 40 digits is out of range"),
    "20,000 lists": ("hidden = " + "[" * 20_000 + "]" * 20_000, "nested too deeply"),
    "a control character": ('"\\u001b[31m" = 1', "there is no option '\\x1b[31m'"),
    "no sense": ("nesterov = true", "--nesterov needs momentum"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence(case, tmp_path):
    text, words = BAD_FILES[case]
    (tmp_path / "a.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    message = refused("train", "--config", tmp_path / "a.toml")
    assert words in message


def test_a_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / "a.toml").write_text("epochs = 2\n", "utf-8-sig")
    assert "epoch 2" in hw5("train", "--data", "xor", "--config", tmp_path / "a.toml").stdout


def test_a_missing_file_is_one_sentence(tmp_path):
    assert "cannot be read: no such file or directory; check the path" in refused(
        "train", "--config", tmp_path / "a.toml"
    )


def test_a_file_cannot_change_settings_when_resuming(tmp_path):
    out, config = tmp_path / "model.npz", tmp_path / "a.toml"
    hw5("train", "--epochs", 1, "--out", out)
    config.write_text("lr = 0.5\n")
    message = refused("train", "--resume", out, "--config", config)
    assert message == f"hw5: --lr cannot be changed when resuming: in {out} it is 0.005\n"
    config.write_text("lr = 0.005\nepochs = 2\n")
    assert "epoch 2" in hw5("train", "--resume", out, "--config", config).stdout
