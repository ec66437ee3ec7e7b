"""Scripts that were written for PyCUDA run in the emulator; each in a process of its own, which then has no other PyCUDA."""

import subprocess
import sys

import pytest

DEMO = '''
import numpy as np
import pycuda.autoinit
import pycuda.driver as drv
from pycuda.compiler import SourceModule

mod = SourceModule("""
__constant__ float factor;
__global__ void multiply_them(float *dest, float *a, float *b)
{
  const int i = threadIdx.x;
  dest[i] = a[i] * b[i] * factor;
}
""")
multiply_them = mod.get_function("multiply_them")
address, size = mod.get_global("factor")
assert size == 4
drv.memcpy_htod(address, np.float32([2]))

a = np.random.randn(400).astype(np.float32)
b = np.random.randn(400).astype(np.float32)
dest = np.zeros_like(a)
multiply_them(drv.Out(dest), drv.In(a), drv.In(b), block=(400, 1, 1), grid=(1, 1))
assert (dest == a * b * 2).all()

a_gpu = drv.mem_alloc(a.nbytes)
drv.memcpy_htod(a_gpu, a)
multiply_them(a_gpu, a_gpu, drv.to_device(b), block=(400, 1, 1))
assert (drv.from_device_like(a_gpu, a) == a * b * 2).all()

multiply_them.prepare("PPP")
start, end = drv.Event(), drv.Event()
start.record()
multiply_them.prepared_call((1, 1), (400, 1, 1), a_gpu, a_gpu, a_gpu)
end.record().synchronize()
assert end.time_since(start) > 0
drv.memset_d32(a_gpu, 7, 400)
assert (drv.from_device(a_gpu, (400,), np.int32) == 7).all()
try:
    multiply_them(a_gpu, a_gpu, a_gpu, block=(401, 1, 1))
except drv.LaunchError as error:
    assert "out-of-bounds in multiply_them: thread (400,0,0)" in str(error) and "kernel.cu:6" in str(error)
else:
    raise AssertionError
try:
    SourceModule("__global__ void k() { oops; }")
except drv.CompileError as error:
    assert "oops" in str(error)
try:
    mod.get_function("none")
except drv.LogicError as error:
    assert "there is no kernel none" in str(error)
print("done")
'''


@pytest.mark.parametrize("way", ["as it is", "with an import"])
def test_a_script_of_pycuda(tmp_path, way):
    script = tmp_path / "demo.py"
    script.write_text(DEMO if way == "as it is" else "import hw5.emulator.pycuda\n" + DEMO)
    how = ["-m", "hw5.emulator.pycuda"] if way == "as it is" else []
    done = subprocess.run([sys.executable, *how, str(script)], capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr
