"""Files that are small, or no files at all, and would take all memory, or wait for good.

Every reader reads in a process of its own, whose peak of memory is measured. BOUNDS are those of docs/data.md and
docs/checkpoints.md, for a file of n bytes.
"""

import functools
import gzip
import io
import json
import os
import select
import signal
import struct
import subprocess
import sys
import zlib
from typing import NamedTuple

import numpy as np
import pytest

from hw5.datasets.images import _LONGEST_SIDE, _MOST_PIXELS
from tests.cli.helpers import hw5, refused
from tests.datasets.helpers import idx_bytes
from tests.pages import ROOT

from .helpers import add_zeros, npy, npz
from .test_hostile_checkpoint import Settings, saved, sealed

pytestmark = pytest.mark.slow

MIB = 1 << 20
BOUNDS = {
    "csv": lambda n: 80 * n,
    "plain": lambda n: 12 * n,  # NPY and IDX
    "compressed": lambda n: 12 * (64 * MIB + 200 * n),  # NPZ and IDX
    "labels": lambda n: 300 * n,
    "checkpoint": lambda n: 12 * (16 * MIB + 8 * n),
    "grey image": lambda pixels: 8 * pixels,
    "image": lambda pixels: 16 * pixels,
    "config": lambda n: 64 * MIB,
}
_SMALL = 24 * MIB  # of a process that has read little: modules imported on use

READERS = """
import json, os, resource, sys, tempfile
import numpy as np
from hw5.datasets import Dataset, Examples, Schema, load, load_inputs
from hw5.datasets.images import load_image
from hw5.datasets.preprocessing import Standardisation, Subset
from hw5.errors import InputError
from hw5.train.checkpoint import Checkpoint
from hw5.train.data_source import DataSource
import hw5.cli.train, hw5.cli.config
import pyarrow.compute, pyarrow.csv
try:
    import PIL.Image, PIL.ImageOps, PIL.PngImagePlugin, PIL.JpegImagePlugin
except ImportError:
    pass

def trained():
    X = np.uint8([[0] * 784, [255] * 784])
    dataset = Dataset("images", "images", Examples(X, np.zeros(2, np.int32)), None, ("a", "b"), None, (28, 28))
    class Trained:
        data, image_shape = DataSource.of(dataset, None, None), (28, 28)
        standardisation = Standardisation.fit(Subset.whole(dataset.train))
    return Trained

def peak():
    try:
        with open("/proc/self/status") as file:  # of this program alone, not of the one that started it
            return 1024 * int(next(line for line in file if line.startswith("VmHWM")).split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

readers = {
    "data": load,
    "regression": lambda path: load(path, task="regression"),
    "inputs": lambda path: load_inputs(path, Schema(1)),
    "checkpoint": Checkpoint.load,
    "image": lambda path: load_image(path, model),
    "config": lambda path: hw5.cli.config._load(path),
}
model = trained()
table = tempfile.NamedTemporaryFile(suffix=".csv")
table.write(b"1,2,x\\n3,4,y\\n")
table.flush()
load(table.name)  # imports more

def reading(reader, path):
    load(table.name)  # a copy of a process begins without the pages of its libraries
    before = peak()
    try:
        readers[reader](path)
        return [peak() - before, "read"]
    except InputError as error:
        return [peak() - before, str(error)]

for line in sys.stdin:  # each file is read by a copy of this process, whose peak is its own
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        print(json.dumps(reading(*json.loads(line))), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(json.dumps(None), flush=True)
"""


class Reading(NamedTuple):
    """The bytes that reading took at most, and "read" or the error."""

    peak: int
    outcome: str


