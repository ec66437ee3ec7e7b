"""hw5 check kernels --compiler nvcc: what NVIDIA's compiler made of kernels is right, and mutants of it are found.

The test of docs/kernels.md checks what it made of hw5's own kernels.
"""

import re

import numpy as np
import pytest

from hw5.devices.kernels import kernel_sources
from hw5.dialect.ptx import Unknown
from hw5.dialect.ptx_kernels import translated
from hw5.emulator import Emulator, KernelFault
from hw5.errors import InputError
from hw5.verify.by_nvcc import find_nvcc
from hw5.verify.grading import check_kernels
from tests.cli.helpers import refused

# As nvcc 13 writes it for compute_75: y[i] = s[n - 1 - i] + 2 x[i] * x[i], through shared memory
PTX = """
.visible .entry _Z7reversePKfPfi(
	.param .u64 _Z7reversePKfPfi_param_0,
	.param .u64 _Z7reversePKfPfi_param_1,
	.param .u32 _Z7reversePKfPfi_param_2
)
{
	.reg .pred 	%p<2>;
	.reg .f32 	%f<6>;
	.reg .b32 	%r<9>;
	.reg .b64 	%rd<8>;
	.shared .align 4 .b8 s[128];

	ld.param.u64 	%rd1, [_Z7reversePKfPfi_param_0];
	ld.param.u64 	%rd2, [_Z7reversePKfPfi_param_1];
	ld.param.u32 	%r1, [_Z7reversePKfPfi_param_2];
	cvta.to.global.u64 	%rd3, %rd1;
	cvta.to.global.u64 	%rd6, %rd2;
	mov.u32 	%r2, %tid.x;
	mul.wide.s32 	%rd4, %r2, 4;
	add.s64 	%rd5, %rd3, %rd4;
	ld.global.nc.f32 	%f1, [%rd5];
	shl.b32 	%r3, %r2, 2;
	mov.u32 	%r4, s;
	add.s32 	%r5, %r4, %r3;
	st.shared.f32 	[%r5], %f1;
	bar.sync 	0;
	not.b32 	%r6, %r2;
	add.s32 	%r7, %r1, %r6;
	mad.lo.s32 	%r8, %r7, 4, %r4;
	ld.shared.f32 	%f2, [%r8];
	add.f32 	%f3, %f1, %f1;
	fma.rn.f32 	%f4, %f3, %f1, %f2;
	add.s64 	%rd7, %rd6, %rd4;
	setp.ge.s32 	%p1, %r2, %r1;
	@%p1 bra 	$L__BB0_2;
	st.global.f32 	[%rd7], %f4;
$L__BB0_2:
	ret;

}
"""


def run(tmp_path, text):
    file = tmp_path / "reverse.cu"
    file.write_text(translated(text, {"reverse": "PPi"}))
    x = np.arange(32, dtype=np.float32)
    y = np.zeros(32, np.float32)
    emulator = Emulator(file, check=True)
    address = [emulator.allocate(x.nbytes, name) for name in "xy"]
    emulator.write(int(address[0]), x)
    emulator.launch("reverse", (1,), (32,), [*address, np.int32(32)])
    emulator.read(int(address[1]), y)
    return x, y


def test_ptx_is_executed(tmp_path):
    x, y = run(tmp_path, PTX)
    np.testing.assert_array_equal(y, 2 * x * x + x[::-1])


def test_mutants_of_ptx_are_found(tmp_path):
    with pytest.raises(KernelFault, match="race"):
        run(tmp_path, re.sub(r"\tbar\.sync.*\n", "", PTX))
    with pytest.raises(KernelFault, match="out-of-bounds"):
        run(tmp_path, PTX.replace("mul.wide.s32 	%rd4, %r2, 4", "mul.wide.s32 	%rd4, %r2, 8"))
    x, y = run(tmp_path, PTX.replace("fma.rn.f32 	%f4, %f3, %f1, %f2", "fma.rn.f32 	%f4, %f3, %f1, %f3"))
    assert not np.array_equal(y, 2 * x * x + x[::-1])


def test_an_instruction_that_is_not_known_is_named(tmp_path):
    with pytest.raises(Unknown, match="the PTX instruction wgmma.x is not one of those that the emulator knows"):
        run(tmp_path, PTX.replace("bar.sync 	0;", "wgmma.x 	0;"))
    with pytest.raises(Unknown, match="bar.sync 1 is not one"):
        run(tmp_path, PTX.replace("bar.sync 	0;", "bar.sync 	1;"))


def test_without_nvcc(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda *arguments, **options: None)
    with pytest.raises(InputError, match="nvcc is not on PATH"):
        find_nvcc()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "--compiler" in refused("check", "kernels", "--compiler", "gcc")


@pytest.fixture
def nvcc():
    try:
        return find_nvcc()
    except InputError as error:
        pytest.skip(str(error))


def test_what_nvcc_made_of_a_students_kernels(nvcc, tmp_path):
    source = next(file for file in kernel_sources() if file.name == "sgd_update.cu")
    for file in (source, source.with_name("sgd.cuh"), source.with_name("pack.cuh")):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "advance.cu").write_text("__global__ void advance(int *first, int by) { *first += 2 * by; }")
    verdicts = {report.kernel: report.verdict for report in check_kernels(tmp_path, by_nvcc=True)}
    assert verdicts["sgd_update"] == "right" and verdicts["advance"] == "wrong"
