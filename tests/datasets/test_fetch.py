"""Downloads from a local server that can fail in every way."""

import gzip
import hashlib
import http.server
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import pytest

from hw5.datasets import fetch as fetching
from hw5.datasets import load
from hw5.datasets.deadline import Deadline
from hw5.datasets.fetch import EMNIST, SOURCES, File, Source, fetch, find_downloaded
from hw5.datasets.idx import FILES
from hw5.errors import InputError, RunError

from .helpers import idx_bytes

rng = np.random.default_rng(0)


@dataclass
class Server:
    """What the server has, how it responds, and the requests so far as (path, Range)."""

    url: str = ""
    content: dict = field(default_factory=dict)  # bytes by path
    supports_ranges: bool = True
    sends_length: bool = True
    closes_after: int | None = None  # bytes of every response
    requests: list = field(default_factory=list)

    def mirrors(self, *prefixes):
        return tuple(self.url + prefix for prefix in prefixes or ("/",))


@pytest.fixture
def server():
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            state.requests.append((self.path, wanted))
            if self.path.startswith("/moved/"):
                self.send_response(302)
                self.send_header("Location", state.url + self.path.removeprefix("/moved"))
                self.end_headers()
                return
            if self.path not in state.content:
                self.send_error(404)
                return
            content = state.content[self.path]
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and state.supports_ranges else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if state.sends_length:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            stop = len(content) if state.closes_after is None else start + state.closes_after
            for position in range(start, min(stop, len(content)), 1000):  # in small pieces, as a slow server does
                self.wfile.write(content[position : min(stop, position + 1000)])
                self.wfile.flush()

        def log_message(self, *_):
            pass

    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{service.server_port}"
    thread = threading.Thread(target=service.serve_forever, args=(0.01,))
    thread.start()
    yield state
    service.shutdown()
    thread.join()
    service.server_close()


