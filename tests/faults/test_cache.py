"""The cache of compiled code: never that of another user, damaged code is compiled again, nothing is left over.

The command line and a small program run in their own processes, as root and as a second user. A compiler that copies a
library made before saves the time to compile.
"""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from hw5 import cache, scratch
from hw5.compiler import build_shared_library, digest, find_compiler, with_includes
from hw5.devices import open_device
from hw5.devices.native import library
from hw5.errors import InputError
from tests.environment import python_path

from .test_trouble import in_a_mount

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiler")]

ROOT = Path(__file__).parents[2]
STEP = ROOT / "hw5" / "devices" / "native" / "step.cpp"
USER, OTHER = 12345, 54321  # without entries in the list of users
PROGRAM = """
import ctypes, sys
from hw5.compiler import build_shared_library
print(ctypes.CDLL(str(build_shared_library(sys.argv[1]))).answer())
"""
ANSWER = 'extern "C" __attribute__((visibility("default"))) int answer() { return %d; }\n'
PLANTED = """
#include <cstdio>
#include <cstdlib>
__attribute__((constructor)) static void run() { fclose(fopen(getenv("MARKER"), "w")); }
"""


@pytest.fixture
def tmp_path():
    """A folder that a second user can reach and write to, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="test-cache-") as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


@pytest.fixture
def source(tmp_path):
    """A small source file."""
    file = tmp_path / "answer.cpp"
    file.write_text(ANSWER % 42)
    return file


def as_user(user, command):
    """The command for another user, who may read all files, so that Python may be in root's home."""
    capabilities = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *capabilities, *command]


def start(*command, user=None, **environment):
    """Start Python in a process group of its own; environment variables that are None are removed."""
    command = [sys.executable, *map(str, command)]
    command = command if user in (None, os.geteuid()) else as_user(user, command)
    inherited = {name: value for name, value in os.environ.items() if name not in environment}
    mine = {name: str(value) for name, value in environment.items() if value is not None}
    cwd = environment.get("PWD", ROOT)
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=inherited | {"PYTHONPATH": python_path(ROOT)} | mine,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(*command, code=0, **options):
    """Run Python; returns standard output and error."""
    process = start(*command, **options)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code and "Traceback" not in err, out + err
    return out, err


def answer(source, program=PROGRAM, **options):
    """The answer of the small program, and what it said on standard error."""
    out, err = run("-c", program, source, **options)
    return int(out), err


def train(out, **options):
    """The bytes of a checkpoint after two epochs, and the output."""
    said = "".join(run("-m", "hw5.cli", "train", "--device", "cpu", "--epochs", 2, "--out", out, **options))
    return out.read_bytes(), said


# ---- orders of another user


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A library that gives another answer and writes a file, $MARKER, when it is loaded."""
    folder = tmp_path_factory.mktemp("planted")
    file = folder / "planted.cpp"
    file.write_text(ANSWER % 666 + PLANTED)
    library = folder / "planted.so"
    find_compiler().run(["-shared", "-fPIC", str(file), "-o", str(library)], folder, str(file))
    return library.read_bytes()


@pytest.fixture(scope="module")
def second_user():
    """A user who can run hw5, by root's leave."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as another user")
    command = as_user(USER, [sys.executable, "-c", "import hw5"])
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    except FileNotFoundError:
        pytest.skip("setpriv is not installed")
    if done.returncode != 0:
        pytest.skip(f"another user cannot run Python here: {done.stderr}")
    return USER


def give(path, owner):
    """Change the owner of a file, a folder or a link."""
    try:
        os.lchown(path, owner, -1)
    except PermissionError:
        pytest.skip("only root can give files to another user")


@pytest.fixture
def marker(tmp_path):
    """A file that the planted library writes."""
    return tmp_path / "loaded"


def name_of(source, content):
    """The name in the cache of a library with this content that is to be loaded for a source."""
    flags = ("-std=c++17", "-fPIC", "-shared", "-fvisibility=hidden", "-O2")
    stem = f"{source.stem}-{digest(find_compiler(), with_includes(source), flags)}"
    return f"{stem}-{cache._digest(stem, content)}.so"


