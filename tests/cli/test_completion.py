"""hw5 completion."""

import pytest

from hw5.cli import VERBS
from tests.cli.helpers import hw5


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    assert "_HW5_COMPLETE" in hw5("completion", shell).stdout


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("hw5 ", set(VERBS)),
        ("hw5 train --act", {"--activation"}),
        ("hw5 train --model m", {"mlp"}),
        ("hw5 train --activation le", {"leaky_relu"}),
        ("hw5 train --data em", {"emnist-digits", "emnist-letters", "emnist-balanced", "em"}),  # em is for files
    ],
)
def test_completion_finds_verbs_options_and_values(monkeypatch, words, wanted):
    monkeypatch.setenv("_HW5_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    assert {line.partition(",")[2] for line in hw5().stdout.splitlines()} == wanted