def published(name, content):
    return File(name, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def mnist(server, monkeypatch):
    """Four files of a small data set on the server, as the source of mnist."""
    arrays = []
    for n in (40, 10):
        arrays += [rng.integers(0, 256, (n, 5, 6), np.uint8), (np.arange(n) % 10).astype(np.uint8)]
    files = {f"{name}.gz": gzip.compress(idx_bytes(array)) for name, array in zip(FILES, arrays)}
    server.content |= {f"/{name}": content for name, content in files.items()}
    use(monkeypatch, server.mirrors(), files)
    return files


def use(monkeypatch, mirrors, files):
    source = Source(mirrors, tuple(published(*pair) for pair in files.items()), "public domain")
    monkeypatch.setitem(SOURCES, "mnist", source)


def images(files):
    return files["train-images-idx3-ubyte.gz"]


def download(tmp_path):
    """Download mnist, and return the bytes of its files by name."""
    progress = list(fetch("mnist", tmp_path))
    assert all(0 < now.bytes <= now.file.size for now in progress)
    return {path.name: path.read_bytes() for path in (tmp_path / "mnist").iterdir()}


def test_a_downloaded_set_can_be_loaded_and_is_not_downloaded_again(server, mnist, tmp_path):
    assert find_downloaded("mnist", tmp_path) is None
    assert download(tmp_path) == mnist
    assert find_downloaded("mnist", tmp_path) == tmp_path / "mnist"
    data = load("mnist", data_dir=tmp_path)
    assert data.train.X.shape == (40, 30) and data.test.X.shape == (10, 30) and data.image_shape == (5, 6)
    server.requests.clear()
    assert list(fetch("mnist", tmp_path)) == [] and server.requests == []


def test_an_existing_file_is_kept(server, mnist, tmp_path):
    (tmp_path / "mnist").mkdir()
    own = tmp_path / "mnist" / "train-images-idx3-ubyte"
    own.write_bytes(b"my own")
    assert download(tmp_path)["train-images-idx3-ubyte"] == b"my own"
    assert [path for path, _ in server.requests] == [f"/{name}.gz" for name in FILES[1:]]


def test_a_closed_connection_is_resumed(server, mnist, tmp_path):
    server.closes_after = 700  # of more than 1,200 bytes: the second response has the rest
    assert download(tmp_path) == mnist
    ranges = [wanted for path, wanted in server.requests if path == "/train-images-idx3-ubyte.gz"]
    assert ranges == [None, "bytes=700-"]


@pytest.mark.parametrize("sends_length", [True, False])
def test_a_failed_download_is_resumed_later(server, mnist, tmp_path, sends_length):
    server.closes_after, server.sends_length = 100, sends_length
    with pytest.raises(RunError, match=r"train-images.*closed after 300 of .* to resume the download"):
        download(tmp_path)
    (partial,) = (tmp_path / "mnist").iterdir()
    assert partial.read_bytes() == images(mnist)[:300] and find_downloaded("mnist", tmp_path) is None
    server.closes_after, server.requests = None, []
    assert download(tmp_path) == mnist
    assert server.requests[0] == ("/train-images-idx3-ubyte.gz", "bytes=300-")


def test_an_interrupted_download_is_resumed_later(server, mnist, tmp_path):
    progress = fetch("mnist", tmp_path)
    assert 0 < next(progress).bytes
    progress.close()
    assert download(tmp_path) == mnist


def test_a_server_without_ranges_sends_the_whole_file(server, mnist, tmp_path):
    (tmp_path / "mnist").mkdir()
    partial = tmp_path / "mnist" / "train-images-idx3-ubyte.gz.part"
    partial.write_bytes(images(mnist)[:500])
    server.supports_ranges = False
    assert download(tmp_path) == mnist
    assert server.requests[0] == ("/train-images-idx3-ubyte.gz", "bytes=500-")


@pytest.mark.parametrize("length", [500, None, 100_000])
def test_a_partial_file_with_wrong_content_is_replaced(server, mnist, tmp_path, length):
    """Shorter than the published file, as long, and longer."""
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz.part").write_bytes(b"?" * (length or len(images(mnist))))
    assert download(tmp_path) == mnist


def test_redirects_keep_the_range(server, mnist, tmp_path, monkeypatch):
    use(monkeypatch, server.mirrors("/moved/"), mnist)
    server.closes_after = 700
    assert download(tmp_path) == mnist
    assert ("/train-images-idx3-ubyte.gz", "bytes=700-") in server.requests


def test_the_next_mirror_is_tried(server, mnist, tmp_path, monkeypatch):
    """The first has no file, the second a wrong file of the right size, the third a file of the wrong size."""
    server.content |= {f"/wrong/{name}": bytes(len(content)) for name, content in mnist.items()}
    server.content |= {f"/page/{name}": b"<html>please log in</html>" for name in mnist}
    use(monkeypatch, server.mirrors("/none/", "/wrong/", "/page/", "/"), mnist)
    assert download(tmp_path) == mnist


ERRORS = {
    "/none/": "HTTP status 404",
    "/wrong/": "wrong SHA-256",
    "/page/": "wrong size",
}


@pytest.mark.parametrize("mirror", ERRORS)
def test_no_mirror_has_the_file(server, mnist, tmp_path, monkeypatch, mirror):
    server.content |= {f"/wrong/{name}": bytes(len(content)) for name, content in mnist.items()}
    server.content |= {f"/page/{name}": b"<html>please log in</html>" for name in mnist}
    use(monkeypatch, server.mirrors(mirror), mnist)
    with pytest.raises(RunError, match=f"{mirror}: .*{ERRORS[mirror]}"):
        download(tmp_path)
    assert list(tmp_path.rglob("*.gz*")) == []


def test_a_page_of_unknown_length_does_not_spoil_the_next_mirror(server, mnist, tmp_path, monkeypatch):
    server.content |= {f"/page/{name}": b"<html>please log in</html>" for name in mnist}
    server.sends_length = False
    use(monkeypatch, server.mirrors("/page/", "/"), mnist)
    assert download(tmp_path) == mnist


def test_offline(mnist, tmp_path, monkeypatch):
    nobody = http.server.HTTPServer(("127.0.0.1", 0), None)
    port = nobody.server_port
    nobody.server_close()
    use(monkeypatch, (f"http://127.0.0.1:{port}/",), mnist)
    with pytest.raises(
        RunError, match="train-images.*cannot be fetched.*connection refused.*try again later"
    ) as caught:
        download(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_timeout(server, mnist, tmp_path, monkeypatch):
    service = http.server.HTTPServer(("127.0.0.1", 0), None)  # accepts connections, and never responds
    silent = f"http://127.0.0.1:{service.server_port}/"

    class Impatient(Deadline):
        def open(self, request, timeout):
            return super().open(request, 0.1 if request.full_url.startswith(silent) else timeout)

    monkeypatch.setattr(fetching, "Deadline", Impatient)
    use(monkeypatch, (silent, *server.mirrors()), mnist)
    try:
        assert download(tmp_path) == mnist
    finally:
        service.server_close()


def test_a_folder_that_cannot_be_written(mnist, tmp_path):
    (tmp_path / "mnist").write_bytes(b"a file, not a folder")
    with pytest.raises(OSError):
        download(tmp_path)


def test_unknown_names(tmp_path):
    with pytest.raises(InputError, match="'digits'.*mnist, fashion-mnist, kmnist"):
        next(fetch("digits", tmp_path))


@pytest.fixture
def emnist(server, monkeypatch):
    """A small archive like EMNIST's: letters count from 1, and images are stored transposed."""
    upright = rng.integers(0, 256, (52, 4, 5), np.uint8)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in EMNIST:
            classes, first = {"emnist-letters": (26, 1)}.get(name, (10, 0))
            for split in ("train", "test"):
                y = (first + np.arange(52) % classes).astype(np.uint8)
                for kind, array in (("images-idx3", upright.transpose(0, 2, 1)), ("labels-idx1", y)):
                    content = gzip.compress(idx_bytes(np.ascontiguousarray(array)))
                    archive.writestr(f"gzip/{name}-{split}-{kind}-ubyte.gz", content)
    server.content["/gzip.zip"] = buffer.getvalue()
    real = SOURCES["emnist-letters"]
    files = (published("gzip.zip", buffer.getvalue()),)
    source = Source(server.mirrors(), files, real.licence, real.unpack, real.folder)
    for name in EMNIST:
        monkeypatch.setitem(SOURCES, name, source)
    return upright


def test_emnist_is_transposed_and_has_letters_as_class_names(server, emnist, tmp_path):
    list(fetch("emnist-letters", tmp_path))
    letters = load("emnist-letters", data_dir=tmp_path)
    np.testing.assert_array_equal(letters.train.X, emnist.reshape(52, 20))
    assert letters.image_shape == (4, 5) and letters.class_names == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert letters.train.y.tolist() == [*range(26)] * 2
    server.requests.clear()
    assert list(fetch("emnist-digits", tmp_path)) == [] and server.requests == []
    assert load("emnist-digits", data_dir=tmp_path).class_names == tuple("0123456789")
    assert not (tmp_path / "emnist" / "gzip.zip").exists()


def test_an_existing_archive_is_verified(server, emnist, tmp_path):
    (tmp_path / "emnist").mkdir()
    (tmp_path / "emnist" / "gzip.zip").write_bytes(b"not a zip")
    list(fetch("emnist-letters", tmp_path))
    assert find_downloaded("emnist-balanced", tmp_path)


def test_sources_are_idx_folders_with_checksums():
    for name, source in SOURCES.items():
        assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in source.files)
        assert all(re.fullmatch(r"https?://[^ ]+/", mirror) for mirror in source.mirrors)
        if name not in EMNIST:
            assert [file.name for file in source.files] == [f"{file}.gz" for file in FILES]


WORKER = """
import json, sys
from pathlib import Path
from hw5.datasets import fetch
from hw5.datasets.fetch import File, Source
name, mirror, files, folder = sys.argv[1:]
old = fetch.SOURCES[name]
files = tuple(File(*each) for each in json.loads(files))
fetch.SOURCES[name] = Source((mirror,), files, old.licence, old.unpack, old.folder)
list(fetch.fetch(name, folder))
assert fetch.find_downloaded(name, folder)
"""


def workers(n, name, tmp_path):
    """Processes that download a set of SOURCES at once."""
    (mirror,), files = SOURCES[name].mirrors, [(file.name, file.size, file.sha256) for file in SOURCES[name].files]
    command = [sys.executable, "-c", WORKER, name, mirror, json.dumps(files), str(tmp_path)]
    return [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(n)]


@pytest.mark.parametrize("name", ["mnist", "emnist-letters"])
def test_eight_at_once_download_once(server, mnist, emnist, tmp_path, name):
    for process in workers(8, name, tmp_path):
        assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)
    assert len(server.requests) == len(SOURCES[name].files)
    assert load(name, data_dir=tmp_path).class_names
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".part", ".lock", ".zip")]