class Place:
    """A cache of a user with a planted library in it; the methods say how another user put it there."""

    def __init__(self, folder, name, content, user):
        self.folder, self.cache, self.name, self.content, self.user = folder, folder / "cache", name, content, user

    def folder_of(self, owner, mode=0o755):
        self.cache.mkdir()
        give(self.cache, owner)
        self.cache.chmod(mode)

    def file_of(self, owner, mode=0o644, path=None):
        path = path or self.cache / self.name
        path.write_bytes(self.content)
        give(path, owner)
        path.chmod(mode)

    def nothing(self):
        self.folder_of(self.user, 0o700)
        self.file_of(self.user, 0o600)

    def file(self):
        self.folder_of(self.user, 0o700)
        self.file_of(OTHER)

    def file_that_others_can_write(self):
        self.folder_of(self.user, 0o700)
        self.file_of(self.user, 0o666)

    def symbolic_link(self):
        self.folder_of(self.user)
        self.file_of(OTHER, path=self.folder / "theirs.so")
        (self.cache / self.name).symlink_to(self.folder / "theirs.so")

    def hard_link(self):
        self.folder_of(self.user)
        self.file_of(OTHER, path=self.folder / "theirs.so")
        (self.cache / self.name).hardlink_to(self.folder / "theirs.so")

    def folder_of_another_user(self):
        self.folder_of(OTHER)
        self.file_of(OTHER)

    def folder_of_another_user_with_a_file_of_the_user(self):
        self.folder_of(OTHER)
        self.file_of(self.user, 0o600)

    def folder_of_another_user_that_all_can_write(self):
        self.folder_of(OTHER, 0o777)
        self.file_of(OTHER)

    def link_to_a_folder_of_another_user(self):
        self.folder_of_another_user()
        self.cache.rename(self.folder / "theirs")
        self.cache.symlink_to(self.folder / "theirs")

    def link_of_another_user(self):
        self.nothing()
        self.cache.rename(self.folder / "a folder of the user")
        self.cache.symlink_to(self.folder / "a folder of the user")
        give(self.cache, OTHER)

    def folder_that_all_can_write(self):
        self.folder_of(self.user, 0o777)
        self.file_of(self.user, 0o600)

    def folder_that_a_group_can_write(self):
        self.folder_of(self.user, 0o770)
        self.file_of(self.user, 0o600)

    def sticky_folder_that_all_can_write(self):
        self.folder_of(self.user, 0o1777)
        self.file_of(self.user, 0o600)


FILES = ("file", "file_that_others_can_write", "symbolic_link", "hard_link")
FOLDERS = {
    "folder_of_another_user": "it belongs to another user",
    "folder_of_another_user_with_a_file_of_the_user": "it belongs to another user",
    "folder_of_another_user_that_all_can_write": "it belongs to another user",
    "link_to_a_folder_of_another_user": "it belongs to another user",
    "link_of_another_user": "it belongs to another user",
    "folder_that_all_can_write": "other users can write to it",
    "folder_that_a_group_can_write": "other users can write to it",
    "sticky_folder_that_all_can_write": "other users can write to it",
}


@pytest.fixture(params=["me", "second user"])
def place(request, planted, source, tmp_path):
    user = os.geteuid() if request.param == "me" else request.getfixturevalue("second_user")
    return Place(tmp_path, name_of(source, planted), planted, user)


def test_the_planted_library_would_run(place, source, marker):
    """The other tests would find it if it were loaded."""
    place.nothing()
    assert answer(source, user=place.user, HW5_CACHE=place.cache, MARKER=marker) == (666, "")
    assert marker.exists()


@pytest.mark.parametrize("how", FILES)
def test_a_file_of_another_user_is_replaced(place, source, marker, how):
    getattr(place, how)()
    for _ in range(2):
        assert answer(source, user=place.user, HW5_CACHE=place.cache, MARKER=marker) == (42, "")
    assert not marker.exists()
    assert [path for path in place.cache.iterdir() if path.name != place.name]


@pytest.mark.parametrize("how", FOLDERS)
def test_a_folder_that_another_user_can_change_is_not_used(place, source, marker, how):
    getattr(place, how)()
    value, said = answer(source, user=place.user, HW5_CACHE=place.cache, MARKER=marker)
    assert value == 42 and not marker.exists()
    assert said == (
        f"hw5: the cache of compiled code, {place.cache}, cannot be used: {FOLDERS[how]}; this run uses a temporary "
        "folder (set HW5_CACHE to choose another cache)\n"
    )
    assert os.listdir(place.cache) == [place.name]


@pytest.mark.parametrize("exists", [True, False])
def test_root_uses_no_cache_in_another_users_home(place, source, marker, exists):
    """As after sudo, which may keep HOME; and it leaves nothing there that the other user could not remove."""
    home = place.folder / "home"
    place.cache = home / ".cache" / "hw5" / "compiled"
    place.cache.parent.mkdir(parents=True)
    if exists:
        place.folder_of(OTHER)
        place.file_of(OTHER)
    for folder in (home, place.cache.parent.parent, place.cache.parent):
        give(folder, OTHER)
        folder.chmod(0o777)
    options = {"HW5_CACHE": None, "XDG_CACHE_HOME": None, "HOME": home, "MARKER": marker}
    value, said = answer(source, user=place.user, **options)
    assert value == 42 and not marker.exists()
    assert said.count("\n") == 1 and "belongs to another user; this run uses a temporary folder" in said
    assert [path.name for path in place.cache.parent.rglob("*")] == ["compiled", place.name] * exists


