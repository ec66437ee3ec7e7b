"""Fetching data sets, from a server on this machine that has every fault of the net."""

import gzip
import hashlib
import http.server
import io
import re
import threading
import zipfile
from dataclasses import dataclass, field

import numpy as np
import pytest

from hw5.datasets import fetch as fetching
from hw5.datasets import load
from hw5.datasets.fetch import EMNIST, SOURCES, File, Source, fetch, find_downloaded
from hw5.datasets.idx import FILES
from hw5.errors import InputError, RunError

from .helpers import idx_bytes

rng = np.random.default_rng(0)


@dataclass
class Server:
    """What is served and how, and the requests so far as (path, Range)."""

    url: str = ""
    content: dict = field(default_factory=dict)  # bytes by path
    has_ranges: bool = True
    tells_length: bool = True
    breaks_off_after: int | None = None  # bytes of every answer
    requests: list = field(default_factory=list)

    def source(self, *prefixes):
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
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and state.has_ranges else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if state.tells_length:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            stop = len(content) if state.breaks_off_after is None else start + state.breaks_off_after
            for position in range(start, min(stop, len(content)), 1000):  # a slow server sends little at a time
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
    """The four files of a small set, which the server has, as the source of mnist."""
    arrays = []
    for n in (40, 10):
        arrays += [rng.integers(0, 256, (n, 5, 6), np.uint8), (np.arange(n) % 10).astype(np.uint8)]
    files = {f"{name}.gz": gzip.compress(idx_bytes(array)) for name, array in zip(FILES, arrays)}
    server.content |= {f"/{name}": content for name, content in files.items()}
    use(monkeypatch, server.source(), files)
    return files


def use(monkeypatch, mirrors, files):
    source = Source(mirrors, tuple(published(*pair) for pair in files.items()), "public domain")
    monkeypatch.setitem(SOURCES, "mnist", source)


def images(files):
    return files["train-images-idx3-ubyte.gz"]


def fetched(tmp_path):
    """Fetch everything, and give the bytes of the files by name."""
    arrivals = list(fetch("mnist", tmp_path))
    assert all(0 < now.bytes <= now.file.size for now in arrivals)
    return {path.name: path.read_bytes() for path in (tmp_path / "mnist").iterdir()}


def test_what_is_fetched_can_be_trained_on_and_is_not_fetched_again(server, mnist, tmp_path):
    assert find_downloaded("mnist", tmp_path) is None
    assert fetched(tmp_path) == mnist
    assert find_downloaded("mnist", tmp_path) == tmp_path / "mnist"
    data = load("mnist", data_dir=tmp_path)
    assert data.train.X.shape == (40, 30) and data.test.X.shape == (10, 30) and data.image_shape == (5, 6)
    server.requests.clear()
    assert list(fetch("mnist", tmp_path)) == [] and server.requests == []


def test_a_file_that_is_there_already_is_left_alone(server, mnist, tmp_path):
    (tmp_path / "mnist").mkdir()
    own = tmp_path / "mnist" / "train-images-idx3-ubyte"
    own.write_bytes(b"my own")
    assert fetched(tmp_path)["train-images-idx3-ubyte"] == b"my own"
    assert [path for path, _ in server.requests] == [f"/{name}.gz" for name in FILES[1:]]


def test_it_goes_on_where_it_broke_off(server, mnist, tmp_path):
    server.breaks_off_after = 700  # of 1,200 and some: the second answer brings the rest
    assert fetched(tmp_path) == mnist
    of_images = [wanted for path, wanted in server.requests if path == "/train-images-idx3-ubyte.gz"]
    assert of_images == [None, "bytes=700-"]


@pytest.mark.parametrize("tells_length", [True, False])
def test_what_has_come_outlives_a_failure(server, mnist, tmp_path, tells_length):
    server.breaks_off_after, server.tells_length = 100, tells_length
    with pytest.raises(RunError, match=r"train-images.*broke off after 300 of .* goes on from what has come"):
        fetched(tmp_path)
    (part,) = (tmp_path / "mnist").iterdir()
    assert part.read_bytes() == images(mnist)[:300] and find_downloaded("mnist", tmp_path) is None
    server.breaks_off_after, server.requests = None, []
    assert fetched(tmp_path) == mnist
    assert server.requests[0] == ("/train-images-idx3-ubyte.gz", "bytes=300-")


def test_a_fetching_that_is_interrupted_goes_on_later(server, mnist, tmp_path):
    arrivals = fetch("mnist", tmp_path)
    assert 0 < next(arrivals).bytes
    arrivals.close()
    assert fetched(tmp_path) == mnist


def test_a_server_without_ranges_gives_the_whole_again(server, mnist, tmp_path):
    (tmp_path / "mnist").mkdir()
    part = tmp_path / "mnist" / "train-images-idx3-ubyte.gz.part"
    part.write_bytes(images(mnist)[:500])
    server.has_ranges = False
    assert fetched(tmp_path) == mnist
    assert server.requests[0] == ("/train-images-idx3-ubyte.gz", "bytes=500-")


@pytest.mark.parametrize("length", [500, None, 100_000])
def test_a_part_of_something_else_is_begun_again(server, mnist, tmp_path, length):
    """Shorter than the file, as long, and longer."""
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz.part").write_bytes(b"?" * (length or len(images(mnist))))
    assert fetched(tmp_path) == mnist


def test_redirections_are_followed_with_their_range(server, mnist, tmp_path, monkeypatch):
    use(monkeypatch, server.source("/moved/"), mnist)
    server.breaks_off_after = 700
    assert fetched(tmp_path) == mnist
    assert ("/train-images-idx3-ubyte.gz", "bytes=700-") in server.requests


