"""hw5 completion."""

import pytest

from hw5.cli import VERBS
from tests.cli.helpers import hw5


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    assert "_HW5_COMPLETE" in hw5("completion", shell).stdout


def test_completion_finds_verbs_and_options(monkeypatch):
    for words, wanted in (("hw5 ", set(VERBS)), ("hw5 train --act", {"--activation"})):
        monkeypatch.setenv("_HW5_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        found = {line.partition(",")[2] for line in hw5().stdout.splitlines()}
        assert found == wanted
