"""Finding kernels, compiling and caching."""

import ctypes
import dataclasses
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from hw5 import compiler
from hw5.cache import cache_folder
from hw5.emulator import CompileError, Emulator, KernelFault, build
from hw5.errors import InputError

from .support import HERE, SCHEDULES, Arrays, schedule, write_kernel

KERNEL = 'extern "C" __global__ void k(int *y) { *y = VALUE; }'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("HW5_CACHE", str(folder))
    return folder


def value_of(file, kernel="k"):
    return int(Arrays(Emulator([file])).run(kernel, (1,), (1,), np.zeros(1, np.int32))[0][0])


# ---- finding kernels


def test_kernels_in_every_form_that_cuda_allows(tmp_path):
    text = r"""
    // extern "C" __global__ void commented(int *y) {}
    const char *text = "extern \"C\" __global__ void quoted(int *y) { } \" ;";
    const char *raw = R"(extern "C" __global__ void raw(int *y) {)";
    #define KERNEL(NAME) extern "C" __global__ void NAME##_forward(int *y) { *y = sizeof #NAME; }
    KERNEL(relu) KERNEL(tanh)
    extern "C" __global__ void declared(int *y);
    extern "C" __global__ void __launch_bounds__(128) after(int *y) { *y = '{'; }
    extern "C" __launch_bounds__(128, 2) __global__ void before(int *y) { if (*y) { *y = 1; } }
    extern "C" void __global__ swapped(int *y) { *y = 1'000; }
    extern "C" {
    __global__ void block(int *y) { }
    #if 0
    __global__ void left_out(int *y) { }
    #endif
    __device__ int helper() { return 1; }
    __global__
    void
    lines(int *y,
          const float *const *p) { *y = helper(); }
    }
    namespace ours { extern "C" __global__ void spaced(int *y) { *y = 3; } }
    extern "C" __global__ void nothing() {}
    """
    emulator = Emulator([write_kernel(tmp_path, text)])
    assert sorted(emulator.kernels) == sorted(
        "relu_forward tanh_forward after before swapped block lines spaced nothing".split()
    )
    assert emulator.kernels["lines"].signature == "PP" and emulator.kernels["nothing"].signature == ""


def test_a_kernel_without_c_linkage_has_its_plain_name(tmp_path):
    text = "namespace a { namespace { __global__ void k(int *y) { *y = 4; } } }\nstatic __global__ void s(int *y) { *y = 5; }"
    file = write_kernel(tmp_path, text)
    assert value_of(file) == 4 and value_of(file, "s") == 5


# ---- compile errors


def test_a_compile_error_names_the_users_file_and_line(tmp_path):
    (tmp_path / "part.cuh").write_text("\n\n#define ONE 1\n__device__ int bad() { return nonsense; }\n")
    file = write_kernel(tmp_path, '#include "part.cuh"\n\nextern "C" __global__ void k(int *y) {\n  *y = oops;\n}\n')
    with pytest.raises(CompileError) as caught:
        Emulator([file])
    assert str(caught.value).startswith(f"{file} does not compile:\n")
    assert "k.cu:4:8: error:" in str(caught.value) and "part.cuh:4:31: error:" in str(caught.value)
    assert isinstance(caught.value, InputError) and "unrecognized" not in str(caught.value)


def test_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(InputError, match=r"^no C\+\+ compiler .* is on PATH: .*`apt install g\+\+`$"):
        Emulator([write_kernel(tmp_path, KERNEL)])


def test_other_systems(monkeypatch):
    monkeypatch.setattr(compiler.sys, "platform", "darwin")
    with pytest.raises(InputError, match="Linux on x86-64 or aarch64"):
        compiler.find_compiler()


# ---- the cache


def test_a_warm_start_runs_no_compiler(cache, tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    real = compiler.find_compiler().path
    log, folder = tmp_path / "log", tmp_path / "bin"
    folder.mkdir()
    logging = folder / os.path.basename(real)
    logging.write_text(f'#!/bin/sh\necho run >> {log}\nexec {real} "$@"\n')
    logging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    file = write_kernel(tmp_path, KERNEL.replace("VALUE", "1"))
    assert value_of(file) == 1
    cold = log.read_text()
    assert cold
    assert value_of(file) == 1
    assert log.read_text() == cold


def test_a_change_of_the_source_or_a_header_is_compiled(cache, tmp_path):
    (tmp_path / "inner.h").write_text("#define VALUE 1\n")
    (tmp_path / "outer.cuh").write_text('#pragma once\n  #  include "inner.h"\n')
    file = write_kernel(tmp_path, '#include "outer.cuh"\n' + KERNEL)
    assert value_of(file) == 1
    (tmp_path / "inner.h").write_text("#define VALUE 2\n")
    assert value_of(file) == 2
    file.write_text(file.read_text().replace("VALUE;", "VALUE + 5;"))
    assert value_of(file) == 7


def test_equal_files_in_two_folders_share_a_build_and_keep_their_paths(cache, tmp_path):
    faults = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        file = write_kernel(tmp_path / name, '\nextern "C" __global__ void k(int *y) { y[9] = 1; }')
        with pytest.raises(KernelFault) as caught:
            Arrays(Emulator([file], check=True)).run("k", (1,), (1,), np.zeros(1, np.int32))
        faults.append((caught.value.file, caught.value.line))
        built = sorted(cache.glob("k-*.so"))
    assert faults == [(tmp_path / "here" / "k.cu", 2), (tmp_path / "there" / "k.cu", 2)]
    assert len(built) == 1


def test_two_processes_on_an_empty_cache(cache, tmp_path):
    file = write_kernel(tmp_path, KERNEL.replace("VALUE", "3"))
    script = (
        "import sys, numpy as np; from tests.emulator.support import *;"
        "print(Arrays(Emulator([sys.argv[1]])).run('k', (1,), (1,), np.zeros(1, np.int32))[0][0])"
    )
    command = [sys.executable, "-c", script, str(file)]
    root = HERE.parent.parent
    processes = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0] for process in processes] == ["3\n", "3\n"]
    assert {path.suffix for path in cache.iterdir()} == {".so"}


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    monkeypatch.setenv("HW5_CACHE", str(blocked))
    assert value_of(write_kernel(tmp_path, KERNEL.replace("VALUE", "4"))) == 4
    assert capsys.readouterr().err.count(f"hw5: the cache of compiled code, {blocked}, cannot be used: ") == 1