def test_the_next_mirror_helps(server, mnist, tmp_path, monkeypatch):
    """The first has no file, the second another one of the same size, the third one of another size."""
    server.content |= {f"/wrong/{name}": bytes(len(content)) for name, content in mnist.items()}
    server.content |= {f"/page/{name}": b"<html>please log in</html>" for name in mnist}
    use(monkeypatch, server.source("/none/", "/wrong/", "/page/", "/"), mnist)
    assert fetched(tmp_path) == mnist


FAULTS = {
    "/none/": "HTTP status 404",
    "/wrong/": "its SHA-256 is another",
    "/page/": "its size is another",
}


@pytest.mark.parametrize("mirror", FAULTS)
def test_no_mirror_gives_the_file(server, mnist, tmp_path, monkeypatch, mirror):
    server.content |= {f"/wrong/{name}": bytes(len(content)) for name, content in mnist.items()}
    server.content |= {f"/page/{name}": b"<html>please log in</html>" for name in mnist}
    use(monkeypatch, server.source(mirror), mnist)
    with pytest.raises(RunError, match=f"{mirror}: .*{FAULTS[mirror]}"):
        fetched(tmp_path)
    assert list(tmp_path.rglob("*.gz*")) == []


def test_a_page_of_unknown_length_does_not_spoil_what_the_next_mirror_gives(server, mnist, tmp_path, monkeypatch):
    server.content |= {f"/page/{name}": b"<html>please log in</html>" for name in mnist}
    server.tells_length = False
    use(monkeypatch, server.source("/page/", "/"), mnist)
    assert fetched(tmp_path) == mnist


def test_offline_is_one_sentence(mnist, tmp_path, monkeypatch):
    nobody = http.server.HTTPServer(("127.0.0.1", 0), None)
    port = nobody.server_port
    nobody.server_close()
    use(monkeypatch, (f"http://127.0.0.1:{port}/",), mnist)
    with pytest.raises(
        RunError, match="train-images.*cannot be fetched.*connection refused.*try again later"
    ) as caught:
        fetched(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_silent_server_is_given_up(server, mnist, tmp_path, monkeypatch):
    service = http.server.HTTPServer(("127.0.0.1", 0), None)  # takes connections, and never answers
    monkeypatch.setattr(fetching, "_PATIENCE", 0.1)
    use(monkeypatch, (f"http://127.0.0.1:{service.server_port}/", *server.source()), mnist)
    try:
        assert fetched(tmp_path) == mnist
    finally:
        service.server_close()


def test_a_folder_that_cannot_be_written_is_not_blamed_on_the_mirror(mnist, tmp_path):
    (tmp_path / "mnist").write_bytes(b"in the way")
    with pytest.raises(OSError):
        fetched(tmp_path)


def test_other_names_are_refused(tmp_path):
    with pytest.raises(InputError, match="'digits'.*mnist, fashion-mnist, kmnist"):
        next(fetch("digits", tmp_path))


@pytest.fixture
def emnist(server, monkeypatch):
    """A small archive like EMNIST's: letters are numbered from 1, and images stored transposed."""
    upright = rng.integers(0, 256, (52, 4, 5), np.uint8)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in EMNIST:
            classes, first = {"emnist-letters": (26, 1)}.get(name, (10, 0))
            for part in ("train", "test"):
                y = (first + np.arange(52) % classes).astype(np.uint8)
                for kind, array in (("images-idx3", upright.transpose(0, 2, 1)), ("labels-idx1", y)):
                    content = gzip.compress(idx_bytes(np.ascontiguousarray(array)))
                    archive.writestr(f"gzip/{name}-{part}-{kind}-ubyte.gz", content)
    server.content["/gzip.zip"] = buffer.getvalue()
    real = SOURCES["emnist-letters"]
    files = (published("gzip.zip", buffer.getvalue()),)
    source = Source(server.source(), files, real.licence, real.unpack, real.folder)
    for name in EMNIST:
        monkeypatch.setitem(SOURCES, name, source)
    return upright


def test_emnist_is_unpacked_upright_with_its_letters(server, emnist, tmp_path):
    list(fetch("emnist-letters", tmp_path))
    letters = load("emnist-letters", data_dir=tmp_path)
    np.testing.assert_array_equal(letters.train.X, emnist.reshape(52, 20))
    assert letters.image_shape == (4, 5) and letters.class_names == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert letters.train.y.tolist() == [*range(26)] * 2
    server.requests.clear()
    assert list(fetch("emnist-digits", tmp_path)) == [] and server.requests == []
    assert load("emnist-digits", data_dir=tmp_path).class_names == tuple("0123456789")
    assert not (tmp_path / "emnist" / "gzip.zip").exists()


def test_an_archive_is_verified_whoever_put_it_there(server, emnist, tmp_path):
    (tmp_path / "emnist").mkdir()
    (tmp_path / "emnist" / "gzip.zip").write_bytes(b"not a zip")
    list(fetch("emnist-letters", tmp_path))
    assert find_downloaded("emnist-balanced", tmp_path)


def test_the_published_files_are_those_of_an_idx_folder():
    for name, source in SOURCES.items():
        assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in source.files)
        assert all(re.fullmatch(r"https?://[^ ]+/", mirror) for mirror in source.mirrors)
        if name not in EMNIST:
            assert [file.name for file in source.files] == [f"{file}.gz" for file in FILES]
