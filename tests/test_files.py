"""Files are replaced completely or not at all."""

import os

import pytest

from hw5.errors import InputError
from hw5.files import atomic_write, require_writable


def test_atomic_write_creates_folders(tmp_path):
    path = tmp_path / "new" / "file"
    for content in (b"first", b"second"):
        with atomic_write(path) as file:
            file.write(content)
            assert not path.exists() or path.read_bytes() == b"first"
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["file"]


def test_an_exception_keeps_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == ["file"]


def test_permissions_of_an_ordinary_file(tmp_path):
    with atomic_write(tmp_path / "ours") as file:
        file.write(b"")
    (tmp_path / "ordinary").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_unwritable_paths(tmp_path):
    (tmp_path / "a file").write_bytes(b"")
    require_writable(tmp_path / "fine", "--out")
    for path in (tmp_path, tmp_path / "a file" / "model.npz"):
        with pytest.raises(InputError, match="--out .* cannot be written: "):
            require_writable(path, "--out")
    assert os.listdir(tmp_path) == ["a file"]