@functools.cache
def readers():
    """A process that has imported what readers need, which takes longer than most files. It ends with this one."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", READERS], cwd=ROOT, env=environment, start_new_session=True, **pipes)


def read(reader, path, seconds=300):
    """Read a file in another process. The limit is for what waits for good: no reading takes a tenth of it."""
    process = readers()
    print(json.dumps([reader, str(path)]), file=process.stdin, flush=True)
    if not select.select([process.stdout], [], [], seconds)[0]:
        readers.cache_clear()
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail(f"{path} is still being read after {seconds} seconds")
    answer = json.loads(process.stdout.readline())
    assert answer, f"the process that read {path} failed"
    return Reading(*answer)


def require_bounded(reader, path, bound, size=None):
    reading = read(reader, path)
    limit = _SMALL + BOUNDS[bound](path.stat().st_size if size is None else size)
    assert reading.peak <= limit, f"{reading.peak:,} bytes, but {limit:,} are allowed"
    return reading.outcome


def test_the_bounds_are_those_of_the_documentation():
    data, checkpoints = ((ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("data", "checkpoints"))
    for words in (
        "80 n",
        "12 n",
        "64 MiB + 200 n",
        "300 bytes for each distinct label",
        f"{_MOST_PIXELS:,} pixels",
        f"{_LONGEST_SIDE:,} pixels",
        "16 bytes a pixel, 8 if it is grey",
    ):
        assert words in " ".join(data.split()), words
    for words in ("16 MiB + 8 n", "12 times", "64 KiB"):
        assert words in " ".join(checkpoints.split()), words


# Tables and arrays


def zeros(path, **arrays):
    """An .npz of zeros: each array by its type and shape, deflated a thousandfold."""
    npz(path, [])
    for name, (kind, shape) in arrays.items():
        dtype = np.dtype(kind)
        add_zeros(path, f"{name}.npy", npy(f"'{dtype.str}'", shape), int(np.prod(shape)) * dtype.itemsize)
    return path


ZEROS = {  # 60 MiB in about 60 kB
    "integers": dict(X=("i1", (MIB, 59)), y=("u1", (MIB,))),
    "labels of one byte": dict(X=("u1", (30 * MIB, 1)), y=("i1", (30 * MIB,))),
    "labels that are floats": dict(X=("u1", (20 * MIB, 1)), y=("<f2", (20 * MIB,))),
    "labels that are text": dict(X=("u1", (12 * MIB, 1)), y=("<U1", (12 * MIB,))),
    "complex": dict(X=("<c8", (MIB, 7)), y=("u1", (MIB,))),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ZEROS)
def test_an_archive(tmp_path, kind):
    require_bounded("data", zeros(tmp_path / "a.npz", **ZEROS[kind]), "compressed")


def test_an_archive_beyond_the_bound_is_not_read(tmp_path):
    path = zeros(tmp_path / "a.npz", X=("u1", (100 * MIB, 1)), y=("u1", (100 * MIB,)))
    reading = read("data", path)
    assert "too many for the size of the file" in reading.outcome and reading.peak < _SMALL


@pytest.mark.slow
def test_a_gzip_file(tmp_path):
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.uint8(np.arange(MIB) % 2)))
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(struct.pack(">4B3I", 0, 0, 9, 3, MIB, 6, 10) + bytes(60 * MIB)))
    assert require_bounded("data", path, "compressed") == "read"


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["data", "regression"])
@pytest.mark.parametrize("kind", ["i4", "f4"])
def test_as_many_labels_as_examples(tmp_path, reader, kind):
    n = 300_000
    np.savez(tmp_path / "a.npz", X=np.zeros((n, 1), np.uint8), y=np.arange(n, dtype=kind))
    reading = read(reader, tmp_path / "a.npz")
    assert reading.outcome == "read" and reading.peak <= _SMALL + BOUNDS["labels"](n)


@pytest.mark.slow
def test_a_table_of_bytes(tmp_path):
    np.save(tmp_path / "a.npy", np.int8(np.arange(MIB)[:, np.newaxis] % np.full(20, 2)))
    assert require_bounded("data", tmp_path / "a.npy", "plain") == "read"


TABLES = {
    "commas": b"," * 3_000_000,
    "two digits": b"10,11\n20,12\n" * 250_000,
    "wide": (b"10," * 500_000 + b"x\n" + b"10," * 500_000 + b"y\n"),
    "labels": b"".join(b"%d,%d\n" % (i, i) for i in range(100_000)),
    "one line": b"x" * 3_000_000,
    "wide characters": "1,\U0001f337\n2,x\n".encode() * 200_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["data", "inputs"])
@pytest.mark.parametrize("kind", TABLES)
def test_a_csv(tmp_path, reader, kind):
    (tmp_path / "a.csv").write_bytes(TABLES[kind])
    require_bounded(reader, tmp_path / "a.csv", "csv")


# Checkpoints


@pytest.fixture
def checkpoint(tmp_path):
    """The arrays of a checkpoint, and the text of its description."""
    arrays, description = saved(tmp_path / "m.npz", (6, 3, 2), Settings(hidden=(3,)), ("x", "y"))
    return arrays, sealed(arrays, description)


def packed(path, arrays, text):
    """A checkpoint that is compressed."""
    np.savez_compressed(path, description=text, **arrays)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["{},", "[],", '"ab",', "1.5,", '{"a":1},'])
def test_the_description_of_a_checkpoint(tmp_path, checkpoint, entry):
    arrays, text = checkpoint
    n = 15 * MIB // 4 // len(entry)  # characters have four bytes in the array
    path = packed(tmp_path / "a.npz", arrays, f'{text[:-1]}, "more": [{entry * n}0]}}')
    assert path.stat().st_size < 100_000
    assert "damaged" in require_bounded("checkpoint", path, "checkpoint")


@pytest.mark.slow
def test_the_history_of_a_checkpoint(tmp_path, checkpoint):
    arrays, text = checkpoint
    description = json.loads(text)
    description["history"] *= 30_000
    assert require_bounded("checkpoint", packed(tmp_path / "a.npz", arrays, sealed(arrays, description)), "checkpoint")


def test_a_checkpoint_beyond_the_bound_is_not_read(tmp_path, checkpoint):
    path = packed(tmp_path / "a.npz", *checkpoint)
    add_zeros(path, "more.npy", npy("'|u1'", (32 * MIB,)), 32 * MIB)
    reading = read("checkpoint", path)
    assert "damaged" in reading.outcome and reading.peak < _SMALL


@pytest.mark.slow
def test_a_large_checkpoint_is_read(tmp_path):
    """Also when something else has compressed it: its velocities are zeros."""
    path = tmp_path / "large.npz"
    hw5("train", "--hidden", "1500,1500", "--epochs", 1, "--batch-size", "all", "--out", path)
    assert path.stat().st_size > 18_000_000
    assert require_bounded("checkpoint", path, "checkpoint") == "read"
    with np.load(path) as file:
        np.savez_compressed(tmp_path / "small.npz", **file)
    assert read("checkpoint", tmp_path / "small.npz").outcome == "read"


# Pictures


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(path, width, height, depth=8, colour=0, more=b""):
    """A black or transparent PNG, and additional chunks."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    row = bytes(1 + (width * channels * depth + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


