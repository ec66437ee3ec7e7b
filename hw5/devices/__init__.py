"""The devices on which networks are trained; open_device opens one by name.

cpu trains by compiled C++, or by NumPy if there is no compiler; numpy is NumPy alone. cuda runs the CUDA kernels of
hw5/kernels on a GPU, cuda:1 on the second one; emulator runs the same kernels on the CPU.
"""

import re

from hw5.errors import InputError, require_known


def _cpu(threads, **_):
    from hw5.devices.native import open_cpu

    return open_cpu(threads)


def _numpy(**_):
    from hw5.devices.cpu import CpuDevice

    return CpuDevice()


def _cuda(precision, ordinal, persistent, **_):
    from hw5.devices.cuda.runtime import PyCudaRuntime
    from hw5.devices.kernels import KernelDevice, kernel_sources

    runtime = PyCudaRuntime(kernel_sources(), precision, ordinal)
    most = runtime.free_bytes() // 10 * 8
    return KernelDevice("cuda", runtime, most, fuses=precision == "fp32", persists=persistent)


def _emulator(threads, persistent, **_):
    from hw5.devices.emulated import EmulatorRuntime
    from hw5.devices.kernels import KernelDevice, kernel_sources

    return KernelDevice("emulator", EmulatorRuntime(kernel_sources(), threads=threads), persists=persistent)


_OPEN = {"cpu": _cpu, "numpy": _numpy, "cuda": _cuda, "emulator": _emulator}
DEVICES = ("auto", *_OPEN)
PRECISIONS = ("fp32", "tf32")


def is_device(name):
    """Whether this names a device: one of DEVICES, or a GPU as CUDA lists them: cuda:0, cuda:1, ..."""
    return name in DEVICES or bool(re.fullmatch(r"cuda:(0|[1-9][0-9]{0,5})", str(name)))


def require_device(name):
    """Raise InputError unless this names a device."""
    if not is_device(name):
        require_known("device", name, DEVICES)


def open_device(name="auto", precision="fp32", threads=None, persistent=False):
    """Open the Device of this name; "auto" is cuda if nothing that it requires is missing, else cpu.

    cuda is the first GPU that CUDA lists, cuda:1 the second.

    precision: "fp32", or for cuda "tf32": faster matrix products whose factors are rounded to 11 significant bits.
    threads: maximum number of threads of cpu and emulator; by default, the number of cores that this process may use.
    persistent: train small networks by one launch for many steps, on cuda and emulator (kernels/small_epoch.cu).
    Raises InputError if the device cannot be used.
    """
    if name == "auto":
        from hw5.devices.doctor import first_failure

        name = "cpu" if first_failure("cuda") else "cuda"
    require_device(name)
    kind, _, ordinal = name.partition(":")
    if precision != "fp32" and kind != "cuda":
        raise InputError(f"--precision {precision} needs --device cuda, and this is {name}; leave it out")
    if persistent and kind not in ("cuda", "emulator"):
        raise InputError(f"--persistent needs --device cuda or emulator, and this is {name}; leave it out")
    device = _OPEN[kind](precision=precision, threads=threads, ordinal=int(ordinal or 0), persistent=persistent)
    if ordinal:
        device.name = name  # its arithmetic is called the same on all GPUs
    return device