def test_a_planted_training_step(place, marker, tmp_path, copier):
    """Its digest is right, but it is not loaded; the bits are those of a training with an empty cache."""
    options = {"user": place.user, "CXX": copier, "MARKER": marker}
    expected, _ = train(tmp_path / "expected.npz", HW5_CACHE=tmp_path / "own", **options)
    (own,) = (tmp_path / "own").iterdir()
    stem = own.name.rpartition("-")[0]
    place.name = f"{stem}-{cache._digest(stem, place.content)}.so"
    place.folder_of_another_user()
    found, said = train(tmp_path / "found.npz", HW5_CACHE=place.cache, **options)
    assert found == expected and "compiled step" in said and "it belongs to another user" in said
    assert not marker.exists() and (tmp_path / "compiler.log").read_text() == "run\n" * 2


def test_a_folder_that_is_renamed_after_it_was_checked(tmp_path, monkeypatch, source):
    """Who can write to its parent can put another in its place, but paths still lead to the first."""
    monkeypatch.setenv("HW5_CACHE", str(tmp_path / "cache"))
    library = build_shared_library(source)
    content = library.read_bytes()
    (tmp_path / "cache").rename(tmp_path / "renamed")
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "cache" / library.name).write_bytes(b"planted")
    assert library.read_bytes() == content
    assert build_shared_library(source).read_bytes() == content  # the new folder is checked, and its file is damaged
    assert (tmp_path / "cache" / library.name).read_bytes() == content


# ---- damaged files


@pytest.fixture(scope="module")
def step():
    """The training step's library."""
    return build_shared_library(STEP, library.FLAGS, [ROOT / "kernels"]).read_bytes()


@pytest.fixture
def copier(tmp_path, step):
    """A compiler that copies the training step's library, and notes that in compiler.log."""
    (tmp_path / "step.so").write_bytes(step)
    compiler = tmp_path / "copier"
    compiler.write_text(
        f'#!/bin/sh\nfor last; do :; done\necho run >>"{tmp_path}/compiler.log"\ncp "{tmp_path}/step.so" "$last"\n'
    )
    compiler.chmod(0o755)
    return compiler


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content + b"\0",
        lambda content: content[:64] + bytes(len(content) - 64),
    ],
    ids=["a flipped bit", "truncated", "empty", "longer", "zeros"],
)
def test_a_damaged_file_is_compiled_again(tmp_path, copier, step, damage):
    options = {"HW5_CACHE": tmp_path / "cache", "CXX": copier}
    expected, _ = train(tmp_path / "model.npz", **options)
    (library,) = (tmp_path / "cache").iterdir()
    assert library.read_bytes() == step and library.stat().st_mode & 0o777 == 0o600
    library.write_bytes(damage(step))
    for _ in range(2):
        found, said = train(tmp_path / "model.npz", **options)
        assert found == expected and "compiled step" in said and "hw5: " not in said
    assert library.read_bytes() == step
    assert (tmp_path / "compiler.log").read_text() == "run\n" * 2


def test_a_file_under_the_name_of_another(tmp_path, monkeypatch, source):
    """A whole library of another source is not loaded."""
    monkeypatch.setenv("HW5_CACHE", str(tmp_path / "cache"))
    library = build_shared_library(source)
    source.write_text(ANSWER % 43)
    other = build_shared_library(source)
    shutil.copy(other, library)
    source.write_text(ANSWER % 42)
    assert build_shared_library(source) == library
    assert library.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_file(tmp_path, source, make):
    """Nothing waits for it or reads it without end."""
    options = {"HW5_CACHE": tmp_path / "cache"}
    assert answer(source, **options) == (42, "")
    (library,) = (tmp_path / "cache").iterdir()
    library.unlink()
    make(library)
    value, said = answer(source, **options)
    assert value == 42 and ("is a directory" in said) == library.is_dir()


# ---- places


def test_a_relative_folder_and_one_in_the_home_directory(tmp_path, source):
    for folder, options in (("some/cache", {"PWD": tmp_path}), ("~/cache", {"HOME": tmp_path})):
        assert answer(source, HW5_CACHE=folder, **options) == (42, "")
        assert [path.suffix for path in (tmp_path / folder.replace("~/", "")).iterdir()] == [".so"]


