"""Grade a directory of CUDA kernels by their contracts, without a GPU, for `hw5 check kernels`."""

import tempfile
from dataclasses import dataclass

from hw5.compiler import find_compiler
from hw5.devices.emulated import EmulatorRuntime
from hw5.devices.kernels import KernelDevice, kernel_sources
from hw5.emulator import KernelFault
from hw5.emulator.runtime import ORDERS
from hw5.errors import InputError
from hw5.verify.by_nvcc import nvcc_sources
from hw5.verify.contract import TOLERANCE
from hw5.verify.contracts import CONTRACTS


@dataclass(frozen=True)
class Report:
    """The verdict on a kernel and, unless it is "right", the first failing case and the reason."""

    kernel: str
    file: str
    verdict: str  # "right", "wrong", "fault", "missing", "does not compile" or "not tested"
    cases: int = 0
    worst: float = 0.0  # error in eps times the scale
    tolerance: float = TOLERANCE
    reason: str = ""
    note: str = ""  # on what is harmless


def check_kernels(folder=None, by_nvcc=False):
    """Yield a Report on every kernel that hw5 needs, from the .cu files in a folder (default: hw5's own).

    by_nvcc: whether to run what nvcc made of the files, instead of what the host's compiler made.
    Every case runs in the emulator's check mode, in every order of threads. Raises InputError if the folder has no .cu
    files, or if there is no compiler.
    """
    emulator, broken = _compiled(kernel_sources(folder), folder)
    compiled = emulator.kernels
    if by_nvcc:
        with tempfile.TemporaryDirectory() as scratch:
            sources = [source for source in kernel_sources(folder) if source.name not in broken]
            emulator = EmulatorRuntime(nvcc_sources(sources, compiled, scratch), check=True)
    emulator.print_to_stderr()  # a kernel's printf would mix with the reports
    for file in sorted(broken.keys() - {contract.file for contract in CONTRACTS}):
        yield Report("?", file, "does not compile", reason=broken[file])
    device = KernelDevice("emulator", emulator)
    for contract in CONTRACTS:
        if contract.kernel in emulator.kernels:
            yield _grade(contract, device, emulator)
        elif report := _not_graded(contract, compiled, broken, emulator):
            yield report


def _not_graded(contract, compiled, broken, emulator):
    """The Report on a kernel that the emulator does not have, or None if it is optional."""
    kernel, file = contract.kernel, contract.file
    if kernel in compiled:
        reason = "its blocks wait for each other, and what nvcc makes of that cannot run here; use --compiler host"
        return Report(kernel, file, "not tested", reason=reason)
    if kernel in emulator.refused or file in broken:
        return Report(kernel, file, "does not compile", reason=emulator.refused.get(kernel) or broken[file])
    if contract.optional:
        return None
    reason = f"no __global__ function has this name; add it, for example in {file}"
    for similar in _similar(kernel, emulator.kernels):
        reason += f" (is it {similar}, in {emulator.kernels[similar].source.name}?)"
    return Report(kernel, file, "missing", reason=reason)


def _similar(name, kernels):
    """The kernel whose name differs in case and underscores only."""
    plain = {other.replace("_", "").lower(): other for other in kernels}
    key = name.replace("_", "").lower()
    return [plain[key]] if key in plain else []


def _compiled(sources, folder):
    """An emulator of the files that compile, and the compiler's messages for the others by file name."""
    if not sources:
        raise InputError(f"{folder} has no .cu files; pass the directory of softmax.cu and the other kernels")
    find_compiler()  # raises if there is none: no file is to blame
    try:
        return EmulatorRuntime(sources, check=True), {}  # faster than one by one
    except InputError:
        broken = {}
    for source in sources:
        try:
            EmulatorRuntime([source], check=True)
        except InputError as error:  # it does not compile, or has nothing but host code
            broken[source.name] = str(error)
    return EmulatorRuntime([source for source in sources if source.name not in broken], check=True), broken


def _grade(contract, device, emulator):
    kernel = emulator.kernels[contract.kernel]
    cases, worst, file, note = 0, 0.0, kernel.source.name, ""
    for case in contract.cases():
        for emulator.order in ORDERS:
            cases += 1
            try:
                array, error = max(contract.errors(device, case), key=lambda pair: pair[1])
            except KernelFault as fault:
                return Report(contract.kernel, file, "fault", cases, worst, reason=f"{case}: {fault}")
            note = note or "; ".join(emulator.notes)
            worst = max(worst, float(error))
            if error > TOLERANCE:
                reason = f"{kernel.site}: {case}: {array}{error}"
                return Report(contract.kernel, file, "wrong", cases, worst, reason=reason)
    return Report(contract.kernel, file, "right", cases, worst, note=note)