def test_who_waits_resumes_what_a_killed_process_downloaded(server, mnist, tmp_path):
    server.content["/train-images-idx3-ubyte.gz"] = content = rng.bytes(50_000_000)
    SOURCES["mnist"] = Source(server.mirrors(), (published("train-images-idx3-ubyte.gz", content),), "")
    first, part = workers(1, "mnist", tmp_path)[0], tmp_path / "mnist" / "train-images-idx3-ubyte.gz.part"
    while not part.exists() or part.stat().st_size < 100_000:
        assert first.poll() is None
    waiting = fetch("mnist", tmp_path)
    assert 100_000 <= next(waiting).bytes < len(content)  # of the other process
    first.kill()
    first.communicate()
    have = part.stat().st_size
    for now in waiting:
        if len(server.requests) == 2:
            break
    assert server.requests[1] == ("/train-images-idx3-ubyte.gz", f"bytes={have}-") and now.bytes >= have
    waiting.close()


MISLEADING = {
    "a link to a file": lambda part, victim: part.symlink_to(victim),
    "a link to nothing": lambda part, victim: part.symlink_to(victim.with_name("new")),
    "a link to a pipe": lambda part, victim: (os.mkfifo(victim.with_name("pipe")), part.symlink_to("../pipe")),
    "a second name of a file": lambda part, victim: os.link(victim, part),
    "a pipe": lambda part, victim: os.mkfifo(part),
    "a folder": lambda part, victim: part.mkdir(),
}


