"""Tests of your own kernels with pytest, or any other test runner."""

import numpy as np

from hw5.emulator import Emulator
from hw5.emulator.runtime import ORDERS

__all__ = ["check_kernel"]


def check_kernel(source, kernel, grid, block, args, expected=None, *, shared=0, rtol=1e-5, atol=1e-6, **options):
    """Run a kernel in check mode in every order of threads, and compare its results.

    source: a path of a .cu file, or an Emulator in check mode. grid, block, args, shared: as for Emulator.run; the
    arrays are copied, so that every order starts from the same values. expected: {position of an argument, from 0: the
    array that it must become}, compared with rtol and atol; without it, all orders must give the same bits.
    options: of Emulator, such as instances.
    Returns the arguments after the last run.

    Raises KernelFault for a race, an access out of bounds and so on, and AssertionError for a wrong result.
    """
    emulator = source if isinstance(source, Emulator) else Emulator(source, check=True, **options)
    first, before = None, (emulator.order, emulator.seed)
    try:
        for order in ORDERS:
            emulator.order = order
            copies = [np.array(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
            emulator.run(kernel, grid, block, copies, shared)
            first = first or copies
            _compare(kernel, order, copies, first, expected, rtol, atol)
    finally:
        emulator.order, emulator.seed = before
    return copies


def _compare(kernel, order, copies, first, expected, rtol, atol):
    if expected is not None:
        for position, array in expected.items():
            message = f"argument {position} of {kernel}, in the order {order}"
            np.testing.assert_allclose(copies[position], array, rtol=rtol, atol=atol, err_msg=message)
        return
    for position, (one, other) in enumerate(zip(first, copies)):
        if isinstance(one, np.ndarray) and one.tobytes() != other.tobytes():
            raise AssertionError(f"argument {position} of {kernel} is different in the orders {ORDERS[0]} and {order}")
