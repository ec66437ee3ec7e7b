"""Progress as lines or a bar, and tables at full width."""

import io
import re
import sys
import time

from hw5.cli import display
from hw5.train.training import Progress
from tests.cli.helpers import hw5

# Two epochs of ten examples, with an additional report in the middle of the first
PROGRESS = (
    Progress(1, 5, 10, 2.25, 0.125, 0.01),
    Progress(1, 10, 10, 2.0, 0.25, 0.01, 1.5, 0.5),
    Progress(2, 10, 10, 1.0, 0.75, 0.005, 0.5, 1.0),
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def terminals(monkeypatch, *streams, columns=120):
    """Replace sys.stderr and other streams by terminals; return that of sys.stderr."""
    for name, value in {"COLUMNS": str(columns), "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    for name in ("stderr", *streams):
        monkeypatch.setattr(sys, name, Terminal())
    return sys.stderr


def show():
    """Show PROGRESS, which is passed on as it is."""
    assert tuple(display.show_progress(iter(PROGRESS), 10)) == PROGRESS


def test_without_a_terminal_every_epoch_has_a_line(capsys):
    show()
    assert capsys.readouterr() == (
        "epoch  1  loss 2.0000  accuracy  25.00%  validation loss 1.5000  accuracy  50.00%  1,000 examples/s\n"
        "epoch  2  loss 1.0000  accuracy  75.00%  validation loss 0.5000  accuracy 100.00%  2,000 examples/s\n",
        "",
    )


def test_a_terminal_has_a_bar_and_redirected_results_their_lines(monkeypatch, capsys):
    terminal = terminals(monkeypatch)
    show()
    for words in ("epoch 2/10", "loss 1.0000 75.0%, validation 0.5000 100.0%", "2,000 examples/s"):
        assert words in terminal.getvalue()
    assert [line[:8] for line in capsys.readouterr().out.splitlines()] == ["epoch  1", "epoch  2"]


def test_if_both_are_terminals_there_is_only_the_bar(monkeypatch):
    terminal = terminals(monkeypatch, "stdout")
    show()
    assert sys.stdout.getvalue() == "" and "epoch 2/10" in terminal.getvalue()


def test_a_narrow_terminal_has_no_speed(monkeypatch):
    terminal = terminals(monkeypatch, columns=80)
    show()
    assert "epoch 2/10" in terminal.getvalue() and "examples/s" not in terminal.getvalue()


def test_what_takes_long_is_shown_after_a_second(monkeypatch):
    terminal = terminals(monkeypatch)
    with display.waiting("checking kernels") as change:
        change("checking kernels: softmax is right")
        until = time.monotonic() + 60
        while "checking kernels: softmax is right" not in terminal.getvalue():
            assert time.monotonic() < until
            time.sleep(0.02)


def test_a_program_without_standard_error_has_no_terminal():
    assert not display.is_terminal(None)


def test_a_regression_has_no_accuracy():
    assert display.figures(Progress(1, 10, 10, 0.5, None, 0.01, 0.25)) == "loss 0.5000  validation loss 0.2500"


def test_warnings_are_for_standard_error(capsys):
    display.warn("it rains")
    assert capsys.readouterr() == ("", "hw5: it rains\n")


def test_tables_are_as_wide_as_they_must_be(monkeypatch, capsys):
    """Also on a narrower terminal. Brackets and colons are not interpreted as markup."""
    monkeypatch.setenv("COLUMNS", "40")
    wide, numbers = display.table("file", "where", numbers=False), display.table("class", "examples")
    wide.add_row("[bold]a", "x" * 60 + ":smile:")
    numbers.add_row("rose", "7")
    numbers.add_row("tulip", "1,234")
    display.print_tables(wide, numbers)
    text = capsys.readouterr().out
    assert re.search(rf"^ *\[bold\]a +{'x' * 60}:smile: *$", text, re.M)
    ends = [len(line.rstrip()) for line in text.splitlines() if re.match(r" *(rose|tulip) ", line)]
    assert len({*ends}) == 1  # numbers are aligned at the right


def test_the_loss_of_a_perceptron_is_named():
    for model, name in (("perceptron", "perceptron loss"), ("linear", "cross-entropy")):
        assert re.search(rf"^test accuracy .*, {name} \d", hw5("train", "--model", model, "--epochs", 1).stdout, re.M)


def test_what_data_put_into_messages_and_tables_is_shown_as_text(capsys):
    display.say("one\ntwo\x1b[2J\u202e")
    display.warn("a\nb\x9b")
    rows = display.table("class", "a\nb\x1b[1m")
    rows.add_row("[bold]x\r\n", "тюльпан")
    display.print_tables(rows)
    out, err = capsys.readouterr()
    assert out.startswith("one\ntwo\\x1b[2J\\u202e\n") and err == "hw5: a\\nb\\x9b\n"
    assert re.search(r"^ *class +a\\nb\\x1b\[1m *$", out, re.M)
    assert re.search(r"^ *\[bold\]x\\r\\n +тюльпан *$", out, re.M)


def test_a_dumb_terminal_gets_lines(monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    assert display.can_draw(Terminal()) and not display.can_draw(None)
    monkeypatch.setenv("TERM", "dumb")
    assert not display.can_draw(Terminal()) and display.is_terminal(Terminal())