def test_a_name_with_spaces_and_signs(tmp_path, source):
    folder = tmp_path / "a folder, 'quoted' -Wl,x %s $HOME ü"
    assert answer(source, HW5_CACHE=folder) == (42, "")
    assert len(os.listdir(folder)) == 1


def test_the_default_folder_beside_data_that_others_can_write(tmp_path, source):
    """`hw5 data fetch` makes hw5's folder with the usual mode, which may let a group write."""
    folder = tmp_path / ".cache" / "hw5"
    (folder / "data").mkdir(parents=True)
    folder.chmod(0o775)
    options = {"HW5_CACHE": None, "XDG_CACHE_HOME": None, "HOME": tmp_path}
    assert answer(source, **options) == (42, "")
    assert (folder / "compiled").stat().st_mode & 0o777 == 0o700 and len(os.listdir(folder / "compiled")) == 1


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("a file", "not a directory"), ("a file/cache", "not a directory"), ("~nobody-of-this-name/x", "no such home")],
)
def test_an_impossible_folder(tmp_path, copier, folder, reason):
    (tmp_path / "a file").touch()
    (tmp_path / "tmp").mkdir()
    options = {"PWD": tmp_path, "HW5_CACHE": folder, "CXX": copier, "TMPDIR": tmp_path / "tmp"}
    _, said = train(tmp_path / "model.npz", **options)
    assert "compiled step" in said and reason in said
    assert said.count("hw5: ") == 1 and f"hw5: the cache of compiled code, {folder}, cannot be used: " in said
    assert os.listdir(tmp_path / "tmp") == []


def test_no_standard_error(tmp_path, source):
    """Where nothing can be said, the code runs all the same."""
    for statement in ("sys.stderr.close()", "sys.stderr = None"):
        assert answer(source, f"import sys; {statement}\n{PROGRAM}", HW5_CACHE=source) == (42, "")


def test_a_user_without_a_home_directory(second_user, source):
    options = {"HW5_CACHE": None, "XDG_CACHE_HOME": None}
    value, said = answer(source, user=second_user, HOME=None, **options)
    assert value == 42 and "~/.cache/hw5/compiled, cannot be used: there is no such home directory" in said


def test_a_home_directory_that_cannot_be_written(second_user, source, tmp_path):
    options = {"HW5_CACHE": None, "XDG_CACHE_HOME": None}
    (tmp_path / "home").mkdir(mode=0o755)
    value, said = answer(source, user=second_user, HOME=tmp_path / "home", **options)
    assert value == 42 and "cannot be used: permission denied" in said


def test_neither_a_cache_nor_a_temporary_folder(source, monkeypatch, capsys):
    """NumPy trains instead, and the emulator cannot."""
    monkeypatch.setenv("HW5_CACHE", str(source))
    monkeypatch.setattr(scratch, "_folders", {})
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(source))
    with pytest.raises(InputError, match="^compiled code cannot be stored: not a directory; set HW5_CACHE and TMPDIR"):
        open_device("emulator")
    assert open_device("cpu").how == "NumPy: compiled code cannot be stored"
    assert capsys.readouterr().err.count("cannot be used: not a directory") == 1


def test_a_cache_that_is_full(tmp_path, copier):
    """It does not matter, and nothing is left there."""
    script = """
        export HW5_CACHE="$DISK/cache"; mkdir -m 700 "$HW5_CACHE"
        head -c 32k /dev/zero >"$DISK/full"
        $HW5 train --device cpu --epochs 2 --out "$DISK/../model.npz" || exit
        ls -A "$HW5_CACHE"; rm "$DISK/full"; mount -o remount,size=1m "$DISK"
        $HW5 train --device cpu --epochs 2 --out "$DISK/../again.npz"; ls -A "$HW5_CACHE"
        mount -o remount,ro "$DISK"; echo read-only; $HW5 train --device cpu --epochs 2 --out "$DISK/../warm.npz"
    """
    done = in_a_mount(tmp_path, "64k", f"export CXX='{copier}'\n{script}")
    assert done.returncode == 0 and done.stdout.count("compiled step") == 3
    assert done.stderr.count("hw5: ") == 1 and "cannot be used: no space left on device; this run uses" in done.stderr
    full, again = done.stdout.partition("read-only")[0].split("saved ")[1:]
    assert ".so" not in full and again.count(".so") == 1 and "unfinished" not in done.stdout
    assert len({(tmp_path / f"{name}.npz").read_bytes() for name in ("model", "again", "warm")}) == 1
    assert (tmp_path / "compiler.log").read_text() == "run\n" * 2


