"""Scripts that were written for PyCUDA run in the emulator, each in a process of its own, without another PyCUDA."""

import importlib.util
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


TEXTURES = '''
import numpy as np
import pycuda.autoinit
import pycuda.driver as drv
from pycuda.compiler import SourceModule

mod = SourceModule("""
texture<float, 2> tex;
texture<uchar4, 2, cudaReadModeNormalizedFloat> colours;
texture<int, 1> row;
__global__ void read(float *dest, float4 *c, int *r)
{
  const int x = threadIdx.x, y = threadIdx.y, i = y * blockDim.x + x;
  dest[i] = tex2D(tex, x + 0.5f, y + 0.5f);
  c[i] = tex2D(colours, (x + 0.5f) / blockDim.x, (y + 0.5f) / blockDim.y);
  r[i] = tex1Dfetch(row, i);
}
""")
tex, colours, row = map(mod.get_texref, ("tex", "colours", "row"))
read = mod.get_function("read")
a = np.random.randn(3, 5).astype(np.float32)
rgba = np.random.default_rng(0).integers(0, 256, (3, 5, 4)).astype(np.uint8)
drv.matrix_to_texref(a, tex, order="C")
drv.bind_array_to_texref(drv.make_multichannel_2d_array(rgba, "C"), colours)
colours.set_flags(drv.TRSF_NORMALIZED_COORDINATES)
colours.set_filter_mode(drv.filter_mode.LINEAR)
numbers = drv.to_device(np.arange(12, dtype=np.int32))
assert row.set_address(numbers, 48) == 0
dest, c, r = np.zeros((3, 5), np.float32), np.zeros((3, 5, 4), np.float32), np.zeros(15, np.int32)
read(drv.Out(dest), drv.Out(c), drv.Out(r), block=(5, 3, 1), texrefs=[tex, colours, row])
assert (dest == a).all() and (c == (rgba / 255).astype(np.float32)).all() and r.tolist() == [*range(12), 0, 0, 0]
drv.matrix_to_texref(np.asfortranarray(a.T), tex, order="F")
read.prepare("PPP", texrefs=[tex])
outputs = [drv.to_device(array) for array in (dest, c, r)]
read.prepared_call((1, 1), (5, 3, 1), *outputs)
assert (drv.from_device_like(outputs[0], dest) == a).all()
try:
    mod.get_texref("none")
except drv.LogicError as error:
    assert "none" in str(error)
print("done")
'''


@pytest.mark.parametrize("installed", [True, False])
def test_texture_references(tmp_path, installed):
    """With PyCUDA's own files on the emulator's driver, and without them."""
    if installed and not (importlib.util.find_spec("pycuda") and importlib.util.find_spec("pytools")):
        pytest.skip("PyCUDA is not installed")
    script = tmp_path / "textures.py"
    without = "import sys\nsys.modules['pytools'] = None\n"
    script.write_text(("" if installed else without) + "import hw5.emulator.pycuda\n" + TEXTURES)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr


DRIVER = '''
import json
import numpy as np
import hw5.emulator.pycuda_driver as drv

kernel = """
struct Pair { float x, y; };
__global__ void combine(float *out, const float *a, Pair pair, int n, double scale) {
    const int i = threadIdx.x;
    if (i < n) out[i] = (a[i] * pair.x + pair.y) * FACTOR * (float)scale;
}
"""
image = json.dumps({"source": "#define FACTOR 2\\n" + kernel, "include_dirs": []}).encode()
combine = drv.module_from_buffer(image).get_function("combine")
a = np.arange(10, dtype=np.float32)
out, memory = drv.mem_alloc(a.nbytes), drv.mem_alloc(a.nbytes)
drv.memcpy_htod(memory, a)
arguments = drv.pack("PP8sid", out, memory, np.float32([3, 1]), 10, 0.5)
assert drv.calcsize("PP8sid") == len(arguments) == 36
combine._launch_kernel((1,), (16, 1, 1), arguments, 0, None)
result = bytearray(40)
drv.memcpy_dtoh(result, out)
assert (np.frombuffer(result, np.float32) == 3 * a + 1).all()
try:
    combine._launch_kernel((1,), (16, 1, 1), drv.pack("PP8sqd", out, memory, np.float32([3, 1]), 10, 0.5), 0, None)
except drv.LaunchError as error:
    assert "argument 4 of combine must have 4 bytes, as an int (np.int32), not 8" in str(error)
else:
    raise AssertionError

pool = drv.DeviceMemoryPool()
for size in (0, 1, 5, 1000, 123456789):
    bin_number = pool.bin_number(size)
    assert pool.alloc_size(bin_number) >= size and pool.bin_number(pool.alloc_size(bin_number)) == bin_number
some = pool.allocate(100)
assert pool.active_blocks == 1
del some
assert pool.active_blocks == 0

matrix, rows = np.arange(12, dtype=np.int32).reshape(3, 4), drv.mem_alloc(3 * 512)
copy = drv.Memcpy2D()
copy.set_src_host(matrix), copy.set_dst_device(rows)
copy.src_pitch, copy.dst_pitch, copy.width_in_bytes, copy.height = 16, 512, 16, 3
copy()
padded = np.empty((3, 128), np.int32)
drv.memcpy_dtoh(padded, rows)
assert (padded[:, :4] == matrix).all()
print("done")
'''


def test_the_driver_below_pycuda():
    done = subprocess.run([sys.executable, "-c", DRIVER], capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr


ARRAYS = """
import numpy as np
import pycuda.autoinit
import pycuda.cumath as cumath
import pycuda.driver as drv
import pycuda.gpuarray as gpuarray
from pycuda.compiler import SourceModule
from pycuda.elementwise import ElementwiseKernel

x = np.random.default_rng(0).random(1000, np.float32)
on_device = gpuarray.to_gpu(x)
np.testing.assert_allclose((2 * on_device + 1).get(), 2 * x + 1, rtol=1e-6)
np.testing.assert_allclose(cumath.exp(on_device).get(), np.exp(x), rtol=1e-6)
np.testing.assert_allclose(gpuarray.sum(on_device).get(), x.sum(), rtol=1e-5)
twice = ElementwiseKernel("float *y, float *x", "y[i] = 2 * x[i]", "twice")
y = gpuarray.empty_like(on_device)
twice(y, on_device)
assert (y.get() == 2 * x).all()

count = SourceModule("__global__ void count(int *y) { y[threadIdx.x] += threadIdx.x; }").get_function("count")
managed = drv.managed_zeros((2, 4), np.int32, mem_flags=drv.mem_attach_flags.GLOBAL)
count(managed, block=(8, 1, 1))
count(managed.base, block=(8, 1, 1))
assert managed.tolist() == [[0, 2, 4, 6], [8, 10, 12, 14]]
mapped = drv.pagelocked_zeros(8, np.int32, mem_flags=drv.host_alloc_flags.DEVICEMAP)
count(np.intp(mapped.base.get_device_pointer()), block=(8, 1, 1))
assert mapped.tolist() == list(range(8))
print("done")
"""


def test_arrays_of_pycuda(tmp_path):
    """PyCUDA's own files run on the emulator's driver, also where there is no GPU."""
    pytest.importorskip("pytools")
    if not importlib.util.find_spec("pycuda"):
        pytest.skip("PyCUDA is not installed")
    script = tmp_path / "arrays.py"
    script.write_text(ARRAYS)
    done = subprocess.run([sys.executable, "-m", "hw5.emulator.pycuda", str(script)], capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr
