"""Guarded output: writing never fails, the first failure is remembered, and a signal handler never waits."""

import errno
import io
import os
import sys

import pytest

from hw5.cli.output import Guarded, failure, guarded, tell_from_signal_handler


class Failing(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "no space left on device"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "input/output error"),
        (ValueError("I/O operation on closed file"), "i/o operation on closed file"),
        (BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)), None),  # nobody reads: not a loss
    ],
)
def test_a_failure_is_a_sentence_and_no_exception(monkeypatch, error, sentence):
    monkeypatch.setattr(sys, "stdout", Failing(error))
    with guarded() as streams:
        print("lost")
        print("lost, too", flush=True)
    assert failure(streams) == (sentence and f"standard output could not be written: {sentence}")


def test_what_works_is_passed_on(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with guarded() as streams:
        print("kept")
    assert sys.stdout is stream and stream.getvalue() == "kept\n" and failure(streams) is None


def test_a_stream_that_is_not_there_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with guarded() as streams:
        assert streams.keys() == {"stdout"}


def test_other_attributes_are_those_of_the_stream():
    assert Guarded(sys.__stdout__).encoding == sys.__stdout__.encoding


def test_a_full_pipe_is_not_waited_for():
    reading, writing = os.pipe()
    saved = os.dup(2)
    try:
        os.dup2(writing, 2)
        os.set_blocking(writing, False)
        while True:
            try:
                os.write(writing, b"x" * 4096)
            except BlockingIOError:
                break
        os.set_blocking(writing, True)
        tell_from_signal_handler("stopping")
    finally:
        os.dup2(saved, 2)
        for descriptor in (reading, writing, saved):
            os.close(descriptor)
