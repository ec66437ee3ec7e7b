"""Whether the contracts of hw5 check kernels find a fault in .cu files, as the exit code, one of CODES.

    python -m tests.mutation.judge FOLDER ORIGINALS NAME...

FOLDER has the kernels of the folder ORIGINALS with a fault, and NAME... are the .cu files that it can change. The cases
and the orders of threads are those of hw5 check kernels, but small cases and the first order come first, and the first
failure ends it: most faults are found in a second. If these find nothing, and nvcc is installed, only kernels of which
it makes other PTX run on.
"""

import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from hw5.compiler import CompileError
from hw5.devices.emulated import EmulatorRuntime
from hw5.devices.kernels import KernelDevice
from hw5.emulator import KernelFault
from hw5.emulator.occupancy import nvcc_path
from hw5.emulator.runtime import ORDERS
from hw5.verify.contract import TOLERANCE
from hw5.verify.contracts import CONTRACTS

# By exit code; other codes are those of the interpreter
CODES = {10: "survived", 11: "found", 12: "does not compile", 13: "the same code"}
_TIME_LIMIT = 3.0  # seconds per launch; that of hw5 check kernels is longer


def outcome(folder, originals, names):
    """An outcome of CODES; "the same code" if nvcc makes the same PTX of all kernels without the fault."""
    later = []
    try:
        for name in names:
            device, runs = _device(folder / name), _runs(name)
            quick = len(runs) // len(ORDERS) // 3
            if any(fails(device, *run) for run in runs[:quick]):
                return "found"
            changed = changed_kernels(folder / name, originals / name)
            later += [(device, *run) for run in runs[quick:] if changed is None or run[1].kernel in changed]
    except CompileError:
        return "does not compile"
    if not later:
        return "the same code"
    return "found" if any(fails(*run) for run in later) else "survived"


def _device(source):
    emulator = EmulatorRuntime([source], check=True, time_limit=_TIME_LIMIT)
    if emulator.refused:
        raise CompileError(str(emulator.refused))
    return KernelDevice("emulator", emulator)


def _runs(name):
    """[(order of threads, contract on the file, case)], those that find most in the least time first."""
    contracts = [contract for contract in CONTRACTS if contract.file == name]
    cases = sorted(((contract, case) for contract in contracts for case in contract.cases()), key=_size)
    return [(order, *pair) for order in ORDERS for pair in cases]


def _size(contract_and_case):
    _, case = contract_and_case
    return case.k * (case.m if isinstance(case.m, int) else math.prod(case.m.image))


def fails(device, order, contract, case):
    """Whether a case of a contract fails, or is noted: hw5's own kernels have no races, also no harmless ones."""
    device.runtime.order = order
    try:
        return contract.run(device, case) > TOLERANCE or bool(device.runtime.notes)
    except KernelFault:
        return True


def changed_kernels(source, original):
    """The kernels of a file of which nvcc makes other PTX than of the original; None if it is not installed."""
    if not nvcc_path():
        return None
    before, after = _ptx(original), _ptx(source)
    everywhere = before[""] != after[""]  # what stands before the kernels
    return {name for name in before if name and (everywhere or before[name] != after.get(name))}


def _ptx(source):
    """{kernel: its PTX, ...} of a file, and at "" what stands before the first one."""
    with tempfile.TemporaryDirectory() as scratch:
        ptx = Path(scratch) / "kernels.ptx"
        command = [nvcc_path(), "-std=c++17", "-ptx", "-arch=compute_75", source.name, "-o", str(ptx)]
        if subprocess.run(command, cwd=source.parent, capture_output=True).returncode:
            raise CompileError(f"{source} does not compile with nvcc")
        start, *kernels = re.split(r"\.visible \.entry (?=(\w+)\()", ptx.read_text("utf-8"))
    return {"": start} | dict(zip(kernels[::2], kernels[1::2]))


if __name__ == "__main__":
    found = outcome(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
    sys.exit(next(code for code, name in CODES.items() if name == found))
