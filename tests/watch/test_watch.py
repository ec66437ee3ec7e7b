"""hw5 train --watch: a page that follows a training, and that the training does not notice."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import hw5.watch
from hw5.datasets import load
from hw5.devices import open_device
from hw5.devices.doctor import first_failure
from hw5.train.data_source import DataSource
from hw5.train.run import Run
from hw5.train.settings import Settings
from hw5.watch import watching
from hw5.watch.server import Feed, Server
from tests.cli.helpers import hw5 as program
from tests.cli.helpers import refused
from tests.environment import python_path

ROOT = Path(__file__).parents[2]
NEEDS_COMPILER = pytest.mark.skipif(first_failure("emulator") is not None, reason="the emulator needs a C++ compiler")


@pytest.fixture
def server():
    feed = Feed()
    running = Server(feed)
    yield running
    running.close("over")


def asked(server, path=None, method="GET", **headers):
    """(status, headers, body) of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path or f"/{server.token}/", headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def events(text):
    """[(name, content)] of server-sent events."""
    return [(name, json.loads(data)) for name, data in re.findall(r"event: (\w+)\ndata: (.*)\n\n", text.decode())]


def test_the_page_is_for_those_who_know_the_token_and_the_address(server):
    status, headers, body = asked(server)
    assert (
        status == 200
        and b"<title>hw5 train</title>" in body
        and not re.search(rb"https?://(?!www.w3.org/2000/svg)", body)
    )
    assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["Cache-Control"] == "no-store"
    assert server.address == f"http://127.0.0.1:{server.server_port}/{server.token}/" and len(server.token) >= 20
    for path in (
        "/",
        "/events",
        f"/{server.token}",
        f"/{server.token}x/",
        f"/{server.token}/../etc/passwd",
        "//",
        "/%C3%A9",
    ):
        assert asked(server, path)[0] == 404
    for host in (
        "evil.example",
        f"evil.example:{server.server_port}",
        "127.0.0.1",
        f"127.0.0.1:{server.server_port + 1}",
    ):
        assert asked(server, Host=host)[0] == 403
    assert asked(server, Host=f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "X"])
def test_nothing_but_get_is_answered(server, method):
    assert asked(server, method=method)[0] == 501


def test_only_this_machine_is_served(server):
    assert server.server_address[0] == "127.0.0.1"


def test_a_browser_gets_all_epochs_and_the_latest_of_the_rest():
    server = Server(Feed())
    for epoch in range(1, 4):
        server.feed.append("epoch", {"epoch": epoch})
        server.feed.publish("now", {"done": epoch})
    found = []
    thread = threading.Thread(target=lambda: found.append(asked(server, f"/{server.token}/events")))
    thread.start()
    time.sleep(0.2)
    server.feed.append("epoch", {"epoch": 4})
    server.close("done")
    thread.join(10)
    ((status, headers, body),) = found
    assert status == 200 and headers["Content-Type"] == "text/event-stream"
    told = events(body)
    assert [content["epoch"] for name, content in told if name == "epoch"] == [1, 2, 3, 4]
    assert [content["done"] for name, content in told if name == "now"] == [3]
    assert told[-1] == ("end", {"text": "done"})


def test_a_long_training_is_thinned_for_those_who_come_late():
    feed = Feed()
    for epoch in range(1, 9001):
        feed.append("epoch", {"epoch": epoch})
    told = [content["epoch"] for _, content in events(feed.after(0, 0)[0])]
    assert len(told) < 4001 and told == sorted(told) and told[0] == 1 and told[-1] >= 8999


def test_browsers_that_leave_or_do_not_read_hold_up_nobody(server):
    for _ in range(5):
        connection = socket.create_connection(("127.0.0.1", server.server_port))
        request = f"GET /{server.token}/events HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n"
        connection.sendall(request.encode())
        connection.recv(10)
        connection.close()
    silent = socket.create_connection(("127.0.0.1", server.server_port))  # asks nothing
    deaf = socket.create_connection(("127.0.0.1", server.server_port))
    deaf.sendall(f"GET /{server.token}/events HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n".encode())
    big = {"text": "x" * 100_000}
    for _ in range(200):
        server.feed.publish("now", big)  # far more than a socket holds
    assert asked(server)[0] == 200
    silent.close(), deaf.close()


def run_of(data="digits", **settings):
    dataset = load(data, task="regression" if data == "sine" else "classification")
    device = open_device("cpu")
    return Run(device, dataset, Settings(**{"epochs": 4} | settings), DataSource.of(dataset, None, None))


def followed(run):
    """The events of a training, from the beginning to its end."""
    feeds = []

    class Kept(hw5.watch.Feed):
        def __init__(self):
            super().__init__()
            feeds.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hw5.watch, "Feed", Kept)
        with watching(run, run.dataset.name, lambda address: None, pytest.fail) as watcher:
            for progress in run.train():
                watcher.update(progress)
    return events(feeds[0].after(0, 0)[0])


