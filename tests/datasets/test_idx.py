"""IDX files and folders written by the tests, and the real MNIST if it is available."""

import gzip
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from hw5.datasets import Schema, load, load_inputs
from hw5.opening import input_errors

from .helpers import idx_bytes, input_error, write_idx

MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist"

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 3, 4)).astype("u1")
LABELS = (np.arange(12) % 3 + 5).astype("u1")


def write_pair(folder, prefix="train", images=IMAGES, labels=LABELS, gz="", separator="-"):
    write_idx(folder / f"{prefix}-images{separator}idx3-ubyte{gz}", images)
    write_idx(folder / f"{prefix}-labels{separator}idx1-ubyte{gz}", labels)


@pytest.mark.parametrize("separator", ["-", "."])
@pytest.mark.parametrize("gz", ["", ".gz"])
def test_a_folder_with_training_and_test_set(tmp_path, gz, separator):
    write_pair(tmp_path, gz=gz, separator=separator)
    write_pair(tmp_path, "t10k", IMAGES[:4], LABELS[:4], gz=gz, separator=separator)
    data = load(str(tmp_path))
    assert data.train.X.dtype == np.uint8 and data.train.X.flags.c_contiguous
    assert data.train.y.dtype == np.int32
    np.testing.assert_array_equal(data.train.X, IMAGES.reshape(12, 12))
    np.testing.assert_array_equal(data.train.y, LABELS - 5)
    np.testing.assert_array_equal(data.test.X, IMAGES[:4].reshape(4, 12))
    assert data.class_names == ("5", "6", "7")
    assert data.image_shape == (3, 4)
    assert data.feature_names is None
    assert (data.name, data.source) == (tmp_path.name, str(tmp_path))


