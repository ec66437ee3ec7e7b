"""Every operation of every device against float64, with one body."""

import pytest

from hw5.check import CONTRACTS, TOLERANCE
from hw5.devices.cpu import CpuDevice


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.kernel)
def test_operation_agrees_with_float64(contract):
    device = CpuDevice()
    for case in contract.cases():
        assert contract.run(device, case) <= TOLERANCE, case