def test_the_events_are_those_of_the_training():
    run = run_of("digits", hidden=("conv:4x3", "pool:2", 8))
    told = followed(run)
    rows = [content for name, content in told if name == "epoch"]
    assert rows == [{name: row[name] for name in rows[0]} for row in run.history] and len(rows) == 4
    last = dict(told)
    assert last["about"]["title"] == "digits: mlp 8x8x1-conv:4x3-pool:2-8-10" and last["end"]["text"].startswith(
        "The training has ended"
    )
    counts = np.array(last["confusion"]["counts"])
    validation = run.splits["validation"]
    y = validation.examples.y[validation.rows]
    assert counts.sum(axis=1).tolist() == np.bincount(y, minlength=10).tolist()
    assert counts.trace() / len(y) == pytest.approx(run.history[-1]["validation_accuracy"])
    assert last["confusion"]["epoch"] == 4 and (last["filters"]["n"], last["filters"]["height"]) == (4, 3)


def test_two_features_have_regions_and_a_fit_has_a_curve():
    run = run_of("xor", hidden=(8,))
    regions = dict(followed(run))["regions"]
    assert regions["side"] == 64 and len(regions["points"]) == len(regions["labels"])
    run = run_of("sine", hidden=(8,), loss="squared")
    curve = np.array(dict(followed(run))["curve"]["curve"])
    np.testing.assert_allclose(curve[:, 1], run.predict(np.float32(curve[:, :1]))[:, 0], rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        ("--hidden", "conv:4x3,pool:2,dropout:0.3,8"),
        ("--data", "xor", "--hidden", 8, "--validation", 0),
        ("--data", "sine", "--task", "regression", "--patience", 2),
        ("--device", "numpy", "--hidden", 8),
        pytest.param(("--device", "emulator", "--data", "xor", "--hidden", 4), marks=NEEDS_COMPILER),
    ],
    ids=["images", "regions", "regression", "numpy", "emulator"],
)
def test_the_bits_are_those_of_a_training_without_a_page(options, tmp_path, monkeypatch):
    monkeypatch.setattr(hw5.watch, "_SECONDS_BETWEEN_PICTURES", 0.0)
    monkeypatch.setattr(hw5.watch, "_SHARE", 0)  # a picture after every epoch
    program("train", *options, "--epochs", 5, "--out", tmp_path / "plain.npz")
    watched = program("train", *options, "--epochs", 5, "--watch", "--out", tmp_path / "watched.npz")
    assert re.search(r"^watch it at http://127\.0\.0\.1:\d+/[\w-]{20,}/$", watched.stdout, re.MULTILINE)
    assert (tmp_path / "plain.npz").read_bytes() == (tmp_path / "watched.npz").read_bytes()


def test_a_resumed_training_can_be_watched(tmp_path):
    out = tmp_path / "model.npz"
    program("train", "--epochs", 2, "--hidden", 8, "--out", out)
    assert "watch it at " in program("train", "--resume", out, "--epochs", 4, "--watch").stdout
    program("train", "--epochs", 4, "--hidden", 8, "--out", tmp_path / "whole.npz")
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_a_failure_of_the_page_is_no_failure_of_the_training(tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("no picture")

    program("train", "--epochs", 3, "--out", tmp_path / "plain.npz")
    monkeypatch.setattr(hw5.watch, "Snapshots", broken)
    result = program("train", "--epochs", 3, "--watch", "--out", tmp_path / "a.npz")
    assert result.stderr.count("--watch stops following: ValueError: no picture; training continues") == 1
    monkeypatch.setattr(
        hw5.watch, "Server", lambda feed: (_ for _ in ()).throw(OSError(99, "Cannot assign requested address"))
    )
    result = program("train", "--epochs", 3, "--watch", "--out", tmp_path / "b.npz")
    assert "--watch has no page: Cannot assign requested address; training continues" in result.stderr
    for name in ("a", "b"):
        assert (tmp_path / f"{name}.npz").read_bytes() == (tmp_path / "plain.npz").read_bytes()


def test_several_trainings_are_not_watched():
    for option in ("--folds", "--restarts"):
        assert f"--watch cannot be used with {option}, which trains several models" in refused(
            "train", option, 3, "--watch"
        )


def started(out, *options):
    """A training that is watched, in a process of its own, which prints to out.txt, and its address."""
    command = [sys.executable, "-u", "-m", "hw5", "train", "--watch", "--out", str(out), *map(str, options)]
    said = out.with_suffix(".txt")
    with open(said, "w") as file:
        environment = os.environ | {"PYTHONPATH": python_path(ROOT)}
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
    while process.poll() is None:
        if address := re.search("^watch it at (.+/)\n", said.read_text(), re.MULTILINE):
            return process, address[1]
        time.sleep(0.05)
    raise AssertionError(said.read_text())


def reached(address):
    port, token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([\w-]+)/", address).groups()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
        connection.request("GET", f"/{token}/")
        return connection.getresponse().status == 200
    except OSError:
        return False


@pytest.mark.slow
def test_two_runs_at_once_have_their_own_pages_and_ctrl_c_ends_one_with_its_page(tmp_path):
    (one, first), (two, second) = (started(tmp_path / f"{i}.npz", "--epochs", 1_000_000) for i in range(2))
    try:
        assert first != second and reached(first) and reached(second)
        one.send_signal(signal.SIGINT)
        assert one.wait(timeout=30) == 130
        rest = (tmp_path / "0.txt").read_text()
        assert "to resume: hw5 train --resume" in rest and not reached(first)
        assert (tmp_path / "0.npz").exists() and reached(second)
        two.send_signal(signal.SIGTERM)
        assert two.wait(timeout=30) == 143 and not reached(second)
    finally:
        for process in (one, two):
            process.kill()
            process.wait()