def test_the_test_set_is_optional_and_plain_files_precede_gz(tmp_path):
    write_pair(tmp_path, images=IMAGES // 2, gz=".gz")
    write_pair(tmp_path)
    data = load(str(tmp_path))
    assert data.test is None
    np.testing.assert_array_equal(data.train.X, IMAGES.reshape(12, 12))


def test_an_image_file_with_its_label_file(tmp_path):
    write_pair(tmp_path, "t10k")
    data = load(str(tmp_path / "t10k-images-idx3-ubyte"))
    np.testing.assert_array_equal(data.train.y, LABELS - 5)
    assert data.test is None and data.name == "t10k-images-idx3-ubyte"


def test_source_is_an_absolute_path(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    write_pair(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    source = load("set").source
    monkeypatch.chdir("/")
    assert load(source).name == "set"


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(6,), (6, 5), (6, 2, 3, 2)])
def test_other_types_and_dimensions_become_float32(tmp_path, kind, shape):
    values = np.random.default_rng(1).normal(scale=50, size=shape).astype(kind)
    write_pair(tmp_path, images=values, labels=np.arange(6, dtype="i4") - 2)
    data = load(str(tmp_path))
    assert data.train.X.dtype == np.float32 and data.image_shape == (shape[1:] if len(shape) > 3 else None)
    np.testing.assert_array_equal(data.train.X, values.reshape(6, -1).astype(np.float32))
    assert data.class_names == ("-2", "-1", "0", "1", "2", "3")


def test_a_separate_test_folder(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    write_pair(tmp_path / "a")
    write_pair(tmp_path / "b", images=IMAGES // 2)
    data = load(str(tmp_path / "a"), test=str(tmp_path / "b"))
    np.testing.assert_array_equal(data.test.X, IMAGES.reshape(12, 12) // 2)
    write_pair(tmp_path / "b", "t10k", images=IMAGES // 3)
    data = load(str(tmp_path / "a"), test=str(tmp_path / "b"))
    np.testing.assert_array_equal(data.test.X, IMAGES.reshape(12, 12) // 3)


def test_inputs(tmp_path):
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    write_idx(path, IMAGES)
    X = load_inputs(str(path), Schema(12, image_shape=(3, 4)))
    np.testing.assert_array_equal(X, IMAGES.reshape(12, 12))
    assert X.dtype == np.uint8
    with input_error(path, "(12, 3, 4)", "4 x 3"):
        load_inputs(str(path), Schema(12, image_shape=(4, 3)))
    with input_error(path, "(12, 3, 4)", "13 features"):
        load_inputs(str(path), Schema(13))
    with input_error(tmp_path, "folder"):
        load_inputs(str(tmp_path), Schema(12))


# What is wrong with the image file: its content, and words of the message.
BAD_IMAGES = {
    "empty": (b"", ["empty"]),
    "wrong magic": (b"\1\0\x08\3" + idx_bytes(IMAGES)[4:], ["magic number", "01 00 08 03"]),
    "unknown type": (b"\0\0\x0a\3" + idx_bytes(IMAGES)[4:], ["magic number", "00 00 0a 03"]),
    "no dimensions": (b"\0\0\x08\0\1", ["shape ()"]),
    "too many dimensions": (b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"\0", ["shape"]),
    "ends in the magic number": (b"\0\0\x08", ["magic number"]),
    "ends in the header": (idx_bytes(IMAGES)[:10], ["truncated"]),
    "fewer values than declared": (idx_bytes(IMAGES)[:-5], ["12 x 3 x 4", "144 bytes", "139"]),
    "more than declared": (idx_bytes(IMAGES) + b"\0", ["144 bytes", "more"]),
    "no images": (idx_bytes(IMAGES[:0]), ["shape (0, 3, 4)"]),
    "no pixels": (idx_bytes(IMAGES[:, :0]), ["shape (12, 0, 4)"]),
}


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("case", BAD_IMAGES)
def test_bad_images(tmp_path, case, gz):
    content, words = BAD_IMAGES[case]
    write_pair(tmp_path, gz=gz)
    path = tmp_path / f"train-images-idx3-ubyte{gz}"
    path.write_bytes(gzip.compress(content) if gz and content else content)
    with input_error(path, *words):
        load(str(tmp_path))


def test_truncated_and_damaged_gzip(tmp_path):
    write_pair(tmp_path, gz=".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    valid = path.read_bytes()
    flipped = bytearray(valid)
    flipped[-6] ^= 1  # in the checksum
    for content, word in (
        (valid[:-20], "truncated"),
        (valid[:5], "truncated"),
        (bytes(flipped), "not a valid gzip file"),
        (valid + b"trailing", "not a valid gzip file"),
        (idx_bytes(IMAGES), "not a valid gzip file"),
        (valid[:12] + b"\xff\xff\xff" + valid[15:], "damaged"),
    ):
        path.write_bytes(content)
        with input_error(path, word):
            load(str(tmp_path))


def test_a_false_size_in_a_header_allocates_nothing(tmp_path):
    content = b"\0\0\x08\3" + (10_000).to_bytes(4, "big") * 3  # declares 10^12 bytes
    write_pair(tmp_path)
    write_pair(tmp_path, gz=".gz")
    plain, packed = (tmp_path / f"train-images-idx3-ubyte{gz}" for gz in ("", ".gz"))
    plain.write_bytes(content + bytes(5_000_000))
    packed.write_bytes(gzip.compress(content + bytes(1000)))
    for path, reason in ((plain, "only 5000000 follow"), (packed, "compressed size")):
        tracemalloc.start()
        with input_error(path, "1000000000000 bytes", reason):
            load(str(path))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()


def test_gzip_is_not_inflated_beyond_the_declared_size(tmp_path):
    write_pair(tmp_path, gz=".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(IMAGES) + bytes(64 << 20), 1))
    tracemalloc.start()
    with input_error(path, "144 bytes", "more"):
        load(str(tmp_path))
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "labels, words",
    {
        "fewer": (LABELS[:-1], ["12 images", "11 labels"]),
        "of one class": (LABELS * 0, ["at least two classes", "'0'"]),
        "of two dimensions": (LABELS.reshape(12, 1), ["one dimension"]),
        "fractions": (LABELS + np.float32(0.5), ["row 1", "neither a whole number nor text", "--task regression"]),
    }.values(),
)
def test_bad_labels(tmp_path, labels, words):
    write_pair(tmp_path, labels=labels)
    with input_error(tmp_path / "train-labels-idx1-ubyte", *words):
        load(str(tmp_path))


def test_nonfinite_features(tmp_path):
    values = np.ones((12, 2, 3), "f8")
    for bad, text in ((np.nan, "nan"), (np.inf, "inf"), (1e39, "1e+39")):
        values[3, 1, 1] = bad
        write_pair(tmp_path, images=values)
        with input_error(tmp_path / "train-images-idx3-ubyte", "row 4, column 5", text):
            load(str(tmp_path))


def test_missing_files(tmp_path):
    with input_error(tmp_path, "train-images", "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        load(str(tmp_path))
    write_pair(tmp_path)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", IMAGES)
    with input_error(tmp_path, "no t10k-labels file"):
        load(str(tmp_path))
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with input_error(tmp_path, "no train-labels file"):
        load(str(tmp_path / "train-images-idx3-ubyte"))
    write_idx(tmp_path / "train-labels-idx1-ubyte", LABELS)
    with input_error(tmp_path, "image file"):
        load(str(tmp_path / "train-labels-idx1-ubyte"))


def test_the_test_set_must_match_the_training_set(tmp_path):
    write_pair(tmp_path)
    write_pair(tmp_path, "t10k", labels=LABELS + 1)
    data = load(str(tmp_path))
    assert (data.test.y == -1).sum() == (LABELS == LABELS.max()).sum()
    assert "t10k-labels-idx1-ubyte, row 3" in data.warnings[0] and "class '8'" in data.warnings[0]
    write_pair(tmp_path, "t10k", images=IMAGES[:, 1:])
    with input_error(tmp_path / "t10k-labels-idx1-ubyte", "8 features", "12"):
        load(str(tmp_path))


def test_a_file_without_read_permission(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte"
    with input_error(path, "permission denied"), input_errors(path):
        raise PermissionError(13, "Permission denied")
    write_pair(tmp_path)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read any file")
    with input_error(path, "permission denied"):
        load(str(tmp_path))


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not in ../shared/data/mnist")
def test_mnist():
    data = load("mnist", data_dir=MNIST.parent)
    assert data.train.X.shape == (60000, 784) and data.test.X.shape == (10000, 784)
    assert data.train.X.dtype == np.uint8 and data.image_shape == (28, 28)
    assert data.class_names == tuple("0123456789")
    assert data.train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    # The published counts.
    assert np.bincount(data.train.y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(data.test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert abs(data.train.X.mean() / 255 - 0.1307) < 5e-5  # the usually quoted mean