@pytest.mark.parametrize("kind", MISLEADING)
def test_a_partial_file_that_is_not_ours(server, mnist, tmp_path, kind):
    """Nothing is written to it, nothing waits for it, and a sentence says so."""
    (tmp_path / "mnist").mkdir()
    victim, part = tmp_path / "victim", tmp_path / "mnist" / "train-images-idx3-ubyte.gz.part"
    victim.write_bytes(b"precious")
    MISLEADING[kind](part, victim)
    with pytest.raises(RunError, match="not a regular file of yours, or has links.*remove it") as caught:
        download(tmp_path)
    assert victim.read_bytes() == b"precious" and not victim.with_name("new").exists() and server.requests == []
    assert "\n" not in str(caught.value)


def test_a_partial_file_that_becomes_a_link(tmp_path, monkeypatch):
    """Between the test and the opening: the file is not even truncated."""
    victim, link, name = tmp_path / "victim", tmp_path / "a.part", tmp_path / "b.part"
    victim.write_bytes(b"precious")
    link.symlink_to(victim)
    os.link(victim, name)
    for path, error in ((link, OSError), (name, RunError)):
        with pytest.raises(error):
            open(path, "wb", opener=fetching._open_ours)
    assert victim.read_bytes() == b"precious"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_partial_file_of_another_user(server, mnist, tmp_path):
    (tmp_path / "mnist").mkdir()
    part = tmp_path / "mnist" / "train-images-idx3-ubyte.gz.part"
    part.write_bytes(b"x")
    os.chown(part, 12345, -1)
    with pytest.raises(RunError, match="not a regular file of yours"):
        download(tmp_path)


SLOW = {  # what a server sends again and again
    "nothing but the header": (b"", b"X-More: yes\r\n"),
    "a line without end": (b"", b"x"),
    "the content": (b"Content-Length: %d\r\n\r\n", b"x"),
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_server_that_sends_a_byte_now_and_then(server, mnist, tmp_path, monkeypatch, kind):
    """The timeout begins anew with each, so the whole time is limited as well; then the next mirror has its turn."""
    first, again = SLOW[kind]
    slow, stopped, timers = socket.create_server(("127.0.0.1", 0)), threading.Event(), []

    class Timer:
        """Its time is over when the test says so, however fast the machine is."""

        def __init__(self, _, when_over):
            timers.append(when_over)

        def start(self): ...
        def cancel(self): ...

    def serve():
        while not stopped.is_set():
            try:
                connection = slow.accept()[0]
            except OSError:
                return
            with connection, suppress(OSError):
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + (first % len(images(mnist)) if b"%" in first else first))
                for i in count():
                    if i == 10:
                        timers[-1]()
                    connection.sendall(again)
                    if stopped.wait(0.02):
                        return

    thread = threading.Thread(target=serve)
    thread.start()
    monkeypatch.setattr(threading, "Timer", Timer)
    use(monkeypatch, (f"http://127.0.0.1:{slow.getsockname()[1]}/",), {"train-images-idx3-ubyte.gz": images(mnist)})
    try:
        with pytest.raises(RunError, match="slower than 10,000 bytes per second"):
            download(tmp_path)
        use(monkeypatch, (f"http://127.0.0.1:{slow.getsockname()[1]}/", *server.mirrors()), mnist)
        assert download(tmp_path) == mnist
    finally:
        stopped.set()
        slow.shutdown(socket.SHUT_RDWR)
        slow.close()
        thread.join()


def test_the_time_of_a_response_ends():
    near, far = socket.socketpair()
    with Deadline(0.1) as deadline, near, far:
        deadline._connections.append(near.dup())
        assert far.recv(1) == b"" and deadline.is_over


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd", "data:,x", "http://127.0.0.1:1/"])
def test_a_redirect_to_something_else(server, mnist, tmp_path, monkeypatch, target):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()

        def log_message(self, *_):
            pass

    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=service.serve_forever, args=(0.01,))
    thread.start()
    use(monkeypatch, (f"http://127.0.0.1:{service.server_port}/", *server.mirrors()), mnist)
    try:
        assert download(tmp_path) == mnist
    finally:
        service.shutdown()
        thread.join()
        service.server_close()