def test_the_location_of_the_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("HW5_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "hw5" / "compiled"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "hw5" / "compiled"


def test_unused_libraries_are_removed(cache, tmp_path):
    """Also those of earlier versions, whose names have no digest of the content; other files stay."""
    cache.mkdir(mode=0o700)
    key, content = "0123456789abcdef" * 2, "fedcba9876543210" * 2
    names = (f"k-{key}-{content}.so", f"k-{key}.so", f"kernels-sm_90-{key}-{content}.cubin", "k.so", f"{key}.so")
    for name in (*names, f"recent-{key}-{content}.so"):
        (cache / name).touch()
    for name in names:
        os.utime(cache / name, (0, 0))
    value_of(write_kernel(tmp_path, KERNEL.replace("VALUE", "1")))
    assert [name for name in names if (cache / name).exists()] == ["k.so", f"{key}.so"]
    assert (cache / f"recent-{key}-{content}.so").exists()


def test_a_library_in_use_stays(cache, tmp_path):
    file = write_kernel(tmp_path, KERNEL.replace("VALUE", "1"))
    value_of(file)
    for library in cache.iterdir():
        os.utime(library, (0, 0))
    value_of(file)  # marks both libraries as used
    before = set(os.listdir(cache))
    value_of(write_kernel(tmp_path, KERNEL.replace("VALUE", "2")))
    assert before < set(os.listdir(cache))


def test_a_library_of_any_source(cache, tmp_path):
    source = tmp_path / "twice.cpp"
    source.write_text('extern "C" __attribute__((visibility("default"))) int twice(int x) { return 2 * x; }\n')
    library = compiler.build_shared_library(source, ("-O1", "-march=native"))
    assert ctypes.CDLL(str(library)).twice(21) == 42
    assert library == compiler.build_shared_library(source, ("-O1", "-march=native"))
    assert library != compiler.build_shared_library(source, ("-O2",))


# ---- other ways to compile


@pytest.mark.skipif(not shutil.which("clang++"), reason="clang++ is not installed")
@pytest.mark.parametrize("check", [False, True])
def test_clang(monkeypatch, check):
    monkeypatch.setenv("CXX", "clang++")
    emulator = Emulator([HERE / "correct" / "kernels.cu"], check=check)
    x = np.arange(100, dtype=np.float32)
    _, y = Arrays(emulator).run("reverse", (1,), (100,), x, 0 * x, np.int32(100), shared=400)
    np.testing.assert_array_equal(y, x[::-1])
    if check:
        with pytest.raises(KernelFault, match="out-of-bounds .* at kernels.cu"):
            Arrays(emulator).run("reverse", (1,), (100,), x, 0 * x, np.int32(100), shared=399)


@pytest.mark.skipif(not shutil.which("clang++"), reason="clang++ is not installed")
def test_clang_with_a_table(monkeypatch, tmp_path):
    """The emulator's own atomic operations, which count the tables of a module, are not instrumented."""
    monkeypatch.setenv("CXX", "clang++")
    text = "__global__ void k(float *y) { __shared__ float t[2][16]; t[0][threadIdx.x] = 1; y[threadIdx.x] = t[0][threadIdx.x]; }"
    (y,) = Arrays(Emulator(write_kernel(tmp_path, text), check=True)).run("k", (1,), (32,), np.zeros(32, np.float32))
    assert y.tolist() == [1] * 32


@pytest.mark.parametrize("mode", ["FAST", "CHECK"])
def test_portable_fibers_give_the_same_results(monkeypatch, mode):
    x = np.random.default_rng(5).standard_normal((3, 100), dtype=np.float32)
    check = mode == "CHECK"

    def softmax():
        arrays = Arrays(Emulator([HERE / "correct" / "kernels.cu"], check=check))
        results = []
        for order, seed in SCHEDULES:
            with schedule(arrays.emulator, order, seed):
                results.append(arrays.run("softmax", (3,), (96,), x, 0 * x, np.int32(100))[1])
        return results

    expected = softmax()
    portable = dataclasses.replace(getattr(build, mode), runtime=(*getattr(build, mode).runtime, "-DHW5_UCONTEXT"))
    monkeypatch.setattr(f"hw5.emulator.{mode}", portable)
    np.testing.assert_array_equal(softmax(), expected)
