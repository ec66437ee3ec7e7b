"""Where a network is trained: open_device gives the Device for a name.

cpu is NumPy. emulator runs the CUDA kernels of hw5/kernels on the CPU: slower, and with the same results as a GPU.
"""


def _cpu():
    from hw5.devices.cpu import CpuDevice

    return CpuDevice()


def _emulator():
    from hw5.devices.emulator.blas import EmulatorRuntime
    from hw5.devices.kernels import KernelDevice, kernel_sources

    return KernelDevice("emulator", EmulatorRuntime(kernel_sources()))


_OPEN = {"auto": _cpu, "cpu": _cpu, "emulator": _emulator}
DEVICES = tuple(_OPEN)


def open_device(name="auto"):
    """The Device called name; "auto" is the fastest that this machine has. Raises InputError where it cannot be had."""
    return _OPEN[name]()