@pytest.fixture
def pillow():
    return pytest.importorskip("PIL.Image")


SIZES = {  # width, height, and what is said
    "one row": (89_000_000, 1, "a side of more than 65,535 pixels"),
    "one column": (1, 89_000_000, "a side of more than 65,535 pixels"),
    "too many": (9460, 9460, "more than 89,478,485 pixels"),
}


@pytest.mark.parametrize("kind", SIZES)
def test_a_picture_that_is_too_large_is_not_decoded(tmp_path, pillow, kind):
    width, height, words = SIZES[kind]
    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    reading = read("image", path)
    assert words in reading.outcome and reading.peak < _SMALL


KINDS = {"grey": (8, 0), "16 bits": (16, 0), "1 bit": (1, 0), "colours": (8, 2), "transparency": (8, 6), "both": (8, 4)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_large_picture(tmp_path, pillow, kind):
    depth, colour = KINDS[kind]
    path = png(tmp_path / "a.png", 6000, 4000, depth, colour)
    bound = "grey image" if colour == 0 else "image"
    assert path.stat().st_size < 200_000 and require_bounded("image", path, bound, 24_000_000) == "read"


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(65_535, 300), (300, 65_535)])
def test_a_long_picture(tmp_path, pillow, shape):
    path = png(tmp_path / "a.png", *shape)
    assert require_bounded("image", path, "grey image", shape[0] * shape[1]) == "read"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_large_jpeg(tmp_path, pillow, mode):
    pillow.new(mode, (6000, 4000)).save(tmp_path / "a.jpg", progressive=True)
    assert require_bounded("image", tmp_path / "a.jpg", "image", 24_000_000) == "read"