def test_a_full_disk_for_the_temporary_folder_too(tmp_path, copier):
    """Python's next temporary folder, usually /var/tmp, is used then."""
    script = """
        export HW5_CACHE="$DISK/cache" TMPDIR="$DISK/tmp"; mkdir -m 700 "$HW5_CACHE" "$TMPDIR"
        head -c 1m /dev/zero >"$DISK/full"
        $HW5 train --device cpu --epochs 1 --out "$DISK/../model.npz"; echo "code $?"; ls -A "$HW5_CACHE" "$TMPDIR"
    """
    done = in_a_mount(tmp_path, "64k", f"export CXX='{copier}'\n{script}")
    assert "compiled step" in done.stdout and "code 0" in done.stdout and ".so" not in done.stdout
    assert done.stderr.count("hw5: ") == 1


# ---- what killed processes leave


@pytest.fixture
def slow_compiler(tmp_path):
    """A compiler that leaves a temporary file and waits for a file `go`; it makes the files `started` and `ended`."""
    compiler = tmp_path / "slow"
    compiler.write_text(
        f'#!/bin/sh\ntouch "$TMPDIR/unfinished.s" "{tmp_path}/started"\n'
        f'until [ -e "{tmp_path}/go" ]; do sleep 0.05; done\n{find_compiler().path} "$@"\ntouch "{tmp_path}/ended"\n'
    )
    compiler.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    return compiler


def wait_for(path):
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path} does not appear"
        time.sleep(0.02)


@pytest.mark.parametrize("kill", [os.kill, os.killpg])
def test_a_killed_compilation_leaves_nothing_after_the_next_start(tmp_path, source, slow_compiler, kill):
    options = {"HW5_CACHE": tmp_path / "cache", "TMPDIR": tmp_path / "tmp"}
    process = start("-c", PROGRAM, source, CXX=slow_compiler, **options)
    wait_for(tmp_path / "started")
    kill(process.pid, signal.SIGKILL)
    process.communicate()
    if kill is os.kill:  # the compiler runs on
        (tmp_path / "go").touch()
        wait_for(tmp_path / "ended")
    assert os.listdir(tmp_path / "cache") == [] and len(os.listdir(tmp_path / "tmp")) == 1
    assert answer(source, **options) == (42, "")
    assert len(os.listdir(tmp_path / "cache")) == 1 and os.listdir(tmp_path / "tmp") == []


def test_a_running_compilation_is_not_disturbed(tmp_path, source, slow_compiler):
    options = {"HW5_CACHE": tmp_path / "cache", "TMPDIR": tmp_path / "tmp"}
    process = start("-c", PROGRAM, source, CXX=slow_compiler, **options)
    wait_for(tmp_path / "started")
    assert answer(source, **options) == (42, "")
    (tmp_path / "go").touch()
    assert process.communicate()[0] == "42\n"
    assert len(os.listdir(tmp_path / "cache")) == 2 and os.listdir(tmp_path / "tmp") == []


def test_on_a_file_system_without_locks_a_day_must_pass(tmp_path, monkeypatch):
    def no_locks(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(scratch.fcntl, "flock", no_locks)
    monkeypatch.setattr(scratch, "_folders", {})
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    for name, age in (("hw5-compile-young", 0), ("hw5-compile-old", 2 * scratch.DAY), ("other-old", 2 * scratch.DAY)):
        (tmp_path / name).mkdir(mode=0o700)
        (tmp_path / name / "file").touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    new = scratch.process_folder()
    assert {path.name for path in tmp_path.iterdir()} == {"hw5-compile-young", "other-old", new.name}
    assert scratch.process_folder() == new


def test_leftovers_in_the_cache_are_removed_after_a_day(tmp_path, monkeypatch, source):
    """Only what hw5 made: the folder may be one with files of the user's."""
    monkeypatch.setenv("HW5_CACHE", str(tmp_path / "cache"))
    names = (
        "build-a1b2c3d4",
        "unfinished-a1b2c3d4",
        "build-release",
        "other.so",
        "build-ab_c3d4e",
        "unfinished-w9x8y7z6",
    )
    (tmp_path / "cache").mkdir(mode=0o700)
    for name in names:
        path = tmp_path / "cache" / name
        path.mkdir(mode=0o700) if name.startswith("build") else path.touch()
        os.utime(path, (time.time() - 2 * scratch.DAY,) * 2)
    for recent in names[-2:]:
        os.utime(tmp_path / "cache" / recent)
    library = build_shared_library(source)
    assert set(os.listdir(tmp_path / "cache")) == {library.name, *names[2:]}
