"""Where a network is trained: open_device gives the Device for a name.

cpu trains by compiled C++, or by NumPy where there is no compiler; numpy is NumPy alone. cuda runs the CUDA kernels of
hw5/kernels on a GPU; emulator runs the same kernels on the CPU.
"""

from hw5.errors import InputError


def _cpu(_, threads):
    from hw5.devices.native import CompiledDevice, NumpyInstead

    try:
        return CompiledDevice(threads)
    except InputError as error:
        return NumpyInstead(error)


def _numpy(*_):
    from hw5.devices.cpu import CpuDevice

    return CpuDevice()


def _cuda(precision, _):
    from hw5.devices.kernels import KernelDevice, kernel_sources
    from hw5.devices.cuda.runtime import PyCudaRuntime

    runtime = PyCudaRuntime(kernel_sources(), precision)
    return KernelDevice("cuda", runtime, most_resident_bytes=runtime.free_bytes() // 10 * 8)


def _emulator(*_):
    from hw5.devices.emulated import EmulatorRuntime
    from hw5.devices.kernels import KernelDevice, kernel_sources

    return KernelDevice("emulator", EmulatorRuntime(kernel_sources()))


_OPEN = {"cpu": _cpu, "numpy": _numpy, "cuda": _cuda, "emulator": _emulator}
DEVICES = ("auto", *_OPEN)
PRECISIONS = ("fp32", "tf32")


def open_device(name="auto", precision="fp32", threads=None):
    """The Device called name; "auto" is cuda where hw5 doctor finds it whole, else cpu.

    precision: "fp32", or on cuda "tf32", for faster products whose factors are rounded to 11 significant bits.
    threads: at most so many for cpu; by default as many as there are cores for this process.
    Raises InputError where the device cannot be had.
    """
    if name == "auto":
        from hw5.devices.doctor import broken_link

        name = "cpu" if broken_link("cuda") else "cuda"
    if precision != "fp32" and name != "cuda":
        raise InputError(f"--precision {precision} is for cuda alone, and this is {name}; leave it out")
    return _OPEN[name](precision, threads)