def directory(entries, size, total):
    """EXIF of `total` bytes, with entries of `size` bytes that all begin at the same place."""
    content = b"II*\0" + struct.pack("<IH", 8, entries)
    content += b"".join(struct.pack("<HHII", tag, 1, size, 8) for tag in range(1, entries + 1)) + bytes(4)
    return content + bytes(total - len(content))


CHUNKS = {
    "text": chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 28))),
    "texts": b"".join(chunk(b"zTXt", b"%d\0\0" % i + zlib.compress(bytes(900_000))) for i in range(200)),
    "international text": chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(1 << 28))),
    "a profile": chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 28))),
    "EXIF": chunk(b"eXIf", directory(2000, 200_000, 300_000)),
    "frames": chunk(b"acTL", struct.pack(">2I", 1 << 30, 0))
    + chunk(b"fcTL", struct.pack(">5I2H2B", 0, 1 << 30, 1 << 30, 0, 0, 1, 1, 0, 0)),
}


@pytest.mark.parametrize("kind", CHUNKS)
def test_what_a_png_holds_besides_pixels(tmp_path, pillow, kind):
    path = png(tmp_path / "a.png", 8, 8, more=CHUNKS[kind])
    assert read("image", path).peak < 4 * _SMALL


def segments(marker, head, content):
    """Segments of a JPEG, each with a part of the content."""
    parts = [head + content[i : i + 65_000] for i in range(0, len(content), 65_000)]
    return b"".join(marker + struct.pack(">H", 2 + len(part)) + part for part in parts)


SEGMENTS = {
    "EXIF": segments(b"\xff\xe1", b"Exif\0\0", directory(2000, 200_000, 300_000)),
    "after a marker without content": b"\xff\xf0\xff\xff"
    + segments(b"\xff\xe1", b"Exif\0\0", directory(2000, 200_000, 300_000)),
    "an index of pictures": segments(b"\xff\xe2", b"MPF\0", directory(5000, 64_000, 64_900)),
}


@pytest.mark.parametrize("kind", SEGMENTS)
def test_what_a_jpeg_holds_besides_pixels(tmp_path, pillow, kind):
    pillow.new("L", (8, 8)).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    assert content[2:4] == b"\xff\xe0"  # whose resolution keeps Pillow from reading EXIF early
    rest = content[4 + int.from_bytes(content[4:6], "big") :]
    (tmp_path / "a.jpg").write_bytes(content[:2] + SEGMENTS[kind] + rest)
    reading = read("image", tmp_path / "a.jpg")
    assert "not a valid PNG or JPEG" in reading.outcome and reading.peak < _SMALL


def test_a_scaling_that_is_too_large(tmp_path, pillow):
    """A model of images of 100,000 x 1 pixels, and a picture of 65,535 x 2."""
    from hw5.datasets.images import _require_scalable
    from hw5.errors import InputError

    _require_scalable("a.png", (_LONGEST_SIDE, _MOST_PIXELS // _LONGEST_SIDE), (224, 224))
    with pytest.raises(InputError, match="a.png: too large to be scaled to 100000 x 1 pixels; give a smaller image"):
        _require_scalable("a.png", (_LONGEST_SIDE, 2), (100_000, 1))


# Configurations, and what is no file


CONFIGS = {
    "deep": "a = " + "[" * 30_000,
    "deep tables": "a = " + "{a=" * 20_000,
    "long keys": "a." * 30_000 + "a = 1",
    "an integer": "seed = " + "9" * 60_000,
    "an integer in hexadecimal": "seed = 0x" + "f" * 60_000,
    "a list": f"hidden = [0x{'f' * 60_000}]",
    "a long name": f'"{"lr" * 30_000}" = 1',
    "a long value": f'model = "{"m" * 60_000}"',
    "many tables": "[a]\n" + "".join(f"[a.b{i}]\n" for i in range(5000)),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_configuration(tmp_path, kind):
    path = tmp_path / "a.toml"
    path.write_text(CONFIGS[kind])
    assert path.stat().st_size <= 1 << 16
    require_bounded("config", path, "config")
    assert refused("train", "--config", path)


def test_a_configuration_that_is_too_large(tmp_path):
    path = tmp_path / "a.toml"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # without its blocks
    reading = read("config", path)
    assert "larger than 65,536 bytes" in reading.outcome and reading.peak < _SMALL
    path.write_text("epochs = 1\n" + "#" * ((1 << 16) - 11))
    hw5("train", "--config", path)


@pytest.mark.parametrize("kind", ["fifo", "/dev/zero", "/dev/stdin", "folder"])
@pytest.mark.parametrize(
    "name", ["a.csv", "a.npz", "a.npy", "t-images-idx3-ubyte", "a.png", "a.jpg", "m.npz", "a.toml"]
)
def test_what_is_no_file(tmp_path, name, kind):
    """A sentence instead of waiting: nobody writes to the pipe."""
    path = tmp_path / name
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(kind)
    (tmp_path / "t-labels-idx1-ubyte").write_bytes(idx_bytes(np.uint8([0, 1])))
    reader = {"m.npz": "checkpoint", "a.toml": "config"}.get(name, "image" if name[-3:] in ("png", "jpg") else "data")
    reading = read(reader, path, seconds=60)
    assert reading.outcome != "read" and reading.peak < _SMALL and str(path) in reading.outcome
    assert "not a regular file" in reading.outcome or kind == "folder"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.npz"
    hw5("train", "--data", "xor", "--epochs", 1, "--out", path)
    return path


def test_predictions_of_a_pipe(model, tmp_path):
    """A sentence says what to do instead."""
    os.mkfifo(tmp_path / "a.csv")
    for path in (tmp_path / "a.csv", "/dev/stdin", "/dev/fd/0"):
        assert "pipe a table to hw5 predict, and give - for it" in refused("predict", model, path, input="1,2\n")
    assert hw5("predict", model, "-", input="1,2\n").stdout.startswith("1,2,class,probability\n1,2,")


def test_standard_input_leaves_nothing(model, tmp_path):
    """Killed while it reads, hw5 predict leaves no copy."""
    command = [sys.executable, "-m", "hw5.cli", "predict", str(model), "-"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT, env=environment)
    try:
        for _ in range(64):  # the pipe holds 64 KiB, so it has read more than a megabyte of these
            process.stdin.write(b"1,2\n" * 8192)
        process.stdin.flush()
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
    assert list(tmp_path.iterdir()) == []


def test_standard_input_that_cannot_be_copied(model, tmp_path, monkeypatch):
    from hw5 import opening

    monkeypatch.setattr(opening.tempfile, "TemporaryFile", lambda: _Full())
    assert "standard input cannot be copied to a temporary file: no space left" in refused(
        "predict", model, "-", input="1,2\n"
    )


class _Full(io.BytesIO):
    def write(self, content):
        raise OSError(28, "No space left on device")


def test_a_file_that_becomes_a_pipe(tmp_path, monkeypatch):
    """Between the test and the opening."""
    from hw5.datasets import load
    from tests.datasets.helpers import input_error

    (tmp_path / "a.csv").write_text("1,2,x\n3,4,y\n")
    os.mkfifo(tmp_path / "pipe.csv")
    status, stat = os.stat(tmp_path / "a.csv"), os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: status if str(path).endswith(".csv") else stat(path, **more))
    assert len(load(str(tmp_path / "a.csv")).train.y) == 2
    with input_error("not a regular file"):
        load(str(tmp_path / "pipe.csv"))
